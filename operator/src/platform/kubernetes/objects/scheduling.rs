use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Affinity, PodAffinityTerm, PodAntiAffinity, TopologySpreadConstraint, WeightedPodAffinityTerm,
};
use slotkeeper_crds::Spread;

use super::{Maker, matching};

const MACHINE: &str = "kubernetes.io/hostname";
const ZONE: &str = "topology.kubernetes.io/zone";

/// A master and its replicas on one machine die together: to keep them apart counts most.
const APART_IN_SHARD: i32 = 100;
/// A zone is lost far less often than a machine.
const APART_IN_ZONES: i32 = 50;
/// Several shards in one zone are worse than in several, yet no shard is lost by it.
const APART_IN_CLUSTER: i32 = 10;

/// The user's affinity, and the pods of a shard apart from each other.
///
/// Zones are kept apart by affinity and not by a topology spread constraint: as soon as a pod has
/// such a constraint on zones, the scheduler gives machines without a zone no score for any of its
/// constraints, and on a cluster without zones the spread over machines would be lost as well.
pub(super) fn affinity(maker: &Maker<'_>, shard: u32) -> Affinity {
    let scheduling = maker.spec().scheduling.as_ref();
    let mut affinity =
        (scheduling.and_then(|scheduling| scheduling.affinity.clone())).unwrap_or_default();
    let spread = scheduling.map_or(Spread::default(), |scheduling| scheduling.spread);
    let same_shard = maker.names.selects_shard(shard);
    let anti = affinity
        .pod_anti_affinity
        .get_or_insert_with(PodAntiAffinity::default);
    let required = &mut anti.required_during_scheduling_ignored_during_execution;
    let preferred = anti
        .preferred_during_scheduling_ignored_during_execution
        .get_or_insert_default();
    match spread {
        Spread::Required => required
            .get_or_insert_default()
            .push(apart(same_shard.clone(), MACHINE)),
        Spread::Preferred => preferred.push(rather(APART_IN_SHARD, same_shard.clone(), MACHINE)),
    }
    preferred.push(rather(APART_IN_ZONES, same_shard, ZONE));
    preferred.push(rather(APART_IN_CLUSTER, maker.names.selects(), ZONE));
    affinity
}

/// The user's constraints, and the cluster's pods evenly over machines where that is possible: the
/// masters of many shards on one machine are a majority that dies with it.
pub(super) fn spread(maker: &Maker<'_>) -> Vec<TopologySpreadConstraint> {
    let ours = TopologySpreadConstraint {
        max_skew: 1,
        topology_key: MACHINE.to_owned(),
        when_unsatisfiable: "ScheduleAnyway".to_owned(),
        label_selector: Some(matching(maker.names.selects())),
        ..TopologySpreadConstraint::default()
    };
    let scheduling = maker.spec().scheduling.as_ref();
    let mut all = scheduling.map_or_else(Vec::new, |scheduling| {
        scheduling.topology_spread_constraints.clone()
    });
    // The API server takes only one constraint for each pair of these.
    let pair = |constraint: &TopologySpreadConstraint| {
        let TopologySpreadConstraint {
            topology_key,
            when_unsatisfiable,
            ..
        } = constraint;
        (topology_key.clone(), when_unsatisfiable.clone())
    };
    if !all.iter().any(|theirs| pair(theirs) == pair(&ours)) {
        all.push(ours);
    }
    all
}

fn rather(weight: i32, from: BTreeMap<String, String>, topology: &str) -> WeightedPodAffinityTerm {
    WeightedPodAffinityTerm {
        weight,
        pod_affinity_term: apart(from, topology),
    }
}

fn apart(from: BTreeMap<String, String>, topology: &str) -> PodAffinityTerm {
    PodAffinityTerm {
        label_selector: Some(matching(from)),
        topology_key: topology.to_owned(),
        ..PodAffinityTerm::default()
    }
}
