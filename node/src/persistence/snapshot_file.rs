//! How a snapshot becomes the data file, over any file system: it is written beside it, made durable,
//! and renamed, so that a crash leaves the whole old file or the whole new one.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;

/// The file system: that of the machine, or a simulated one.
pub trait FileSystem {
    /// An open file.
    type File;

    /// Creates a file, or empties the one that has the name.
    ///
    /// # Errors
    /// Those of the system.
    fn create(&mut self, path: &Path) -> io::Result<Self::File>;

    /// Appends to a file.
    ///
    /// # Errors
    /// Those of the system; part of the bytes may be written.
    fn write_all(&mut self, file: &mut Self::File, bytes: &[u8]) -> io::Result<()>;

    /// Makes what was written to a file durable.
    ///
    /// # Errors
    /// Those of the system: what was written may be lost.
    fn sync(&mut self, file: &mut Self::File) -> io::Result<()>;

    /// Gives a file another name, in place of the file that has it.
    ///
    /// # Errors
    /// Those of the system.
    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()>;

    /// Makes the names in the directory of a file durable.
    ///
    /// # Errors
    /// Those of the system.
    fn sync_directory_of(&mut self, path: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// Those of the system.
    fn remove(&mut self, path: &Path) -> io::Result<()>;
}

/// What is to be done for a snapshot.
#[derive(Clone, Debug)]
pub enum SnapshotOrder {
    /// Open a temporary file.
    Begin(PathBuf),
    /// Append to it.
    Write(Bytes),
    /// Make it durable, and give it that name.
    Commit(PathBuf),
    /// Remove it.
    Abort,
}

/// What became of an order.
#[derive(Debug)]
pub enum SnapshotAnswer {
    /// So many bytes are written.
    Written(usize),
    /// The snapshot is in place.
    Saved,
    /// It is not, and never will be.
    Failed(io::Error),
}

/// The snapshot that is being written, if any.
pub struct SnapshotFile<F: FileSystem> {
    /// Where it is written.
    pub files: F,
    open: Option<(PathBuf, F::File)>,
}

impl<F: FileSystem + Default> Default for SnapshotFile<F> {
    fn default() -> SnapshotFile<F> {
        SnapshotFile::new(F::default())
    }
}

impl<F: FileSystem> SnapshotFile<F> {
    /// None is being written.
    #[must_use]
    pub fn new(files: F) -> SnapshotFile<F> {
        SnapshotFile { files, open: None }
    }

    /// Carries an order out; no answer where none is expected: after an abort, and after a failure,
    /// which was the answer already.
    pub fn carry_out(&mut self, order: SnapshotOrder) -> Option<SnapshotAnswer> {
        let result = match order {
            SnapshotOrder::Begin(path) => {
                self.remove();
                self.files.create(&path).map(|file| {
                    self.open = Some((path, file));
                    SnapshotAnswer::Written(0)
                })
            }
            SnapshotOrder::Write(bytes) => {
                let (_, file) = self.open.as_mut()?;
                let written = self.files.write_all(file, &bytes);
                written.map(|()| SnapshotAnswer::Written(bytes.len()))
            }
            SnapshotOrder::Commit(target) => {
                self.open.as_ref()?;
                self.commit(&target).map(|()| SnapshotAnswer::Saved)
            }
            SnapshotOrder::Abort => {
                self.remove();
                return None;
            }
        };
        Some(result.unwrap_or_else(|error| {
            self.remove();
            SnapshotAnswer::Failed(error)
        }))
    }

    fn commit(&mut self, target: &Path) -> io::Result<()> {
        let Some((path, file)) = &mut self.open else {
            return Ok(());
        };
        self.files.sync(file)?;
        self.files.rename(path, target)?;
        self.open = None;
        self.files.sync_directory_of(target)
    }

    /// The file is of no use any more. That it stays behind is no harm: nothing reads it.
    fn remove(&mut self) {
        if let Some((path, _)) = self.open.take() {
            let _ = self.files.remove(&path);
        }
    }
}
