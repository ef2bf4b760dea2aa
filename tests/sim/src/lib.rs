//! Whole clusters of engines under virtual time and a seeded network.
//!
//! One seed is one run: the same faults, the same order of events, the same end.

pub mod asleep;
pub mod behind;
pub mod busy;
pub mod clocks;
mod dataset;
mod disk;
pub mod evicting;
pub mod gossip;
pub mod handover;
pub mod hard;
pub mod host;
mod invariants;
pub mod migrating;
pub mod net;
pub mod operated;
mod operated_cluster;
pub mod operator;
mod ops;
pub mod partitioned;
pub mod queues;
pub mod readers;
pub mod restarted;
pub mod rng;
pub mod scenario;
pub mod simulation;
pub mod succession;
pub mod synced;
mod truth;
pub mod writer;
