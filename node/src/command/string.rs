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

use super::Spec;

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

/// The longest string, in bytes: Redis's default of `proto-max-bulk-len`.
const STRING_MAX: usize = 512 << 20;
