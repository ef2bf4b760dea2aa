//! The condition `SharedHost`.

use std::collections::BTreeMap;

use super::{Condition, ConditionStatus, ReportInput, list};
use crate::model::PodIndex;

/// A warning: several pods of one shard run on the same host (Kubernetes node), so one failure
/// takes them all.
pub(super) fn of(input: &ReportInput<'_>) -> Condition {
    let mut by_host: BTreeMap<(u32, &str), Vec<PodIndex>> = BTreeMap::new();
    for (index, pod) in &input.view.observation.pods {
        if let (Some(host), true) = (&pod.host, input.view.desired.wants(*index)) {
            by_host.entry((index.shard, host)).or_default().push(*index);
        }
    }
    let shared: Vec<String> = (by_host.into_iter())
        .filter(|(_, indexes)| indexes.len() > 1)
        .map(|((_, host), indexes)| format!("{host} runs {}", list(indexes)))
        .collect();
    if shared.is_empty() {
        let message = "no two pods of a shard are known to run on the same host";
        Condition::new("SharedHost", ConditionStatus::False, "Apart", message)
    } else {
        Condition::new(
            "SharedHost",
            ConditionStatus::True,
            "Together",
            list(shared),
        )
    }
}
