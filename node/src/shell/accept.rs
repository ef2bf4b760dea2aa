//! Takes in those who connect: clients, and other nodes at the bus port.

use std::task::{Context, Poll};

use tokio::net::TcpStream;

use super::client::Client;
use super::link::Link;
use super::listen;
use super::ready::Token;
use super::socket::Socket;
use super::system::reason;
use super::turn::Shell;
use crate::io::{Level, Origin, Peer};

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
            self.welcome(stream);
        }
        self.turn.serve_later(Token::Listener(index));
    }

    fn welcome(&mut self, stream: TcpStream) {
        let _ = listen::prepare(&stream, self.keepalive_secs);
        let (Ok(remote), Ok(local)) = (stream.peer_addr(), stream.local_addr()) else {
            // It has left already.
            return;
        };
        let peer = Peer { remote, local };
        match self.engine.open(peer, self.clock.now()) {
            Err(refusal) => {
                // Best effort: it is closed in any case.
                let _ = stream.try_write(&refusal);
            }
            Ok(session) => {
                let place = self.clients.next();
                let waker = self.queue.waker(Token::Client(place));
                self.by_session.insert(session, place);
                self.clients
                    .insert(Client::new(Socket::new(stream, waker), session));
                self.turn.serve_later(Token::Client(place));
            }
        }
    }

    pub(super) fn accept_links(&mut self, index: usize) {
        for _ in 0..LINK_ACCEPTS {
            let Some(stream) = self.accept(Token::BusListener(index)) else {
                return;
            };
            let _ = listen::prepare(&stream, self.keepalive_secs);
            let (Ok(remote), Ok(local)) = (stream.peer_addr(), stream.local_addr()) else {
                continue;
            };
            let id = self
                .engine
                .accept_bus(Peer { remote, local }, self.clock.now());
            let place = self.links.next();
            let waker = self.queue.waker(Token::Link(place));
            self.links.insert(Link::accepted(id, stream, waker));
            self.by_link.insert(id, place);
            self.turn.serve_later(Token::Link(place));
        }
        self.turn.serve_later(Token::BusListener(index));
    }

    /// The next connection that waits there. After an error (no file descriptor is left) it is
    /// tried again at the next housekeeping.
    fn accept(&mut self, token: Token) -> Option<TcpStream> {
        let listener = match token {
            Token::Listener(index) => self.listeners.get(index)?,
            Token::BusListener(index) => self.bus_listeners.get(index)?,
            _ => return None,
        };
        let mut context = Context::from_waker(&listener.waker);
        match listener.socket.poll_accept(&mut context) {
            Poll::Pending => None,
            Poll::Ready(Ok((stream, _))) => Some(stream),
            Poll::Ready(Err(error)) => {
                let text = format!("Error accepting a connection: {}", reason(&error));
                let now_ms = self.clock.now().mono_ms();
                self.log
                    .write_of(Origin::Connections, Level::Warning, &text, now_ms);
                None
            }
        }
    }
}
