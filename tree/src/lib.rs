//! What the collections of the node are made of.
//!
//! ```text
//! element     a string or an integer as bytes
//! ```

pub mod element;
