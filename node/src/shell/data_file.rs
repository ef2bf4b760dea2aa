//! The data file: read at the start and written as snapshots, each by a thread of its own, so that
//! no disk holds up a client.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::task::Waker;
use std::thread::JoinHandle;

use bytes::Bytes;

use super::files::sync_directory;
use super::system::reason;
use crate::persistence::snapshot_file::{FileSystem, SnapshotAnswer, SnapshotFile, SnapshotOrder};

/// How many pieces are read ahead.
const LOAD_AHEAD: usize = 8;

/// A piece of the data file at the start. The first one is empty.
pub(super) enum Piece {
    Bytes(Vec<u8>),
    End,
    Failed(String),
}

/// Reads the file on its own thread, in pieces of so many bytes; the waker is told of each.
pub(super) fn load(path: PathBuf, bytes: usize, waker: Waker) -> io::Result<Receiver<Piece>> {
    let (sender, receiver) = sync_channel(LOAD_AHEAD);
    std::thread::Builder::new()
        .name("load".to_owned())
        .spawn(move || {
            let last = match read_all(&path, bytes, &sender, &waker) {
                Ok(()) => Piece::End,
                Err(error) => Piece::Failed(reason(&error)),
            };
            // A receiver that is gone means that the node is leaving.
            let _ = sender.send(last);
            waker.wake();
        })?;
    Ok(receiver)
}

fn read_all(
    path: &Path,
    bytes: usize,
    sender: &SyncSender<Piece>,
    waker: &Waker,
) -> io::Result<()> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        result => result?,
    };
    // That there is a file is said first: one without a byte is no data set.
    if sender.send(Piece::Bytes(Vec::new())).is_err() {
        return Ok(());
    }
    loop {
        let mut piece = vec![0; bytes];
        let count = match file.read(&mut piece) {
            Ok(0) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            result => result?,
        };
        piece.truncate(count);
        if sender.send(Piece::Bytes(piece)).is_err() {
            return Ok(());
        }
        waker.wake_by_ref();
    }
}

/// What became of an order.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Written(usize),
    Saved,
    Failed(String),
}

/// The thread that writes snapshots.
pub(super) struct SnapshotWriter {
    orders: Option<Sender<SnapshotOrder>>,
    answers: Receiver<Answer>,
    thread: Option<JoinHandle<()>>,
}

impl SnapshotWriter {
    /// The waker is told of each answer.
    pub(super) fn start(waker: Waker) -> io::Result<SnapshotWriter> {
        let (orders, received) = channel();
        let (sender, answers) = channel();
        let thread = std::thread::Builder::new()
            .name("snapshot".to_owned())
            .spawn(move || carry_out(&received, &sender, &waker))?;
        Ok(SnapshotWriter {
            orders: Some(orders),
            answers,
            thread: Some(thread),
        })
    }

    fn order(&self, order: SnapshotOrder) {
        if let Some(orders) = &self.orders {
            // The thread ends only after this sender.
            let _ = orders.send(order);
        }
    }

    /// Opens the temporary file beside the one that it will replace.
    pub(super) fn begin(&self, target: &Path) {
        let mut name = target.as_os_str().to_owned();
        name.push(format!(".tmp-{}", std::process::id()));
        self.order(SnapshotOrder::Begin(PathBuf::from(name)));
    }

    pub(super) fn write(&self, bytes: Bytes) {
        self.order(SnapshotOrder::Write(bytes));
    }

    pub(super) fn commit(&self, target: PathBuf) {
        self.order(SnapshotOrder::Commit(target));
    }

    pub(super) fn abort(&self) {
        self.order(SnapshotOrder::Abort);
    }

    pub(super) fn answer(&self) -> Option<Answer> {
        self.answers.try_recv().ok()
    }
}

impl Drop for SnapshotWriter {
    /// An unfinished snapshot is removed.
    fn drop(&mut self) {
        self.abort();
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn carry_out(orders: &Receiver<SnapshotOrder>, answers: &Sender<Answer>, waker: &Waker) {
    let mut snapshot = SnapshotFile::new(Disk);
    while let Ok(order) = orders.recv() {
        let Some(answer) = snapshot.carry_out(order) else {
            continue;
        };
        let _ = answers.send(match answer {
            SnapshotAnswer::Written(bytes) => Answer::Written(bytes),
            SnapshotAnswer::Saved => Answer::Saved,
            SnapshotAnswer::Failed(error) => Answer::Failed(reason(&error)),
        });
        waker.wake_by_ref();
    }
}

/// The file system of this machine.
struct Disk;

impl FileSystem for Disk {
    type File = File;

    fn create(&mut self, path: &Path) -> io::Result<File> {
        File::create(path)
    }

    fn write_all(&mut self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    fn sync(&mut self, file: &mut File) -> io::Result<()> {
        file.sync_all()
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_directory_of(&mut self, path: &Path) -> io::Result<()> {
        sync_directory(path)
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(writer: &SnapshotWriter) -> Answer {
        writer.answers.recv().unwrap()
    }

    #[test]
    fn a_snapshot_replaces_the_file_and_is_read_back() {
        let name = format!("slotkeeper-snapshot-{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        fs::create_dir_all(&directory).unwrap();
        let target = directory.join("dump.rdb");
        let writer = SnapshotWriter::start(Waker::noop().clone()).unwrap();
        writer.begin(&target);
        writer.write(Bytes::from_static(b"abc"));
        writer.commit(target.clone());
        assert_eq!(wait(&writer), Answer::Written(0));
        assert_eq!(wait(&writer), Answer::Written(3));
        assert_eq!(wait(&writer), Answer::Saved);
        writer.begin(&target);
        writer.write(Bytes::from_static(b"unfinished"));
        drop(writer);
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);
        let pieces = load(target, 64, Waker::noop().clone()).unwrap();
        assert!(matches!(pieces.recv(), Ok(Piece::Bytes(bytes)) if bytes.is_empty()));
        assert!(matches!(pieces.recv(), Ok(Piece::Bytes(bytes)) if bytes == b"abc"));
        assert!(matches!(pieces.recv(), Ok(Piece::End)));
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_missing_directory_fails_and_a_missing_file_is_empty() {
        let nowhere = PathBuf::from("/nonexistent/dump.rdb");
        let writer = SnapshotWriter::start(Waker::noop().clone()).unwrap();
        writer.begin(&nowhere);
        writer.write(Bytes::from_static(b"abc"));
        assert_eq!(
            wait(&writer),
            Answer::Failed("No such file or directory".to_owned())
        );
        let pieces = load(nowhere, 64, Waker::noop().clone()).unwrap();
        assert!(matches!(pieces.recv(), Ok(Piece::End)));
    }
}
