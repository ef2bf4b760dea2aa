//! Slots that another node owns now: their keys go, here and at the replicas.

use slotkeeper_topology::SlotSet;

use crate::engine::Engine;
use crate::io::Level;

/// How much of the stream one turn adds, in bytes.
const STEP_BYTES: usize = 64 * 1024;
/// When more than this is on its way to a replica, it is waited for.
const UNSENT_MAX: usize = 4 << 20;

impl Engine {
    /// Deletes the keys of slots that another node owns now. They are out of sight at once; replicas
    /// of ours hear of one after the other, over as many turns as that takes.
    pub(super) fn drop_slots(&mut self, slots: &SlotSet) {
        self.end_migrations_of(slots);
        let dropped = self.data.drop_slots(slots);
        self.drain_changes();
        if dropped == 0 {
            return;
        }
        if !self.tells_replicas() {
            self.data.forget_dropped();
            if !self.is_replica {
                self.replication.count_change();
            }
        }
        self.stats.slots_lost_keys += dropped as u64;
        self.log(
            Level::Notice,
            format!("Deleted {dropped} keys of slots that another node owns now: {slots}"),
        );
    }

    fn tells_replicas(&self) -> bool {
        !self.is_replica && self.replication.stream_active()
    }

    /// Adds the next DELs to the stream; true when there is more to do at once.
    pub(super) fn step_drop(&mut self) -> bool {
        if !self.data.is_dropping() {
            return false;
        }
        if !self.tells_replicas() {
            // A replica has its master's keys, whatever it had as a master.
            self.data.forget_dropped();
            return true;
        }
        if self.stream_is_frozen() || self.replication.replicas.slowest_online() > UNSENT_MAX {
            return false;
        }
        for key in self.data.name_dropped(STEP_BYTES) {
            self.commit_removal(0, &[b"DEL", &key]);
        }
        true
    }

    /// Whether nothing may enter the stream: clients are paused, or a replica takes over. A shutdown
    /// that waits for replicas is no reason: they need this, too.
    fn stream_is_frozen(&self) -> bool {
        self.pause.any() && !(self.pause.only_by_shutdown() && self.waits_for_replicas())
    }

    /// There is no time left for replicas to hear of all keys.
    pub(super) fn give_up_dropping(&mut self) {
        if self.data.is_dropping() {
            let text = "Replicas were not told of all keys of slots that another node owns now";
            self.log(Level::Warning, text);
            self.data.forget_dropped();
        }
    }
}
