//! What must hold, always or in the end.

use std::collections::BTreeMap;

use slotkeeper_node::resp::ReplyValue;
use slotkeeper_topology::{Epoch, NodeId, NodeLine, SlotSet};

use crate::simulation::Simulation;

impl Simulation {
    /// Checked after every event: no two masters own one slot in the same epoch, and nobody votes twice
    /// in one; and no vote and no claim is out that the disk does not say.
    ///
    /// Only epochs that were won count: masters that were never told an epoch share 0, and two
    /// that took the same one resolve it between themselves (Redis Cluster specification,
    /// "configEpoch conflicts resolution"); a collision with a common slot is what may never be.
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
        for (epoch, nodes) in &owners {
            for (i, (a, slots)) in nodes.iter().enumerate() {
                for (b, others) in &nodes[i + 1..] {
                    let both = slots.intersection(others);
                    if !both.is_empty() {
                        return Err(format!(
                            "nodes {a} and {b} both own {both} in epoch {epoch}"
                        ));
                    }
                }
            }
        }
        Ok(())
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
