//! The workspace of a story: a folder, and ports that no other story uses.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};

/// The distance of the cluster bus from the data port.
const BUS: u16 = 10_000;
/// Ports are leased in blocks of this size, with one lock per block.
const BLOCK: u16 = 20;
/// Below the ports that the system gives to outgoing connections, with the bus above.
const FIRST: u16 = 20_000;
const LAST: u16 = 22_600;

/// A folder and a block of ports, both released at the end. The folder of a failed story is kept,
/// and its path printed.
#[derive(Debug)]
pub struct Workspace {
    dir: PathBuf,
    base: u16,
    _lease: File,
}

impl Workspace {
    /// A workspace for the story with that name.
    ///
    /// # Panics When there is no free block of ports, or the folder cannot be created.
    #[must_use]
    pub fn new(story: &str) -> Workspace {
        let (base, lease) = lease_ports();
        let name = format!("slotkeeper-{story}-{}-{base}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir_all(&dir).expect("the temporary folder can be written");
        Workspace {
            dir,
            base,
            _lease: lease,
        }
    }

    /// The folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The `nth` of the ports.
    ///
    /// # Panics When a story wants more ports than a block has.
    #[must_use]
    pub fn port(&self, nth: u16) -> u16 {
        assert!(nth < BLOCK, "a block has {BLOCK} ports");
        self.base + nth
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("what the story left: {}", self.dir.display());
        } else {
            // A folder that cannot be removed does not change the result of the story.
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}

/// The first block whose lock and ports are free. The lock lasts while its file is open, so a
/// killed story leaves no lock behind.
fn lease_ports() -> (u16, File) {
    for base in (FIRST..LAST).step_by(BLOCK.into()) {
        let path = std::env::temp_dir().join(format!("slotkeeper-ports-{base}.lock"));
        let file = File::create(path).expect("the temporary folder can be written");
        if file.try_lock().is_ok()
            && (base..base + BLOCK).all(|port| is_free(port) && is_free(port + BUS))
        {
            return (base, file);
        }
    }
    panic!("no free block of {BLOCK} ports from {FIRST} to {LAST}")
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}
