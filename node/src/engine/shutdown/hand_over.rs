//! Before a master shuts down, its best replica takes over: it is asked for CLUSTER FAILOVER, which
//! then takes its plain course.

use std::net::SocketAddr;

use bytes::Bytes;

use super::ShutdownState;
use crate::engine::Engine;
use crate::io::{Level, LinkEvent, LinkId, LinkOp, SessionId};
use crate::replication::master::{Replica, ReplicaState};
use crate::resp::{ReplyParser, ReplyValue, encode_command};
use crate::time::Now;

/// How long one replica has to take over, in milliseconds, before the next request.
const PATIENCE_MS: u64 = 5000;
/// How long after a request that failed the next one follows, in milliseconds.
const PAUSE_MS: u64 = 1000;
/// A replica that takes over ends its connection a moment before it says so on the bus: for so
/// long, in milliseconds, its end is not taken for the end of the hand-over.
const GRACE_MS: u64 = 1000;

/// The longest answer that is read, in bytes.
const ANSWER_MAX: usize = 4096;

/// What a node answers that is shutting down itself.
const SHUTTING_DOWN: &str = "ERR This node is shutting down, it does not take over";

/// The state of the hand-over to a replica.
#[derive(Debug, Default)]
pub(in crate::engine) struct HandOver {
    asked: Option<TakeOverRequest>,
    /// Replicas that are shutting down themselves.
    shutting_down: Vec<SessionId>,
    /// Since when no replica is left, in milliseconds of the monotonic scale.
    alone_since: Option<u64>,
}

/// The request to a replica to take over.
#[derive(Debug)]
struct TakeOverRequest {
    replica: SessionId,
    /// None once it has ended.
    link: Option<LinkId>,
    again_at: u64,
    /// Its answers, as they arrive.
    answers: ReplyParser,
    /// How many come before the one that counts: that to AUTH tells nothing that the last does not.
    before: usize,
}

/// What a replica has made of the request.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// It takes over, or has not said everything yet.
    Waits,
    /// It is shutting down, too.
    ShuttingDown,
    /// It does not now.
    Refuses,
}

impl TakeOverRequest {
    /// Takes what arrived. Returns what it means, and a line for the log for each whole answer.
    fn take(&mut self, bytes: &[u8]) -> (Verdict, Vec<String>) {
        self.answers.feed(bytes);
        let mut said = Vec::new();
        loop {
            match self.answers.next() {
                Ok(None) => return (Verdict::Waits, said),
                Ok(Some(answer)) => {
                    said.push(format!("The replica answers: {}", text(&answer)));
                    if self.before > 0 {
                        self.before -= 1;
                        continue;
                    }
                    let verdict = match &answer {
                        ReplyValue::Error(why) if why == SHUTTING_DOWN.as_bytes() => {
                            Verdict::ShuttingDown
                        }
                        ReplyValue::Error(_) => Verdict::Refuses,
                        _ => Verdict::Waits,
                    };
                    return (verdict, said);
                }
                Err(error) => {
                    said.push(format!("The answer of the replica cannot be read: {error}"));
                    return (Verdict::Refuses, said);
                }
            }
        }
    }
}

/// As it came.
fn text(answer: &ReplyValue) -> String {
    match answer {
        ReplyValue::Simple(text) => format!("+{}", text.escape_ascii()),
        ReplyValue::Error(text) => format!("-{}", text.escape_ascii()),
        other => format!("{other:?}"),
    }
}

impl Engine {
    /// Everything is with the replicas: if that is wanted, the best of them takes over.
    pub(super) fn begin_hand_over(&mut self, now: Now) {
        let shutdown = self.replication.shutdown.as_ref();
        let now_only = shutdown.is_none_or(|shutdown| shutdown.request.now);
        let asked = shutdown.is_some_and(|shutdown| shutdown.request.failover);
        let offset = self.replication.stream.offset();
        let serves = |cluster: &crate::cluster::Cluster| {
            cluster.is_master() && !cluster.my_slots().is_empty()
        };
        let wanted = (asked || self.config.shutdown_handover)
            && !now_only
            && !self.is_withholding()
            && self.cluster.as_deref().is_some_and(serves)
            && self
                .best_replica()
                .is_some_and(|(_, acked)| acked >= offset);
        if !wanted {
            self.begin_last_save(now);
            return;
        }
        self.set_shutdown_state(ShutdownState::HandOver);
        self.step_hand_over(now);
    }

