//! Commands on strings.

mod append;
mod expiration;
mod get;
mod getdel;
mod getex;
mod getrange;
mod incr;
mod incrbyfloat;
mod lcs;
mod long_double;
mod mget;
mod mset;
mod set;
mod setex;
mod setrange;

use super::parse::STRING_TOO_LONG;
use super::{Exec, Refused, Spec};
use crate::session::SessionRole;

/// The commands of this group.
pub(super) const COMMANDS: &[&Spec] = &[
    &append::APPEND,
    &append::STRLEN,
    &get::GET,
    &getdel::GETDEL,
    &getex::GETEX,
    &getrange::GETRANGE,
    &getrange::SUBSTR,
    &incr::INCR,
    &incr::DECR,
    &incr::INCRBY,
    &incr::DECRBY,
    &incrbyfloat::INCRBYFLOAT,
    &lcs::LCS,
    &mget::MGET,
    &mset::MSET,
    &mset::MSETNX,
    &set::SET,
    &set::GETSET,
    &set::SETNX,
    &setex::SETEX,
    &setex::PSETEX,
    &setrange::SETRANGE,
];

/// Refuses a string that would be longer than `proto-max-bulk-len`; what the master has done is
/// repeated whatever its length.
fn check_length(exec: &Exec<'_>, length: usize) -> Result<(), Refused> {
    let most = exec.node.config.proto_max_bulk_len;
    if length > most && exec.session.role != SessionRole::Master {
        return Err(STRING_TOO_LONG);
    }
    Ok(())
}
