//! Runs the command transcripts of `tests/transcripts` against our node, or, with
//! `REFERENCE=host:port`, against a running redis-server or valkey-server (which is emptied). The
//! same files must pass on both. The format is described in `tests/transcripts/README.md`.

#[path = "common/ports.rs"]
mod ports;
#[path = "transcripts/script.rs"]
mod script;
#[path = "transcripts/server.rs"]
mod server;
#[path = "transcripts/value.rs"]
mod value;

use std::path::{Path, PathBuf};

use script::{Mode, Script};
use server::{Connection, Node};

#[test]
fn standalone() {
    run_all(Mode::Standalone);
}

#[test]
fn cluster() {
    run_all(Mode::Cluster);
}

fn run_all(mode: Mode) {
    let scripts = scripts(mode);
    assert!(!scripts.is_empty(), "there are transcripts for {mode:?}");
    let mut failures = String::new();
    if let Ok(address) = std::env::var("REFERENCE") {
        if Connection::open(&address).is_cluster() == (mode == Mode::Cluster) {
            for script in &scripts {
                failures += &script.run(&address);
            }
        }
    } else {
        // A node for each: no transcript sees what another one left behind.
        for script in &scripts {
            let node = Node::start(mode == Mode::Cluster);
            failures += &script.run(node.address());
        }
    }
    assert!(failures.is_empty(), "\n{failures}");
}

fn scripts(mode: Mode) -> Vec<Script> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/transcripts");
    let entries = std::fs::read_dir(directory).expect("the transcripts are there");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("the directory can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| Script::read(path))
        .filter(|script| script.mode() == mode)
        .collect()
}
