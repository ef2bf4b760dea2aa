//! The node as a master: what each of its replicas has said, was given, and has confirmed.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::config::OutputLimit;
use crate::io::{SessionId, Unsent};
use crate::replication::field_times::TimesReader;

/// What a session has said about itself as a replica, before and after PSYNC.
#[derive(Debug)]
pub struct Replica {
    /// The address that it connected from, or the one that it announced.
    pub ip: String,
    /// The port at which it serves clients, as it announced; 0 if it did not.
    pub port: u16,
    /// It can read a payload that ends with a mark.
    pub reads_mark: bool,
    /// It understands `+CONTINUE id`.
    pub psync2: bool,
    /// What it is, if it can hold hashes whose fields expire.
    pub field_times: Option<TimesReader>,
    /// It wants the payload only, no stream.
    pub payload_only: bool,
    /// It sent SYNC, which gets no line about the history.
    pub plain_sync: bool,
    /// How far it has come.
    pub state: ReplicaState,
    /// The offset that it has confirmed.
    pub acked: u64,
    /// When it did, or when it came online, in milliseconds of the monotonic scale.
    pub heard_at: u64,
    /// When it asked for a full sync, in milliseconds of the monotonic scale.
    pub waits_since: u64,
    /// It gets none before, since its last one was too slow.
    pub rests_until: u64,
    /// Bytes that were pushed and have not left yet.
    pub unsent: usize,
    /// The memory of those of them that no other replica shares.
    own: usize,
    /// The stream since the offset of its payload, until it may be sent.
    held: Vec<Bytes>,
    held_len: usize,
    over_soft_since: Option<u64>,
    slow: Option<Slow>,
}

/// What was on its way to a replica at some moment.
#[derive(Clone, Copy, Debug)]
struct Slow {
    /// How much of it has not left yet.
    left: usize,
    since: u64,
}

/// How far a replica has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplicaState {
    /// It has not sent PSYNC yet.
    Handshake,
    /// It needs a full sync, and the walk has not begun.
    WaitsForWalk,
    /// Its payload is being written to a file: it is sent with its length in front.
    Spooling,
    /// The payload is being sent.
    Payload,
    /// The payload is sent; the stream follows its first ACK.
    AwaitsAck,
    /// It follows the stream.
    Online,
}

/// All replicas of this node, and sessions that have sent REPLCONF.
#[derive(Debug, Default)]
pub struct Replicas {
    all: BTreeMap<SessionId, Replica>,
}

impl Replica {
    fn new(ip: String, now_ms: u64) -> Replica {
        Replica {
            ip,
            port: 0,
            reads_mark: false,
            psync2: false,
            field_times: None,
            payload_only: false,
            plain_sync: false,
            state: ReplicaState::Handshake,
            acked: 0,
            heard_at: now_ms,
            waits_since: now_ms,
            rests_until: 0,
            unsent: 0,
            own: 0,
            held: Vec::new(),
            held_len: 0,
            over_soft_since: None,
            slow: None,
        }
    }

    /// How long ago it was last heard of, in seconds.
    #[must_use]
    pub fn lag_secs(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.heard_at) / 1000
    }

    /// How much of what was pushed has not left yet.
    pub fn sent(&mut self, unsent: Unsent) {
        let gone = self.unsent.saturating_sub(unsent.bytes);
        (self.unsent, self.own) = (unsent.bytes, unsent.own);
        self.slow = (self.slow)
            .map(|slow| Slow {
                left: slow.left.saturating_sub(gone),
                ..slow
            })
            .filter(|slow| slow.left > 0);
    }

    /// Whether what was on its way to it that long ago still is.
    fn is_stuck(&mut self, timeout_ms: u64, now_ms: u64) -> bool {
        if self.unsent == 0 {
            self.slow = None;
            return false;
        }
        let slow = self.slow.get_or_insert(Slow {
            left: self.unsent,
            since: now_ms,
        });
        now_ms - slow.since > timeout_ms
    }

    /// Its address and, if it is known, its port, as the log names it.
    #[must_use]
    pub fn name(&self) -> String {
        match self.port {
            0 => self.ip.clone(),
            port => format!("{}:{port}", self.ip),
        }
    }

    /// Bytes that wait for it: pushed and not gone, or held until its payload is through.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.unsent + self.held_len
    }

    /// The stream since the offset of its payload; from now on it gets it as it comes.
    pub fn release(&mut self) -> Vec<Bytes> {
        self.state = ReplicaState::Online;
        self.held_len = 0;
        std::mem::take(&mut self.held)
    }

    /// As INFO names it.
    #[must_use]
    pub fn state_name(&self) -> &'static str {
        match self.state {
            ReplicaState::Handshake | ReplicaState::WaitsForWalk | ReplicaState::Spooling => {
                "wait_bgsave"
            }
            ReplicaState::Payload | ReplicaState::AwaitsAck => "send_bulk",
            ReplicaState::Online => "online",
        }
    }

    /// Whether it is beyond the limit for replicas: at once, or for longer than allowed.
    fn is_beyond(&mut self, limit: OutputLimit, now_ms: u64) -> bool {
        let waiting = self.waiting() as u64;
        limit.is_passed(waiting, &mut self.over_soft_since, now_ms)
    }
}

