//! A connection to another node: opened by us, or accepted at the bus port.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::BorrowedFd;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpSocket, TcpStream, lookup_host};

use super::outbox::Outbox;
use super::socket::{Read, Socket};
use super::system::reason;
use crate::io::LinkId;

type Connecting = Pin<Box<dyn Future<Output = io::Result<TcpStream>>>>;

/// One link.
pub(super) struct Link {
    pub(super) id: LinkId,
    state: State,
    /// The peer has opened it, at the bus port.
    accepted: bool,
    /// When closing began, on the monotonic scale in milliseconds. The engine hears no more of it.
    pub(super) closing_since: Option<u64>,
    /// What the engine was last told of the unsent bytes.
    reported: usize,
}

/// Where to connect.
pub(super) enum Target {
    Address(SocketAddr),
    /// A host by its name, and a port.
    Name(String, u16),
}

enum State {
    Connecting {
        attempt: Connecting,
        waker: Waker,
        outbox: Outbox,
    },
    Up(Socket),
}

/// What a link has to tell.
pub(super) enum News {
    /// Nothing; its waker will tell.
    Nothing,
    /// It is connected, from this address.
    Opened(SocketAddr),
    /// How many bytes are in the buffer; and whether there may be more at once.
    Bytes(usize, bool),
    /// It has ended.
    Closed(String),
}

impl Link {
    /// Connects.
    pub(super) fn open(id: LinkId, to: Target, from: Option<IpAddr>, waker: Waker) -> Link {
        let state = State::Connecting {
            attempt: match to {
                Target::Address(to) => Box::pin(connect(to, from)),
                Target::Name(host, port) => Box::pin(connect_to_one_of(host, port, from)),
            },
            waker,
            outbox: Outbox::default(),
        };
        Link {
            id,
            state,
            accepted: false,
            closing_since: None,
            reported: 0,
        }
    }

    /// An accepted connection.
    pub(super) fn accepted(id: LinkId, stream: TcpStream, waker: Waker) -> Link {
        Link {
            id,
            state: State::Up(Socket::new(stream, waker)),
            accepted: true,
            closing_since: None,
            reported: 0,
        }
    }

    /// Whether the peer has opened it, at the bus port.
    pub(super) fn is_accepted(&self) -> bool {
        self.accepted
    }

    pub(super) fn outbox(&mut self) -> &mut Outbox {
        match &mut self.state {
            State::Connecting { outbox, .. } => outbox,
            State::Up(socket) => &mut socket.outbox,
        }
    }

    /// What is unsent and the memory that holds it, if that has changed since it was asked for.
    pub(super) fn news_of_unsent(&mut self) -> Option<(usize, usize)> {
        let unsent = self.outbox().len();
        if std::mem::replace(&mut self.reported, unsent) == unsent {
            return None;
        }
        Some((unsent, self.outbox().allocated()))
    }

    /// Sends what can be sent.
    pub(super) fn flush(&mut self) {
        if let State::Up(socket) = &mut self.state {
            socket.flush();
            if socket.is_broken() {
                // The next read tells why.
                socket.wake();
            }
        }
    }

    /// Its socket, once it is connected.
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        match &self.state {
            State::Connecting { .. } => None,
            State::Up(socket) => Some(socket.fd()),
        }
    }

    /// What has not arrived there yet never will.
    pub(super) fn abort(&self) {
        if let Some(fd) = self.fd() {
            // Where that fails, the socket is closed without it.
            let _ = SockRef::from(&fd).set_linger(Some(Duration::ZERO));
        }
    }

    /// [`Socket::read_now`], once it is connected.
    pub(super) fn read_now(&mut self, buffer: &mut [u8]) -> Read {
        match &mut self.state {
            State::Connecting { .. } => Read::Nothing,
            State::Up(socket) => socket.read_now(buffer),
        }
    }

    /// [`Socket::flush_now`], once it is connected.
    pub(super) fn flush_now(&mut self) {
        if let State::Up(socket) = &mut self.state {
            socket.flush_now();
        }
    }

    /// Whether a link that is closing has nothing more to wait for.
    pub(super) fn is_done(&self) -> bool {
        match &self.state {
            State::Connecting { .. } => true,
            State::Up(socket) => socket.outbox.is_empty() || socket.is_broken(),
        }
    }

    /// Goes on with whatever it waits for; what was read is in the buffer.
    pub(super) fn serve(&mut self, buffer: &mut [u8]) -> News {
        match &mut self.state {
            State::Connecting { .. } => self.go_on_connecting(),
            State::Up(socket) => {
                socket.flush();
                match socket.read(buffer) {
                    Read::Bytes(count, more) => News::Bytes(count, more),
                    Read::Nothing if socket.is_broken() => {
                        News::Closed("connection broken".to_owned())
                    }
                    Read::Nothing => News::Nothing,
                    Read::End(None) => News::Closed("connection closed".to_owned()),
                    Read::End(Some(error)) => News::Closed(reason(&error)),
                }
            }
        }
    }

    fn go_on_connecting(&mut self) -> News {
        let State::Connecting {
            attempt,
            waker,
            outbox,
        } = &mut self.state
        else {
            return News::Nothing;
        };
        let result = attempt.as_mut().poll(&mut Context::from_waker(waker));
        let stream = match result {
            Poll::Pending => return News::Nothing,
            Poll::Ready(Err(error)) => return News::Closed(reason(&error)),
            Poll::Ready(Ok(stream)) => stream,
        };
        let local = match stream.local_addr() {
            Ok(local) => local,
            Err(error) => return News::Closed(reason(&error)),
        };
        let mut socket = Socket::new(stream, waker.clone());
        socket.outbox = std::mem::take(outbox);
        // What it already has to send and to read comes in the next turn.
        socket.wake();
        self.state = State::Up(socket);
        News::Opened(local)
    }
}

/// Connects to the first address of a host that accepts it. The system looks the name up in a thread
/// of its own.
async fn connect_to_one_of(host: String, port: u16, from: Option<IpAddr>) -> io::Result<TcpStream> {
    let mut result = Err(io::ErrorKind::NotFound.into());
    for to in lookup_host((host, port)).await? {
        result = connect(to, from).await;
        if result.is_ok() {
            break;
        }
    }
    result
}

async fn connect(to: SocketAddr, from: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = if to.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    if let Some(from) = from {
        socket.set_reuseaddr(true)?;
        socket.bind((from, 0).into())?;
    }
    let stream = socket.connect(to).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
