//! Commands on keys of any type.

mod copy;
mod del;
mod dump;
mod exists;
mod expire;
mod keys;
mod migrate;
mod move_key;
mod object;
mod persist;
mod rename;
mod restore;
mod scan;
mod sort;
mod ttl;
mod wait;

use super::Definition;
pub(super) use expire::expire_at;

/// The commands of this group.
pub(super) const COMMANDS: &[&Definition] = &[
    &copy::COPY,
    &del::DEL,
    &del::UNLINK,
    &dump::DUMP,
    &exists::EXISTS,
    &exists::TOUCH,
    &exists::TYPE,
    &expire::EXPIRE,
    &expire::PEXPIRE,
    &expire::EXPIREAT,
    &expire::PEXPIREAT,
    &keys::KEYS,
    &keys::RANDOMKEY,
    &migrate::MIGRATE,
    &move_key::MOVE,
    &object::OBJECT,
    &persist::PERSIST,
    &rename::RENAME,
    &rename::RENAMENX,
    &restore::RESTORE,
    &restore::RESTORE_ASKING,
    &scan::SCAN,
    &sort::SORT,
    &sort::SORT_RO,
    &ttl::TTL,
    &ttl::PTTL,
    &ttl::EXPIRETIME,
    &ttl::PEXPIRETIME,
    &wait::WAIT,
];
