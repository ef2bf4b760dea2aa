//! Runs Redis Clusters: planner, rules, and the platforms that they act on.
//!
//! `observe -> plan -> act -> report`: [`model`] has the words of all four, [`planner`] and
//! `report` are pure.

pub mod cli;
pub mod model;
pub mod planner;
pub mod report;
