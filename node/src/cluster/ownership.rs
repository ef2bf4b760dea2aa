//! Claims of slots in messages: which one wins.

use slotkeeper_topology::{Epoch, NodeId, SlotSet};

use super::bus::{Header, Kind};
use super::node::Flags;
use super::send::Audience;
use super::{Cluster, ClusterEvent, Facts, NodeRef};
use crate::io::{Level, LinkId};

/// A master's claim of slots, in its own header or told by another node.
struct Claim<'a> {
    sender: NodeRef,
    /// The master whose replica it was for us until now.
    followed: Option<NodeRef>,
    epoch: Epoch,
    slots: &'a SlotSet,
}

impl Claim<'_> {
    /// Whether it beats the claim of an owner with that config epoch.
    ///
    /// A master takes an epoch alone when it imports a slot, or when another master has the same one.
    /// If it dies before anybody has heard of that, its replica can win an election in the very same
    /// epoch. The replica's claim is then the later one, and the majority knows it: the old master
    /// yields. The rule of the Redis Cluster specification for equal epochs (the smaller id takes a new
    /// one) would give the slots back to it with half of the ids, and lose what was written since.
    fn beats(&self, owner: NodeRef, epoch: Epoch) -> bool {
        self.epoch > epoch || (self.epoch == epoch && self.followed == Some(owner))
    }
}

impl Cluster {
    /// Compares the slots that a sender claims, for itself or its master, with our table. With the
    /// master that it followed until this message.
    pub(super) fn update_ownership(
        &mut self,
        sender: NodeRef,
        followed: Option<NodeRef>,
        header: &Header<'_>,
        facts: &Facts<'_>,
    ) {
        let Some(master) = self.nodes.master_of(sender) else {
            return;
        };
        if self.nodes[master].slots.as_bitmap() == header.slots {
            return;
        }
        let claimed = SlotSet::from_bitmap(header.slots);
        if self.nodes[sender].is_master() {
            let claim = Claim {
                sender,
                followed,
                epoch: header.config_epoch,
                slots: &claimed,
            };
            self.adopt_claims(&claim, facts);
        }
        if header.kind != Kind::Ping
            && let Some(owner) = self.newer_owner(sender, header)
            && let Some(link) = self.nodes[sender].outbound
        {
            self.send_update(link, owner);
        }
    }

    /// A PING with a claim that is out of date is told who owns the slot now, on its own link and
    /// before its PONG: a node that has the answer knows it.
    pub(super) fn correct_claims(&mut self, link: LinkId, sender: NodeRef, header: &Header<'_>) {
        if let Some(owner) = self.newer_owner(sender, header) {
            self.send_update(link, owner);
        }
    }

    /// Who owns one of the slots that a sender claims, by a newer epoch than its claim has; or by the
    /// same one: the sender may have taken that alone, and its replica have won it (see
    /// [`Claim::beats`]).
    fn newer_owner(&self, sender: NodeRef, header: &Header<'_>) -> Option<NodeRef> {
        let master = self.nodes.master_of(sender)?;
        if self.nodes[master].slots.as_bitmap() == header.slots {
            return None;
        }
        SlotSet::from_bitmap(header.slots).iter().find_map(|slot| {
            let owner = self.slots.owner(slot).filter(|&owner| owner != sender)?;
            let epoch = self.nodes[owner].config_epoch;
            let newer = epoch > header.config_epoch;
            (newer || (epoch == header.config_epoch && owner != master)).then_some(owner)
        })
    }

    /// A message says that slots of ours, or of a node that we vouch for, have a newer owner.
    pub(super) fn on_update(
        &mut self,
        id: &NodeId,
        epoch: Epoch,
        slots: &[u8; 2048],
        facts: &Facts<'_>,
    ) {
        let Some(r) = self.nodes.find(id) else { return };
        let followed = self.nodes[r].master;
        // A replica has the epoch of its master: that it has claimed anything in it is news.
        let elected = followed.is_some_and(|master| self.nodes[master].config_epoch == epoch);
        let known = self.nodes[r].config_epoch;
        if r == self.nodes.my_ref() || known > epoch || (known == epoch && !elected) {
            return;
        }
        self.set_role_master(r);
        self.nodes[r].config_epoch = epoch;
        self.todo.save = true;
        let claim = Claim {
            sender: r,
            followed,
            epoch,
            slots: &SlotSet::from_bitmap(slots),
        };
        self.adopt_claims(&claim, facts);
    }

