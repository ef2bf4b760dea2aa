//! The model's replication: one link per replica, partial or full.

use slotkeeper::model::PodIndex;

use crate::cluster::ModelCluster;
use crate::node::Data;

impl ModelCluster {
    pub fn replicate(&mut self) {
        for index in self.running() {
            self.replicate_one(index);
        }
    }

    fn replicate_one(&mut self, index: PodIndex) {
        let (now, full_ms, replid) = (self.now, self.random.between(200, 2_000), self.fresh());
        let lags = self.random.chance(20);
        let Some(node) = self.node(index) else { return };
        let Some(master) = node.master else { return };
        let source = self
            .peer(index, master)
            .and_then(|at| self.node(at))
            .filter(|m| m.master.is_none() && !m.withholding && m.data.complete)
            .map(|m| Data {
                synced_with: Some(m.id),
                ..m.data.clone()
            });
        let Some(node) = self.node_mut(index) else {
            return;
        };
        let Some(source) = source else {
            if node.link.syncing.take().is_some() {
                // Interrupted: what was loaded so far is discarded.
                node.data = Data {
                    complete: false,
                    replid,
                    ..Default::default()
                };
            }
            if node.link.up {
                (node.link.up, node.link.down_since) = (false, now);
            }
            return;
        };
        if node.link.up && node.data.replid == source.replid {
            if !lags {
                node.data = source;
            }
            return;
        }
        if let Some(until) = node.link.syncing {
            if until <= now {
                node.data = source;
                (node.link.up, node.link.syncing) = (true, None);
            }
            return;
        }
        let mine = &node.data;
        let history = mine.replid == source.replid || mine.replid == source.replid2;
        if mine.complete && history && mine.offset <= source.offset {
            node.data = source;
            node.link.up = true;
        } else {
            node.link.syncing = Some(now + full_ms);
            node.link.up = false;
        }
    }
}
