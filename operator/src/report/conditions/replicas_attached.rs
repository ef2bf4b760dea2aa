use super::{Condition, Subject, Truth, list};
use crate::model::Place;

/// Every shard has its wanted replicas, each with its link up, and a majority of the masters knows
/// them as such: else they could not be elected.
pub(super) fn of(subject: &Subject<'_>) -> Condition {
    let view = subject.view;
    let condition =
        |truth, reason, message| Condition::new("ReplicasAttached", truth, reason, message);
    if view.answered().next().is_none() {
        return condition(Truth::Unknown, "NoAnswer", "no node answers".to_owned());
    }
    let wanted = view.desired.replicas_per_shard as usize;
    let linked = |shard: u32| {
        let owners = view.owners_of(shard);
        let linked = view.answered().filter_map(move |(place, facts)| {
            let master = facts.master().filter(|master| owners.contains(master))?;
            (place.shard == shard && facts.link_up()).then_some((place, facts.id, master))
        });
        linked.collect::<Vec<_>>()
    };
    let lacking: Vec<String> = (0..view.desired.shards)
        .map(|shard| (shard, linked(shard).len()))
        .filter(|(_, count)| *count < wanted)
        .map(|(shard, count)| format!("shard {shard} has {count} of {wanted}"))
        .collect();
    if !lacking.is_empty() {
        return condition(Truth::False, "ReplicasMissing", list(lacking));
    }
    let unknown: Vec<Place> = (0..view.desired.shards)
        .flat_map(linked)
        .filter(|(_, id, master)| !view.is_majority(view.voters_for(*id, *master).count()))
        .map(|(place, ..)| place)
        .collect();
    if !unknown.is_empty() {
        let message = format!(
            "too few masters answer and know whose replica is {}",
            list(unknown)
        );
        return condition(Truth::False, "ReplicasUnknown", message);
    }
    condition(
        Truth::True,
        "Attached",
        format!("every shard has {wanted} replicas in sync"),
    )
}
