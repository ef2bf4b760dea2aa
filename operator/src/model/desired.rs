use slotkeeper_crds::RedisCluster;
use slotkeeper_topology::{SlotSet, even_split};

use super::Place;

/// What the manifest asks for, as far as planning needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    /// The name of the cluster.
    pub name: String,
    /// The generation of the manifest that this was read from.
    pub generation: i64,
    /// How many shards.
    pub shards: u32,
    /// How many replicas each shard's master has.
    pub replicas_per_shard: u32,
    /// Whether the operator keeps its hands off.
    pub paused: bool,
    /// `cluster-node-timeout` of the nodes, in milliseconds.
    pub node_timeout_ms: u64,
}

impl Desired {
    /// Redis's own default of `cluster-node-timeout`, in milliseconds.
    pub const DEFAULT_NODE_TIMEOUT_MS: u64 = 15_000;

    /// A cluster of that shape with everything else at its default.
    #[must_use]
    pub fn new(name: &str, shards: u32, replicas_per_shard: u32) -> Desired {
        Desired {
            name: name.to_owned(),
            generation: 1,
            shards,
            replicas_per_shard,
            paused: false,
            node_timeout_ms: Desired::DEFAULT_NODE_TIMEOUT_MS,
        }
    }

    /// How many pods a shard has.
    #[must_use]
    pub fn pods_per_shard(&self) -> u32 {
        self.replicas_per_shard + 1
    }

    /// Every place that is to be filled, in order.
    pub fn places(&self) -> impl Iterator<Item = Place> + '_ {
        (0..self.shards).flat_map(|shard| {
            (0..self.pods_per_shard()).map(move |ordinal| Place::new(shard, ordinal))
        })
    }

    /// Whether the place is one of the desired ones.
    #[must_use]
    pub fn wants(&self, place: Place) -> bool {
        place.shard < self.shards && place.ordinal < self.pods_per_shard()
    }

    /// The slots of each shard, in their order.
    #[must_use]
    pub fn layout(&self) -> Vec<SlotSet> {
        even_split(self.shards as usize)
    }
}

impl From<&RedisCluster> for Desired {
    /// Takes a manifest that has passed its checks; a node timeout that cannot be read counts as
    /// Redis's default.
    fn from(cluster: &RedisCluster) -> Desired {
        let spec = &cluster.spec;
        let node_timeout = spec.config.get("cluster-node-timeout");
        Desired {
            name: cluster.metadata.name.clone().unwrap_or_default(),
            generation: cluster.metadata.generation.unwrap_or_default(),
            shards: u32::from(spec.shards),
            replicas_per_shard: u32::from(spec.replicas_per_shard),
            paused: spec.paused,
            node_timeout_ms: node_timeout
                .and_then(|ms| ms.parse().ok())
                .unwrap_or(Desired::DEFAULT_NODE_TIMEOUT_MS),
        }
    }
}
