//! Commands about the server.

mod command;
mod config;
mod debug;
mod flush;
mod info;
mod latency;
mod lolwut;
mod memory;
mod module;
mod replication;
mod save;
mod shutdown;
mod slotkeeper;
mod slowlog;
mod swapdb;

use super::Definition;

/// The commands of this group.
pub(super) const COMMANDS: &[&Definition] = &[
    &command::COMMAND,
    &config::CONFIG,
    &debug::DEBUG,
    &flush::DBSIZE,
    &flush::FLUSHALL,
    &flush::FLUSHDB,
    &info::INFO,
    &info::ROLE,
    &info::TIME,
    &latency::LATENCY,
    &lolwut::LOLWUT,
    &memory::MEMORY,
    &module::MODULE,
    &replication::REPLCONF,
    &replication::PSYNC,
    &replication::SYNC,
    &save::SAVE,
    &save::BGSAVE,
    &save::LASTSAVE,
    &shutdown::SHUTDOWN,
    &slotkeeper::SLOTKEEPER,
    &slowlog::SLOWLOG,
    &swapdb::SWAPDB,
];
