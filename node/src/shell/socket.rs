//! A connected socket with what it has still to send.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;

use super::outbox::Outbox;

/// What a read gave.
#[derive(Debug)]
pub(super) enum Read {
    /// So many bytes; and whether there may be more at once.
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
        let mut context = Context::from_waker(&self.waker);
        let room = buffer.len();
        let mut read = ReadBuf::new(buffer);
        match Pin::new(&mut self.stream).poll_read(&mut context, &mut read) {
            Poll::Pending => Read::Nothing,
            Poll::Ready(Err(error)) => Read::End(Some(error)),
            Poll::Ready(Ok(())) => match read.filled().len() {
                0 => Read::End(None),
                count => Read::Bytes(count, count == room || self.is_readable()),
            },
        }
    }

    /// Whether something can be read now; registers the waker if not.
    fn is_readable(&self) -> bool {
        let mut context = Context::from_waker(&self.waker);
        self.stream.poll_read_ready(&mut context).is_ready()
    }

    /// Sends the bytes after everything that is unsent; keeps what does not leave at once.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        if !self.outbox.is_empty() {
            self.outbox.push(bytes);
            self.flush();
            return;
        }
        let mut sent = 0;
        while sent < bytes.len() && !self.broken {
            match self.stream.try_write(&bytes[sent..]) {
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
            match self.stream.try_write(self.outbox.front()) {
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
