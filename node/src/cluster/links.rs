//! The bus links, their limits, and what has arrived on them.

mod inbox;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::bus::{BadFrame, decode};
use super::node::{Flags, Moment};
use super::{Cluster, ClusterEvent, Facts, NodeRef};
use crate::io::{Level, LinkEvent, LinkId, LinkOp, Origin, Peer};
use crate::time::Now;
pub(super) use inbox::gossip_max;
use inbox::{Front, Inbox};

/// Links that others may have open beside those of the nodes known: for newcomers, and for
/// strangers that reach the port.
const SPARE: usize = 64;
/// How long a link may be silent from its beginning, in milliseconds: a node that withholds opens
/// its links and says nothing for up to a minute.
const SILENT_MS: i64 = 90_000;
/// What may wait to be sent on a link that another node has opened: answers to its PINGs. One that
/// does not read them sends no more.
const ANSWERS_MAX: usize = 1 << 20;
/// What may wait to be sent on a link to a node that we know.
const UNSENT_MAX: usize = 64 << 20;

/// A connection on the cluster bus.
#[derive(Debug)]
pub(super) struct Link {
    /// The node at the other end: the one that it was opened to, or the sender, once known.
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
    /// `node` has sent a valid message on it, or a stranger in its name.
    pub proven: bool,
    /// Anything has arrived on it.
    spoke: bool,
    /// When the last whole message came on it, or else when it was made.
    heard: Moment,
    inbox: Inbox,
}

impl Link {
    fn new(node: Option<NodeRef>, remote: SocketAddr, now: Now) -> Link {
        Link {
            node,
            outbound: node.is_some(),
            open: node.is_none(),
            created: Moment::of(now),
            remote,
            local: None,
            unsent: 0,
            allocated: 0,
            proven: false,
            spoke: false,
            heard: Moment::of(now),
            inbox: Inbox::default(),
        }
    }

    fn memory(&self) -> usize {
        size_of::<Link>() + self.inbox.allocated() + self.allocated
    }

    /// A peer has opened it, and no member has sent anything on it.
    fn is_a_strangers(&self) -> bool {
        !self.outbound && !self.proven
    }

    /// Why it has to be closed, if it has: no wait is without an end.
    fn overdue(&self, timeout: i64, now: Now) -> Option<&'static str> {
        if !self.open && self.created.until(now) > timeout {
            return Some("it does not open");
        }
        let begun = self.inbox.unfinished_since();
        if begun.is_some_and(|begun| begun.until(now) > timeout) {
            return Some("a message does not become whole");
        }
        let patience = match self.spoke {
            true => timeout,
            false => timeout.max(SILENT_MS),
        };
        (self.is_a_strangers() && self.heard.until(now) > patience)
            .then_some("no member speaks on it")
    }

    /// The origin of what is logged about it.
    fn origin(&self) -> Origin {
        match self.proven {
            true => Origin::Members,
            false => Origin::Strangers,
        }
    }
}

/// All links, and the ids for new ones.
#[derive(Debug)]
pub(super) struct Links {
    next: u64,
    by_id: BTreeMap<LinkId, Link>,
    /// Links that were closed since the other side did not read.
    pub not_read: u64,
}

impl Links {
    pub fn new() -> Links {
        Links {
            next: 0,
            by_id: BTreeMap::new(),
            not_read: 0,
        }
    }

    fn insert(&mut self, link: Link) -> LinkId {
        self.next += 1;
        let id = LinkId::Bus(self.next);
        self.by_id.insert(id, link);
        id
    }

    pub fn get(&self, id: LinkId) -> Option<&Link> {
        self.by_id.get(&id)
    }

    pub fn get_mut(&mut self, id: LinkId) -> Option<&mut Link> {
        self.by_id.get_mut(&id)
    }

    /// The memory that they take, in bytes.
    pub fn memory(&self) -> usize {
        self.by_id.values().map(Link::memory).sum()
    }

    pub fn iter(&self) -> impl Iterator<Item = (LinkId, &Link)> {
        self.by_id.iter().map(|(&id, link)| (id, link))
    }

    /// How much waits to be sent on a link, and how much memory holds it, in bytes.
    pub fn note_unsent(&mut self, id: LinkId, unsent: usize, allocated: usize) {
        if let Some(link) = self.by_id.get_mut(&id) {
            (link.unsent, link.allocated) = (unsent, allocated);
        }
    }

    /// The link that has to go so that another may be accepted, when this many nodes are known: each has
    /// one open, and may be opening another before it knows that the first is lost.
    fn in_excess(&self, nodes: usize) -> Option<LinkId> {
        let inbound = || self.iter().filter(|(_, link)| !link.outbound);
        if inbound().count() < 2 * nodes + SPARE {
            return None;
        }
        // Ids only grow: the first is the oldest.
        let oldest = inbound().find(|(_, link)| link.is_a_strangers());
        oldest.map(|(id, _)| id)
    }
}

impl Cluster {
    /// A link that another node, or a stranger, has opened. An address proves nothing, so nothing
    /// follows from it: the oldest link on which no member has spoken makes room.
    pub(super) fn accept_link(&mut self, peer: Peer, now: Now) -> LinkId {
        while let Some(oldest) = self.links.in_excess(self.nodes.len()) {
            self.log_link(oldest, Level::Verbose, "there are too many");
            self.close_link(oldest);
        }
        let mut link = Link::new(None, peer.remote, now);
        link.local = Some(peer.local);
        self.links.insert(link)
    }

