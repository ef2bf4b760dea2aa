//! The condition `ReplicasAttached`.

use super::{Condition, ConditionStatus, ReportInput, list};
use crate::model::PodIndex;

/// Every shard has its desired replicas, each with its link up, and a majority of the masters knows
/// them as such; otherwise they could not be elected.
pub(super) fn of(input: &ReportInput<'_>) -> Condition {
    let view = input.view;
    let condition =
        |status, reason, message| Condition::new("ReplicasAttached", status, reason, message);
    if view.answered().next().is_none() {
        return condition(
            ConditionStatus::Unknown,
            "NoAnswer",
            input.with_busy("no node answers".to_owned()),
        );
    }
    let wanted = view.desired.replicas_per_shard as usize;
    let linked = |shard: u32| {
        let owners = view.owners_of(shard);
        let linked = view.answered().filter_map(move |(index, facts)| {
            let master = facts.master().filter(|master| owners.contains(master))?;
            (index.shard == shard && facts.link_up()).then_some((index, facts.id, master))
        });
        linked.collect::<Vec<_>>()
    };
    let lacking: Vec<String> = (0..view.desired.shards)
        .map(|shard| (shard, linked(shard).len()))
        .filter(|(_, count)| *count < wanted)
        .map(|(shard, count)| format!("shard {shard} has {count} of {wanted}"))
        .collect();
    if !lacking.is_empty() {
        return condition(ConditionStatus::False, "ReplicasMissing", list(lacking));
    }
    let unknown: Vec<PodIndex> = (0..view.desired.shards)
        .flat_map(linked)
        .filter(|(_, id, master)| !view.is_majority(view.voters_for(*id, *master).count()))
        .map(|(index, ..)| index)
        .collect();
    if !unknown.is_empty() {
        let message = format!(
            "too few masters answer and know the master of {}",
            list(unknown)
        );
        return condition(ConditionStatus::False, "ReplicasUnknown", message);
    }
    condition(
        ConditionStatus::True,
        "Attached",
        format!("every replica is in sync; replicas per shard: {wanted}"),
    )
}