impl Replicas {
    /// What the session has said; a new record when it says something for the first time.
    pub fn entry(&mut self, session: SessionId, ip: &str, now_ms: u64) -> &mut Replica {
        self.all
            .entry(session)
            .or_insert_with(|| Replica::new(ip.to_owned(), now_ms))
    }

    /// What the session has said, if anything.
    #[must_use]
    pub fn of(&self, session: SessionId) -> Option<&Replica> {
        self.all.get(&session)
    }

    /// What the session has said, if anything.
    pub fn of_mut(&mut self, session: SessionId) -> Option<&mut Replica> {
        self.all.get_mut(&session)
    }

    /// The session has ended.
    pub fn remove(&mut self, session: SessionId) -> Option<Replica> {
        self.all.remove(&session)
    }

    /// Those that have sent PSYNC, in the order in which they connected.
    pub fn attached(&self) -> impl Iterator<Item = (SessionId, &Replica)> {
        let attached = |(_, replica): &(_, &Replica)| replica.state != ReplicaState::Handshake;
        self.all
            .iter()
            .map(|(id, replica)| (*id, replica))
            .filter(attached)
    }

    /// Those in that state.
    #[must_use]
    pub fn in_state(&self, state: ReplicaState) -> Vec<SessionId> {
        let same = self
            .all
            .iter()
            .filter(|(_, replica)| replica.state == state);
        same.map(|(id, _)| *id).collect()
    }

    /// The memory of what waits for them, in bytes. They share the stream and the payload, and the
    /// slowest waits for all that the others wait for.
    #[must_use]
    pub fn memory(&self) -> usize {
        let shared = |replica: &Replica| replica.waiting().saturating_sub(replica.own);
        let own: usize = self.all.values().map(|replica| replica.own).sum();
        own + self.all.values().map(shared).max().unwrap_or(0)
    }

    /// How many have sent PSYNC.
    #[must_use]
    pub fn count(&self) -> usize {
        self.attached().count()
    }

    /// Everyone gets this part of the stream: the sessions to push it to. Those whose payload is
    /// still on its way get it later.
    pub fn feed(&mut self, part: &Bytes) -> Vec<SessionId> {
        let mut online = Vec::new();
        for (id, replica) in &mut self.all {
            match replica.state {
                ReplicaState::Handshake | ReplicaState::WaitsForWalk => {}
                _ if replica.payload_only => {}
                ReplicaState::Spooling | ReplicaState::Payload | ReplicaState::AwaitsAck => {
                    replica.held_len += part.len();
                    replica.held.push(part.clone());
                }
                ReplicaState::Online => {
                    replica.unsent += part.len();
                    online.push(*id);
                }
            }
        }
        online
    }

    /// Those that wait for a full sync and may have one, and for how long the first of them does, in
    /// milliseconds: those that read a payload up to its mark, or those that want its length in
    /// front.
    #[must_use]
    pub fn waiting(&self, reads_mark: bool, now_ms: u64) -> (Vec<SessionId>, u64) {
        let waiting = (self.all.iter()).filter(|(_, replica)| {
            replica.state == ReplicaState::WaitsForWalk
                && replica.reads_mark == reads_mark
                && replica.rests_until <= now_ms
        });
        let mut since = now_ms;
        let sessions = waiting.map(|(id, replica)| {
            since = since.min(replica.waits_since.max(replica.rests_until));
            *id
        });
        (sessions.collect(), now_ms - since)
    }

