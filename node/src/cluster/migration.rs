//! Replicas change to masters that have lost theirs: `cluster-allow-replica-migration`, as Redis 7
//! does it (`clusterHandleSlaveMigration`).

use std::collections::BTreeMap;

use slotkeeper_topology::NodeId;

use super::node::{Flags, Moment};
use super::{Cluster, NodeRef};
use crate::io::Level;

/// How long a master must have been without a replica, in milliseconds: after a failover the others
/// of its shard need a while to say which master they follow now.
const DELAY_MS: i64 = 5000;

/// What a replica knows of masters that need one.
#[derive(Clone, Debug, Default)]
pub(super) struct Migration {
    /// Since when each of them has been without.
    orphaned: BTreeMap<NodeId, Moment>,
}

impl Migration {
    /// What was seen before counts no longer.
    pub fn forget(&mut self) {
        self.orphaned.clear();
    }
}

/// By master, the replicas that have not failed, in the order of their ids.
type Shards = BTreeMap<NodeRef, Vec<NodeRef>>;

impl Cluster {
    /// The regular look of a replica: it leaves for a master without replicas if it is the one that
    /// has to. That is the one with the smallest id in the shards that have most of them; all nodes
    /// see it alike, so that only one leaves.
    ///
    /// It stays while its own master has failed or a hand-over is under way, and where its master
    /// would keep fewer than `cluster-migration-barrier`.
    pub(super) fn consider_migration(&mut self) {
        let me = self.nodes.me();
        let Some(my_master) = me.master.filter(|_| {
            self.config.cluster_allow_replica_migration && me.is_replica() && self.state.ok
        }) else {
            self.migration.forget();
            return;
        };
        let shards = self.shards();
        self.note_orphans(&shards);
        let largest = shards.values().map(Vec::len).max().unwrap_or_default();
        if largest < 2 || self.manual.ends.is_some() || !self.may_leave(my_master) {
            return;
        }
        let in_largest = shards.values().filter(|shard| shard.len() == largest);
        let smallest = (in_largest.filter_map(|shard| shard.first().copied()))
            .min_by_key(|&r| self.nodes[r].id);
        if smallest == Some(self.nodes.my_ref())
            && let Some(target) = self.longest_orphaned()
        {
            let text = format!("Migrating to orphaned master {}", self.nodes[target].name());
            self.log(Level::Notice, text);
            self.become_replica_of(target);
        }
    }

    /// The shards whose masters have not failed.
    fn shards(&self) -> Shards {
        let mut shards = Shards::new();
        for (r, node) in self.nodes.iter().filter(|(_, n)| !n.failed()) {
            let works = |master: &NodeRef| {
                let master = &self.nodes[*master];
                master.is_master() && !master.failed()
            };
            if let Some(master) = node.master.filter(works) {
                shards.entry(master).or_default().push(r);
            }
        }
        shards
    }

    /// Notes which masters are without: they serve slots, are meant to have replicas, and can be
    /// reached.
    fn note_orphans(&mut self, shards: &Shards) {
        let now = Moment::of(self.now);
        let known = std::mem::take(&mut self.migration.orphaned);
        let orphans = (self.nodes.iter()).filter(|&(r, node)| {
            let wants = node.votes() && node.flags.has(Flags::MIGRATE_TO) && !node.failed();
            wants && node.client_address().is_some() && !shards.contains_key(&r)
        });
        self.migration.orphaned = orphans
            .map(|(_, node)| (node.id, known.get(&node.id).copied().unwrap_or(now)))
            .collect();
    }

    /// Whether the master of this replica can do without it.
    fn may_leave(&self, my_master: NodeRef) -> bool {
        let down = Flags::FAIL | Flags::PFAIL;
        let in_order = (self.nodes.iter())
            .filter(|(_, n)| n.master == Some(my_master) && !n.flags.has(down))
            .count();
        in_order > self.config.cluster_migration_barrier
    }

    /// The master that has been without for longest, and for long enough.
    fn longest_orphaned(&self) -> Option<NodeRef> {
        let orphans = self.migration.orphaned.iter();
        let waited = orphans.filter(|(_, since)| since.until(self.now) > DELAY_MS);
        let (id, _) = waited.min_by_key(|(_, since)| since.mono)?;
        self.nodes.find(id)
    }
}
