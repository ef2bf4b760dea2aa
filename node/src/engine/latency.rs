//! LATENCY: events that took longer than latency-monitor-threshold.

use std::collections::BTreeMap;

use crate::request::LatencyRequest;
use crate::resp::Reply;

/// The latest and the worst of each event.
#[derive(Debug, Default)]
pub(super) struct Latency {
    events: BTreeMap<&'static str, Event>,
}

#[derive(Clone, Copy, Debug)]
struct Event {
    /// Unix seconds.
    at: i64,
    latest_ms: i64,
    worst_ms: i64,
}

impl Latency {
    /// Notes an event that took `ms` milliseconds, if it reaches the threshold (0: none does).
    pub(super) fn note(&mut self, event: &'static str, ms: u64, threshold: u64, unix_ms: i64) {
        if threshold == 0 || ms < threshold {
            return;
        }
        let ms = ms.cast_signed();
        let entry = self.events.entry(event).or_insert(Event {
            at: 0,
            latest_ms: 0,
            worst_ms: 0,
        });
        entry.at = unix_ms / 1000;
        entry.latest_ms = ms;
        entry.worst_ms = entry.worst_ms.max(ms);
    }

    /// LATENCY.
    pub(super) fn request(&mut self, request: &LatencyRequest, reply: &mut Reply) {
        match request {
            LatencyRequest::Latest => self.latest(reply),
            LatencyRequest::Reset(names) => {
                let before = self.events.len();
                self.events.retain(|event, _| {
                    !names.is_empty() && !names.iter().any(|name| name == event.as_bytes())
                });
                reply.integer((before - self.events.len()) as i64);
            }
        }
    }

    fn latest(&self, reply: &mut Reply) {
        reply.array(self.events.len());
        for (name, event) in &self.events {
            reply.array(4);
            reply.bulk(name.as_bytes());
            reply.integer(event.at);
            reply.integer(event.latest_ms);
            reply.integer(event.worst_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_latest_and_the_worst() {
        let mut latency = Latency::default();
        latency.note("command", 9, 10, 0);
        latency.note("command", 30, 10, 1000);
        latency.note("command", 20, 10, 2000);
        latency.note("expire-cycle", 20, 0, 2000);
        let mut reply = Reply::new();
        latency.request(&LatencyRequest::Latest, &mut reply);
        assert_eq!(
            reply.take(),
            b"*1\r\n*4\r\n$7\r\ncommand\r\n:2\r\n:20\r\n:30\r\n"
        );
        latency.request(&LatencyRequest::Reset(vec![b"other".to_vec()]), &mut reply);
        latency.request(&LatencyRequest::Reset(Vec::new()), &mut reply);
        assert_eq!(reply.take(), b":0\r\n:1\r\n");
    }
}
