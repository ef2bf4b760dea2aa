use std::collections::BTreeMap;

use super::{Condition, Subject, Truth, list};
use crate::model::Place;

/// A warning: pods of one shard run on one machine, so that one failure takes both.
pub(super) fn of(subject: &Subject<'_>) -> Condition {
    let mut by_machine: BTreeMap<(u32, &str), Vec<Place>> = BTreeMap::new();
    for (place, pod) in &subject.view.observation.pods {
        if let (Some(machine), true) = (&pod.machine, subject.view.desired.wants(*place)) {
            by_machine
                .entry((place.shard, machine))
                .or_default()
                .push(*place);
        }
    }
    let shared: Vec<String> = (by_machine.into_iter())
        .filter(|(_, places)| places.len() > 1)
        .map(|((_, machine), places)| format!("{machine} runs {}", list(places)))
        .collect();
    if shared.is_empty() {
        let message = "no two pods of a shard are known to share a machine";
        Condition::new("SharedMachine", Truth::False, "Apart", message)
    } else {
        Condition::new("SharedMachine", Truth::True, "Together", list(shared))
    }
}
