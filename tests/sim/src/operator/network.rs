//! The operator's network and clock in the simulator: what it writes waits here until the simulation
//! takes it, and what nodes answer until the operator reads it.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use slotkeeper::links::Network;
use slotkeeper::model::{Address, Moment};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The number of a connection; none is used twice.
pub(super) type PipeId = u64;

/// The connections of one operator and its successors.
#[derive(Clone, Default)]
pub(super) struct SimNetwork(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    now: Moment,
    next: PipeId,
    dialed: Vec<(PipeId, Address)>,
    pipes: BTreeMap<PipeId, Pipe>,
}

/// A connection, as the operator has it.
#[derive(Default)]
struct Pipe {
    state: State,
    inbox: Vec<u8>,
    outbox: Vec<u8>,
    waker: Option<Waker>,
    /// The operator has closed it.
    dropped: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Dialed,
    Open,
    Refused,
    /// The other side has closed it.
    Ended,
}

/// The operator's end of a connection.
pub(super) struct SimStream {
    network: SimNetwork,
    id: PipeId,
}

impl SimNetwork {
    /// Says what time it is.
    pub(super) fn set_now(&self, now: Moment) {
        self.lock().now = now;
    }

    /// Connections that were asked for since the last time.
    pub(super) fn take_dialed(&self) -> Vec<(PipeId, Address)> {
        std::mem::take(&mut self.lock().dialed)
    }

    /// A connection is open.
    pub(super) fn open(&self, id: PipeId) {
        self.set(id, State::Open);
    }

    /// Nobody listens there.
    pub(super) fn refuse(&self, id: PipeId) {
        self.set(id, State::Refused);
    }

    /// The other side has closed a connection; what was fed is still read.
    pub(super) fn end(&self, id: PipeId) {
        self.set(id, State::Ended);
    }

    fn set(&self, id: PipeId, state: State) {
        let mut inner = self.lock();
        if let Some(pipe) = inner.pipes.get_mut(&id) {
            pipe.state = state;
            pipe.waker.take().into_iter().for_each(Waker::wake);
        }
    }

    /// What the operator has written since the last time.
    pub(super) fn take_output(&self, id: PipeId) -> Vec<u8> {
        let mut inner = self.lock();
        let pipe = inner.pipes.get_mut(&id);
        pipe.map(|pipe| std::mem::take(&mut pipe.outbox))
            .unwrap_or_default()
    }

    /// Lets the operator read bytes.
    pub(super) fn feed(&self, id: PipeId, bytes: &[u8]) {
        let mut inner = self.lock();
        if let Some(pipe) = inner.pipes.get_mut(&id) {
            pipe.inbox.extend_from_slice(bytes);
            pipe.waker.take().into_iter().for_each(Waker::wake);
        }
    }

    /// Whether the operator has closed a connection; it is forgotten then.
    pub(super) fn take_dropped(&self, id: PipeId) -> bool {
        let mut inner = self.lock();
        let dropped = inner.pipes.get(&id).is_none_or(|pipe| pipe.dropped);
        if dropped {
            inner.pipes.remove(&id);
        }
        dropped
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Network for SimNetwork {
    type Stream = SimStream;

    async fn connect(&self, address: &Address) -> io::Result<SimStream> {
        let id = {
            let mut inner = self.lock();
            let id = inner.next;
            inner.next += 1;
            inner.pipes.insert(id, Pipe::default());
            inner.dialed.push((id, address.clone()));
            id
        };
        let stream = SimStream {
            network: self.clone(),
            id,
        };
        std::future::poll_fn(|context| stream.poll_open(context)).await?;
        Ok(stream)
    }

    fn now(&self) -> Moment {
        self.lock().now
    }
}

impl SimStream {
    fn poll_open(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.network.lock();
        let Some(pipe) = inner.pipes.get_mut(&self.id) else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        match pipe.state {
            State::Dialed => {
                pipe.waker = Some(context.waker().clone());
                Poll::Pending
            }
            State::Open => Poll::Ready(Ok(())),
            State::Refused => Poll::Ready(Err(io::ErrorKind::ConnectionRefused.into())),
            State::Ended => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
        }
    }
}

impl AsyncRead for SimStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut inner = self.network.lock();
        let Some(pipe) = inner.pipes.get_mut(&self.id) else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        if pipe.inbox.is_empty() && pipe.state != State::Ended {
            pipe.waker = Some(context.waker().clone());
            return Poll::Pending;
        }
        let count = pipe.inbox.len().min(buffer.remaining());
        buffer.put_slice(&pipe.inbox[..count]);
        pipe.inbox.drain(..count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for SimStream {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut inner = self.network.lock();
        match inner.pipes.get_mut(&self.id) {
            Some(pipe) if pipe.state == State::Open => {
                pipe.outbox.extend_from_slice(bytes);
                Poll::Ready(Ok(bytes.len()))
            }
            _ => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Drop for SimStream {
    fn drop(&mut self) {
        if let Some(pipe) = self.network.lock().pipes.get_mut(&self.id) {
            pipe.dropped = true;
        }
    }
}
