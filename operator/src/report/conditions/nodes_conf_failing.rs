//! The condition `NodesConfFailing`.

use super::{Condition, ConditionStatus, ReportInput};

/// A warning: a node cannot store nodes.conf. It still serves, but it neither votes nor stands for
/// election, and refuses changes of the cluster, until it can. A master of its shard that dies
/// meanwhile may stay without a successor.
pub(super) fn of(input: &ReportInput<'_>) -> Condition {
    let view = input.view;
    let condition =
        |status, reason, message| Condition::new("NodesConfFailing", status, reason, message);
    let failing: Vec<String> = (view.answered())
        .filter_map(|(index, facts)| {
            let why = facts.nodes_conf_error.as_ref()?;
            let name = input.pod_name(index);
            Some(format!("{name} cannot store nodes.conf: {why}"))
        })
        .collect();
    if failing.is_empty() {
        let message = "every node that answers can store nodes.conf".to_owned();
        return condition(ConditionStatus::False, "NoFailure", message);
    }
    let message = format!(
        "{}; until it can, such a node neither votes nor stands for election",
        failing.join("; ")
    );
    condition(ConditionStatus::True, "StoreFailed", message)
}
