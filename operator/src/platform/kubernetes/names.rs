//! The names of a cluster's objects, and their labels.

use std::collections::BTreeMap;

use slotkeeper_crds::RedisCluster;

use crate::model::PodIndex;

/// The label with the cluster that an object belongs to.
pub const CLUSTER_LABEL: &str = "slotkeeper.dev/cluster";
/// The label with the shard that a pod belongs to.
pub const SHARD_LABEL: &str = "slotkeeper.dev/shard";

/// The label with the manager of an object.
pub const MANAGED_BY_LABEL: &str = "app.kubernetes.io/managed-by";

/// The manager of our objects: the value of `app.kubernetes.io/managed-by`.
pub const MANAGER: &str = "slotkeeper";

/// The names of one cluster's objects.
///
/// They need no escaping: the CustomResourceDefinition allows a name of at most 40 lower-case
/// letters, digits and hyphens, so that even a pod's name with the hash of its revision fits a
/// label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Names<'a> {
    /// The name of the RedisCluster.
    pub name: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
    /// The domain of the Kubernetes cluster, such as `cluster.local`.
    pub domain: &'a str,
}

impl<'a> Names<'a> {
    /// The names of a cluster from the API server, which has a name and a namespace.
    #[must_use]
    pub fn of(cluster: &'a RedisCluster, domain: &'a str) -> Names<'a> {
        Names {
            name: cluster.metadata.name.as_deref().unwrap_or_default(),
            namespace: cluster.metadata.namespace.as_deref().unwrap_or_default(),
            domain,
        }
    }

    /// The StatefulSet of a shard.
    #[must_use]
    pub fn shard(&self, shard: u32) -> String {
        format!("{}-{shard}", self.name)
    }

    /// The name of a pod, as the StatefulSet of its shard gives it.
    #[must_use]
    pub fn pod(&self, index: PodIndex) -> String {
        format!("{}-{index}", self.name)
    }

    /// The index of a pod; none if no pod of this cluster has that name.
    #[must_use]
    pub fn index_of(&self, pod: &str) -> Option<PodIndex> {
        let numbers = pod.strip_prefix(self.name)?.strip_prefix('-')?;
        let (shard, ordinal) = numbers.split_once('-')?;
        let index = PodIndex::new(shard.parse().ok()?, ordinal.parse().ok()?);
        // Numbers in names have no leading zeros or signs.
        (self.pod(index) == pod).then_some(index)
    }

    /// The Service that gives every pod a DNS name.
    #[must_use]
    pub fn headless(&self) -> String {
        format!("{}-nodes", self.name)
    }

    /// The Service for clients.
    #[must_use]
    pub fn client(&self) -> String {
        self.name.to_owned()
    }

    /// The ConfigMap with redis.conf.
    #[must_use]
    pub fn config_map(&self) -> String {
        format!("{}-config", self.name)
    }

    /// The ConfigMap with the operator's memory.
    #[must_use]
    pub fn memory(&self) -> String {
        format!("{}-memory", self.name)
    }

    /// The NetworkPolicy of the nodes.
    #[must_use]
    pub fn network_policy(&self) -> String {
        self.name.to_owned()
    }

    /// The PodDisruptionBudget of a shard.
    #[must_use]
    pub fn budget(&self, shard: u32) -> String {
        self.shard(shard)
    }

    /// The hostname that the node of a pod announces: stable, unlike its address.
    #[must_use]
    pub fn hostname(&self, index: PodIndex) -> String {
        self.fqdn(&self.pod(index))
    }

    /// The DNS name of a pod under the headless Service; `pod` may be a variable.
    #[must_use]
    pub fn fqdn(&self, pod: &str) -> String {
        let (headless, namespace, domain) = (self.headless(), self.namespace, self.domain);
        format!("{pod}.{headless}.{namespace}.svc.{domain}")
    }

    /// The labels of a common object of the cluster.
    #[must_use]
    pub fn labels(&self) -> BTreeMap<String, String> {
        let mut labels = self.selects();
        let recommended = [
            ("name", "redis-cluster"),
            ("instance", self.name),
            ("component", "node"),
            ("managed-by", MANAGER),
        ];
        for (label, value) in recommended {
            labels.insert(format!("app.kubernetes.io/{label}"), value.to_owned());
        }
        labels
    }

    /// The labels of an object of one shard.
    #[must_use]
    pub fn shard_labels(&self, shard: u32) -> BTreeMap<String, String> {
        let mut labels = self.labels();
        labels.insert(SHARD_LABEL.to_owned(), shard.to_string());
        labels
    }

    /// The labels that select all pods of the cluster.
    #[must_use]
    pub fn selects(&self) -> BTreeMap<String, String> {
        BTreeMap::from([(CLUSTER_LABEL.to_owned(), self.name.to_owned())])
    }

    /// The same, as text.
    #[must_use]
    pub fn selector(&self) -> String {
        format!("{CLUSTER_LABEL}={}", self.name)
    }

    /// The labels that select the pods of a shard. A StatefulSet cannot change them later.
    #[must_use]
    pub fn selects_shard(&self, shard: u32) -> BTreeMap<String, String> {
        let mut labels = self.selects();
        labels.insert(SHARD_LABEL.to_owned(), shard.to_string());
        labels
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(name: &str) -> Names<'_> {
        Names {
            name,
            namespace: "shop",
            domain: "cluster.local",
        }
    }

    #[test]
    fn a_pod_is_called_as_its_statefulset_calls_it() {
        let names = names("tour");
        let index = PodIndex::new(2, 1);
        assert_eq!(names.pod(index), format!("{}-1", names.shard(2)));
        assert_eq!(
            names.hostname(index),
            "tour-2-1.tour-nodes.shop.svc.cluster.local"
        );
    }

    #[test]
    fn no_other_pod_has_a_place() {
        let others = "tour tour- tour-0 tour-0- tour--1 tour-0-1-2 tour-a-1 tour-00-1 tour-0-01 \
                      tour-+0-1 tour-0-99999999999 our-0-1 tour2-0-1 atour-0-1";
        for pod in others.split(' ') {
            assert_eq!(names("tour").index_of(pod), None, "{pod}");
        }
    }

    #[test]
    fn what_selects_is_among_the_labels() {
        let names = names("tour");
        for (label, value) in names.selects_shard(3) {
            assert_eq!(names.shard_labels(3)[&label], value);
        }
        assert_eq!(names.selector(), "slotkeeper.dev/cluster=tour");
    }

    proptest! {
        #[test]
        fn a_pod_leads_back_to_its_place(
            name in "[a-z]([-a-z0-9]{0,38}[a-z0-9])?|[a-z](-[0-9]{1,2}){1,6}",
            other in "[a-z]([-a-z0-9]{0,5}[a-z0-9])?|[a-z](-[0-9]){1,3}",
            shard in 0u32..1000,
            ordinal in 0u32..6,
        ) {
            let index = PodIndex::new(shard, ordinal);
            let pod = names(&name).pod(index);
            prop_assert_eq!(names(&name).index_of(&pod), Some(index));
            // The longest things that become labels: a pod, and a revision of a StatefulSet.
            prop_assert!(pod.len() <= 63 && names(&name).shard(shard).len() + 11 <= 63);
            if other != name {
                prop_assert_eq!(names(&other).index_of(&pod), None);
            }
        }
    }
}
