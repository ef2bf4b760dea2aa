//! The built binary as a process: its sockets, files, signals and probes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod busy;
mod check_rdb;
mod configuration;
mod full_disk;
mod health;
mod leaving;
mod memory;
#[path = "../common/ports.rs"]
mod ports;
mod protocol;
mod starting;
mod strangers;
mod support;
