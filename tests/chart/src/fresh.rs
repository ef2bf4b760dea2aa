//! Generated files that are committed.

use std::fs;
use std::path::Path;

/// Compares a committed file with its generated content; with UPDATE in the environment it is
/// written.
///
/// # Panics
/// When it is stale, with the first line that differs; or cannot be written.
pub fn assert_fresh(path: &Path, wanted: &str) {
    if std::env::var_os("UPDATE").is_some() {
        fs::write(path, wanted).expect("the checkout can be written");
    }
    let committed = fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == wanted,
        "{} is stale, `make generate` writes it anew:\n{}",
        path.display(),
        first_difference(&committed, wanted)
    );
}

fn first_difference(committed: &str, wanted: &str) -> String {
    let mut lines = committed.lines().zip(wanted.lines()).enumerate();
    match lines.find(|(_, (committed, wanted))| committed != wanted) {
        Some((i, (committed, wanted))) => format!("line {}\n- {committed}\n+ {wanted}", i + 1),
        None => "one is longer than the other".to_owned(),
    }
}
