//! Performs steps on the model, verified first like real ones.

use slotkeeper::model::{FailoverMode, Step, StepOutcome, Target};
use slotkeeper::nevers::Nevers;
use slotkeeper_topology::{NodeId, SlotSet};

use crate::cluster::ModelCluster;
use crate::gossip::BAN_MS;
use crate::node::{Data, Link, Manual, Mask, Node};
use crate::observing;

type Tried = Result<(), StepOutcome>;

impl ModelCluster {
    /// Performs a step at this moment.
    pub fn perform(&mut self, step: &Step) -> StepOutcome {
        if let Err(broken) = Nevers::check_effect(&self.truth(), step)
            && self.try_reaches(step)
        {
            panic!("{broken}");
        }
        match self.try_step(step) {
            Ok(()) => StepOutcome::Done,
            Err(outcome) => outcome,
        }
    }

    pub fn perform_delayed(&mut self) {
        let now = self.now;
        let (due, later) = std::mem::take(&mut self.delayed)
            .into_iter()
            .partition(|(at, _)| *at <= now);
        self.delayed = later;
        let due: Vec<(u64, Step)> = due;
        for (_, step) in due {
            self.perform(&step);
        }
    }

    /// Whether the step would be sent: a reset is not, if its last check finds a key.
    fn try_reaches(&self, step: &Step) -> bool {
        !matches!(step, Step::ResetSoft { .. })
    }

    fn verified(&mut self, target: &Target) -> Result<&mut Node, StepOutcome> {
        let not_sent = || StepOutcome::NotSent("another node".to_owned());
        let member = self.members.get_mut(&target.pod).ok_or_else(not_sent)?;
        if member.cut || member.hidden || member.uid.to_string() != target.uid.0 {
            return Err(not_sent());
        }
        member
            .process
            .as_mut()
            .filter(|node| node.id == target.id)
            .ok_or_else(not_sent)
    }

    fn try_step(&mut self, step: &Step) -> Tried {
        match step {
            Step::EnsureCommon => self.common = true,
            Step::EnsureShard { shard, pods } => self.ensure_shard(*shard, *pods),
            Step::RemoveShard { shard } => self.ensure_shard(*shard, 0),
            Step::AddSlots { node, slots } => {
                let mask = self.mask(slots);
                let node = self.verified(node)?;
                let owned = (0..16)
                    .map(|shift| mask & 1 << shift)
                    .any(|bit| bit != 0 && node.owner_of(bit).is_some());
                if node.master.is_some() || owned {
                    return Err(StepOutcome::Refused("a slot is already busy".to_owned()));
                }
                node.slots |= mask;
            }
            Step::SetConfigEpoch { node, epoch } => {
                let node = self.verified(node)?;
                if !node.table.is_empty() || node.epoch != 0 {
                    return Err(StepOutcome::Refused("it knows others".to_owned()));
                }
                node.epoch = epoch.0;
                node.current_epoch = node.current_epoch.max(epoch.0);
            }
            Step::Meet { node, peer, .. } => self.meet(node, peer)?,
            Step::Forget { id, nodes } => {
                let results: Vec<Tried> = nodes.iter().map(|node| self.forget(node, *id)).collect();
                results.into_iter().collect::<Tried>()?;
            }
            Step::ResetSoft { node } => {
                let replid = self.fresh();
                let node = self.verified(node)?;
                if node.data.key_count() > 0 || node.slots != 0 || node.master.is_none() {
                    return Err(StepOutcome::NotSent("it holds keys".to_owned()));
                }
                node.table.clear();
                node.master = None;
                node.link = Link::default();
                node.data = Data::empty(replid);
            }
            Step::BumpEpoch { node, above } => {
                let node = self.verified(node)?;
                while node.epoch <= above.0 {
                    node.current_epoch += 1;
                    node.epoch = node.current_epoch;
                }
            }
            Step::Replicate { node, master } => self.replicate_step(node, *master)?,
            Step::Failover {
                node, mode, master, ..
            } => self.failover(node, *mode, *master)?,
            Step::EndWithholding { node, run_id } => {
                let node = self.verified(node)?;
                if node.run.to_string() != *run_id {
                    return Err(StepOutcome::Refused("another run".to_owned()));
                }
                node.withholding = false;
            }
        }
        Ok(())
    }

    fn mask(&self, slots: &SlotSet) -> Mask {
        (0..self.shards)
            .filter(|shard| {
                !observing::slots(self.shards, 1 << shard)
                    .intersection(slots)
                    .is_empty()
            })
            .fold(0, |mask, shard| mask | 1 << shard)
    }

    fn ensure_shard(&mut self, shard: u32, pods: u32) {
        let kept = self.objects.insert(shard, pods).unwrap_or(0);
        for ordinal in pods..kept {
            let index = slotkeeper::model::PodIndex::new(shard, ordinal);
            self.end_pod(index, false);
        }
    }

    fn meet(&mut self, node: &Target, peer: &Target) -> Tried {
        let now = self.now;
        let met = self.verified(peer)?.clone();
        let greeter = self.verified(node)?.clone();
        if !self.reach(node.pod, peer.pod) {
            return Ok(());
        }
        self.verified(node)?.introduce(&met, now);
        self.verified(peer)?.introduce(&greeter, now);
        Ok(())
    }

    fn forget(&mut self, node: &Target, id: NodeId) -> Tried {
        let now = self.now;
        let node = self.verified(node)?;
        if node.master == Some(id) {
            return Err(StepOutcome::Refused("it is my master".to_owned()));
        }
        if node.table.remove(&id).is_some() {
            node.banned.insert(id, now + BAN_MS);
        }
        Ok(())
    }

    fn replicate_step(&mut self, target: &Target, master: NodeId) -> Tried {
        let now = self.now;
        let node = self.verified(target)?;
        let is_master = node
            .table
            .get(&master)
            .is_some_and(|known| known.master.is_none());
        let busy = node.master.is_none() && (node.slots != 0 || node.data.key_count() > 0);
        if !is_master || busy {
            return Err(StepOutcome::Refused(
                "to set a master it must be empty".to_owned(),
            ));
        }
        node.follow(master, now);
        Ok(())
    }

    fn failover(&mut self, target: &Target, mode: FailoverMode, master: NodeId) -> Tried {
        let (now, replid) = (self.now, self.fresh());
        let node = self.verified(target)?;
        if node.master != Some(master) {
            return Err(StepOutcome::NotSent("it follows another master".to_owned()));
        }
        let until = now + 5_000;
        match mode {
            FailoverMode::Plain if !node.link.up => {
                return Err(StepOutcome::Refused("the master is down".to_owned()));
            }
            FailoverMode::Plain => node.manual = Some((Manual::Plain, until)),
            FailoverMode::Force => node.manual = Some((Manual::Force, until)),
            FailoverMode::Takeover => {
                let epoch = node.current_epoch + 1;
                node.promote(epoch, replid);
            }
        }
        Ok(())
    }
}

impl Node {
    fn introduce(&mut self, other: &Node, now: u64) {
        self.banned.remove(&other.id);
        let known = self
            .table
            .entry(other.id)
            .or_insert_with(|| other.as_table_entry(now));
        (known.ip, known.no_addr, known.ping_sent) = (other.ip, false, 0);
    }
}
