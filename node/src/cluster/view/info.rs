//! The reply of CLUSTER INFO.

use std::fmt::Write;

use slotkeeper_topology::Slot;

use crate::cluster::Cluster;
use crate::cluster::bus::KINDS;
use crate::resp::Reply;

/// Slots by the state of their owner.
#[derive(Debug, Default)]
struct SlotCounts {
    assigned: usize,
    ok: usize,
    suspected: usize,
    failed: usize,
}

impl Cluster {
    /// CLUSTER INFO.
    pub(in crate::cluster) fn reply_info(&self, reply: &mut Reply) {
        reply.verbatim(&self.info_text());
    }

    fn info_text(&self) -> String {
        let counts = self.count_slots();
        let me = self.nodes.me();
        let my_epoch = me
            .master
            .map_or(me.config_epoch, |r| self.nodes[r].config_epoch);
        let mut text = String::new();
        let mut put = |name: &str, value: &dyn std::fmt::Display| {
            write!(text, "{name}:{value}\r\n").expect("a string takes all text");
        };
        put("cluster_state", &if self.state.ok { "ok" } else { "fail" });
        put("cluster_slots_assigned", &counts.assigned);
        put("cluster_slots_ok", &counts.ok);
        put("cluster_slots_pfail", &counts.suspected);
        put("cluster_slots_fail", &counts.failed);
        put("cluster_known_nodes", &self.nodes.len());
        put("cluster_size", &self.nodes.size());
        put("cluster_current_epoch", &self.current_epoch);
        put("cluster_my_epoch", &my_epoch);
        for (direction, counts) in [
            ("sent", &self.stats.sent),
            ("received", &self.stats.received),
        ] {
            for (kind, count) in KINDS.iter().zip(counts).filter(|(_, count)| **count > 0) {
                put(
                    &format!("cluster_stats_messages_{}_{direction}", kind.name()),
                    count,
                );
            }
            put(
                &format!("cluster_stats_messages_{direction}"),
                &counts.iter().sum::<u64>(),
            );
        }
        put(
            "total_cluster_links_buffer_limit_exceeded",
            &self.links.not_read,
        );
        let elections = self.elections();
        put("slotkeeper_elections", &elections.len());
        for (nth, election) in elections.iter().enumerate() {
            put(&format!("slotkeeper_election{nth}"), election);
        }
        text
    }

    /// Who stood for election in place of which master, for as long as a candidate waits before it
    /// stands again. Redis tells nothing of that; an operator that has just started learns from it
    /// which votes may be under way.
    fn elections(&self) -> Vec<String> {
        let kept = self.config.cluster_node_timeout.cast_signed() * 4;
        (self.nodes.iter())
            .filter_map(|(_, master)| {
                let candidacy = master.candidacy?;
                let age = candidacy.since.until(self.now);
                (age < kept).then(|| {
                    format!(
                        "master={},candidate={},epoch={},age_ms={age}",
                        master.id, candidacy.candidate, candidacy.epoch
                    )
                })
            })
            .collect()
    }

    fn count_slots(&self) -> SlotCounts {
        let mut counts = SlotCounts::default();
        for owner in Slot::all().filter_map(|slot| self.slots.owner(slot)) {
            counts.assigned += 1;
            let node = &self.nodes[owner];
            if node.failed() {
                counts.failed += 1;
            } else if node.suspected() {
                counts.suspected += 1;
            } else {
                counts.ok += 1;
            }
        }
        counts
    }
}
