//! MEET, handshakes and FORGET: how nodes become known and unknown.

use std::net::IpAddr;

use slotkeeper_topology::NodeId;

use super::bus::{Extension, Gossip, Header};
use super::node::{Flags, Moment, Node};
use super::{Cluster, ClusterEvent, NodeRef};
use crate::config::is_human_nodename;
use crate::io::{Level, LinkId};

/// How long CLUSTER FORGET keeps a node unknown, in milliseconds.
pub(super) const FORGET_MS: i64 = 60_000;

/// Nodes that ask to be known are asked back; at most this many at a time.
const HANDSHAKES: usize = 64;

impl Cluster {
    /// Begins to get to know the node at an address. False when that is under way already.
    pub(super) fn start_handshake(&mut self, ip: IpAddr, port: u16, bus_port: u16) -> bool {
        let same = |node: &Node| node.ip == Some(ip) && node.bus_port == bus_port;
        if self.nodes.is_full() || self.nodes.iter().any(|(_, n)| n.in_handshake() && same(n)) {
            return false;
        }
        let id = NodeId::from_random(self.random.bytes());
        let mut node = Node::new(id, Flags::HANDSHAKE | Flags::MEET, self.now);
        node.ip = Some(ip);
        node.port = port;
        node.bus_port = bus_port;
        self.nodes.insert(node);
        true
    }

    /// A node that we do not know asks to be known: we ask it back, to see that it is there.
    pub(super) fn on_meet(&mut self, link: LinkId, sender: Option<NodeRef>, header: &Header<'_>) {
        let Some(ip) = self.address_of(link, header) else {
            return;
        };
        let same = |node: &Node| node.ip == Some(ip) && node.bus_port == header.bus_port;
        let handshakes = || self.nodes.iter().filter(|(_, n)| n.in_handshake());
        let enough = handshakes().count() >= HANDSHAKES || handshakes().any(|(_, n)| same(n));
        if sender.is_some() || enough || self.nodes.is_full() {
            return;
        }
        let id = NodeId::from_random(self.random.bytes());
        let mut node = Node::new(id, Flags::HANDSHAKE, self.now);
        node.ip = Some(ip);
        node.port = header.port;
        node.plain_port = header.plain_port;
        node.bus_port = header.bus_port;
        self.nodes.insert(node);
    }

    /// On a link that we opened: checks that the other side is the node that was meant, and learns its true
    /// id. False when the message is done with.
    pub(super) fn complete_handshake(
        &mut self,
        link: LinkId,
        sender: Option<NodeRef>,
        header: &Header<'_>,
    ) -> bool {
        let outbound = self.links.get(link).filter(|link| link.outbound);
        let Some(r) = outbound.and_then(|link| link.node) else {
            return self.links.get(link).is_some();
        };
        if !self.nodes[r].in_handshake() {
            return self.check_identity(r, link, header);
        }
        if let Some(known) = sender {
            let text = format!(
                "Handshake: we already know node {}, updating the address if needed.",
                header.sender
            );
            self.log(Level::Verbose, text);
            if known != self.nodes.my_ref() {
                self.update_address(known, link, header);
            }
            self.forget_node(r);
            return false;
        }
        self.nodes.rename(r, header.sender);
        self.log(
            Level::Debug,
            format!("Handshake with node {} completed.", header.sender),
        );
        let node = &mut self.nodes[r];
        node.flags.clear(Flags::HANDSHAKE);
        node.flags
            .set(Flags(header.flags.0 & (Flags::MASTER | Flags::REPLICA).0));
        self.todo.save = true;
        true
    }

    /// Another node answers where a known one is expected: that one has no address any more.
    fn check_identity(&mut self, r: NodeRef, link: LinkId, header: &Header<'_>) -> bool {
        if self.nodes[r].id == header.sender {
            return true;
        }
        let text = format!(
            "PONG contains mismatching sender ID. About node {} added {} ms ago, having flags {}",
            self.nodes[r].id,
            self.nodes[r].created.until(self.now),
            self.nodes[r].flags.0
        );
        self.log(Level::Debug, text);
        let now = Moment::of(self.now);
        let node = &mut self.nodes[r];
        // It is not pinged any more: what was asked last goes on waiting for its answer, for those
        // who want to know since when nothing was heard of it.
        node.ping_sent.get_or_insert(now);
        node.flags.set(Flags::NO_ADDRESS);
        node.ip = None;
        node.port = 0;
        node.plain_port = 0;
        node.bus_port = 0;
        self.close_link(link);
        self.todo.save = true;
        false
    }

