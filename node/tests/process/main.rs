//! The built binary as a process: its sockets, files, signals and probes.

mod configuration;
mod health;
mod leaving;
mod protocol;
mod starting;
mod support;
