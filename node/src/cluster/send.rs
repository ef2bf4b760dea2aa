//! Messages to other nodes.

use bytes::Bytes;
use slotkeeper_topology::NodeId;

use super::bus::{
    Body, Extension, FLAG_EXTENSIONS, FLAG_FORCE_ACK, FLAG_PAUSED, Gossip, Header,
    KNOWS_EXTENSIONS, Kind, Message, encode,
};
use super::node::{Flags, Moment};
use super::{Cluster, ClusterEvent, NodeRef};
use crate::io::{LinkId, LinkOp};

/// The receivers of a broadcast PONG.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    All,
    /// The replicas of this shard.
    LocalReplicas,
}

impl Cluster {
    /// What every message says about this node. A replica shows its master's slots and epoch.
    fn header(&self, kind: Kind) -> Header<'_> {
        let me = self.nodes.me();
        let shown = me.master.map_or(me, |master| &self.nodes[master]);
        let paused = me.is_master() && self.manual.ends.is_some();
        Header {
            kind,
            port: me.port,
            plain_port: me.plain_port,
            bus_port: me.bus_port,
            current_epoch: self.current_epoch,
            config_epoch: shown.config_epoch,
            offset: me.repl_offset,
            sender: me.id,
            slots: shown.slots.as_bitmap(),
            master: me.master.map(|master| self.nodes[master].id),
            ip: self.announced_ip(),
            flags: me.flags,
            state_fail: !self.state.ok,
            message_flags: [if paused { FLAG_PAUSED } else { 0 }, 0, KNOWS_EXTENSIONS],
        }
    }

    fn send(&mut self, link: LinkId, kind: Kind, frame: Bytes) {
        if self.takes_more(link) {
            self.stats.sent[kind as usize] += 1;
            self.sends
                .push(ClusterEvent::Link(link, LinkOp::Send(frame)));
        }
    }

    /// A message without gossip.
    fn plain(&self, kind: Kind, body: Body<'_>, flags: u8) -> Bytes {
        let mut header = self.header(kind);
        header.message_flags[0] |= flags;
        encode(&Message { header, body }).into()
    }

    fn send_to_node(&mut self, r: NodeRef, kind: Kind, frame: Bytes) {
        if let Some(link) = self.nodes[r].outbound {
            self.send(link, kind, frame);
        }
    }

    fn broadcast(&mut self, kind: Kind, frame: &Bytes) {
        for r in self.nodes.refs() {
            if self.nodes.is_peer(r) {
                self.send_to_node(r, kind, frame.clone());
            }
        }
    }

    /// The first message on a link that we opened.
    pub(super) fn send_greeting(&mut self, link: LinkId, meet: bool) {
        self.send_gossip(link, if meet { Kind::Meet } else { Kind::Ping });
    }

    /// PING, PONG or MEET. A node that withholds keeps PING and PONG to itself.
    pub(super) fn send_gossip(&mut self, link: LinkId, kind: Kind) {
        if !self.withholding || kind == Kind::Meet {
            self.send_gossip_always(link, kind);
        }
    }

    /// The same, even while withholding: for the PONG that answers a MEET, and for the one question.
    pub(super) fn send_gossip_always(&mut self, link: LinkId, kind: Kind) {
        let Some(state) = self.links.get(link) else {
            return;
        };
        let (to, outbound) = (state.node, state.outbound);
        if let Some(r) = to.filter(|_| outbound && kind == Kind::Ping) {
            self.nodes[r].ping_sent = Some(Moment::of(self.now));
        }
        let entries = self.choose_gossip(to);
        let extensions = self.extensions_for(to);
        let mut header = self.header(kind);
        header.message_flags[0] |= FLAG_EXTENSIONS;
        let body = Body::Gossip {
            entries,
            extensions,
        };
        let frame = encode(&Message { header, body });
        self.send(link, kind, frame.into());
    }

    /// The hostname for everybody; what came after Redis 7.0 for those that know it.
    fn extensions_for(&self, to: Option<NodeRef>) -> Vec<Extension<'_>> {
        let me = self.nodes.me();
        let mut extensions = Vec::new();
        if !me.hostname.is_empty() {
            extensions.push(Extension::Hostname(&me.hostname));
        }
        if to.is_some_and(|r| self.nodes[r].knows_new_extensions) {
            for (&id, &until) in &self.forgotten {
                let seconds = (until - self.now.mono_ms().cast_signed()).max(0) / 1000;
                if seconds > 0 {
                    extensions.push(Extension::Forgotten {
                        id,
                        seconds: seconds.cast_unsigned(),
                    });
                }
            }
            extensions.push(Extension::Shard(self.shard_of(self.nodes.my_ref())));
            if !me.human_name.is_empty() {
                extensions.push(Extension::HumanName(&me.human_name));
            }
        }
        extensions
    }

    /// A tenth of the nodes, three at least, drawn at random; and everyone that is suspected, so
    /// that reports of failures travel fast. A node that has failed is told so itself: if it has
    /// slept, it does not know.
    fn choose_gossip(&mut self, to: Option<NodeRef>) -> Vec<Gossip> {
        self.gossip_round += 1;
        let round = self.gossip_round;
        let refs = self.nodes.refs();
        let me = self.nodes.my_ref();
        let mut fresh = refs.len().saturating_sub(2);
        let wanted = (refs.len() / 10).max(3).min(fresh);
        let mut chosen = Vec::new();
        for _ in 0..wanted * 3 {
            if fresh == 0 || chosen.len() >= wanted {
                break;
            }
            let r = self.nodes.draw(&mut self.random);
            let node = &mut self.nodes[r];
            if r == me || Some(r) == to || node.suspected() {
                continue;
            }
            let unlinked = node.outbound.is_none() && node.slot_count == 0;
            if unlinked || node.flags.has(Flags::HANDSHAKE | Flags::NO_ADDRESS) {
                fresh -= 1;
            } else if node.gossip_round != round {
                node.gossip_round = round;
                fresh -= 1;
                chosen.push(r);
            }
        }
        let suspects = refs.iter().filter(|&&r| {
            let flags = self.nodes[r].flags;
            flags.has(Flags::PFAIL) && !flags.has(Flags::HANDSHAKE | Flags::NO_ADDRESS)
        });
        chosen.extend(suspects);
        chosen.extend(to.filter(|&r| self.nodes[r].failed()));
        chosen.into_iter().map(|r| self.gossip_about(r)).collect()
    }

    fn gossip_about(&self, r: NodeRef) -> Gossip {
        let node = &self.nodes[r];
        let seconds = |moment: Option<Moment>| {
            moment.map_or(0, |m| u32::try_from(m.unix / 1000).unwrap_or_default())
        };
        Gossip {
            id: node.id,
            ping_sent: seconds(node.ping_sent),
            pong_received: seconds(node.pong_received),
            ip: node.ip,
            port: node.port,
            bus_port: node.bus_port,
            flags: node.flags,
            plain_port: node.plain_port,
        }
    }

    pub(super) fn ping(&mut self, r: NodeRef) {
        let Some(link) = self.nodes[r].outbound else {
            return;
        };
        if !self.withholding && self.links.get(link).is_some_and(|link| !link.open) {
            // It is sent when the link is up; the waiting begins now.
            self.nodes[r].ping_sent = Some(Moment::of(self.now));
        }
        self.send_gossip(link, Kind::Ping);
    }

    pub(super) fn broadcast_pong(&mut self, audience: Audience) {
        let me = self.nodes.my_ref();
        let my_master = self.nodes.me().master;
        for r in self.nodes.refs() {
            let master = self.nodes[r].master;
            let local = master.is_some() && (master == Some(me) || master == my_master);
            if self.nodes.is_peer(r)
                && (audience == Audience::All || local)
                && let Some(link) = self.nodes[r].outbound
            {
                self.send_gossip(link, Kind::Pong);
            }
        }
    }

    pub(super) fn broadcast_fail(&mut self, failed: NodeId) {
        let frame = self.plain(Kind::Fail, Body::Fail(failed), 0);
        self.broadcast(Kind::Fail, &frame);
    }

    /// Repeats on a new link that this node has declared itself failed.
    pub(super) fn tell_own_failure(&mut self, link: LinkId) {
        let frame = self.plain(Kind::Fail, Body::Fail(self.nodes.me().id), 0);
        self.send(link, Kind::Fail, frame);
    }

    pub(super) fn request_votes(&mut self) {
        // The flag lets masters vote although they do not see our master failing.
        let flags = if self.manual.ends.is_some() {
            FLAG_FORCE_ACK
        } else {
            0
        };
        let frame = self.plain(Kind::AuthRequest, Body::Empty, flags);
        self.broadcast(Kind::AuthRequest, &frame);
    }

    pub(super) fn send_vote(&mut self, to: NodeRef) {
        let frame = self.plain(Kind::AuthAck, Body::Empty, 0);
        self.send_to_node(to, Kind::AuthAck, frame);
    }

    pub(super) fn send_manual_failover_start(&mut self, to: NodeRef) {
        let frame = self.plain(Kind::ManualFailoverStart, Body::Empty, 0);
        self.send_to_node(to, Kind::ManualFailoverStart, frame);
    }

    /// Tells the node at the other end about the newer owner of slots that it claims.
    pub(super) fn send_update(&mut self, link: LinkId, about: NodeRef) {
        let node = &self.nodes[about];
        let body = Body::Update {
            epoch: node.config_epoch,
            id: node.id,
            slots: node.slots.as_bitmap(),
        };
        let frame = self.plain(Kind::Update, body, 0);
        self.send(link, Kind::Update, frame);
    }

    /// Passes a message of PUBLISH on to all nodes, or one of SPUBLISH to those of the shard.
    pub fn publish(&mut self, channel: &[u8], message: &[u8], sharded: bool) {
        let kind = if sharded {
            Kind::PublishShard
        } else {
            Kind::Publish
        };
        let frame = self.plain(kind, Body::Publish { channel, message }, 0);
        let me = self.nodes.my_ref();
        let shard = self.nodes.master_of(me);
        for r in self.nodes.refs() {
            if self.nodes.is_peer(r) && (!sharded || self.nodes.master_of(r) == shard) {
                self.send_to_node(r, kind, frame.clone());
            }
        }
        self.events.extend(self.sends.drain(..));
    }
}
