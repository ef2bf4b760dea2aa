use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::bus::{decode, frame_length};
use super::node::{Flags, Moment};
use super::{Cluster, ClusterEvent, Facts, NodeRef};
use crate::io::{Level, LinkEvent, LinkId, LinkOp, Peer};
use crate::time::Now;

/// A connection on the cluster bus.
#[derive(Debug)]
pub(super) struct Link {
    /// Whose: for one that we opened, whom it was opened to; else its sender, once known.
    pub node: Option<NodeRef>,
    /// We opened it.
    pub outbound: bool,
    /// The connection is up.
    pub open: bool,
    pub created: Moment,
    /// The other side; the address that was dialled for one that we opened.
    pub remote: SocketAddr,
    /// Our side; none while it is being opened.
    pub local: Option<SocketAddr>,
    /// What waits to be sent, and the memory that holds it, in bytes.
    pub unsent: usize,
    pub allocated: usize,
    /// What has arrived of a frame that is not whole yet.
    input: Vec<u8>,
}

/// All links, and the ids for new ones.
#[derive(Debug)]
pub(super) struct Links {
    next: u64,
    by_id: BTreeMap<LinkId, Link>,
}

impl Links {
    /// None that another room of the node gives.
    const FIRST: u64 = 1 << 60;

    pub fn new() -> Links {
        Links {
            next: Links::FIRST,
            by_id: BTreeMap::new(),
        }
    }

    fn insert(&mut self, link: Link) -> LinkId {
        self.next += 1;
        self.by_id.insert(LinkId(self.next), link);
        LinkId(self.next)
    }

    pub fn get(&self, id: LinkId) -> Option<&Link> {
        self.by_id.get(&id)
    }

    pub fn get_mut(&mut self, id: LinkId) -> Option<&mut Link> {
        self.by_id.get_mut(&id)
    }

    /// The memory that they take, in bytes.
    pub fn memory(&self) -> usize {
        let memory = |link: &Link| size_of::<Link>() + link.allocated + link.input.capacity();
        self.by_id.values().map(memory).sum()
    }

    pub fn iter(&self) -> impl Iterator<Item = (LinkId, &Link)> {
        self.by_id.iter().map(|(&id, link)| (id, link))
    }
}

impl Cluster {
    pub(super) fn accept_link(&mut self, peer: Peer, now: Now) -> LinkId {
        self.links.insert(Link {
            node: None,
            outbound: false,
            open: true,
            created: Moment::of(now),
            remote: peer.remote,
            local: Some(peer.local),
            unsent: 0,
            allocated: 0,
            input: Vec::new(),
        })
    }

    /// Opens the link to a node whose address is known.
    pub(super) fn connect(&mut self, r: NodeRef) {
        let Some(to) = self.nodes[r].bus_address() else {
            return;
        };
        let from = self.config.bind_source_addr;
        let id = self.links.insert(Link {
            node: Some(r),
            outbound: true,
            open: false,
            created: Moment::of(self.now),
            remote: to,
            local: None,
            unsent: 0,
            allocated: 0,
            input: Vec::new(),
        });
        self.nodes[r].outbound = Some(id);
        self.sends
            .push(ClusterEvent::Link(id, LinkOp::Open { to, from }));
    }

    /// Closes a link from our side.
    pub(super) fn close_link(&mut self, id: LinkId) {
        if self.drop_link(id).is_some() {
            self.sends.push(ClusterEvent::Link(id, LinkOp::Close));
        }
    }

    /// Closes the link that we opened to a node.
    pub(super) fn disconnect(&mut self, r: NodeRef) {
        if let Some(id) = self.nodes[r].outbound {
            self.close_link(id);
        }
    }

    fn drop_link(&mut self, id: LinkId) -> Option<Link> {
        let link = self.links.by_id.remove(&id)?;
        if let Some(r) = link.node {
            let node = &mut self.nodes[r];
            let place = if link.outbound {
                &mut node.outbound
            } else {
                &mut node.inbound
            };
            if *place == Some(id) {
                *place = None;
            }
        }
        Some(link)
    }

    /// Remembers which node sends on a link that was opened to us; it has only one such link.
    pub(super) fn bind_inbound(&mut self, id: LinkId, r: NodeRef) {
        let unbound = |link: &Link| !link.outbound && link.node.is_none();
        if !self.links.get(id).is_some_and(unbound) {
            return;
        }
        if let Some(older) = self.nodes[r].inbound {
            self.close_link(older);
        }
        self.nodes[r].inbound = Some(id);
        if let Some(link) = self.links.get_mut(id) {
            link.node = Some(r);
        }
    }

    pub(super) fn link_event(&mut self, id: LinkId, event: &LinkEvent<'_>, facts: &Facts<'_>) {
        match *event {
            LinkEvent::Opened { local } => self.link_opened(id, local),
            LinkEvent::Bytes(bytes) => self.link_bytes(id, bytes, facts),
            LinkEvent::Closed { reason } => self.link_closed(id, reason),
        }
    }

    fn link_opened(&mut self, id: LinkId, local: SocketAddr) {
        let Some(link) = self.links.get_mut(id) else {
            return;
        };
        link.open = true;
        link.local = Some(local);
        let Some(r) = link.node else { return };
        // A ping that waits since before the link broke keeps its time: else a node that accepts
        // connections and never answers would never be suspected.
        let waiting = self.nodes[r].ping_sent;
        let meet = self.nodes[r].flags.has(Flags::MEET);
        self.send_greeting(id, meet);
        if waiting.is_some() {
            self.nodes[r].ping_sent = waiting;
        }
        self.nodes[r].flags.clear(Flags::MEET);
        if self.declared_failed {
            self.tell_own_failure(id);
        }
    }

    fn link_closed(&mut self, id: LinkId, reason: &str) {
        let Some(link) = self.drop_link(id) else {
            return;
        };
        let Some(r) = link.node.filter(|_| link.outbound) else {
            return;
        };
        if !link.open {
            // Nothing can be sent to it: the time until it is suspected begins here.
            let text = format!("Connection with node {} failed: {reason}", self.nodes[r].id);
            self.log(Level::Debug, text);
            self.nodes[r].ping_sent.get_or_insert(Moment::of(self.now));
        }
    }

    fn link_bytes(&mut self, id: LinkId, bytes: &[u8], facts: &Facts<'_>) {
        let Some(link) = self.links.get_mut(id) else {
            return;
        };
        let mut input = std::mem::take(&mut link.input);
        input.extend_from_slice(bytes);
        let mut done = 0;
        loop {
            let rest = &input[done..];
            let frame = match frame_length(rest) {
                Ok(Some(length)) if length <= rest.len() => &rest[..length],
                Ok(_) => break,
                Err(error) => {
                    self.log(Level::Warning, format!("Closing a bus link: {error}"));
                    self.close_link(id);
                    return;
                }
            };
            match decode(frame) {
                Ok(message) => self.receive(id, &message, facts),
                Err(error) => self.log(Level::Warning, format!("Ignoring {error}")),
            }
            done += frame.len();
            if self.links.get(id).is_none() {
                return;
            }
        }
        input.drain(..done);
        if let Some(link) = self.links.get_mut(id) {
            link.input = input;
        }
    }
}
