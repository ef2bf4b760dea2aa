//! Takes in those who connect: clients, and other nodes at the bus port.

use std::task::{Context, Poll};

use tokio::net::TcpStream;

use super::client::Client;
use super::link::Link;
use super::listen;
use super::net::Net;
use super::ready::Token;
use super::socket::Socket;
use super::system::reason;
use super::turn::Shell;
use crate::io::{Level, LinkId, Origin, Peer, SessionId};

/// Connections accepted at once.
const ACCEPTS: usize = 64;
/// The same at the bus port: few, so that each may say whose it is before others take its place.
const LINK_ACCEPTS: usize = 16;

impl Shell {
    pub(super) fn accept_clients(&mut self, index: usize) {
        for _ in 0..ACCEPTS {
            let Some(stream) = self.accept(Token::Listener(index)) else {
                return;
            };
            if let Some(peer) = self.net.prepare(&stream) {
                let admitted = self.engine.open(peer, self.net.clock.now());
                self.net.welcome(stream, admitted);
            }
        }
        self.net.serve_later(Token::Listener(index));
    }

    pub(super) fn accept_links(&mut self, index: usize) {
        for _ in 0..LINK_ACCEPTS {
            let Some(stream) = self.accept(Token::BusListener(index)) else {
                return;
            };
            if let Some(peer) = self.net.prepare(&stream) {
                let id = self.engine.accept_bus(peer, self.net.clock.now());
                self.net.add_link(stream, id);
            }
        }
        self.net.serve_later(Token::BusListener(index));
    }

    /// The next connection that waits there. After an error (no file descriptor is left) it is
    /// tried again at the next housekeeping.
    fn accept(&mut self, token: Token) -> Option<TcpStream> {
        let listener = match token {
            Token::Listener(index) => self.net.listeners.get(index)?,
            Token::BusListener(index) => self.net.bus_listeners.get(index)?,
            _ => return None,
        };
        let mut context = Context::from_waker(&listener.waker);
        match listener.socket.poll_accept(&mut context) {
            Poll::Pending => None,
            Poll::Ready(Ok((stream, _))) => Some(stream),
            Poll::Ready(Err(error)) => {
                let text = format!("Error accepting a connection: {}", reason(&error));
                let now_ms = self.net.clock.now().mono_ms();
                self.net
                    .log
                    .write_of(Origin::Connections, Level::Warning, &text, now_ms);
                None
            }
        }
    }
}

impl Net {
    /// Sets up an accepted connection; none when it has left already.
    pub(super) fn prepare(&self, stream: &TcpStream) -> Option<Peer> {
        let _ = listen::prepare(stream, self.keepalive_secs);
        let (remote, local) = (stream.peer_addr().ok()?, stream.local_addr().ok()?);
        Some(Peer { remote, local })
    }

    /// A client's connection, as the engine has admitted it or not.
    pub(super) fn welcome(&mut self, stream: TcpStream, admitted: Result<SessionId, Vec<u8>>) {
        match admitted {
            Err(refusal) => {
                // Best effort: it is closed in any case.
                let _ = stream.try_write(&refusal);
            }
            Ok(session) => {
                let index = self.clients.next();
                let waker = self.queue.waker(Token::Client(index));
                self.by_session.insert(session, index);
                let client = Client::new(Socket::new(stream, waker), session);
                self.clients.insert(client);
                self.serve_later(Token::Client(index));
            }
        }
    }

    /// A connection of the cluster bus.
    pub(super) fn add_link(&mut self, stream: TcpStream, id: LinkId) {
        let index = self.links.next();
        let waker = self.queue.waker(Token::Link(index));
        self.links.insert(Link::accepted(id, stream, waker));
        self.by_link.insert(id, index);
        self.serve_later(Token::Link(index));
    }
}