    /// How many bytes are on their way to the slowest of those that follow the stream.
    #[must_use]
    pub fn slowest_online(&self) -> usize {
        self.online().map(|r| r.unsent).max().unwrap_or(0)
    }

    /// Those that are beyond the output limit, and how many bytes wait for each.
    pub fn beyond(&mut self, limit: OutputLimit, now_ms: u64) -> Vec<(SessionId, usize)> {
        let attached = self
            .all
            .iter_mut()
            .filter(|(_, r)| r.state != ReplicaState::Handshake);
        attached
            .filter_map(|(id, r)| r.is_beyond(limit, now_ms).then(|| (*id, r.waiting())))
            .collect()
    }

    /// Those online that were not heard of for longer than that.
    #[must_use]
    pub fn silent(&self, timeout_ms: u64, now_ms: u64) -> Vec<SessionId> {
        let silent = |replica: &Replica| match replica.state {
            // Who sent SYNC is of a time when replicas said nothing.
            _ if replica.plain_sync => false,
            ReplicaState::Online | ReplicaState::AwaitsAck => {
                now_ms - replica.heard_at > timeout_ms
            }
            _ => false,
        };
        self.all
            .iter()
            .filter(|(_, r)| silent(r))
            .map(|(id, _)| *id)
            .collect()
    }

    /// Those that do not take their payload: what was on its way to them that long ago still is.
    /// Replicas that share their walk wait for them, and so do clients who write.
    pub fn stuck(&mut self, timeout_ms: u64, now_ms: u64) -> Vec<SessionId> {
        (self.all.iter_mut())
            .filter(|(_, replica)| replica.state == ReplicaState::Payload)
            .filter_map(|(id, replica)| replica.is_stuck(timeout_ms, now_ms).then_some(*id))
            .collect()
    }

    /// A replica has confirmed the stream up to that offset.
    pub fn ack(&mut self, session: SessionId, offset: u64, now_ms: u64) {
        if let Some(replica) = self.all.get_mut(&session) {
            replica.acked = replica.acked.max(offset);
            replica.heard_at = now_ms;
        }
    }

    /// A replica has sent something. Redis sends empty lines while it loads a payload.
    pub fn heard(&mut self, session: SessionId, now_ms: u64) {
        let loads = |replica: &&mut Replica| match replica.state {
            ReplicaState::AwaitsAck => true,
            ReplicaState::Online => replica.acked == 0,
            _ => false,
        };
        if let Some(replica) = self.all.get_mut(&session).filter(loads) {
            replica.heard_at = now_ms;
        }
    }

    /// Nothing that they have sent could be read until now: their silence counts from now.
    pub fn excuse(&mut self, now_ms: u64) {
        for replica in self.all.values_mut() {
            replica.heard_at = now_ms;
        }
    }

    /// How many have confirmed the stream up to that offset.
    #[must_use]
    pub fn acked(&self, offset: u64) -> usize {
        self.online()
            .filter(|replica| replica.acked >= offset)
            .count()
    }

    /// How many are online and were heard of within that many seconds.
    #[must_use]
    pub fn good(&self, max_lag_secs: u64, now_ms: u64) -> usize {
        self.online()
            .filter(|r| (now_ms - r.heard_at) / 1000 <= max_lag_secs)
            .count()
    }

