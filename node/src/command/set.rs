//! Commands on sets.

mod algebra;
mod sadd;
mod scard;
mod sdiff;
mod sinter;
mod sintercard;
mod sismember;
mod smembers;
mod smove;
mod spop;
mod srandmember;
mod srem;
mod sscan;
mod sunion;

use super::{Definition, Exec, show};
use crate::data::SetLimits;

/// The commands of this group.
pub(super) const COMMANDS: &[&Definition] = &[
    &sadd::SADD,
    &scard::SCARD,
    &sdiff::SDIFF,
    &sdiff::SDIFFSTORE,
    &sinter::SINTER,
    &sintercard::SINTERCARD,
    &sinter::SINTERSTORE,
    &sismember::SISMEMBER,
    &smembers::SMEMBERS,
    &sismember::SMISMEMBER,
    &smove::SMOVE,
    &spop::SPOP,
    &srandmember::SRANDMEMBER,
    &srem::SREM,
    &sscan::SSCAN,
    &sunion::SUNION,
    &sunion::SUNIONSTORE,
];

/// What the configuration says of encodings.
fn limits(exec: &Exec<'_>) -> SetLimits {
    exec.node.config.set_limits()
}
