//! The small files: nodes.conf with its lock, the configuration file, the pid file.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::system::reason;
use crate::config;

/// nodes.conf, locked against other nodes while this value lives.
#[derive(Debug)]
pub(super) struct NodesFile {
    path: PathBuf,
    /// Holds the lock of the file that bears the name now.
    locked: File,
}

impl NodesFile {
    /// Locks the file, creating it if there is none; gives its text if it has one.
    ///
    /// # Errors
    /// A line for the log: another node uses it, or it cannot be read.
    pub(super) fn open(path: &Path) -> Result<(NodesFile, Option<String>), String> {
        let name = path.display();
        let unusable = |error: &io::Error| {
            format!(
                "Can't open the cluster configuration file {name}: {}",
                reason(error)
            )
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(|error| unusable(&error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(format!(
                    "Sorry, the cluster configuration file {name} is already used by a different \
                     Redis Cluster node. Please make sure that different nodes use different \
                     cluster configuration files."
                ));
            }
            Err(TryLockError::Error(error)) => return Err(unusable(&error)),
        }
        let mut text = String::new();
        file.read_to_string(&mut text)
            .map_err(|error| unusable(&error))?;
        let nodes = NodesFile {
            path: path.to_owned(),
            locked: file,
        };
        // Empty: created by a start that did not come far.
        Ok((nodes, (!text.is_empty()).then_some(text)))
    }

    /// Replaces the text, atomically and durably.
    pub(super) fn save(&mut self, text: &[u8]) -> io::Result<()> {
        self.locked = replace(&self.path, text, |file| match file.try_lock() {
            Ok(()) => Ok(()),
            Err(error) => Err(error.into()),
        })?;
        Ok(())
    }
}

/// Writes CONFIG REWRITE's text over the file as it is now.
pub(super) fn rewrite_config(path: &Path, text: &str) -> io::Result<()> {
    let (current, permissions) = match fs::read(path) {
        Ok(bytes) => {
            let text = String::from_utf8(bytes)
                .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "the file is not UTF-8"))?;
            (text, Some(fs::metadata(path)?.permissions()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => (String::new(), None),
        Err(error) => return Err(error),
    };
    let new = config::transfer(text, &current);
    replace(path, new.as_bytes(), |file| match permissions {
        Some(permissions) => file.set_permissions(permissions),
        None => Ok(()),
    })?;
    Ok(())
}

/// Writes a file beside it, makes it durable, and gives it the name: a reader sees the old
/// text or the new one, also after a crash.
fn replace(
    path: &Path,
    text: &[u8],
    prepare: impl FnOnce(&File) -> io::Result<()>,
) -> io::Result<File> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".tmp-{}", std::process::id()));
    let temporary = PathBuf::from(name);
    let write = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&temporary)?;
        prepare(&file)?;
        file.write_all(text)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        sync_directory(path)?;
        Ok(file)
    };
    write().inspect_err(|_| {
        let _ = fs::remove_file(&temporary);
    })
}

/// Makes a rename in the file's directory durable.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("slotkeeper-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        path
    }

    #[test]
    fn nodes_conf_belongs_to_one_node_also_after_it_was_replaced() {
        let directory = directory("nodes");
        let path = directory.join("nodes.conf");
        let (mut nodes, text) = NodesFile::open(&path).unwrap();
        assert_eq!(text, None);
        assert!(NodesFile::open(&path).unwrap_err().contains("already used"));
        nodes.save(b"one").unwrap();
        nodes.save(b"two").unwrap();
        assert!(NodesFile::open(&path).unwrap_err().contains("already used"));
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);
        drop(nodes);
        assert_eq!(NodesFile::open(&path).unwrap().1.as_deref(), Some("two"));
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_rewritten_file_keeps_what_was_edited_and_its_permissions() {
        use std::os::unix::fs::PermissionsExt;
        let directory = directory("rewrite");
        let path = directory.join("redis.conf");
        fs::write(&path, "# mine\nport 1\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        rewrite_config(&path, "port 2\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "# mine\nport 2\n");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert!(rewrite_config(&directory.join("no/redis.conf"), "port 2\n").is_err());
        fs::remove_dir_all(directory).unwrap();
    }
}
