//! The masters that can vote, computed without the code of the rules.

use std::collections::BTreeMap;

use slotkeeper_topology::{NodeId, SlotSet};

use crate::model::Observation;

/// The masters that own slots, according to all answering nodes.
pub(super) fn voters(observation: &Observation) -> Vec<NodeId> {
    let mut owners: BTreeMap<NodeId, (u64, SlotSet)> = BTreeMap::new();
    let answers = |id: NodeId| observation.answered().any(|(_, facts)| facts.id == id);
    for (_, facts) in observation.answered() {
        for line in facts.lines.iter().filter(|line| line.flags.master) {
            let known = owners.entry(line.id).or_default();
            // Gossip names nodes without their slots: such a line says nothing about them.
            let own_word = line.flags.myself || !answers(line.id) && !line.slots.is_empty();
            if own_word && line.config_epoch.0 >= known.0 {
                *known = (line.config_epoch.0, line.slots.clone());
            }
        }
    }
    // Only the latest owner of a slot votes.
    let best = |id: &NodeId, slots: &SlotSet, epoch: u64| {
        let beaten = owners
            .iter()
            .filter(|(other, (e, _))| *other != id && *e > epoch);
        let taken = beaten.fold(SlotSet::new(), |all, (_, (_, slots))| all.union(slots));
        !slots.difference(&taken).is_empty()
    };
    (owners.iter())
        .filter(|(id, (epoch, slots))| best(id, slots, *epoch))
        .map(|(id, _)| *id)
        .collect()
}
