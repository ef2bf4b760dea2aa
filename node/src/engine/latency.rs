//! LATENCY: events that took longer than latency-monitor-threshold, and how long commands take.

mod report;

use std::collections::{BTreeMap, VecDeque};

use crate::command::all_commands;
use crate::engine::Engine;
use crate::request::LatencyRequest;
use crate::resp::Reply;

/// How many samples of an event are kept (as in Redis).
const SAMPLES: usize = 160;

/// What is remembered of each event.
#[derive(Debug, Default)]
pub(super) struct Latency {
    events: BTreeMap<&'static str, Event>,
}

#[derive(Debug, Default)]
struct Event {
    /// Never none. Of the samples of a second the longest one is kept.
    samples: VecDeque<Sample>,
    worst_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sample {
    /// Unix seconds.
    at: i64,
    ms: u64,
}

impl Latency {
    /// Notes an event that took `ms` milliseconds, if it reaches the threshold (0: none does).
    pub(super) fn note(&mut self, event: &'static str, ms: u64, threshold: u64, unix_ms: i64) {
        if threshold == 0 || ms < threshold {
            return;
        }
        let event = self.events.entry(event).or_default();
        event.worst_ms = event.worst_ms.max(ms);
        let at = unix_ms / 1000;
        if let Some(last) = event.samples.back_mut()
            && last.at == at
        {
            last.ms = last.ms.max(ms);
            return;
        }
        if event.samples.len() == SAMPLES {
            event.samples.pop_front();
        }
        event.samples.push_back(Sample { at, ms });
    }

    /// The samples of an event, the oldest first; none if nothing was noted.
    fn samples(&self, event: &[u8]) -> Vec<Sample> {
        let named = |(name, _): &(&&str, &Event)| name.as_bytes().eq_ignore_ascii_case(event);
        let found = self.events.iter().find(named);
        found.map_or(Vec::new(), |(_, event)| {
            event.samples.iter().copied().collect()
        })
    }

    fn reset(&mut self, names: &[Vec<u8>], reply: &mut Reply) {
        let before = self.events.len();
        let is_named = |event: &str| {
            names
                .iter()
                .any(|name| name.eq_ignore_ascii_case(event.as_bytes()))
        };
        self.events
            .retain(|event, _| !names.is_empty() && !is_named(event));
        reply.integer((before - self.events.len()) as i64);
    }

    fn latest(&self, reply: &mut Reply) {
        reply.array(self.events.len());
        for (name, event) in &self.events {
            let last = event.samples.back();
            reply.array(4);
            reply.bulk(name.as_bytes());
            reply.integer(last.map_or(0, |sample| sample.at));
            reply.integer(last.map_or(0, |sample| sample.ms.cast_signed()));
            reply.integer(event.worst_ms.cast_signed());
        }
    }
}

impl Engine {
    /// LATENCY.
    pub(super) fn latency_request(
        &mut self,
        request: &LatencyRequest,
        unix_ms: i64,
        reply: &mut Reply,
    ) {
        match request {
            LatencyRequest::Latest => self.latency.latest(reply),
            LatencyRequest::Reset(names) => self.latency.reset(names, reply),
            LatencyRequest::History(event) => {
                let samples = self.latency.samples(event);
                reply.array(samples.len());
                for sample in samples {
                    reply.array(2);
                    reply.integer(sample.at);
                    reply.integer(sample.ms.cast_signed());
                }
            }
            LatencyRequest::Graph(event) => {
                let samples = self.latency.samples(event);
                if samples.is_empty() {
                    let name = String::from_utf8_lossy(event);
                    reply.error(&format!("ERR No samples available for event '{name}'"));
                } else {
                    reply.verbatim(&report::graph(&samples, unix_ms / 1000));
                }
            }
            LatencyRequest::Doctor => {
                let threshold = self.config.latency_monitor_threshold;
                reply.verbatim(&report::doctor(&self.latency, threshold, unix_ms / 1000));
            }
            LatencyRequest::Histogram(names) => self.histograms(names, reply),
        }
    }

    /// The named commands that were called, or all; of a container, all its subcommands.
    fn histograms(&self, names: &[Vec<u8>], reply: &mut Reply) {
        let is_named = |name: &str| {
            let container = name.split('|').next().unwrap_or(name);
            let same = |asked: &[u8]| {
                [name, container]
                    .iter()
                    .any(|one| asked.eq_ignore_ascii_case(one.as_bytes()))
            };
            names.is_empty() || names.iter().any(|asked| same(asked))
        };
        let found: Vec<_> = (self.stats.histograms())
            .map(|(id, histogram)| (all_commands()[id].spec.name, histogram))
            .filter(|(name, _)| is_named(name))
            .collect();
        reply.map(found.len());
        for (name, histogram) in found {
            reply.bulk(name.as_bytes());
            reply.map(2);
            reply.bulk(b"calls");
            reply.integer(histogram.total().cast_signed());
            reply.bulk(b"histogram_usec");
            let shown = histogram.cumulative();
            reply.map(shown.len());
            for (micros, calls) in shown {
                reply.integer(micros.cast_signed());
                reply.integer(calls.cast_signed());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latest(latency: &Latency) -> Vec<u8> {
        let mut reply = Reply::new();
        latency.latest(&mut reply);
        reply.take()
    }

    #[test]
    fn keeps_the_latest_and_the_worst() {
        let mut latency = Latency::default();
        latency.note("command", 9, 10, 0);
        latency.note("command", 30, 10, 1000);
        latency.note("command", 20, 10, 2000);
        latency.note("expire-cycle", 20, 0, 2000);
        assert_eq!(
            latest(&latency),
            b"*1\r\n*4\r\n$7\r\ncommand\r\n:2\r\n:20\r\n:30\r\n"
        );
        let mut reply = Reply::new();
        latency.reset(&[b"other".to_vec()], &mut reply);
        latency.reset(&[], &mut reply);
        assert_eq!(reply.take(), b":0\r\n:1\r\n");
    }

    #[test]
    fn the_longest_of_a_second_stands_for_it_and_the_oldest_go() {
        let mut latency = Latency::default();
        for (ms, unix_ms) in [(10, 1000), (30, 1500), (20, 1999)] {
            latency.note("command", ms, 10, unix_ms);
        }
        assert_eq!(latency.samples(b"COMMAND"), [Sample { at: 1, ms: 30 }]);
        for second in 2..200 {
            latency.note("command", 10, 10, second * 1000);
        }
        let samples = latency.samples(b"command");
        assert_eq!(
            (samples.len(), samples[0].at, samples[SAMPLES - 1].at),
            (SAMPLES, 40, 199)
        );
        assert!(latency.samples(b"fork").is_empty());
    }
}
