//! Where a story plays: a folder, and ports that no other story has.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};

/// The distance of the cluster bus from the data port.
const BUS: u16 = 10_000;
/// Ports are leased in blocks of this size, so that a lease is one lock.
const BLOCK: u16 = 20;
/// Below the ports that the system gives to outgoing connections, with the bus above.
const FIRST: u16 = 20_000;
const LAST: u16 = 22_600;

/// A folder and a block of ports; both are given back at the end. The folder of a story that
/// failed is kept, and named.
#[derive(Debug)]
pub struct Place {
    dir: PathBuf,
    base: u16,
    _lease: File,
}

impl Place {
    /// A place for the story of that name.
    ///
    /// # Panics
    /// When there is no free block of ports, or the folder cannot be made.
    #[must_use]
    pub fn new(story: &str) -> Place {
        let (base, lease) = lease_ports();
        let name = format!("slotkeeper-{story}-{}-{base}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir_all(&dir).expect("the temporary folder can be written");
        Place {
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
    /// # Panics
    /// When a story wants more than a block has.
    #[must_use]
    pub fn port(&self, nth: u16) -> u16 {
        assert!(nth < BLOCK, "a block has {BLOCK} ports");
        self.base + nth
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("what the story left: {}", self.dir.display());
        } else {
            // What cannot be removed does not change what the story showed.
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}

/// The first block whose lock is free and whose ports nobody listens on. The lock lasts as long as
/// its file is open, so that a story that was killed leaves none behind.
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
