//! Where pods run: affinity and topology spread.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Affinity, PodAffinityTerm, PodAntiAffinity, TopologySpreadConstraint, WeightedPodAffinityTerm,
};
use slotkeeper_crds::Spread;

use super::{RenderContext, matching};

const HOST: &str = "kubernetes.io/hostname";
const ZONE: &str = "topology.kubernetes.io/zone";
/// The ordinal of a pod, a label that the StatefulSet controller sets.
const INDEX: &str = "apps.kubernetes.io/pod-index";

/// A master and its replicas on one host die together, so keeping them apart counts most.
const APART_IN_SHARD: i32 = 100;
/// The pods with ordinal 0 are the first masters: several of them on one host can be a majority
/// that dies with it.
const APART_BY_INDEX: i32 = 60;
/// Zones are lost far less often than hosts.
const APART_IN_ZONES: i32 = 50;
/// It is better to spread shards over zones, but no shard is lost without it.
const APART_IN_CLUSTER: i32 = 10;

/// The user's affinity, and anti-affinity among the pods of a shard.
///
/// Zones are handled by affinity and not by a topology spread constraint: with such a constraint
/// over zones, the scheduler gives hosts without a zone label no score for any constraint of the
/// pod, so without zones the spread over hosts would be lost as well.
pub(super) fn affinity(context: &RenderContext<'_>, shard: u32) -> Affinity {
    let scheduling = context.spec().scheduling.as_ref();
    let mut affinity =
        (scheduling.and_then(|scheduling| scheduling.affinity.clone())).unwrap_or_default();
    let spread = scheduling.map_or(Spread::default(), |scheduling| scheduling.spread);
    let same_shard = context.names.selects_shard(shard);
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
            .push(apart(same_shard.clone(), HOST)),
        Spread::Preferred => preferred.push(rather(APART_IN_SHARD, same_shard.clone(), HOST)),
    }
    let mut same_index = rather(APART_BY_INDEX, context.names.selects(), HOST);
    // Each pod apart from the pods of other shards with the same ordinal.
    same_index.pod_affinity_term.match_label_keys = Some(vec![INDEX.to_owned()]);
    preferred.push(same_index);
    preferred.push(rather(APART_IN_ZONES, same_shard, ZONE));
    preferred.push(rather(APART_IN_CLUSTER, context.names.selects(), ZONE));
    affinity
}

/// The user's constraints, and the cluster's pods spread evenly over hosts where possible: the
/// masters of many shards on one host are a majority that dies with it.
pub(super) fn spread(context: &RenderContext<'_>) -> Vec<TopologySpreadConstraint> {
    let ours = TopologySpreadConstraint {
        max_skew: 1,
        topology_key: HOST.to_owned(),
        when_unsatisfiable: "ScheduleAnyway".to_owned(),
        label_selector: Some(matching(context.names.selects())),
        ..TopologySpreadConstraint::default()
    };
    let scheduling = context.spec().scheduling.as_ref();
    let mut all = scheduling.map_or_else(Vec::new, |scheduling| {
        scheduling.topology_spread_constraints.clone()
    });
    // The API server accepts only one constraint per pair of these.
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

#[cfg(test)]
mod tests {
    use slotkeeper_crds::{RedisCluster, RedisClusterSpec, Scheduling};

    use super::super::Settings;
    use super::*;

    fn with<T>(scheduling: Scheduling, look: impl Fn(&RenderContext<'_>) -> T) -> T {
        let spec = RedisClusterSpec {
            scheduling: Some(scheduling),
            ..RedisClusterSpec::default()
        };
        let settings = Settings {
            node_image: String::new(),
            node_image_pull_policy: None,
            cluster_domain: String::new(),
        };
        look(&RenderContext::new(
            &RedisCluster::new("tour", spec),
            &settings,
        ))
    }

    #[test]
    fn a_constraint_of_the_user_takes_the_place_of_ours() {
        let theirs = |topology: &str, when: &str| TopologySpreadConstraint {
            max_skew: 3,
            topology_key: topology.to_owned(),
            when_unsatisfiable: when.to_owned(),
            ..TopologySpreadConstraint::default()
        };
        let skews = |theirs: TopologySpreadConstraint| {
            let scheduling = Scheduling {
                topology_spread_constraints: vec![theirs],
                ..Scheduling::default()
            };
            let all = with(scheduling, spread);
            all.iter().map(|one| one.max_skew).collect::<Vec<_>>()
        };
        assert_eq!(skews(theirs(HOST, "ScheduleAnyway")), [3]);
        assert_eq!(skews(theirs(HOST, "DoNotSchedule")), [3, 1]);
        assert_eq!(skews(theirs(ZONE, "ScheduleAnyway")), [3, 1]);
    }

    #[test]
    fn pods_of_a_shard_must_be_apart_where_the_user_says_so() {
        let required = |spread: Spread| {
            let scheduling = Scheduling {
                spread,
                ..Scheduling::default()
            };
            let anti = with(scheduling, |context| affinity(context, 0).pod_anti_affinity);
            let required = anti.and_then(|a| a.required_during_scheduling_ignored_during_execution);
            required.unwrap_or_default()
        };
        assert_eq!(required(Spread::Preferred), []);
        let terms = required(Spread::Required);
        assert_eq!(terms.len(), 1);
        assert_eq!(terms[0].topology_key, HOST);
    }
}