    fn online(&self) -> impl Iterator<Item = &Replica> {
        self.all
            .values()
            .filter(|replica| replica.state == ReplicaState::Online)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replication::ReplId;
    use crate::replication::stream::{Decision, Stream, decide};

    fn with(states: &[ReplicaState]) -> Replicas {
        let mut replicas = Replicas::default();
        for (number, state) in states.iter().enumerate() {
            let replica = replicas.entry(SessionId::new(number as u64, 0), "10.0.0.1", 1000);
            replica.state = *state;
            replica.port = 6380;
        }
        replicas
    }

    #[test]
    fn one_that_has_announced_no_port_is_named_without_any() {
        let mut replica = Replica::new("10.0.0.1".to_owned(), 0);
        assert_eq!(replica.name(), "10.0.0.1");
        replica.port = 6380;
        assert_eq!(replica.name(), "10.0.0.1:6380");
    }

    #[test]
    fn only_known_and_kept_history_continues() {
        let id = ReplId::from_bits([7; 20]);
        let mut stream = Stream::new(id);
        stream.keep(100);
        stream.relay(b"0123456789");
        let ask = |id: &[u8], from| decide(&stream, id, from);
        let text = id.to_string();
        assert_eq!(
            ask(text.as_bytes(), 9),
            Decision::Continue(Bytes::from_static(b"89"))
        );
        assert_eq!(ask(text.as_bytes(), 12), Decision::Full);
        assert_eq!(ask(b"?", -1), Decision::Full);
        assert_eq!(ask(text.as_bytes(), -1), Decision::Full);
        assert_eq!(ask(&[b'x'; 40], 9), Decision::Full);
    }

    #[test]
    fn the_stream_waits_for_the_payload() {
        let mut replicas = with(&[
            ReplicaState::Online,
            ReplicaState::Payload,
            ReplicaState::WaitsForWalk,
        ]);
        let part = Bytes::from_static(b"abc");
        assert_eq!(replicas.feed(&part), [SessionId::new(0, 0)]);
        let second = replicas.of_mut(SessionId::new(1, 0)).expect("there");
        assert_eq!(second.waiting(), 3);
        assert_eq!(second.release(), std::slice::from_ref(&part));
        assert_eq!((second.waiting(), second.state), (0, ReplicaState::Online));
        assert_eq!(
            replicas.feed(&part),
            [SessionId::new(0, 0), SessionId::new(1, 0)]
        );
        assert_eq!(
            replicas.of(SessionId::new(2, 0)).expect("there").waiting(),
            0
        );
    }

    #[test]
    fn counts_what_was_confirmed() {
        let mut replicas = with(&[
            ReplicaState::Online,
            ReplicaState::Online,
            ReplicaState::Payload,
        ]);
        replicas.ack(SessionId::new(0, 0), 10, 5000);
        replicas.ack(SessionId::new(1, 0), 20, 9000);
        replicas.ack(SessionId::new(2, 0), 20, 9000);
        assert_eq!(
            (replicas.acked(10), replicas.acked(11), replicas.acked(21)),
            (2, 1, 0)
        );
        assert_eq!((replicas.good(3, 9000), replicas.good(4, 9000)), (1, 2));
        assert_eq!(replicas.silent(3999, 9000), [SessionId::new(0, 0)]);
    }

    #[test]
    fn names_a_replica_that_takes_too_little() {
        let limit = OutputLimit {
            hard: 100,
            soft: 10,
            soft_seconds: 5,
        };
        let mut replicas = with(&[ReplicaState::Online]);
        replicas.feed(&Bytes::from_static(&[0; 11]));
        assert_eq!(replicas.beyond(limit, 1000), []);
        assert_eq!(replicas.beyond(limit, 6000), []);
        assert_eq!(replicas.beyond(limit, 6001), [(SessionId::new(0, 0), 11)]);
        replicas.of_mut(SessionId::new(0, 0)).expect("there").unsent = 10;
        assert_eq!(replicas.beyond(limit, 6002), []);
        replicas.feed(&Bytes::from_static(&[0; 91]));
        assert_eq!(replicas.beyond(limit, 6003), [(SessionId::new(0, 0), 101)]);
    }

    #[test]
    fn names_a_replica_that_does_not_take_its_payload() {
        let mut replicas = with(&[ReplicaState::Payload, ReplicaState::Payload]);
        let unsent = |replicas: &mut Replicas, number, unsent: usize| {
            let replica = replicas.of_mut(SessionId::new(number, 0)).expect("there");
            replica.sent(Unsent::of(unsent));
            replica.unsent = 100;
        };
        unsent(&mut replicas, 0, 0);
        unsent(&mut replicas, 1, 0);
        assert_eq!(replicas.stuck(50, 1000), []);
        unsent(&mut replicas, 0, 60);
        unsent(&mut replicas, 0, 40);
        unsent(&mut replicas, 1, 1);
        assert_eq!(replicas.stuck(50, 1050), []);
        assert_eq!(replicas.stuck(50, 1051), [SessionId::new(1, 0)]);
        assert_eq!(
            replicas.stuck(50, 1100),
            [SessionId::new(1, 0)],
            "the other took all of it"
        );
        assert_eq!(
            replicas.stuck(50, 1102),
            [SessionId::new(0, 0), SessionId::new(1, 0)]
        );
    }
}
