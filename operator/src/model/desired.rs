//! What the manifest asks for, as far as planning needs it.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use slotkeeper_crds::{RedisCluster, RedisClusterSpec};
use slotkeeper_topology::{SlotSet, even_split};

use super::PodIndex;
use crate::quantity;

/// What the manifest asks for, as far as planning needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    /// The name of the cluster.
    pub name: String,
    /// The generation of the manifest that this was read from.
    pub generation: i64,
    /// The number of shards.
    pub shards: u32,
    /// The number of replicas of each master.
    pub replicas_per_shard: u32,
    /// Whether the operator must change nothing.
    pub paused: bool,
    /// `cluster-node-timeout` of the nodes, in milliseconds.
    pub node_timeout_ms: u64,
    /// The memory bounds of a node.
    pub memory: MemoryBounds,
}

/// The memory bounds of a node in the manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryBounds {
    /// The directive `maxmemory`, from `config` or `maxmemoryPercent`; none if there is no bound.
    pub maxmemory: Option<Amount>,
    /// `resources.limits.memory`, beyond which the container is killed.
    pub limit: Option<Amount>,
}

/// An amount of memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amount {
    /// As written in the manifest.
    pub text: String,
    /// In bytes.
    pub bytes: u64,
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
            memory: MemoryBounds::default(),
        }
    }

    /// The number of pods of a shard.
    #[must_use]
    pub fn pods_per_shard(&self) -> u32 {
        self.replicas_per_shard + 1
    }

    /// The index of every desired pod, in order.
    pub fn pod_indexes(&self) -> impl Iterator<Item = PodIndex> + '_ {
        (0..self.shards).flat_map(|shard| {
            (0..self.pods_per_shard()).map(move |ordinal| PodIndex::new(shard, ordinal))
        })
    }

    /// Whether the pod is a desired one.
    #[must_use]
    pub fn wants(&self, index: PodIndex) -> bool {
        index.shard < self.shards && index.ordinal < self.pods_per_shard()
    }

    /// The slots of each shard, in their order.
    #[must_use]
    pub fn layout(&self) -> Vec<SlotSet> {
        even_split(self.shards as usize)
    }
}

impl From<&RedisCluster> for Desired {
    /// Takes a manifest that has passed its checks. An unreadable node timeout counts as Redis's
    /// default, an unreadable amount of memory as none.
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
            memory: MemoryBounds::from(spec),
        }
    }
}

impl From<&RedisClusterSpec> for MemoryBounds {
    fn from(spec: &RedisClusterSpec) -> MemoryBounds {
        let maxmemory = spec.config.get("maxmemory").and_then(|text| {
            let bytes = directive_bytes(text.trim())?;
            Some((text.trim().to_owned(), bytes))
        });
        let limits = spec.resources.iter().flat_map(|all| &all.limits);
        let limit = limits.flatten().find_map(|(name, Quantity(text))| {
            let bytes = (name == "memory").then(|| quantity::bytes(text))??;
            Some((text.clone(), bytes))
        });
        let percent = spec.maxmemory_percent.zip(limit.as_ref());
        let part = percent.map(|(percent, (_, limit))| {
            let bytes = part_of(*limit, percent);
            (bytes.to_string(), bytes)
        });
        let amount = |(text, bytes)| Amount { text, bytes };
        MemoryBounds {
            // 0 is no bound.
            maxmemory: (maxmemory.or(part).filter(|(_, bytes)| *bytes > 0)).map(amount),
            limit: limit.map(amount),
        }
    }
}

impl MemoryBounds {
    /// The `maxmemory` of a pod with that memory limit, in bytes; none where the manifest bounds
    /// nothing, or bounds every node alike. The limit of a pod changes only when it is replaced.
    #[must_use]
    pub fn maxmemory_within(spec: &RedisClusterSpec, limit: Option<u64>) -> Option<u64> {
        let percent = spec.maxmemory_percent?;
        let follows = !spec.config.contains_key("maxmemory");
        let bytes = part_of(limit.filter(|_| follows)?, percent);
        (bytes > 0).then_some(bytes)
    }
}

fn part_of(limit: u64, percent: u8) -> u64 {
    let part = u128::from(limit) * u128::from(percent) / 100;
    u64::try_from(part).unwrap_or(u64::MAX)
}

/// An amount in the syntax of redis.conf: with a `b`, the units are powers of 1024.
fn directive_bytes(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit());
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    let factor = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use k8s_openapi::api::core::v1::ResourceRequirements;

    use super::*;

    #[test]
    fn maxmemory_follows_the_memory_limit() {
        let limits = BTreeMap::from([("memory".to_owned(), Quantity("1Gi".to_owned()))]);
        let mut spec = RedisClusterSpec {
            maxmemory_percent: Some(80),
            ..RedisClusterSpec::default()
        };
        assert_eq!(MemoryBounds::from(&spec).maxmemory, None);
        spec.resources = Some(ResourceRequirements {
            limits: Some(limits),
            ..ResourceRequirements::default()
        });
        let bytes = |spec: &RedisClusterSpec| {
            let maxmemory = MemoryBounds::from(spec).maxmemory;
            maxmemory.map(|amount| amount.bytes)
        };
        assert_eq!(bytes(&spec), Some(858_993_459));
        let within = |spec: &RedisClusterSpec, limit| MemoryBounds::maxmemory_within(spec, limit);
        assert_eq!(within(&spec, Some(1 << 20)), Some(838_860));
        assert_eq!((within(&spec, Some(0)), within(&spec, None)), (None, None));
        spec.config.insert("maxmemory".to_owned(), "1mb".to_owned());
        assert_eq!(bytes(&spec), Some(1 << 20));
        assert_eq!(within(&spec, Some(1 << 20)), None);
    }

    #[test]
    fn memory_is_read_as_redis_and_kubernetes_write_it() {
        let limits = BTreeMap::from([("memory".to_owned(), Quantity("64Mi".to_owned()))]);
        let spec = |maxmemory: &str| RedisClusterSpec {
            config: BTreeMap::from([("maxmemory".to_owned(), maxmemory.to_owned())]),
            resources: Some(ResourceRequirements {
                limits: Some(limits.clone()),
                ..ResourceRequirements::default()
            }),
            ..RedisClusterSpec::default()
        };
        let bytes = |amount: Option<Amount>| amount.map(|amount| amount.bytes);
        let read = MemoryBounds::from(&spec("4gb"));
        assert_eq!(bytes(read.limit), Some(64 << 20));
        assert_eq!(bytes(read.maxmemory), Some(4 << 30));
        for (text, wanted) in [
            ("1K", Some(1000)),
            ("100", Some(100)),
            ("0", None),
            ("much", None),
        ] {
            assert_eq!(
                bytes(MemoryBounds::from(&spec(text)).maxmemory),
                wanted,
                "{text}"
            );
        }
        let nothing = MemoryBounds::from(&RedisClusterSpec::default());
        assert_eq!(nothing, MemoryBounds::default());
    }
}
