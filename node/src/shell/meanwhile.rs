//! The heartbeat: while a command takes long, the runtime looks at no socket, so this does. It
//! serves the cluster bus, the probes, and clients once `busy-reply-threshold` has passed.

use std::net::TcpStream as StdStream;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{SocketFlags, accept_with};
use tokio::net::{TcpListener, TcpStream};

use super::client::Client;
use super::net::Net;
use super::ready::Token;
use super::socket::Read;
use super::system::reason;
use crate::engine::{Heartbeat, Meanwhile};
use crate::io::{LinkEvent, Output, SessionState};
use crate::resp::Reply;
use crate::time::Now;

/// What is read of a connection in one beat.
const READ_BYTES: usize = 16 << 10;

impl Heartbeat for Net {
    fn beat(&mut self, node: &mut Meanwhile<'_>, idle: Duration) -> Option<Now> {
        let readable = self.await_readable(node, idle);
        let now = self.clock.begin_turn();
        node.begin(now);
        for token in readable {
            match token {
                Token::Link(index) => self.serve_link_meanwhile(node, index),
                Token::Client(index) => self.serve_client_meanwhile(node, index),
                Token::Listener(index) => self.accept_client_meanwhile(node, index),
                Token::BusListener(index) => self.accept_link_meanwhile(node, index),
                _ => {}
            }
        }
        self.carry_out_meanwhile(node, now);
        self.probes.beat(now.mono_ms());
        let mut waiting = Vec::new();
        self.queue.drain(&mut waiting);
        for token in waiting {
            match token {
                Token::Metrics => self.probes.publish_metrics(node.metrics().to_owned()),
                token => self.serve_later(token),
            }
        }
        Some(now)
    }
}

impl Net {
    /// Waits until something can be read that is served meanwhile, but no longer than this.
    fn await_readable(&self, node: &Meanwhile<'_>, idle: Duration) -> Vec<Token> {
        let (mut tokens, mut fds) = (Vec::new(), Vec::new());
        let mut watch = |token, fd| {
            tokens.push(token);
            fds.push(PollFd::from_borrowed_fd(fd, PollFlags::IN));
        };
        for index in self.links.used() {
            if let Some(link) = self.links.get(index)
                && link.closing_since.is_none()
                && node.takes(link.id)
                && let Some(fd) = link.fd()
            {
                watch(Token::Link(index), fd);
            }
        }
        for (index, listener) in self.bus_listeners.iter().enumerate() {
            watch(Token::BusListener(index), fd(&listener.socket));
        }
        if node.serves_clients() {
            for (index, listener) in self.listeners.iter().enumerate() {
                watch(Token::Listener(index), fd(&listener.socket));
            }
            for index in self.clients.used() {
                if let Some(client) = self.clients.get(index)
                    && self.serves(node, client, index)
                {
                    watch(Token::Client(index), client.socket.fd());
                }
            }
        }
        let timeout = Timespec {
            tv_sec: 0,
            tv_nsec: i64::from(idle.subsec_nanos()),
        };
        if poll(&mut fds, Some(&timeout)).is_err() {
            return Vec::new();
        }
        let is_readable = |fd: &PollFd<'_>| !fd.revents().is_empty();
        let readable: Vec<bool> = fds.iter().map(is_readable).collect();
        let mut readable = readable.into_iter();
        tokens.retain(|_| readable.next().unwrap_or(false));
        tokens
    }

    /// Whether a client is served meanwhile: not while it has its part in the turn that goes on.
    fn serves(&self, node: &Meanwhile<'_>, client: &Client, index: usize) -> bool {
        client.is_idle()
            && !self.closing.contains(&index)
            && client.session.is_some_and(|session| node.serves(session))
    }

    fn serve_link_meanwhile(&mut self, node: &mut Meanwhile<'_>, index: usize) {
        let Some(link) = self.links.get_mut(index) else {
            return;
        };
        let id = link.id;
        let mut buffer = [0; READ_BYTES];
        match link.read_now(&mut buffer) {
            Read::Nothing => {}
            Read::Bytes(count, _) => node.on_link(id, LinkEvent::Bytes(&buffer[..count])),
            Read::End(error) => {
                self.remove_link(index);
                let reason = error.map_or_else(|| "connection closed".to_owned(), |e| reason(&e));
                node.on_link(id, LinkEvent::Closed { reason: &reason });
            }
        }
    }