    /// The address of the replica that has confirmed most, and how much that is.
    fn best_replica(&self) -> Option<(SocketAddr, u64)> {
        let best = self.replication.replicas.of(self.successor()?)?;
        let ip = best.ip.parse().ok()?;
        Some((SocketAddr::new(ip, best.port), best.acked))
    }

    /// The replica that has confirmed most, of those that follow the stream and stay.
    fn successor(&self) -> Option<SessionId> {
        let shutdown = self.replication.shutdown.as_ref();
        let excluded = shutdown.map_or(&[][..], |shutdown| &shutdown.hand_over.shutting_down);
        (self.replication.replicas.attached())
            .filter(|(id, replica)| replica.state == ReplicaState::Online && !excluded.contains(id))
            .max_by_key(|(id, replica)| (replica.acked, std::cmp::Reverse(*id)))
            .map(|(id, _)| id)
    }

    /// Another node serves what this one served.
    pub(super) fn hand_over_is_done(&self) -> bool {
        self.cluster
            .as_ref()
            .is_none_or(|cluster| !cluster.is_master() || cluster.my_slots().is_empty())
    }

    /// No replica is left that could take over, nor has one just begun to.
    pub(super) fn has_no_successor(&mut self, now: Now) -> bool {
        let anyone = self.best_replica().is_some();
        let begun = self.hand_over_in_progress();
        let Some(shutdown) = &mut self.replication.shutdown else {
            return true;
        };
        if anyone {
            shutdown.hand_over.alone_since = None;
            return false;
        }
        let since = *(shutdown.hand_over.alone_since).get_or_insert(now.mono_ms());
        if begun && now.mono_ms() < since + GRACE_MS {
            return false;
        }
        let text = "No replica is left that could take over: shutting down without a hand-over";
        self.log(Level::Warning, text);
        true
    }

    /// Asks the best replica; again if it did not take over in time, and another one if it is
    /// gone.
    pub(super) fn step_hand_over(&mut self, now: Now) {
        let shutdown = self.replication.shutdown.as_ref();
        if let Some(asked) = shutdown.and_then(|shutdown| shutdown.hand_over.asked.as_ref()) {
            let is_online = |replica: &Replica| replica.state == ReplicaState::Online;
            let is_there = (self.replication.replicas)
                .of(asked.replica)
                .is_some_and(is_online);
            if is_there && now.mono_ms() < asked.again_at {
                return;
            }
        }
        self.end_hand_over();
        let Some((replica, (to, _))) = self.successor().zip(self.best_replica()) else {
            return;
        };
        self.log(
            Level::Notice,
            format!("Asking the replica at {to} to take over"),
        );
        let link = LinkId::Enquiry(self.replication.enquiry_links(1));
        let from = self.config.bind_source_addr;
        self.link(link, LinkOp::Open { to, from });
        if let Some(shutdown) = &mut self.replication.shutdown {
            shutdown.hand_over.asked = Some(TakeOverRequest {
                replica,
                link: Some(link),
                again_at: now.mono_ms() + PATIENCE_MS,
                answers: ReplyParser::new(ANSWER_MAX),
                before: usize::from(self.config.masterauth.is_some()),
            });
        }
    }

    pub(super) fn end_hand_over(&mut self) {
        let shutdown = self.replication.shutdown.as_mut();
        let asked = shutdown.and_then(|shutdown| shutdown.hand_over.asked.take());
        if let Some(link) = asked.and_then(|asked| asked.link) {
            self.link(link, LinkOp::Close);
        }
    }

