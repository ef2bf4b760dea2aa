//! Runs Redis Clusters: planner, rules, and the platforms that they act on.
//!
//! `observe -> plan -> act -> report`: [`model`] has the types that all four share; [`planner`], `report`
//! and [`nevers`] are pure.

pub mod act;
pub mod cli;
mod interrupts;
pub mod links;
pub mod local;
pub mod model;
pub mod nevers;
pub mod observe;
pub mod planner;
pub mod platform;
pub mod preview;
mod quantity;
pub mod reconcile;
pub mod report;
pub mod run;
mod terminal;
pub mod text;
pub mod wall_clock;
