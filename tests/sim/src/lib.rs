//! Whole clusters of engines under virtual time and a seeded network.
