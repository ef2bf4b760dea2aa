//! What the probes answer.

use crate::engine::Engine;
use crate::io::Health;
use crate::time::Now;

/// All slots.
const ALL_SLOTS: usize = slotkeeper_topology::SLOT_COUNT as usize;

impl Engine {
    /// What the probes answer. A node that answers at all is live.
    ///
    /// Slots of other shards are a condition of the cluster and play no part: one lost shard must
    /// not make every node of the others unready. Nor do snapshots that fail: reads are served, and a
    /// pod that is taken out of the Service makes no room on a disk. Writers are told by -MISCONF,
    /// people by the metrics and the condition SnapshotsFailing.
    #[must_use]
    pub fn health(&self, _now: Now) -> Health {
        let withholding = self.is_withholding();
        let syncing = self.master_link().is_some_and(|link| !link.complete);
        Health {
            ready: self.readiness(),
            busy: self.is_loading() || withholding || syncing,
        }
    }

    fn readiness(&self) -> Result<(), String> {
        let not = |why: &str| Err(why.to_owned());
        if self.is_loading() {
            return not("the data set is being loaded");
        }
        if self.is_withholding() {
            return not("withholding until it is known whether a replica has newer data");
        }
        let Some(cluster) = &self.cluster else {
            return Ok(());
        };
        if self.pause.by_sleep() {
            return not("it has slept, and asks the other masters whether it was replaced");
        }
        let health = cluster.health();
        if health.master {
            if health.own_slots == 0 {
                return not("neither slots nor a master");
            }
            if health.own_slots < ALL_SLOTS && !health.knows_a_peer {
                return not("knows no other node");
            }
            if !health.sees_majority {
                return not("does not see a majority of the masters that own slots");
            }
            return Ok(());
        }
        let Some(link) = self.master_link() else {
            return not("not connected to its master yet");
        };
        if !link.complete {
            return not("the data set is not complete");
        }
        if !link.up && !health.master_failed {
            return not("the link to the master is down");
        }
        Ok(())
    }
}
