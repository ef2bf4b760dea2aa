use super::{Condition, Subject, Truth, list};
use crate::model::Place;

/// Every shard has its wanted replicas, each with its link up.
pub(super) fn of(subject: &Subject<'_>) -> Condition {
    let view = subject.view;
    let condition =
        |truth, reason, message| Condition::new("ReplicasAttached", truth, reason, message);
    if view.answered().next().is_none() {
        return condition(Truth::Unknown, "NoAnswer", "no node answers".to_owned());
    }
    let wanted = view.desired.replicas_per_shard as usize;
    let attached = |shard: u32| {
        let owners = view.owners_of(shard);
        let linked = view.answered().filter(|(place, facts)| {
            let follows = facts
                .master()
                .is_some_and(|master| owners.contains(&master));
            place.shard == shard && follows && facts.link_up()
        });
        linked.map(|(place, _)| place).collect::<Vec<Place>>()
    };
    let lacking: Vec<String> = (0..view.desired.shards)
        .map(|shard| (shard, attached(shard).len()))
        .filter(|(_, count)| *count < wanted)
        .map(|(shard, count)| format!("shard {shard} has {count} of {wanted}"))
        .collect();
    if lacking.is_empty() {
        condition(
            Truth::True,
            "Attached",
            format!("every shard has {wanted} replicas in sync"),
        )
    } else {
        condition(Truth::False, "ReplicasMissing", list(lacking))
    }
}
