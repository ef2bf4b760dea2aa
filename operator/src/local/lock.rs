//! The lock of a cluster's directory.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use crate::platform::local::Layout;

/// Held while `local up` works on a directory.
pub struct Lock {
    _file: File,
}

/// Whether another process holds the lock of a directory.
pub enum Taken {
    /// It was free; this process holds it now.
    Ours(Lock),
    /// The process with that id holds it.
    By(u32),
}

/// Takes the lock of a directory.
///
/// # Errors
/// When the lock file cannot be used.
pub fn take(dir: &Path) -> Result<Taken, String> {
    let path = Layout::lock_file(dir);
    let failed = |error: std::io::Error| format!("cannot lock {}: {error}", path.display());
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create(true).truncate(false);
    let mut file = options.open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {
            file.set_len(0).map_err(failed)?;
            file.rewind().map_err(failed)?;
            write!(file, "{}", std::process::id()).map_err(failed)?;
            Ok(Taken::Ours(Lock { _file: file }))
        }
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            file.read_to_string(&mut text).map_err(failed)?;
            let pid = text.trim().parse();
            let pid = pid.map_err(|_| format!("{} does not say who holds it", path.display()))?;
            Ok(Taken::By(pid))
        }
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}
