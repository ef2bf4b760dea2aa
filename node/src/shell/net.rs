//! All connections, and who of them is ready: what the main loop serves, and the heartbeat while a
//! command takes long.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::Waker;

use tokio::net::TcpListener;

use super::client::Client;
use super::clock::Clock;
use super::health::Probes;
use super::link::{Link, Target};
use super::log::Log;
use super::ready::{Line, ReadyQueue, Token};
use super::slab::Slab;
use crate::io::{LinkId, LinkOp, SessionId};

/// A listening socket.
pub(super) struct Listener {
    pub(super) socket: TcpListener,
    pub(super) waker: Waker,
}

/// The connections.
pub(super) struct Net {
    pub(super) clock: Clock,
    pub(super) log: Log,
    pub(super) queue: Arc<ReadyQueue>,
    pub(super) listeners: Vec<Listener>,
    pub(super) bus_listeners: Vec<Listener>,
    pub(super) clients: Slab<Client>,
    pub(super) by_session: HashMap<SessionId, usize>,
    pub(super) links: Slab<Link>,
    pub(super) by_link: HashMap<LinkId, usize>,
    pub(super) probes: Arc<Probes>,
    pub(super) keepalive_secs: u32,
    /// What is ready, in order.
    pub(super) ready: Line,
    /// Clients and links that got something into their outbox.
    pub(super) pushed: Vec<usize>,
    pub(super) sent: Vec<usize>,
    /// Clients that close after what they were sent.
    pub(super) closing: Vec<usize>,
}

impl Net {
    pub(super) fn serve_later(&mut self, token: Token) {
        self.ready.push(token);
    }

    pub(super) fn operate_link(&mut self, id: LinkId, op: LinkOp) {
        let op = match op {
            LinkOp::Open { to, from } => return self.open_link(id, Target::Address(to), from),
            LinkOp::OpenNamed { host, port, from } => {
                return self.open_link(id, Target::Name(host, port), from);
            }
            op => op,
        };
        let Some(index) = self.by_link.get(&id).copied() else {
            // It has ended; the engine learns of it, or closed it itself.
            return;
        };
        let Some(link) = self.links.get_mut(index) else {
            return;
        };
        if matches!(op, LinkOp::Close) && matches!(id, LinkId::Migrate(_)) {
            link.abort();
            self.remove_link(index);
            return;
        }
        if matches!(op, LinkOp::Close) && link.is_accepted() {
            self.remove_link(index);
            return;
        }
        match op {
            LinkOp::Open { .. } | LinkOp::OpenNamed { .. } => {}
            LinkOp::Send(bytes) => link.outbox().push_shared(bytes),
            LinkOp::Close => link.closing_since = Some(self.clock.now().mono_ms()),
        }
        self.sent.push(index);
    }

    fn open_link(&mut self, id: LinkId, to: Target, from: Option<IpAddr>) {
        let index = self.links.next();
        let waker = self.queue.waker(Token::Link(index));
        self.links.insert(Link::open(id, to, from, waker));
        self.by_link.insert(id, index);
        self.serve_later(Token::Link(index));
    }

    pub(super) fn remove_link(&mut self, index: usize) {
        if let Some(link) = self.links.remove(index) {
            self.by_link.remove(&link.id);
        }
    }
}
