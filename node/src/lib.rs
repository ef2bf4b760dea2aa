//! A Redis Cluster server that never forks.
//!
//! The core is a pure machine: [`engine`] takes bytes, events and the time, and gives back bytes
//! and [`io::Output`]s. Only [`shell`] knows sockets, files and clocks. ARCHITECTURE.md has the map.

pub mod cluster;
pub mod command;
pub mod config;
pub mod data;
pub mod engine;
pub mod glob;
pub mod io;
pub mod key;
pub mod persistence;
pub mod random;
pub mod replication;
pub mod request;
pub mod resp;
pub mod session;
pub mod sha1;
pub mod shell;
pub mod spec;
pub mod time;
