//! What an arriving message changes.

use bytes::Bytes;

use super::bus::{Body, FLAG_EXTENSIONS, FLAG_PAUSED, Header, KNOWS_EXTENSIONS, Kind, Message};
use super::node::{Flags, Moment};
use super::{Cluster, ClusterEvent, Facts, NodeRef};
use crate::io::{Level, LinkId};

impl Cluster {
    /// Handles one message. The link may be gone afterwards.
    pub(super) fn receive(&mut self, link: LinkId, message: &Message<'_>, facts: &Facts<'_>) {
        let header = &message.header;
        self.stats.received[header.kind as usize] += 1;
        if self.drops(header.kind) {
            return;
        }
        let sender = self.sender_of(link, header);
        if let Some(sender) = sender {
            self.note_sender(sender, header);
            self.ask_for_owner(sender);
        }
        if header.kind.is_gossip() {
            self.receive_gossip(link, sender, message, facts);
            return;
        }
        let Some(sender) = sender.filter(|&r| !self.nodes[r].in_handshake()) else {
            return;
        };
        match (header.kind, &message.body) {
            (Kind::Fail, Body::Fail(failed)) => self.on_fail(sender, failed),
            (Kind::AuthRequest, _) => self.on_vote_request(sender, header),
            (Kind::AuthAck, _) => self.on_vote(sender, header),
            (Kind::ManualFailoverStart, _) => self.on_manual_failover_start(sender),
            (Kind::Update, Body::Update { epoch, id, slots }) => {
                self.on_update(id, *epoch, slots, facts);
            }
            (kind, Body::Publish { channel, message }) => {
                self.events.push_back(ClusterEvent::Publish {
                    channel: Bytes::copy_from_slice(channel),
                    message: Bytes::copy_from_slice(message),
                    sharded: kind == Kind::PublishShard,
                });
            }
            _ => {}
        }
    }

    /// From now on passes over the messages of that type, by its number on the bus: -1 for none, -2
    /// for all.
    pub fn drop_messages_of(&mut self, kind: i64) {
        self.dropped_kind = kind;
    }

    fn drops(&self, kind: Kind) -> bool {
        self.dropped_kind == -2 || self.dropped_kind == i64::from(kind as u16)
    }

    /// The node that a message comes from, if it is known: on a link that we opened, the node that
    /// we opened it to.
    pub(super) fn sender_of(&self, link: LinkId, header: &Header<'_>) -> Option<NodeRef> {
        let bound = self.links.get(link).and_then(|link| link.node);
        match bound {
            Some(r) if !self.nodes[r].in_handshake() && self.nodes[r].id == header.sender => bound,
            _ => self.nodes.find(&header.sender),
        }
    }

    /// What any message of a known node tells.
    fn note_sender(&mut self, sender: NodeRef, header: &Header<'_>) {
        let now = Moment::of(self.now);
        let node = &mut self.nodes[sender];
        if header.has(FLAG_EXTENSIONS) {
            node.flags.set(Flags::EXTENSIONS);
        }
        if header.message_flags[2] & KNOWS_EXTENSIONS != 0 {
            node.knows_new_extensions = true;
        }
        node.data_received = Some(now);
        if node.in_handshake() {
            return;
        }
        node.repl_offset = header.offset;
        let newer = header.config_epoch > node.config_epoch;
        if newer {
            node.config_epoch = header.config_epoch;
        }
        if header.current_epoch > self.current_epoch {
            self.current_epoch = header.current_epoch;
            self.todo.save = true;
        }
        self.todo.save |= newer;
        if header.has(FLAG_PAUSED) {
            self.note_paused_master(sender, header.offset);
        }
    }

    fn receive_gossip(
        &mut self,
        link: LinkId,
        sender: Option<NodeRef>,
        message: &Message<'_>,
        facts: &Facts<'_>,
    ) {
        let Message {
            header,
            body: Body::Gossip {
                entries,
                extensions,
            },
        } = message
        else {
            return;
        };
        if matches!(header.kind, Kind::Ping | Kind::Meet) {
            self.learn_own_ip(link, header.kind);
            if header.kind == Kind::Meet {
                self.on_meet(link, sender, header);
                self.send_gossip_always(link, Kind::Pong);
            } else {
                if let Some(sender) = sender.filter(|&r| self.nodes.is_peer(r)) {
                    self.prove_link(link, sender);
                    self.correct_claims(link, sender, header);
                }
                self.send_gossip(link, Kind::Pong);
            }
        }
        if !self.complete_handshake(link, sender, header) {
            return;
        }
        if let Some(sender) = sender.filter(|&r| self.nodes.is_peer(r)) {
            self.prove_link(link, sender);
        }
        // A handshake may just have made the sender known. Its epoch is learned with its slots: who
        // took them for those of an older epoch would be denied every vote for them.
        let known = sender.is_some_and(|r| !self.nodes[r].in_handshake());
        let sender = self.nodes.find(&header.sender);
        if let Some(newcomer) = sender.filter(|_| !known) {
            self.note_sender(newcomer, header);
        }
        if header.kind == Kind::Ping
            && let Some(sender) = sender.filter(|&r| !self.nodes[r].in_handshake())
        {
            self.update_address(sender, link, header);
        }
        if header.kind == Kind::Pong {
            self.on_pong(link);
        }
        let Some(sender) = sender else { return };
        self.nodes[sender]
            .flags
            .assign(Flags::NO_FAILOVER, header.flags.has(Flags::NO_FAILOVER));
        let followed = self.nodes[sender].master;
        self.update_role(sender, header);
        self.update_ownership(sender, followed, header, facts);
        self.resolve_collision(sender, header.config_epoch);
        self.process_gossip(sender, entries);
        if header.kind == Kind::Pong {
            self.note_answer(link, header, entries);
        }
        self.process_extensions(sender, extensions);
    }

