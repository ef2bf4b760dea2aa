//! CLUSTER commands about slots: ADDSLOTS, DELSLOTS, SETSLOT and their kin.

use slotkeeper_topology::{Slot, SlotSet};

use super::Outcome;
use crate::cluster::send::Audience;
use crate::cluster::{Cluster, Facts, NodeRef};
use crate::io::Level;
use crate::request::SetSlot;

impl Cluster {
    /// Each slot is named once and passes the check; otherwise nothing is changed.
    fn check_slots(slots: &[Slot], check: impl Fn(Slot) -> Result<(), String>) -> Outcome {
        let mut seen = SlotSet::new();
        for &slot in slots {
            check(slot)?;
            if !seen.insert(slot) {
                return Err(format!("ERR Slot {slot} specified multiple times"));
            }
        }
        Ok(())
    }

    pub(super) fn request_add_slots(&mut self, slots: &[Slot]) -> Outcome {
        Cluster::check_slots(slots, |slot| match self.slots.owner(slot) {
            Some(_) => Err(format!("ERR Slot {slot} is already busy")),
            None => Ok(()),
        })?;
        let me = self.nodes.my_ref();
        for &slot in slots {
            self.slots.set_importing(me, slot, None);
            self.slots.assign(&mut self.nodes, slot, Some(me));
        }
        self.slots_changed();
        Ok(())
    }

    pub(super) fn request_del_slots(&mut self, slots: &[Slot]) -> Outcome {
        Cluster::check_slots(slots, |slot| match self.slots.owner(slot) {
            Some(_) => Ok(()),
            None => Err(format!("ERR Slot {slot} is already unassigned")),
        })?;
        for &slot in slots {
            self.slots.assign(&mut self.nodes, slot, None);
        }
        self.slots_changed();
        Ok(())
    }

    pub(super) fn request_flush_slots(&mut self, facts: &Facts<'_>) -> Outcome {
        if facts.has_keys {
            return Err("ERR DB must be empty to perform CLUSTER FLUSHSLOTS.".to_owned());
        }
        let me = self.nodes.my_ref();
        self.slots.unassign_all(&mut self.nodes, me);
        self.slots_changed();
        Ok(())
    }

    fn slots_changed(&mut self) {
        self.todo.save = true;
        self.todo.update_state = true;
    }

    pub(super) fn request_set_slot(
        &mut self,
        slot: Slot,
        to: &SetSlot,
        facts: &Facts<'_>,
    ) -> Outcome {
        if self.nodes.me().is_replica() {
            return Err("ERR Please use SETSLOT only with masters.".to_owned());
        }
        let me = self.nodes.my_ref();
        let mine = self.slots.owner(slot) == Some(me);
        match to {
            SetSlot::Migrating(_) if !mine => {
                return Err(format!("ERR I'm not the owner of hash slot {slot}"));
            }
            SetSlot::Migrating(id) => {
                let target = self.target_master(id, "ERR I don't know about node")?;
                self.slots.set_migrating(me, slot, Some(target));
            }
            SetSlot::Importing(_) if mine => {
                return Err(format!("ERR I'm already the owner of hash slot {slot}"));
            }
            SetSlot::Importing(id) => {
                let source = self.target_master(id, "ERR I don't know about node")?;
                self.slots.set_importing(me, slot, Some(source));
            }
            SetSlot::Stable => {
                self.slots.set_migrating(me, slot, None);
                self.slots.set_importing(me, slot, None);
            }
            SetSlot::Node(id) => {
                let owner = self.target_master(id, "ERR Unknown node")?;
                self.set_slot_owner(slot, owner, facts)?;
            }
        }
        self.slots_changed();
        Ok(())
    }

    fn target_master(&self, id: &str, unknown: &str) -> Result<NodeRef, String> {
        let r = self
            .find_text(id)
            .ok_or_else(|| format!("{unknown} {id}"))?;
        if self.nodes[r].is_replica() {
            return Err("ERR Target node is not a master".to_owned());
        }
        Ok(r)
    }

    fn set_slot_owner(&mut self, slot: Slot, owner: NodeRef, facts: &Facts<'_>) -> Outcome {
        let me = self.nodes.my_ref();
        let was_mine = self.slots.owner(slot) == Some(me);
        let has_keys = (facts.slot_has_keys)(slot);
        if was_mine && owner != me && has_keys {
            return Err(format!(
                "ERR Can't assign hashslot {slot} to a different node while I still hold keys for \
                 this hash slot."
            ));
        }
        if !has_keys {
            self.slots.set_migrating(me, slot, None);
        }
        let imported = owner == me && self.slots.importing_from(slot).is_some();
        self.slots.set_importing(
            me,
            slot,
            if owner == me {
                None
            } else {
                self.slots.importing_from(slot)
            },
        );
        self.slots.assign(&mut self.nodes, slot, Some(owner));
        if imported {
            // Higher than any epoch, so that the former owner's claim does not win it back.
            if self.bump_epoch() {
                let text = format!("configEpoch updated after importing slot {slot}");
                self.log(Level::Warning, text);
            }
            self.broadcast_pong(Audience::All);
        }
        let gave_the_last = was_mine && self.nodes.me().slot_count == 0;
        if gave_the_last && self.config.cluster_allow_replica_migration {
            self.follow_new_owner(owner);
        }
        Ok(())
    }
}