    /// The address that a sender announces, or else that of its connection.
    fn address_of(&self, link: LinkId, header: &Header<'_>) -> Option<IpAddr> {
        header
            .ip
            .or_else(|| self.links.get(link).map(|link| link.remote.ip()))
    }

    /// Adopts the address that a node sends from.
    pub(super) fn update_address(&mut self, r: NodeRef, link: LinkId, header: &Header<'_>) {
        // The link that we opened to it says nothing new.
        if self.nodes[r].outbound == Some(link) || r == self.nodes.my_ref() {
            return;
        }
        let ip = self.address_of(link, header);
        let node = &self.nodes[r];
        if ip.is_none() || (node.ip, node.port, node.bus_port) == (ip, header.port, header.bus_port)
        {
            return;
        }
        let node = &mut self.nodes[r];
        node.ip = ip;
        node.port = header.port;
        node.plain_port = header.plain_port;
        node.bus_port = header.bus_port;
        node.flags.clear(Flags::NO_ADDRESS);
        let text = format!(
            "Address updated for node {}, now {}:{}",
            node.id,
            node.ip_text(),
            node.port
        );
        self.log(Level::Warning, text);
        self.disconnect(r);
        if self.nodes.me().master == Some(r) {
            self.follow(r);
        }
        self.todo.save = true;
        self.todo.update_state = true;
    }

    /// Tells the engine where our master is.
    pub(super) fn follow(&mut self, master: NodeRef) {
        let node = &self.nodes[master];
        let event = ClusterEvent::FollowMaster {
            id: node.id,
            address: node.client_address(),
        };
        self.events.push_back(event);
    }

    /// What a known node says about third ones.
    pub(super) fn process_gossip(&mut self, sender: NodeRef, entries: &[Gossip]) {
        for entry in entries {
            match self.nodes.find(&entry.id) {
                Some(about) => self.process_gossip_about(sender, about, entry),
                None => self.learn_node(entry),
            }
        }
    }

    fn process_gossip_about(&mut self, sender: NodeRef, about: NodeRef, entry: &Gossip) {
        let down = entry.flags.has(Flags::FAIL | Flags::PFAIL);
        if about == self.nodes.my_ref() {
            self.found_failed |= self.withholding && entry.flags.has(Flags::FAIL);
        } else if sender != about {
            self.note_report(sender, about, down);
        }
        let node = &self.nodes[about];
        if !down && node.ping_sent.is_none() && self.reports_of(about) == 0 {
            self.adopt_pong_time(about, entry.pong_received);
        }
        let node = &self.nodes[about];
        let moved = (node.ip, node.port, node.bus_port) != (entry.ip, entry.port, entry.bus_port);
        if node.flags.has(Flags::FAIL | Flags::PFAIL)
            && !down
            && moved
            && !entry.flags.has(Flags::NO_ADDRESS)
            && entry.ip.is_some()
        {
            self.disconnect(about);
            let node = &mut self.nodes[about];
            node.ip = entry.ip;
            node.port = entry.port;
            node.plain_port = entry.plain_port;
            node.bus_port = entry.bus_port;
            node.flags.clear(Flags::NO_ADDRESS);
            if self.nodes.me().master == Some(about) {
                self.follow(about);
            }
        }
    }

    /// Another node heard from it later than we did: no need to ping it ourselves.
    fn adopt_pong_time(&mut self, about: NodeRef, unix_seconds: u32) {
        let now = Moment::of(self.now);
        let unix = i64::from(unix_seconds) * 1000;
        let mono = now.mono - (now.unix - unix);
        let later = self.nodes[about]
            .pong_received
            .is_none_or(|known| unix > known.unix);
        if unix <= now.unix + 500 && later && unix_seconds > 0 {
            self.nodes[about].pong_received = Some(Moment { mono, unix });
        }
    }

