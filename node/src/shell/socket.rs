//! A connected socket with what it has still to send.

use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::task::{Context, Waker};

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::outbox::Outbox;
use crate::resp::Piece;
use crate::time::Calls;

thread_local! {
    /// Of this thread: how often its sockets were read and written, and its turns.
    static CALLS: Cell<Calls> = const {
        Cell::new(Calls { reads: 0, writes: 0, turns: 0, turns_us: 0 })
    };
}

/// How often the sockets of this thread were read and written, and its turns.
pub(super) fn calls() -> Calls {
    CALLS.get()
}

fn count(change: impl FnOnce(&mut Calls)) {
    let mut calls = CALLS.get();
    change(&mut calls);
    CALLS.set(calls);
}

fn count_read() {
    count(|calls| calls.reads += 1);
}

fn count_write() {
    count(|calls| calls.writes += 1);
}

/// Counts a turn that took so many microseconds.
pub(super) fn count_turn(micros: u64) {
    count(|calls| {
        calls.turns += 1;
        calls.turns_us += micros;
    });
}

/// What a read gave.
#[derive(Debug)]
pub(super) enum Read {
    /// How many bytes; and whether there may be more at once.
    Bytes(usize, bool),
    /// Nothing yet; the waker is told when there is.
    Nothing,
    /// The other side has ended the connection, or it is broken.
    End(Option<io::Error>),
}

/// A connection without a meaning.
#[derive(Debug)]
pub(super) struct Socket {
    stream: TcpStream,
    waker: Waker,
    pub(super) outbox: Outbox,
    broken: bool,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, waker: Waker) -> Socket {
        Socket {
            stream,
            waker,
            outbox: Outbox::default(),
            broken: false,
        }
    }

    /// Reads once. After it, the waker is registered unless there may be more at once.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Read {
        while self.is_readable() {
            let mut received = Err(Errno::WOULDBLOCK);
            // What it gives says only whether to ask again.
            let _ = self.stream.try_io(Interest::READABLE, || {
                let (count, _) = recv(&self.stream, &mut *buffer, RecvFlags::empty())
                    .inspect_err(|error| received = Err(*error))?;
                received = Ok(count);
                // Less than there was room for was all, by epoll(7): it blocks until more comes.
                match (1..buffer.len()).contains(&count) {
                    true => Err(io::ErrorKind::WouldBlock.into()),
                    false => Ok(()),
                }
            });
            match received {
                Ok(0) => return Read::End(None),
                Ok(count) => {
                    count_read();
                    return Read::Bytes(count, self.is_readable());
                }
                Err(Errno::WOULDBLOCK | Errno::INTR) => {}
                Err(error) => return Read::End(Some(error.into())),
            }
        }
        Read::Nothing
    }

    /// Writes once. The calls for sending and receiving go to the kernel directly: those of libc are
    /// cancellation points, and pay for that with two atomic swaps each.
    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.try_io(Interest::WRITABLE, || {
            let count = send(&self.stream, bytes, SendFlags::NOSIGNAL)?;
            count_write();
            Ok(count)
        })
    }

    /// Whether something can be read now; registers the waker if not.
    fn is_readable(&self) -> bool {
        let mut context = Context::from_waker(&self.waker);
        self.stream.poll_read_ready(&mut context).is_ready()
    }

    /// For those that look at the socket themselves.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// Reads once, whatever the runtime knows of the socket: it looks at none while a command takes
    /// long. No waker is registered.
    pub(super) fn read_now(&mut self, buffer: &mut [u8]) -> Read {
        match recv(&self.stream, &mut *buffer, RecvFlags::DONTWAIT) {
            Ok((0, _)) => Read::End(None),
            Ok((count, _)) => {
                count_read();
                Read::Bytes(count, count == buffer.len())
            }
            Err(Errno::WOULDBLOCK | Errno::INTR) => Read::Nothing,
            Err(error) => Read::End(Some(error.into())),
        }
    }

    /// Sends what is unsent as far as possible, in the same way.
    pub(super) fn flush_now(&mut self) {
        while !self.outbox.is_empty() && !self.broken {
            let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
            match send(&self.stream, self.outbox.front(), flags) {
                Ok(count) => {
                    count_write();
                    self.outbox.advance(count);
                }
                Err(Errno::WOULDBLOCK | Errno::INTR) => return,
                Err(_) => self.broken = true,
            }
        }
    }

    /// Sends a piece after everything that is unsent; keeps what does not leave at once.
    pub(super) fn send(&mut self, piece: Piece<'_>) {
        match piece {
            Piece::Short(bytes) if self.outbox.is_empty() => self.send_short(bytes),
            piece => {
                self.outbox.push_piece(piece);
                self.flush();
            }
        }
    }

    fn send_short(&mut self, bytes: &[u8]) {
        let mut sent = 0;
        while sent < bytes.len() && !self.broken {
            match self.write(&bytes[sent..]) {
                Ok(count) => sent += count,
                Err(error) if self.must_wait(&error) => break,
                Err(_) => self.broken = true,
            }
        }
        self.outbox.push(&bytes[sent..]);
    }

    /// Sends what is unsent as far as possible; the waker is told when it can go on.
    pub(super) fn flush(&mut self) {
        while !self.outbox.is_empty() && !self.broken {
            match self.write(self.outbox.front()) {
                Ok(count) => self.outbox.advance(count),
                Err(error) if self.must_wait(&error) => break,
                Err(_) => self.broken = true,
            }
        }
    }

    /// After an error of a write: whether it goes on when the socket is writable again. The other
    /// errors show up at the next read, too; until then the connection counts as broken.
    fn must_wait(&self, error: &io::Error) -> bool {
        if error.kind() != io::ErrorKind::WouldBlock {
            return false;
        }
        let mut context = Context::from_waker(&self.waker);
        if self.stream.poll_write_ready(&mut context).is_ready() {
            // Writable again in the meantime.
            self.waker.wake_by_ref();
        }
        true
    }

    /// Whether sending has failed for good.
    pub(super) fn is_broken(&self) -> bool {
        self.broken
    }

    /// Asks for another turn.
    pub(super) fn wake(&self) {
        self.waker.wake_by_ref();
    }
}
