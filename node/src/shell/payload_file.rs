//! The file through which a full sync goes whose reader wants its length first. A thread of its own
//! writes and reads it, as long as it is needed, so that no disk holds up a client.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::Waker;

use bytes::Bytes;

use super::system::reason;
use crate::io::{DiskEvent, SessionId};

enum Order {
    Write(Bytes),
    Read(SessionId, u64, usize),
}

/// What became of an order.
pub(super) enum Answer {
    Written(usize),
    Read(SessionId, Bytes),
    Failed(String),
}

impl Answer {
    /// As the engine takes it.
    pub(super) fn event(&self) -> DiskEvent<'_> {
        match self {
            Answer::Written(bytes) => DiskEvent::PayloadWritten(*bytes),
            Answer::Read(session, bytes) => DiskEvent::PayloadRead {
                session: *session,
                bytes,
            },
            Answer::Failed(reason) => DiskEvent::PayloadFailed(reason),
        }
    }
}

/// The file; dropped, it is closed, and its thread ends.
pub(super) struct PayloadFile {
    orders: Sender<Order>,
    answers: Receiver<Answer>,
}

impl PayloadFile {
    /// Opens one in a directory; the waker is told of each answer.
    pub(super) fn begin(directory: &Path, waker: Waker) -> PayloadFile {
        let (orders, received) = channel();
        let (sender, answers) = channel();
        let name = format!("full-sync.tmp-{}", std::process::id());
        let path = directory.join(name);
        let failed = sender.clone();
        let started = std::thread::Builder::new()
            .name("full sync".to_owned())
            .spawn(move || carry_out(&path, &received, &sender, &waker));
        if let Err(error) = started {
            // The next turn looks for it.
            let _ = failed.send(Answer::Failed(reason(&error)));
        }
        PayloadFile { orders, answers }
    }

    pub(super) fn write(&self, bytes: Bytes) {
        // A thread that is gone has said why.
        let _ = self.orders.send(Order::Write(bytes));
    }

    pub(super) fn read(&self, session: SessionId, from: u64, len: usize) {
        let _ = self.orders.send(Order::Read(session, from, len));
    }

    pub(super) fn answer(&self) -> Option<Answer> {
        self.answers.try_recv().ok()
    }
}

fn carry_out(path: &PathBuf, orders: &Receiver<Order>, answers: &Sender<Answer>, waker: &Waker) {
    let tell = |answer| {
        let heard = answers.send(answer).is_ok();
        waker.wake_by_ref();
        heard
    };
    let mut file = match open(path) {
        Ok(file) => file,
        Err(error) => {
            tell(Answer::Failed(reason(&error)));
            return;
        }
    };
    if !tell(Answer::Written(0)) {
        return;
    }
    while let Ok(order) = orders.recv() {
        let done = match order {
            Order::Write(bytes) => {
                let written = file.write_all(&bytes);
                written.map(|()| Answer::Written(bytes.len()))
            }
            Order::Read(session, from, len) => {
                let mut bytes = vec![0; len];
                let read = file.read_exact_at(&mut bytes, from);
                read.map(|()| Answer::Read(session, bytes.into()))
            }
        };
        let goes_on = done.is_ok();
        let heard = tell(done.unwrap_or_else(|error| Answer::Failed(reason(&error))));
        if !goes_on || !heard {
            return;
        }
    }
}

/// A file without a name: it ends with this process at the latest.
fn open(path: &PathBuf) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let file = (options.read(true).write(true).create(true).truncate(true)).open(path)?;
    fs::remove_file(path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_stays() {
        let name = format!("slotkeeper-payload-{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        fs::create_dir_all(&directory).unwrap();
        let file = PayloadFile::begin(&directory, Waker::noop().clone());
        file.write(Bytes::from_static(b"abcdef"));
        file.read(SessionId::new(7, 0), 2, 3);
        file.read(SessionId::new(7, 0), 5, 3);
        let answers: Vec<Answer> = (0..4).map(|_| file.answers.recv().unwrap()).collect();
        assert!(matches!(answers[0], Answer::Written(0)));
        assert!(matches!(answers[1], Answer::Written(6)));
        assert!(
            matches!(&answers[2], Answer::Read(id, bytes) if id.number() == 7 && bytes == "cde")
        );
        assert!(matches!(answers[3], Answer::Failed(_)), "beyond the end");
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
        fs::remove_dir_all(&directory).unwrap();
        let file = PayloadFile::begin(&directory, Waker::noop().clone());
        let answer = file.answers.recv().unwrap();
        assert!(matches!(answer, Answer::Failed(why) if why == "No such file or directory"));
    }
}