    fn serve_client_meanwhile(&mut self, node: &mut Meanwhile<'_>, index: usize) {
        let Some(client) = self.clients.get_mut(index) else {
            return;
        };
        let Some(session) = client.session else {
            return;
        };
        let mut buffer = [0; READ_BYTES];
        let fresh = match client.socket.read_now(&mut buffer) {
            Read::Nothing => return,
            Read::End(_) => return self.remove_client_meanwhile(node, index),
            Read::Bytes(count, _) => &buffer[..count],
        };
        let mut reply = Reply::new();
        let rest = client.take_rest(fresh);
        let input = rest.as_ref().map_or(fresh, |(rest, from)| &rest[*from..]);
        let progress = node.on_bytes(session, input, &mut reply);
        client.executed(rest, fresh, progress.consumed, progress.state);
        client.socket.outbox.push(&reply.bytes());
        client.socket.flush_now();
        if progress.state == SessionState::Close || client.socket.is_broken() {
            self.remove_client_meanwhile(node, index);
        } else if !client.socket.outbox.is_empty() {
            self.pushed.push(index);
        }
    }

    fn remove_client_meanwhile(&mut self, node: &mut Meanwhile<'_>, index: usize) {
        if let Some(session) = self.clients.remove(index).and_then(|client| client.session) {
            self.by_session.remove(&session);
            node.close(session);
        }
    }

    fn accept_client_meanwhile(&mut self, node: &mut Meanwhile<'_>, index: usize) {
        let listener = self.listeners.get(index);
        let Some(stream) = listener.and_then(|listener| accept(&listener.socket)) else {
            return;
        };
        if let Some(peer) = self.prepare(&stream) {
            let admitted = node.open(peer);
            self.welcome(stream, admitted);
        }
    }

    fn accept_link_meanwhile(&mut self, node: &mut Meanwhile<'_>, index: usize) {
        let listener = self.bus_listeners.get(index);
        let Some(stream) = listener.and_then(|listener| accept(&listener.socket)) else {
            return;
        };
        if let Some(peer) = self.prepare(&stream)
            && let Some(id) = node.accept_bus(peer)
        {
            self.add_link(stream, id);
        }
    }

    fn carry_out_meanwhile(&mut self, node: &mut Meanwhile<'_>, now: Now) {
        while let Some(output) = node.poll_output() {
            match output {
                Output::Link(id, op) => self.operate_link(id, op),
                Output::Log(origin, level, text) => {
                    self.log.write_of(origin, level, &text, now.mono_ms());
                }
                Output::Close { session, .. } => {
                    let Some(&index) = self.by_session.get(&session) else {
                        continue;
                    };
                    if self.clients.get(index).is_some_and(Client::is_idle) {
                        self.remove_client_meanwhile(node, index);
                    } else {
                        self.closing.push(index);
                    }
                }
                // Nothing else comes out of a node without its keyspace.
                _ => {}
            }
        }
        let mut sent = std::mem::take(&mut self.sent);
        sent.retain(|&index| {
            let Some(link) = self.links.get_mut(index) else {
                return false;
            };
            link.flush_now();
            let id = link.id;
            if let Some((unsent, allocated)) = link.news_of_unsent() {
                node.on_link_sent(id, unsent, allocated);
            }
            link.closing_since.is_some() || !link.outbox().is_empty()
        });
        self.sent = sent;
    }
}

fn fd(listener: &TcpListener) -> std::os::fd::BorrowedFd<'_> {
    std::os::fd::AsFd::as_fd(listener)
}

/// The next connection that waits there, whatever the runtime knows of it.
fn accept(listener: &TcpListener) -> Option<TcpStream> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let stream = accept_with(listener, flags).ok()?;
    TcpStream::from_std(StdStream::from(stream)).ok()
}
