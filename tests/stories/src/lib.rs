//! What the stories share: servers that they start and end, ports of their own, and patience.
//!
//! A story starts only what it ends itself, on ports of 127.0.0.1 that it leased, in a folder of its
//! own that is named when the story fails.

pub mod cli;
pub mod kubernetes;
pub mod load;
pub mod local;
pub mod patience;
pub mod readme;
pub mod server;
pub mod workspace;
