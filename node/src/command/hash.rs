//! Commands on hashes.

mod hdel;
mod hexpire;
mod hget;
mod hgetall;
mod hgetdel;
mod hgetex;
mod hincrby;
mod hincrbyfloat;
mod hlen;
mod hmget;
mod hpersist;
mod hrandfield;
mod hscan;
mod hset;
mod hsetex;
mod hsetnx;
mod httl;
mod timed;

use super::{Definition, Exec, show};
use crate::data::HashLimits;

/// The commands of this group.
pub(super) const COMMANDS: &[&Definition] = &[
    &hdel::HDEL,
    &hget::HEXISTS,
    &hexpire::HEXPIRE,
    &hexpire::HEXPIREAT,
    &httl::HEXPIRETIME,
    &hget::HGET,
    &hgetall::HGETALL,
    &hgetdel::HGETDEL,
    &hgetex::HGETEX,
    &hincrby::HINCRBY,
    &hincrbyfloat::HINCRBYFLOAT,
    &hgetall::HKEYS,
    &hlen::HLEN,
    &hmget::HMGET,
    &hset::HMSET,
    &hpersist::HPERSIST,
    &hexpire::HPEXPIRE,
    &hexpire::HPEXPIREAT,
    &httl::HPEXPIRETIME,
    &httl::HPTTL,
    &hrandfield::HRANDFIELD,
    &hscan::HSCAN,
    &hset::HSET,
    &hsetex::HSETEX,
    &hsetnx::HSETNX,
    &hget::HSTRLEN,
    &httl::HTTL,
    &hgetall::HVALS,
];

/// What the configuration says of encodings.
fn limits(exec: &Exec<'_>) -> HashLimits {
    exec.node.config.hash_limits()
}
