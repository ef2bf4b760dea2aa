//! The chart: what it renders, what it refuses, and whether it says so.

#[path = "chart/definition.rs"]
mod definition;
#[path = "chart/golden.rs"]
mod golden;
#[path = "chart/objects.rs"]
mod objects;
#[path = "chart/refusals.rs"]
mod refusals;
#[path = "chart/values.rs"]
mod values;
