use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{Maker, matching};

/// Lets one pod of a shard go at a time, so that a drained machine never takes a master and its
/// replica at once. A shard of one pod may go, too: a budget that no drain can ever meet only
/// teaches people to delete budgets.
pub(super) fn budget(maker: &Maker<'_>, shard: u32) -> PodDisruptionBudget {
    let names = &maker.names;
    let spec = PodDisruptionBudgetSpec {
        max_unavailable: Some(IntOrString::Int(1)),
        selector: Some(matching(names.selects_shard(shard))),
        // A pod that is not ready may go while enough others of its shard are: it holds nothing
        // that they do not have. But where none is, the one that loads or withholds may be the
        // last to have the data, and with `AlwaysAllow` any drain could take it. Pods that never
        // started are Pending, and no budget keeps those.
        unhealthy_pod_eviction_policy: Some("IfHealthyBudget".to_owned()),
        ..PodDisruptionBudgetSpec::default()
    };
    PodDisruptionBudget {
        metadata: maker.metadata(names.budget(shard), names.shard_labels(shard)),
        spec: Some(spec),
        status: None,
    }
}
