//! Whole clusters of engines under virtual time and a seeded network.
//!
//! One seed is one run: the same faults, the same order of events, the same end.

pub mod asleep;
pub mod gossip;
pub mod handover;
pub mod hard;
pub mod host;
mod invariants;
pub mod net;
pub mod operated;
pub mod operator;
mod ops;
pub mod partitioned;
pub mod rng;
pub mod scenario;
mod stage;
pub mod succession;
pub mod synced;
mod truth;
pub mod world;
pub mod writer;