    /// Gives slots to a node whose claim beats that of their owner. If that takes the last one of this
    /// shard by a failover, its nodes become replicas of the new owner; if the slots were moved away,
    /// they do so with `cluster-allow-replica-migration yes`, and else stay what they are.
    fn adopt_claims(&mut self, claim: &Claim<'_>, facts: &Facts<'_>) {
        let (sender, claimed) = (claim.sender, claim.slots);
        let me = self.nodes.my_ref();
        if sender == me {
            return;
        }
        let my_master = self.nodes.master_of(me);
        let (mut lost_with_keys, mut taken_from_us) = (SlotSet::new(), 0);
        for slot in claimed.iter() {
            let owner = self.slots.owner(slot);
            if owner == Some(sender) || self.slots.importing_from(slot).is_some() {
                continue;
            }
            if owner.is_some_and(|owner| !claim.beats(owner, self.nodes[owner].config_epoch)) {
                continue;
            }
            if owner == Some(me) && (facts.slot_has_keys)(slot) {
                lost_with_keys.insert(slot);
            }
            taken_from_us += usize::from(owner.is_some() && owner == my_master);
            self.slots.assign(&mut self.nodes, slot, Some(sender));
            self.todo.save = true;
            self.todo.update_state = true;
        }
        let nothing_left = my_master.is_some_and(|master| self.nodes[master].slot_count == 0);
        let follows = self.config.cluster_allow_replica_migration
            || self.is_failover(sender, taken_from_us, claimed);
        if taken_from_us > 0 && nothing_left && follows {
            self.follow_new_owner(sender);
        } else if !lost_with_keys.is_empty() {
            self.events
                .push_back(ClusterEvent::SlotsLost(lost_with_keys));
        }
        self.leave_chain();
    }

    /// The last slot of this shard has gone to that node: becomes its replica.
    pub(super) fn follow_new_owner(&mut self, owner: NodeRef) {
        let text = format!(
            "Configuration change detected. Reconfiguring myself as a replica of {}",
            self.nodes[owner].name()
        );
        self.log(Level::Warning, text);
        self.become_replica_of(owner);
    }

    /// Whether the node that has taken the last slots of this shard is its new master: it claims
    /// what it has taken and no more, or says that it is of this shard.
    fn is_failover(&self, winner: NodeRef, taken: usize, claimed: &SlotSet) -> bool {
        let mine = self.shard_of(self.nodes.my_ref());
        taken == claimed.len() || self.nodes[winner].shard == Some(mine)
    }

    /// Takes the slots among these that have no owner, and imports the others: there are keys in them.
    pub(super) fn adopt_slots(&mut self, with_keys: &SlotSet) {
        if self.nodes.me().is_replica() {
            return;
        }
        let me = self.nodes.my_ref();
        for slot in with_keys.iter() {
            match self.slots.owner(slot) {
                Some(owner) if owner == me => continue,
                Some(owner) if self.slots.importing_from(slot).is_none() => {
                    self.slots.set_importing(me, slot, Some(owner));
                    let text = format!(
                        "I have keys for slot {slot}, but the slot is assigned to another node. \
                         Setting it to importing state."
                    );
                    self.log(Level::Warning, text);
                }
                Some(_) => continue,
                None => {
                    self.slots.assign(&mut self.nodes, slot, Some(me));
                    let text = format!(
                        "I have keys for unassigned slot {slot}. Taking responsibility for it."
                    );
                    self.log(Level::Warning, text);
                }
            }
            self.todo.save = true;
        }
        self.todo.update_state = true;
    }

    /// A replica of a replica follows that one's master instead.
    fn leave_chain(&mut self) {
        let me = self.nodes.my_ref();
        let master = self.nodes.me().master;
        let above = master.and_then(|master| self.nodes[master].master);
        if let Some(above) = above.filter(|&above| above != me) {
            let text = format!(
                "I'm a sub-replica! Reconfiguring myself from {} to {}",
                master
                    .map(|m| self.nodes[m].id.to_string())
                    .unwrap_or_default(),
                self.nodes[above].id
            );
            self.log(Level::Notice, text);
            self.become_replica_of(above);
        }
    }

    /// Makes this node the replica of another, and tells everybody at once: a master that has not
    /// heard of it yet denies this node its vote, and with a long node timeout the next PING is
    /// seconds away. Valkey does so from 8.1 on after CLUSTER REPLICATE.
    pub(super) fn become_replica_of(&mut self, master: NodeRef) {
        let me = self.nodes.my_ref();
        let mine = self.shard_of(me);
        // Nodes before Redis 7.2 do not say of which shard they are.
        self.unsynced |= self.nodes[master].shard.is_some_and(|shard| shard != mine);
        if self.nodes.me().is_master() {
            let node = self.nodes.me_mut();
            node.flags.clear(Flags::MASTER | Flags::MIGRATE_TO);
            node.flags.set(Flags::REPLICA);
            self.slots.close(me, None);
            self.unsynced = true;
        }
        self.nodes.me_mut().shard = Some(self.shard_of(master));
        self.set_replica_of(me, Some(master));
        self.follow(master);
        self.end_manual_failover();
        // Replicated data is the new master's: there is nothing left to withhold.
        self.speak_again();
        self.broadcast_pong(Audience::All);
        self.todo.save = true;
        self.todo.update_state = true;
    }

    /// Makes this node a master, as far as its own table goes.
    pub(super) fn become_master(&mut self) {
        let me = self.nodes.my_ref();
        if self.nodes.me().is_replica() {
            self.unsynced = false;
            self.set_role_master(me);
            self.events.push_back(ClusterEvent::BecomeMaster);
        }
    }
}