    /// Opens the link to a node whose address is known.
    pub(super) fn connect(&mut self, r: NodeRef) {
        let Some(to) = self.nodes[r].bus_address() else {
            return;
        };
        let from = self.config.bind_source_addr;
        let id = self.links.insert(Link::new(Some(r), to, self.now));
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

    /// A member has sent a valid message on a link: on one that it has opened, it is known from now
    /// on who sends there; it has only one such link.
    pub(super) fn prove_link(&mut self, id: LinkId, r: NodeRef) {
        let Some(link) = self.links.get_mut(id) else {
            return;
        };
        if link.outbound {
            link.proven |= link.node == Some(r);
            return;
        }
        if link.node.is_some() {
            return;
        }
        link.node = Some(r);
        link.proven = true;
        if let Some(older) = self.nodes[r].inbound.replace(id) {
            self.close_link(older);
        }
    }

    /// Whether a link takes another message: it is up, and what it was sent is read. One that is
    /// not read is closed.
    pub(super) fn takes_more(&mut self, id: LinkId) -> bool {
        let Some(link) = self.links.get(id).filter(|link| link.open) else {
            return false;
        };
        let granted = match link.outbound {
            true => UNSENT_MAX,
            false => ANSWERS_MAX,
        };
        let most = match self.config.cluster_link_sendbuf_limit {
            0 => granted,
            limit => usize::try_from(limit).map_or(granted, |limit| limit.min(granted)),
        };
        if link.unsent <= most {
            return true;
        }
        self.links.not_read += 1;
        self.log_link(id, Level::Warning, "what it is sent is not read");
        self.close_link(id);
        false
    }

    /// Closes links on which what has to come does not come.
    pub(super) fn close_overdue_links(&mut self) {
        let timeout = self.config.cluster_node_timeout.max(1000).cast_signed();
        let overdue: Vec<_> = (self.links.iter())
            .filter_map(|(id, link)| Some((id, link.overdue(timeout, self.now)?)))
            .collect();
        for (id, why) in overdue {
            self.log_link(id, Level::Verbose, why);
            self.close_link(id);
        }
    }

    /// Logs why a link is closed.
    fn log_link(&mut self, id: LinkId, level: Level, why: &str) {
        if let Some(link) = self.links.get(id) {
            let text = format!("Closing the bus link with {}: {why}", link.remote);
            self.log_of(link.origin(), level, text);
        }
    }

    /// Without facts a command takes long: see [`Cluster::on_link_while_busy`].
    pub(super) fn link_event(
        &mut self,
        id: LinkId,
        event: &LinkEvent<'_>,
        facts: Option<&Facts<'_>>,
    ) {
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
        self.ask_for_owner(r);
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
            let text = format!(
                "Connection with node {} failed: {reason}",
                self.nodes[r].name()
            );
            self.log(Level::Debug, text);
            self.nodes[r].ping_sent.get_or_insert(Moment::of(self.now));
        }
    }

    fn link_bytes(&mut self, id: LinkId, bytes: &[u8], facts: Option<&Facts<'_>>) {
        let now = self.now;
        let Some(link) = self.links.get_mut(id) else {
            return;
        };
        link.spoke = true;
        let mut inbox = std::mem::take(&mut link.inbox);
        inbox.push(bytes);
        while let Some(front) = self.front(id, &inbox) {
            match front {
                Ok(Front::Long(length)) => inbox.expect_long(length),
                Ok(Front::Skipped(length)) => inbox.skip(length),
                Ok(Front::Whole(length)) => {
                    self.link_frame(id, inbox.front(length), facts);
                    inbox.drop_front(length);
                }
                Err(error) => {
                    self.log_link(id, Level::Warning, &error.to_string());
                    self.close_link(id);
                }
            }
            if self.links.get(id).is_none() {
                return;
            }
        }
        inbox.settle(now);
        if let Some(link) = self.links.get_mut(id) {
            link.inbox = inbox;
        }
    }

    /// What is to be done with the front of an inbox; none until there is more.
    fn front(&self, id: LinkId, inbox: &Inbox) -> Option<Result<Front, BadFrame>> {
        let proven = self.links.get(id)?.proven;
        let long_elsewhere = self.links.iter().map(|(_, link)| link.inbox.long()).sum();
        inbox.judge(gossip_max(self.nodes.len()), proven, long_elsewhere)
    }

    fn link_frame(&mut self, id: LinkId, frame: &[u8], facts: Option<&Facts<'_>>) {
        let heard = Moment::of(self.now);
        match decode(frame) {
            Ok(message) => {
                if let Some(link) = self.links.get_mut(id) {
                    link.heard = heard;
                }
                match facts {
                    Some(facts) => self.receive(id, &message, facts),
                    None => self.receive_while_busy(id, &message),
                }
            }
            Err(error) => {
                if let Some(link) = self.links.get(id) {
                    let text = format!("Ignoring {error}, from {}", link.remote);
                    self.log_of(link.origin(), Level::Warning, text);
                }
            }
        }
    }
}
