//! Runs Redis Clusters: planner, rules, and the platforms that they act on.
