//! The PodDisruptionBudget of a shard.

use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{RenderContext, matching};

/// Allows one pod of a shard to be evicted at a time, so that draining a host never takes a master
/// and its replica at once. A shard of one pod may be evicted as well: people delete a budget that
/// blocks every drain.
pub(super) fn budget(context: &RenderContext<'_>, shard: u32) -> PodDisruptionBudget {
    let names = &context.names;
    let spec = PodDisruptionBudgetSpec {
        max_unavailable: Some(IntOrString::Int(1)),
        selector: Some(matching(names.selects_shard(shard))),
        // A pod that is not ready may be evicted while enough others of its shard are ready: it
        // holds nothing that they do not have. If none is ready, a pod that loads or withholds
        // itself may be the last one with the data, and `AlwaysAllow` would let any drain take it.
        // Pods that never started are Pending, which no budget protects.
        unhealthy_pod_eviction_policy: Some("IfHealthyBudget".to_owned()),
        ..PodDisruptionBudgetSpec::default()
    };
    PodDisruptionBudget {
        metadata: context.metadata(names.budget(shard), names.shard_labels(shard)),
        spec: Some(spec),
        status: None,
    }
}