    /// Something happened on a link; false if it does not belong to a hand-over.
    pub(in crate::engine) fn on_hand_over_link(
        &mut self,
        link: LinkId,
        event: &LinkEvent<'_>,
        now: Now,
    ) -> bool {
        let Some(shutdown) = &mut self.replication.shutdown else {
            return false;
        };
        let HandOver {
            asked: Some(asked),
            shutting_down,
            ..
        } = &mut shutdown.hand_over
        else {
            return false;
        };
        if asked.link != Some(link) {
            return false;
        }
        match event {
            LinkEvent::Opened { .. } => {
                let request = self.hand_over_request();
                self.link(link, LinkOp::Send(request));
            }
            LinkEvent::Bytes(bytes) => {
                let (verdict, said) = asked.take(bytes);
                match verdict {
                    Verdict::Waits => {}
                    Verdict::ShuttingDown => {
                        shutting_down.push(asked.replica);
                        asked.again_at = now.mono_ms();
                    }
                    Verdict::Refuses => asked.again_at = now.mono_ms() + PAUSE_MS,
                }
                if verdict != Verdict::Waits {
                    asked.link = None;
                    self.link(link, LinkOp::Close);
                }
                for line in said {
                    self.log(Level::Notice, line);
                }
            }
            LinkEvent::Closed { reason } => {
                asked.link = None;
                asked.again_at = now.mono_ms() + PAUSE_MS;
                self.log(
                    Level::Warning,
                    format!("The replica cannot be asked: {reason}"),
                );
            }
        }
        true
    }

    /// Why this node does not take over from its master, if so: it is shutting down.
    pub(in crate::engine) fn refuses_take_over(&self) -> Option<&'static str> {
        (self.is_replica && self.replication.shutdown.is_some()).then_some(SHUTTING_DOWN)
    }

    fn hand_over_request(&self) -> Bytes {
        let mut out = Vec::new();
        if let Some(password) = &self.config.masterauth {
            match &self.config.masteruser {
                Some(user) => encode_command(&mut out, &[&b"AUTH"[..], user, password]),
                None => encode_command(&mut out, &[&b"AUTH"[..], password]),
            }
        }
        encode_command(&mut out, &["CLUSTER", "FAILOVER"]);
        Bytes::from(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(before: usize) -> TakeOverRequest {
        TakeOverRequest {
            replica: SessionId::new(1, 0),
            link: Some(LinkId::Enquiry(1)),
            again_at: 0,
            answers: ReplyParser::new(ANSWER_MAX),
            before,
        }
    }

    /// What comes of an answer that arrives in two pieces.
    fn split(before: usize, answer: &[u8], at: usize) -> (Verdict, Vec<String>) {
        let mut asked = asked(before);
        let (first, mut said) = asked.take(&answer[..at]);
        let (second, more) = asked.take(&answer[at..]);
        said.extend(more);
        match first {
            Verdict::Waits => (second, said),
            verdict => (verdict, said),
        }
    }

    #[test]
    fn an_answer_is_understood_wherever_it_is_split() {
        let leaves = format!("-{SHUTTING_DOWN}\r\n");
        let no_auth = "-ERR AUTH <password> called without any password configured\r\n+OK\r\n";
        let cases = [
            (0, leaves.clone(), Verdict::ShuttingDown),
            (1, format!("+OK\r\n{leaves}"), Verdict::ShuttingDown),
            (
                0,
                "-ERR You should send".to_owned() + " it to a replica\r\n",
                Verdict::Refuses,
            ),
            (0, "-CLUSTERDOWN no\r\n".to_owned(), Verdict::Refuses),
            (
                1,
                "-WRONGPASS no\r\n-NOAUTH no\r\n".to_owned(),
                Verdict::Refuses,
            ),
            (1, no_auth.to_owned(), Verdict::Waits),
            (0, "+OK\r\n".to_owned(), Verdict::Waits),
            (0, "HTTP/1.1 400\r\n".to_owned(), Verdict::Refuses),
        ];
        for (before, answer, wanted) in cases {
            for at in 0..=answer.len() {
                let (verdict, said) = split(before, answer.as_bytes(), at);
                assert_eq!(verdict, wanted, "{answer:?} at {at}");
                assert!(!said.is_empty(), "{answer:?} at {at}");
            }
        }
    }

    #[test]
    fn an_answer_without_an_end_is_none() {
        let mut asked = asked(0);
        let refused = (0..).find(|_| asked.take(&[b'-'; 100]).0 == Verdict::Refuses);
        assert_eq!(refused, Some(ANSWER_MAX / 100));
    }
}
