//! Votes that this node gives as a master.

use slotkeeper_topology::{Epoch, NodeId, SlotSet};

use super::bus::{FLAG_FORCE_ACK, Header};
use super::node::{Candidacy, Moment};
use super::store::Act;
use super::{Cluster, NodeRef};
use crate::io::Level;

impl Cluster {
    /// A replica asks for our vote. It is given once nodes.conf says so.
    pub(super) fn on_vote_request(&mut self, candidate: NodeRef, header: &Header<'_>) {
        if let Some(master) = self.nodes[candidate].master {
            self.note_candidacy(master, self.nodes[candidate].id, header.current_epoch);
        }
        if !self.nodes.me().votes() {
            return;
        }
        match self.judge_candidate(candidate, header) {
            Ok(()) => self.propose(Act::Vote {
                candidate: self.nodes[candidate].id,
                epoch: self.current_epoch,
            }),
            Err(why) => {
                let text = format!(
                    "Failover auth denied to {}: {why}",
                    self.nodes[candidate].name()
                );
                self.log(Level::Warning, text);
            }
        }
    }

    /// Notes who stands for election in place of a master: this node itself or another one. Requests
    /// for votes go to every node, so nearly all know it, whether they vote or not.
    pub(super) fn note_candidacy(&mut self, master: NodeRef, candidate: NodeId, epoch: Epoch) {
        let since = Moment::of(self.now);
        let known = &mut self.nodes[master].candidacy;
        if known.is_none_or(|known| known.epoch < epoch) {
            *known = Some(Candidacy {
                candidate,
                epoch,
                since,
            });
        }
    }

    /// The election in place of a master that began within two node timeouts: voters give no second
    /// vote before that. With its age and that time, in milliseconds.
    pub(super) fn election_under_way(&self, master: NodeRef) -> Option<(Candidacy, i64, i64)> {
        let pause = self.config.cluster_node_timeout.cast_signed() * 2;
        let candidacy = self.nodes[master].candidacy?;
        let age = candidacy.since.until(self.now);
        (age < pause).then_some((candidacy, age, pause))
    }

    /// Gives the vote, unless another one was given since.
    pub(super) fn vote(&mut self, candidate: &NodeId, epoch: Epoch) {
        let Some(candidate) = self.nodes.find(candidate) else {
            return;
        };
        if self.current_epoch != epoch || self.last_vote_epoch >= epoch {
            return;
        }
        self.last_vote_epoch = epoch;
        if let Some(master) = self.nodes[candidate].master {
            self.nodes[master].voted = Some(Moment::of(self.now));
        }
        self.todo.save = true;
        self.send_vote(candidate);
        let text = format!(
            "Failover auth granted to {} for epoch {epoch}",
            self.nodes[candidate].name()
        );
        self.log(Level::Warning, text);
    }

    /// Whether the candidate may replace its master, or why not.
    fn judge_candidate(&self, candidate: NodeRef, header: &Header<'_>) -> Result<(), String> {
        if let Some(reason) = self.store.error() {
            return Err(format!("a vote cannot be stored: {reason}"));
        }
        let asked = header.current_epoch;
        if asked < self.current_epoch {
            return Err(format!(
                "reqEpoch ({asked}) < curEpoch({})",
                self.current_epoch
            ));
        }
        if self.last_vote_epoch == self.current_epoch {
            return Err(format!("already voted for epoch {}", self.current_epoch));
        }
        if self.nodes[candidate].is_master() {
            return Err("it is a master node".to_owned());
        }
        let master = self.nodes[candidate]
            .master
            .ok_or("I don't know its master")?;
        let told = self.declared_failed || self.found_failed;
        let myself_failed = master == self.nodes.my_ref() && told;
        if !self.nodes[master].failed() && !myself_failed && !header.has(FLAG_FORCE_ACK) {
            return Err("its master is up".to_owned());
        }
        let pause = self.config.cluster_node_timeout.cast_signed() * 2;
        let last = self.nodes[master].voted.map(|at| at.until(self.now));
        if let Some(ago) = last.filter(|&ago| ago < pause) {
            return Err(format!(
                "can't vote about this master before {} milliseconds",
                pause - ago
            ));
        }
        let newer = SlotSet::from_bitmap(header.slots).iter().find_map(|slot| {
            let owner = self.slots.owner(slot)?;
            let epoch = self.nodes[owner].config_epoch;
            (epoch > header.config_epoch).then_some((slot, epoch))
        });
        match newer {
            Some((slot, epoch)) => Err(format!(
                "slot {slot} epoch ({epoch}) > reqEpoch ({})",
                header.config_epoch
            )),
            None => Ok(()),
        }
    }
}
