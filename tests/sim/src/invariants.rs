//! What must hold, always or in the end.

use std::collections::BTreeMap;

use slotkeeper_node::resp::ReplyValue;
use slotkeeper_topology::{Epoch, NodeId, NodeLine, SlotSet};

use crate::simulation::Simulation;

/// Two masters that claim the same slots in the same epoch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Dispute {
    /// Who was elected in that epoch.
    elected: usize,
    /// Who took it alone.
    other: usize,
    epoch: Epoch,
    slots: SlotSet,
}

impl Simulation {
    /// Checked after every event: no two masters own one slot in the same epoch, and nobody votes twice
    /// in one; and no vote and no claim is out that the disk does not say.
    ///
    /// Masters that were never told an epoch share 0, and two that took the same one resolve it between
    /// themselves (Redis Cluster specification, "configEpoch conflicts resolution"); a collision with a
    /// common slot is what may never be. One is: a master takes an epoch alone, nobody hears of it,
    /// and its replica is elected in that epoch. The elected one is the owner then, and the other one
    /// has to yield as soon as it hears.
    ///
    /// # Errors
    /// Names the epoch, the nodes and the slots.
    pub fn check_owners(&mut self) -> Result<(), String> {
        let mut owners: BTreeMap<Epoch, Vec<(usize, &SlotSet)>> = BTreeMap::new();
        self.check_stored()?;
        for host in &self.hosts {
            if let Some(line) = &host.gave_up {
                return Err(format!("node {} gives up: {line}", host.ix));
            }
            if let Some(epoch) = host.voted_again {
                return Err(format!("node {} voted twice in epoch {epoch}", host.ix));
            }
            let Some(cluster) = host.engine.as_ref().and_then(|engine| engine.cluster()) else {
                continue;
            };
            if cluster.is_master() && !cluster.my_slots().is_empty() {
                owners
                    .entry(cluster.my_config_epoch())
                    .or_default()
                    .push((host.ix, cluster.my_slots()));
            }
        }
        let mut found = Vec::new();
        for (epoch, nodes) in &owners {
            for (i, (a, slots)) in nodes.iter().enumerate() {
                for (b, others) in &nodes[i + 1..] {
                    let both = slots.intersection(others);
                    if both.is_empty() {
                        continue;
                    }
                    let won = [a, b].map(|&ix| self.hosts[ix].won == Some(*epoch));
                    let (elected, other) = match won {
                        [true, false] => (*a, *b),
                        [false, true] => (*b, *a),
                        _ => {
                            return Err(format!(
                                "nodes {a} and {b} both own {both} in epoch {epoch}"
                            ));
                        }
                    };
                    found.push(Dispute {
                        elected,
                        other,
                        epoch: *epoch,
                        slots: both,
                    });
                }
            }
        }
        self.check_disputes(found)
    }

    /// Who has to yield to a node that was elected does not take a newer epoch for its claim.
    fn check_disputes(&mut self, found: Vec<Dispute>) -> Result<(), String> {
        for dispute in found {
            if !self.disputes.contains(&dispute) {
                self.disputes.push(dispute);
            }
        }
        let mut open = std::mem::take(&mut self.disputes);
        for dispute in &open {
            let Dispute { elected, other, .. } = dispute;
            let claim = self.claim_of(*other);
            if claim.is_some_and(|(epoch, slots)| {
                epoch > dispute.epoch && !slots.intersection(&dispute.slots).is_empty()
            }) {
                return Err(format!(
                    "node {other} takes back what node {elected} has won in its epoch {}",
                    dispute.epoch
                ));
            }
        }
        // A node that is down comes back with what it claimed.
        open.retain(|dispute| {
            let other = dispute.other;
            !self.is_up(other) || self.claim_of(other).is_some()
        });
        self.disputes = open;
        Ok(())
    }

    /// What a master claims, if it runs and claims anything.
    fn claim_of(&self, ix: usize) -> Option<(Epoch, &SlotSet)> {
        let cluster = self.hosts[ix].engine.as_ref()?.cluster()?;
        let claims = cluster.is_master() && !cluster.my_slots().is_empty();
        claims.then(|| (cluster.my_config_epoch(), cluster.my_slots()))
    }

    /// What others rely on after a crash is on the disk.
    fn check_stored(&mut self) -> Result<(), String> {
        for host in &mut self.hosts {
            let ix = host.ix;
            if let Some(epoch) = host.unstored_vote {
                return Err(format!(
                    "node {ix} voted in epoch {epoch}, which its disk does not say"
                ));
            }
            let cluster = host.engine.as_ref().and_then(|engine| engine.cluster());
            let Some(cluster) = cluster.filter(|cluster| cluster.is_master()) else {
                host.checked = None;
                continue;
            };
            let (epoch, slots) = (cluster.my_config_epoch(), cluster.my_slots());
            if slots.is_empty() || host.checked == Some((epoch, slots.len())) {
                continue;
            }
            let stored = (host.disk.claim())
                .is_some_and(|(e, s)| e == epoch && s.intersection(slots) == *slots);
            if !stored {
                return Err(format!(
                    "node {ix} claims {slots} in epoch {epoch}, which its disk does not say"
                ));
            }
            host.checked = Some((epoch, slots.len()));
        }
        Ok(())
    }

    /// Why the living nodes do not form one serving cluster of one mind; none when they do.
    pub fn disagreement(&mut self) -> Option<String> {
        let living: Vec<usize> = (0..self.hosts.len()).filter(|&ix| self.is_up(ix)).collect();
        let mut first: Option<(usize, Vec<Fact>)> = None;
        for ix in living {
            let Some(view) = self.view(ix) else {
                return Some(format!("node {ix} is silent"));
            };
            if let Some(node) = view.iter().find(|n| !n.connected && !n.flags.myself) {
                return Some(format!("node {ix} has no link to {}", node.id));
            }
            if let Some(node) = view.iter().find(|n| n.flags.fail || n.flags.fail_suspected) {
                return Some(format!("node {ix} believes that {} has failed", node.id));
            }
            let facts = facts(&view);
            match &first {
                Some((other, theirs)) if *theirs != facts => {
                    return Some(format!("nodes {other} and {ix} see different owners"));
                }
                Some(_) => {}
                None => first = Some((ix, facts)),
            }
            let info = self.call(ix, &["CLUSTER", "INFO"]);
            let serving = matches!(&info, Some(ReplyValue::Bulk(text))
                if text.windows(16).any(|line| line == b"cluster_state:ok"));
            if !serving {
                return Some(format!("node {ix} does not say that the cluster is ok"));
            }
        }
        None
    }
}

type Fact = (NodeId, Option<NodeId>, String);

/// What all nodes must agree on: who is there, who follows whom, who owns what.
fn facts(view: &[NodeLine]) -> Vec<Fact> {
    let mut facts: Vec<Fact> = view
        .iter()
        .map(|node| (node.id, node.master, node.slots.to_string()))
        .collect();
    facts.sort();
    facts
}
