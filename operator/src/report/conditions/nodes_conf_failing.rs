use super::{Condition, Subject, Truth};

/// A warning: a node cannot store nodes.conf. It serves on, but it neither votes nor is elected, and
/// refuses changes of the cluster, until it can: a master of that shard that dies meanwhile may stay
/// without a successor.
pub(super) fn of(subject: &Subject<'_>) -> Condition {
    let view = subject.view;
    let condition =
        |truth, reason, message| Condition::new("NodesConfFailing", truth, reason, message);
    let failing: Vec<String> = (view.answered())
        .filter_map(|(place, facts)| {
            let why = facts.nodes_conf_error.as_ref()?;
            let name = subject.pod_name(place);
            Some(format!("{name} cannot store nodes.conf: {why}"))
        })
        .collect();
    if failing.is_empty() {
        let message = "no node that answers fails to store nodes.conf".to_owned();
        return condition(Truth::False, "NoFailure", message);
    }
    let message = format!(
        "{}; such a node neither votes nor is elected until there is room",
        failing.join("; ")
    );
    condition(Truth::True, "StoreFailed", message)
}
