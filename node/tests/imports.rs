//! Imports go one way, as ARCHITECTURE.md has it: a module knows only those of the layers below.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The modules of the node, from the bottom up. Those of one layer do not know each other.
const LAYERS: &[&[&str]] = &[
    &["glob", "io", "key", "random", "request", "sha1", "time"],
    &["resp"],
    &["config"],
    &["data", "spec"],
    &["session"],
    &["cluster", "command", "persistence", "replication"],
    &["engine"],
    &["shell"],
    &["lib", "main"],
];

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// All source files below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The top-level module that a file belongs to.
fn module_of(file: &Path, root: &Path) -> String {
    let inside = file.strip_prefix(root).unwrap();
    let first = Path::new(inside.iter().next().unwrap());
    first.file_stem().unwrap().to_str().unwrap().to_owned()
}

/// The top-level modules that a source names, comments aside.
fn named(source: &str) -> BTreeSet<&str> {
    let code = source.lines().map(|line| line.split("//").next().unwrap());
    let paths = code.flat_map(|line| line.split("crate::").skip(1));
    paths
        .map(|path| {
            let end = path.find(|c: char| !c.is_alphanumeric() && c != '_');
            &path[..end.unwrap_or(path.len())]
        })
        .collect()
}

/// What goes up, or sideways, in a file of that module.
fn wrong_imports(module: &str, source: &str) -> Vec<String> {
    let own = layer(module);
    let others = named(source).into_iter().filter(|name| *name != module);
    others
        .filter(|name| layer(name).is_none_or(|other| Some(other) >= own))
        .map(|name| format!("{module} -> {name}"))
        .collect()
}

#[test]
fn no_module_imports_from_its_own_layer_or_one_above() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = sources(&root);
    assert!(files.len() > 100, "{} files", files.len());
    let mut wrong = Vec::new();
    for file in files {
        let module = module_of(&file, &root);
        assert!(layer(&module).is_some(), "{module} is in no layer");
        let source = fs::read_to_string(&file).unwrap();
        let found = wrong_imports(&module, &source);
        wrong.extend(
            found
                .iter()
                .map(|found| format!("{}: {found}", file.display())),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_import_that_goes_up_or_sideways_is_found() {
    let up = "use crate::engine::Engine;\n";
    assert_eq!(wrong_imports("data", up), ["data -> engine"]);
    let inline = "fn f() -> crate::cluster::Cluster { g() } // crate::shell\n";
    assert_eq!(wrong_imports("command", inline), ["command -> cluster"]);
    assert_eq!(
        wrong_imports("spec", "use crate::{data, resp};"),
        ["spec -> "]
    );
    let down = "use crate::data::Key;\n/// As [`crate::engine`] does.\nuse crate::engine::x;\n";
    assert!(wrong_imports("engine", down).is_empty());
    assert!(wrong_imports("data", "use crate::data::Key;").is_empty());
}
