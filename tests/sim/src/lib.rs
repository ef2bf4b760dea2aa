//! Whole clusters of engines under virtual time and a seeded network.
//!
//! One seed is one run: the same faults, the same order of events, the same end.

pub mod host;
pub mod net;
pub mod rng;
pub mod world;
