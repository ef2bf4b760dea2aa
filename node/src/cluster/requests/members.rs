//! CLUSTER commands about nodes: MEET, FORGET, REPLICATE, RESET.

use std::net::IpAddr;

use slotkeeper_topology::{Epoch, NodeId};

use super::Outcome;
use crate::cluster::handshake::FORGET_MS;
use crate::cluster::node::Flags;
use crate::cluster::send::Audience;
use crate::cluster::{Cluster, ClusterEvent, Facts};
use crate::io::Level;
use crate::resp::Reply;

impl Cluster {
    pub(super) fn request_meet(&mut self, ip: &str, port: u16, bus_port: Option<u16>) -> Outcome {
        let invalid = || format!("ERR Invalid node address specified: {ip}:{port}");
        let address: IpAddr = ip.parse().map_err(|_| invalid())?;
        let bus_port = bus_port.or_else(|| port.checked_add(10_000));
        let bus_port = bus_port.filter(|&bus_port| port != 0 && bus_port != 0);
        // A handshake with that address that is under way already is as good.
        self.start_handshake(address, port, bus_port.ok_or_else(invalid)?);
        // Whom it leads to must be remembered: nothing is begun that could not be.
        self.todo.save = true;
        // The link is opened at once, not at the next tick.
        self.next_tick = self.now.mono_ms();
        Ok(())
    }

    pub(super) fn request_forget(&mut self, id: &str) -> Outcome {
        let r = match self.known(id) {
            // Another node has passed it on already: as in Redis 7.2, that is as good.
            Err(_) if self.is_forgotten(id) => return Ok(()),
            known => known?,
        };
        if r == self.nodes.my_ref() {
            return Err("ERR I tried hard but I can't forget myself...".to_owned());
        }
        if self.nodes.me().master == Some(r) {
            return Err("ERR Can't forget my master!".to_owned());
        }
        let until = self.now.mono_ms().cast_signed() + FORGET_MS;
        self.forgotten.insert(self.nodes[r].id, until);
        self.forget_node(r);
        self.todo.save = true;
        self.todo.update_state = true;
        Ok(())
    }

    fn is_forgotten(&self, id: &str) -> bool {
        let id: Option<NodeId> = id.parse().ok();
        let until = id.and_then(|id| self.forgotten.get(&id));
        until.is_some_and(|until| *until > self.now.mono_ms().cast_signed())
    }

    pub(super) fn request_replicate(&mut self, id: &str, facts: &Facts<'_>) -> Outcome {
        let r = self.known(id)?;
        if r == self.nodes.my_ref() {
            return Err("ERR Can't replicate myself".to_owned());
        }
        if self.nodes[r].is_replica() {
            return Err("ERR I can only replicate a master, not a replica.".to_owned());
        }
        let me = self.nodes.me();
        if me.is_master() && (me.slot_count > 0 || facts.has_keys) {
            return Err(
                "ERR To set a master the node must be empty and without assigned slots.".to_owned(),
            );
        }
        // Said twice, it must not break a link that works.
        if me.master != Some(r) {
            self.become_replica_of(r);
        }
        Ok(())
    }

    /// A replica becomes a master without slots and keys, and the first of a shard of its own, as in
    /// Valkey 9. A master is one already.
    pub(super) fn request_replicate_no_one(&mut self) {
        if !self.nodes.me().is_replica() {
            return;
        }
        let text = "Stop replication and turning myself into empty master.";
        self.log(Level::Notice, text);
        self.become_master();
        self.events.push_back(ClusterEvent::FlushData);
        self.end_manual_failover();
        self.nodes.me_mut().shard = Some(NodeId::from_random(self.random.bytes()));
        self.broadcast_pong(Audience::All);
        self.todo.save = true;
        self.todo.update_state = true;
    }

    pub(super) fn request_bump_epoch(&mut self, reply: &mut Reply) {
        let word = if self.bump_epoch() { "BUMPED" } else { "STILL" };
        reply.simple(&format!("{word} {}", self.nodes.me().config_epoch));
    }

    pub(super) fn request_set_epoch(&mut self, epoch: Epoch) -> Outcome {
        if self.nodes.len() > 1 {
            return Err(
                "ERR The user can assign a config epoch only when the node does not know \
                        any other node."
                    .to_owned(),
            );
        }
        if self.nodes.me().config_epoch != Epoch::ZERO {
            return Err("ERR Node config epoch is already non-zero".to_owned());
        }
        self.take_epoch(epoch);
        self.current_epoch = self.current_epoch.max(epoch);
        let text = format!("configEpoch set to {epoch} via CLUSTER SET-CONFIG-EPOCH");
        self.log(Level::Warning, text);
        self.todo.update_state = true;
        Ok(())
    }

    pub(super) fn request_reset(&mut self, hard: bool, facts: &Facts<'_>) -> Outcome {
        if self.nodes.me().is_master() && facts.has_keys {
            return Err(
                "ERR CLUSTER RESET can't be called with master nodes containing keys".to_owned(),
            );
        }
        if self.nodes.me().is_replica() {
            self.become_master();
            self.events.push_back(ClusterEvent::FlushData);
        }
        let me = self.nodes.my_ref();
        self.end_manual_failover();
        self.slots.close(me, None);
        for slot in slotkeeper_topology::Slot::all() {
            self.slots.assign(&mut self.nodes, slot, None);
        }
        for r in self.nodes.refs() {
            if r != me {
                self.forget_node(r);
            }
        }
        self.speak_again();
        if hard {
            self.current_epoch = Epoch::ZERO;
            self.last_vote_epoch = Epoch::ZERO;
            let id = NodeId::from_random(self.random.bytes());
            let old = self.nodes.me().id;
            self.nodes.rename(me, id);
            let node = self.nodes.me_mut();
            node.config_epoch = Epoch::ZERO;
            // Epochs start again, and so does what is known of elections in place of this node.
            node.candidacy = None;
            node.shard = Some(id);
            self.log(
                Level::Notice,
                format!("Node hard reset, now I'm {id} (was {old})"),
            );
        }
        self.nodes.me_mut().flags.clear(Flags::MIGRATE_TO);
        self.todo.save = true;
        self.todo.update_state = true;
        Ok(())
    }
}
