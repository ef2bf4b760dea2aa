//! CLUSTER SLOT-STATS: what is asked of each slot, measured with cluster-slot-stats-enabled.

use slotkeeper_topology::{SLOT_COUNT, Slot, key_slot};

use crate::command::Command;
use crate::engine::Engine;
use crate::request::{SlotMetric, SlotStatsRequest};
use crate::resp::{Args, Reply};

const SLOTS: usize = SLOT_COUNT as usize;

/// What the requests of one slot's keys took, since measuring began.
#[derive(Clone, Copy, Debug, Default)]
struct Load {
    nanos: u64,
    bytes_in: u64,
    bytes_out: u64,
}

/// Those of all slots; none while nothing is measured.
#[derive(Debug, Default)]
pub(super) struct SlotStats(Option<Box<[Load; SLOTS]>>);

impl SlotStats {
    /// Begins to measure, or ends it and forgets what was measured.
    pub(super) fn set_enabled(&mut self, enabled: bool) {
        if enabled != self.0.is_some() {
            self.0 = enabled.then(|| Box::new([Load::default(); SLOTS]));
        }
    }

    /// CONFIG RESETSTAT.
    pub(super) fn reset(&mut self) {
        if let Some(loads) = &mut self.0 {
            loads.fill(Load::default());
        }
    }

    /// Whether [`SlotStats::note`] has something to do: all that it costs otherwise.
    #[inline]
    pub(super) fn is_enabled(&self) -> bool {
        self.0.is_some()
    }

    /// Counts a command towards the slot of its first key.
    #[cold]
    pub(super) fn note(&mut self, command: &Command, args: &Args<'_>, nanos: u64, replied: usize) {
        if let Some(loads) = &mut self.0
            && let Some(key) = command.first_key(args)
        {
            let load = &mut loads[key_slot(args.get(key)).index()];
            load.nanos += nanos;
            load.bytes_in += request_len(args);
            load.bytes_out += replied as u64;
        }
    }

    fn load(&self, slot: Slot) -> Option<Load> {
        Some(self.0.as_ref()?[slot.index()])
    }
}

/// How long a request is as an array of bulk strings.
fn request_len(args: &Args<'_>) -> u64 {
    // `*2\r\n` and `$3\r\n...\r\n`.
    let digits = |number: usize| u64::from(number.checked_ilog10().unwrap_or(0) + 1);
    let one = |arg: &[u8]| digits(arg.len()) + arg.len() as u64 + 5;
    digits(args.len()) + 3 + args.iter().map(one).sum::<u64>()
}

impl Engine {
    /// CLUSTER SLOT-STATS, of the slots that this node's shard owns.
    pub(super) fn slot_stats_request(&self, request: SlotStatsRequest, reply: &mut Reply) {
        let slots: Vec<Slot> = match request {
            SlotStatsRequest::Range(first, last) => {
                let slots = self.slots_of_shard();
                slots
                    .into_iter()
                    .filter(|slot| (first..=last).contains(slot))
                    .collect()
            }
            SlotStatsRequest::Ordered {
                metric,
                limit,
                ascending,
            } => {
                let mut slots = self.slots_of_shard();
                slots.sort_by_key(|&slot| {
                    let value = self.slot_metric(slot, metric);
                    (if ascending { value } else { u64::MAX - value }, slot)
                });
                slots.truncate(limit);
                slots
            }
        };
        let metrics = if self.slot_stats.is_enabled() {
            SlotMetric::ALL
        } else {
            &SlotMetric::ALL[..1]
        };
        reply.array(slots.len());
        for slot in slots {
            reply.array(2);
            reply.integer(slot.index() as i64);
            reply.map(metrics.len());
            for &metric in metrics {
                reply.bulk(metric.name().as_bytes());
                reply.integer(self.slot_metric(slot, metric).cast_signed());
            }
        }
    }

    fn slots_of_shard(&self) -> Vec<Slot> {
        let slots = self
            .cluster
            .as_ref()
            .map(|cluster| cluster.slots_of_shard());
        slots.map_or(Vec::new(), |slots| slots.iter().collect())
    }

    fn slot_metric(&self, slot: Slot, metric: SlotMetric) -> u64 {
        let load = self.slot_stats.load(slot).unwrap_or_default();
        match metric {
            SlotMetric::KeyCount => self.data.slot_len(slot) as u64,
            SlotMetric::CpuUsec => load.nanos / 1000,
            SlotMetric::BytesIn => load.bytes_in,
            SlotMetric::BytesOut => load.bytes_out,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::encode_command;

    #[test]
    fn a_request_counts_as_long_as_it_is() {
        for words in [
            &["GET", "a"][..],
            &["SET", "k", ""],
            &["X", &"y".repeat(1000)],
        ] {
            let mut encoded = Vec::new();
            encode_command(&mut encoded, words);
            let argv: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
            assert_eq!(
                request_len(&Args::kept(&argv)),
                encoded.len() as u64,
                "{words:?}"
            );
        }
    }
}
