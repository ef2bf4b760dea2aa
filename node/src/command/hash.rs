//! Commands on hashes.

mod hdel;
mod hget;
mod hgetall;
mod hincrby;
mod hincrbyfloat;
mod hlen;
mod hmget;
mod hrandfield;
mod hscan;
mod hset;
mod hsetnx;

use super::{Definition, Exec, show};
use crate::data::HashLimits;

/// The commands of this group.
pub(super) const COMMANDS: &[&Definition] = &[
    &hdel::HDEL,
    &hget::HEXISTS,
    &hget::HGET,
    &hgetall::HGETALL,
    &hincrby::HINCRBY,
    &hincrbyfloat::HINCRBYFLOAT,
    &hgetall::HKEYS,
    &hlen::HLEN,
    &hmget::HMGET,
    &hset::HMSET,
    &hrandfield::HRANDFIELD,
    &hscan::HSCAN,
    &hset::HSET,
    &hsetnx::HSETNX,
    &hget::HSTRLEN,
    &hgetall::HVALS,
];

/// What the configuration says of encodings.
fn limits(exec: &Exec<'_>) -> HashLimits {
    exec.node.config.hash_limits()
}
