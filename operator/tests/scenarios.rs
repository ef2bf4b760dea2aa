//! The planner's golden scenarios: each file in `tests/scenarios` has commands, and the plans and
//! statuses that result. `UPDATE=1 cargo test -p slotkeeper --test scenarios` updates them.

#[path = "support/edit.rs"]
mod edit;
#[path = "support/observed.rs"]
mod observed;
#[path = "support/script.rs"]
mod script;

use std::fs;
use std::path::{Path, PathBuf};

const RULES: [&str; 9] = [
    "take-over",
    "heal",
    "objects",
    "form",
    "meet",
    "forget",
    "cover",
    "attach",
    "remove",
];

fn files() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let entries = fs::read_dir(&dir).expect("tests/scenarios is there");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a directory entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    files.sort();
    files
}

#[test]
fn every_scenario_comes_out_as_written() {
    let update = std::env::var_os("UPDATE").is_some();
    let mut changed = Vec::new();
    for path in files() {
        let text = fs::read_to_string(&path).expect("a scenario can be read");
        let fresh = std::panic::catch_unwind(|| script::run(&text))
            .unwrap_or_else(|_| panic!("in {}", path.display()));
        if fresh == text {
            continue;
        }
        if update {
            fs::write(&path, fresh).expect("a scenario can be written");
        } else {
            changed.push(format!(
                "{}:\n{}",
                path.display(),
                first_difference(&text, &fresh)
            ));
        }
    }
    assert!(
        changed.is_empty(),
        "UPDATE=1 accepts what changed:\n{}",
        changed.join("\n")
    );
}

fn first_difference(old: &str, new: &str) -> String {
    let mut lines = old.lines().zip(new.lines()).enumerate();
    match lines.find(|(_, (old, new))| old != new) {
        Some((i, (old, new))) => format!("line {}\n- {old}\n+ {new}", i + 1),
        None => "one is longer than the other".to_owned(),
    }
}

#[test]
fn every_rule_has_at_least_three_scenarios() {
    let names: Vec<String> = (files().iter())
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    for rule in RULES {
        let count = names.iter().filter(|name| name.starts_with(rule)).count();
        assert!(count >= 3, "{rule} has {count}");
    }
}
