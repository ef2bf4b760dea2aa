//! The configuration: directives, files, arguments, CONFIG.

/// The configuration of a node.
#[derive(Clone, Debug, Default)]
pub struct Config;