    /// A node that a trusted one names is taken up as it is.
    fn learn_node(&mut self, entry: &Gossip) {
        let usable = entry.ip.is_some() && !entry.flags.has(Flags::NO_ADDRESS | Flags::HANDSHAKE);
        if !usable || self.forgotten.contains_key(&entry.id) || self.nodes.is_full() {
            return;
        }
        let kept = Flags::MASTER | Flags::REPLICA | Flags::PFAIL | Flags::FAIL | Flags::NO_FAILOVER;
        let mut node = Node::new(entry.id, Flags(entry.flags.0 & kept.0), self.now);
        node.ip = entry.ip;
        node.port = entry.port;
        node.plain_port = entry.plain_port;
        node.bus_port = entry.bus_port;
        self.nodes.insert(node);
        self.todo.save = true;
    }

    /// Hostname, shard and the rest. A hostname that is not sent any more is taken back.
    pub(super) fn process_extensions(&mut self, sender: NodeRef, extensions: &[Extension<'_>]) {
        let (mut hostname, mut human) = ("", "");
        for extension in extensions {
            match *extension {
                Extension::Hostname(text) => hostname = text,
                Extension::HumanName(text) => human = text,
                Extension::Forgotten { id, seconds } => self.on_forgotten(sender, id, seconds),
                Extension::Shard(shard) => {
                    self.nodes[sender].knows_new_extensions = true;
                    if self.nodes[sender].shard.replace(shard) != Some(shard) {
                        self.todo.save = true;
                    }
                }
                Extension::Unknown(_) => {}
            }
        }
        let node = &mut self.nodes[sender];
        if node.hostname != hostname && valid_hostname(hostname) {
            hostname.clone_into(&mut node.hostname);
            self.todo.save = true;
        }
        let node = &mut self.nodes[sender];
        if node.human_name != human && is_human_nodename(human) {
            human.clone_into(&mut node.human_name);
            self.todo.save = true;
        }
    }

    /// A peer was told to forget a node: so do we, unless that is ourselves or our master.
    fn on_forgotten(&mut self, sender: NodeRef, id: NodeId, seconds: u64) {
        let Some(r) = self.nodes.find(&id) else {
            return;
        };
        let me = self.nodes.me();
        if r == self.nodes.my_ref() || me.master == Some(r) || r == sender {
            return;
        }
        let ms = i64::try_from(seconds).unwrap_or(60).min(3600) * 1000;
        self.forgotten
            .insert(id, self.now.mono_ms().cast_signed() + ms);
        self.forget_node(r);
        self.todo.save = true;
        self.todo.update_state = true;
    }

    /// Takes a node out of the table, with everything that refers to it.
    pub(super) fn forget_node(&mut self, r: NodeRef) {
        self.slots.unassign_all(&mut self.nodes, r);
        let me = self.nodes.my_ref();
        self.slots.close(me, Some(r));
        for link in [self.nodes[r].outbound, self.nodes[r].inbound]
            .into_iter()
            .flatten()
        {
            self.close_link(link);
        }
        if self.manual.replica == Some(r) {
            self.end_manual_failover();
        }
        self.set_replica_of(r, None);
        self.nodes.remove(r);
    }

    /// Handshakes without an answer are given up.
    pub(super) fn expire_handshakes(&mut self) {
        let timeout = self.config.cluster_node_timeout.max(1000).cast_signed();
        for r in self.nodes.refs() {
            let node = &self.nodes[r];
            if node.in_handshake() && node.created.until(self.now) > timeout {
                self.forget_node(r);
            }
        }
        let now = self.now.mono_ms().cast_signed();
        self.forgotten.retain(|_, until| *until > now);
    }
}

/// Letters, digits, dots and hyphens, at most 255 of them, as Redis takes them.
pub(super) fn valid_hostname(text: &str) -> bool {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    text.len() <= 255 && text.bytes().all(valid)
}