    /// A PONG on a link that we opened: the node lives.
    fn on_pong(&mut self, link: LinkId) {
        let Some(r) = self.note_pong(link) else {
            return;
        };
        let node = &mut self.nodes[r];
        if node.suspected() {
            node.flags.clear(Flags::PFAIL);
            self.todo.save = true;
            self.todo.update_state = true;
        } else if node.failed() {
            self.clear_failure_if_due(r);
        }
    }

    /// Notes when it came; whose it is.
    pub(super) fn note_pong(&mut self, link: LinkId) -> Option<NodeRef> {
        let outbound = self.links.get(link).filter(|link| link.outbound);
        let r = outbound?.node?;
        let node = &mut self.nodes[r];
        node.pong_received = Some(Moment::of(self.now));
        node.ping_sent = None;
        Some(r)
    }

    /// Whether the sender is a master or whose replica it is.
    fn update_role(&mut self, sender: NodeRef, header: &Header<'_>) {
        let Some(master_id) = header.master else {
            self.set_role_master(sender);
            return;
        };
        if self.nodes[sender].is_master() {
            self.slots.unassign_all(&mut self.nodes, sender);
            let node = &mut self.nodes[sender];
            node.flags.clear(Flags::MASTER | Flags::MIGRATE_TO);
            node.flags.set(Flags::REPLICA);
            self.todo.save = true;
            self.todo.update_state = true;
        }
        let master = self
            .nodes
            .find(&master_id)
            .filter(|&master| master != sender);
        if master.is_some() && self.nodes[sender].master != master {
            self.set_replica_of(sender, master);
            self.todo.save = true;
        }
    }

    /// Makes another node a master in our table.
    pub(super) fn set_role_master(&mut self, r: NodeRef) {
        let me = self.nodes.my_ref();
        let node = &mut self.nodes[r];
        if node.is_master() {
            return;
        }
        node.flags.clear(Flags::REPLICA);
        node.flags.set(Flags::MASTER);
        if r != me && node.master.is_some() {
            node.flags.set(Flags::MIGRATE_TO);
        }
        self.set_replica_of(r, None);
        self.todo.save = true;
        self.todo.update_state = true;
    }

    /// Notes whose replica a node is. A master keeps the flag that it has replicas when they fail, but
    /// not when the last one goes elsewhere.
    pub(super) fn set_replica_of(&mut self, r: NodeRef, master: Option<NodeRef>) {
        let former = self.nodes[r].master;
        self.nodes[r].master = master;
        if let Some(master) = master {
            self.nodes[master].flags.set(Flags::MIGRATE_TO);
        }
        if let Some(former) = former.filter(|&former| Some(former) != master)
            && self.nodes.replicas_of(former).is_empty()
        {
            self.nodes[former].flags.clear(Flags::MIGRATE_TO);
        }
    }

    /// Our own address, as another node sees it: from a MEET, or while we have none of our own.
    fn learn_own_ip(&mut self, link: LinkId, kind: Kind) {
        let unsure = self.own_ip_unconfirmed || self.nodes.me().ip.is_none();
        if self.config.cluster_announce_ip.is_some() || (kind != Kind::Meet && !unsure) {
            return;
        }
        let local = self.links.get(link).and_then(|link| link.local);
        let Some(ip) = local
            .map(|local| local.ip())
            .filter(|ip| !ip.is_unspecified())
        else {
            return;
        };
        self.own_ip_unconfirmed = false;
        if self.nodes.me().ip != Some(ip) {
            self.nodes.me_mut().ip = Some(ip);
            self.log(
                Level::Warning,
                format!("IP address for this node updated to {ip}"),
            );
            self.todo.save = true;
        }
    }
}
