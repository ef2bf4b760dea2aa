//! What the tests of the chart share: a real helm, and the chart's values as a person reads them.
//!
//! `UPDATE=1 cargo test -p slotkeeper-chart` updates what is generated: the golden files, and the
//! table in the chart's README.

use std::path::{Path, PathBuf};

pub mod fresh;
pub mod helm;
pub mod manifests;
pub mod values;

/// The root of the repository.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The folder of the chart.
#[must_use]
pub fn chart() -> PathBuf {
    root().join("charts/slotkeeper")
}
