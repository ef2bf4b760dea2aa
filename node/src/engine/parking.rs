//! Sessions that wait, all in one place: what they wait for, and how it ends.
//!
//! A parked session executes nothing. It ends by an event, a deadline, CLIENT KILL or its close;
//! then [`Output::Resume`](crate::io::Output::Resume) names it once.

use std::collections::{BTreeMap, BTreeSet};

use crate::data::WalkWait;
use crate::io::SessionId;
use crate::resp::Reply;

/// What a parked session waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parked {
    /// The end of a pause; its request is executed then.
    Pause,
    /// What the walk holds it for; its request is executed then.
    Walk(WalkWait),
    /// Replicas that have confirmed its last write (WAIT).
    Acks {
        /// The offset of that write.
        offset: u64,
        /// How many replicas.
        replicas: u64,
        /// Until when, in monotonic milliseconds; none: without an end.
        deadline: Option<u64>,
    },
    /// A reply that someone else brings.
    Reply,
    /// A key; what it runs then is kept in the session.
    Keys {
        /// Until when, in monotonic milliseconds; none: without an end.
        deadline: Option<u64>,
    },
}

impl Parked {
    /// Whether it is the reader of a walk that sets the time.
    fn is_for_walk(self) -> bool {
        matches!(
            self,
            Parked::Walk(WalkWait::Room | WalkWait::Value(_) | WalkWait::Debt | WalkWait::End)
        )
    }

    fn is_for_acks(self) -> bool {
        matches!(self, Parked::Acks { .. })
    }

    fn is_for_keys(self) -> bool {
        matches!(self, Parked::Keys { .. })
    }

    fn deadline(self) -> Option<u64> {
        match self {
            Parked::Acks { deadline, .. } | Parked::Keys { deadline } => deadline,
            Parked::Pause | Parked::Walk(_) | Parked::Reply => None,
        }
    }
}

/// All parked sessions. Those that wait for keys may be very many, and cost the others nothing: what
/// is done in every turn looks only at the rest.
#[derive(Debug, Default)]
pub(super) struct Parking {
    parked: BTreeMap<SessionId, Parked>,
    /// Those that wait for something else than keys.
    rest: BTreeSet<SessionId>,
    /// How many wait for the walk ...
    for_walk: usize,
    /// ... and for confirmations.
    for_acks: usize,
    deadlines: BTreeSet<(u64, SessionId)>,
    /// Replies for sessions that were named for resumption and have not come yet.
    replies: BTreeMap<SessionId, Reply>,
}

impl Parking {
    /// Whether no session waits for anything but keys.
    pub(super) fn is_calm(&self) -> bool {
        self.rest.is_empty()
    }

    /// Whether a session may have one to take: the way of every request pays only for this.
    pub(super) fn has_replies(&self) -> bool {
        !self.replies.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.parked.len()
    }

    /// Who waits, and for what.
    pub(super) fn iter(&self) -> impl Iterator<Item = (SessionId, Parked)> {
        self.parked
            .iter()
            .map(|(&session, &parked)| (session, parked))
    }

    /// Panics if a count is not right.
    pub(super) fn check(&self) {
        let count = |of: fn(Parked) -> bool| self.parked.values().filter(|it| of(**it)).count();
        assert_eq!(count(Parked::is_for_walk), self.for_walk);
        assert_eq!(count(Parked::is_for_acks), self.for_acks);
        assert_eq!(count(|it| !it.is_for_keys()), self.rest.len());
        assert_eq!(count(|it| it.deadline().is_some()), self.deadlines.len());
    }

    pub(super) fn park(&mut self, session: SessionId, why: Parked) {
        self.remove(session);
        self.for_walk += usize::from(why.is_for_walk());
        self.for_acks += usize::from(why.is_for_acks());
        if !why.is_for_keys() {
            self.rest.insert(session);
        }
        if let Some(deadline) = why.deadline() {
            self.deadlines.insert((deadline, session));
        }
        self.parked.insert(session, why);
    }

    /// Whether it waited.
    fn remove(&mut self, session: SessionId) -> bool {
        let Some(parked) = self.parked.remove(&session) else {
            return false;
        };
        self.for_walk -= usize::from(parked.is_for_walk());
        self.for_acks -= usize::from(parked.is_for_acks());
        if !parked.is_for_keys() {
            self.rest.remove(&session);
        }
        if let Some(deadline) = parked.deadline() {
            self.deadlines.remove(&(deadline, session));
        }
        true
    }

    /// Those that wait for something else than keys.
    fn rest(&self) -> impl Iterator<Item = (SessionId, Parked)> {
        self.rest.iter().map(|id| (*id, self.parked[id]))
    }

    /// What the session of that number waits for, if it does.
    pub(super) fn of_number(&self, number: u64) -> Option<(SessionId, Parked)> {
        let mut from = self.parked.range(SessionId::new(number, 0)..);
        let (id, parked) = from.next()?;
        (id.number() == number).then_some((*id, *parked))
    }

    /// The next of those that wait for keys, after a session, in the order of their numbers.
    pub(super) fn next_for_keys(&self, after: SessionId) -> Option<SessionId> {
        use std::ops::Bound::{Excluded, Unbounded};
        let mut later = self.parked.range((Excluded(after), Unbounded));
        later
            .find(|(_, parked)| parked.is_for_keys())
            .map(|(id, _)| *id)
    }

    /// A session that waits for keys and whose deadline has come.
    pub(super) fn overdue(&self, mono_ms: u64) -> Option<SessionId> {
        let due = self.deadlines.iter().take_while(|(at, _)| *at <= mono_ms);
        let mut due = due.map(|(_, session)| *session);
        due.find(|session| self.parked[session].is_for_keys())
    }

    /// Whether a full sync or a snapshot holds any session.
    pub(super) fn waits_for_walk(&self) -> bool {
        self.for_walk > 0
    }

    /// The reply that a session waited for, once.
    pub(super) fn take_reply(&mut self, session: SessionId) -> Option<Reply> {
        self.replies.remove(&session)
    }

    /// Forgets a session that was closed.
    pub(super) fn forget(&mut self, session: SessionId) {
        self.remove(session);
        self.replies.remove(&session);
    }

    /// Ends the wait of one session with its reply; false when it does not wait.
    pub(super) fn answer(&mut self, session: SessionId, reply: Reply) -> bool {
        let waited = self.remove(session);
        if waited && !reply.is_empty() {
            self.replies.insert(session, reply);
        }
        waited
    }

    /// Ends the wait of all sessions that wait for that; names them.
    pub(super) fn release(&mut self, is_over: impl Fn(Parked) -> bool) -> Vec<SessionId> {
        let over = self.rest().filter(|(_, parked)| is_over(*parked));
        let released: Vec<SessionId> = over.map(|(session, _)| session).collect();
        for session in &released {
            self.remove(*session);
        }
        released
    }

    /// Every WAIT: who, what, and how many confirmations there are by now, as `acked` says of an
    /// offset. Those that are due (enough, or too late) are named with that count.
    pub(super) fn due_acks(
        &self,
        mono_ms: u64,
        acked: impl Fn(u64) -> usize,
    ) -> Vec<(SessionId, usize)> {
        let due = |(session, parked): (SessionId, Parked)| match parked {
            Parked::Acks {
                offset,
                replicas,
                deadline,
            } => {
                let count = acked(offset);
                let late = deadline.is_some_and(|deadline| deadline <= mono_ms);
                (late || count as u64 >= replicas).then_some((session, count))
            }
            _ => None,
        };
        self.rest().filter_map(due).collect()
    }

    /// How many of them have a deadline.
    pub(super) fn deadlines(&self) -> usize {
        self.deadlines.len()
    }

    /// The earliest deadline, in monotonic milliseconds.
    pub(super) fn next_deadline(&self) -> Option<u64> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Whether anyone waits for confirmations.
    pub(super) fn waits_for_acks(&self) -> bool {
        self.for_acks > 0
    }
}

/// CLIENT PAUSE, the pause of a planned take-over, and the hold of a master that has slept:
/// whichever lasts longer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pause {
    /// By CLIENT PAUSE: until when (monotonic milliseconds) and whether writes only.
    by_client: Option<(u64, bool)>,
    /// By the cluster or a shutdown, writes only: until when.
    by_cluster: Option<u64>,
    by_shutdown: bool,
    by_reload: bool,
    by_sleep: bool,
}

impl Pause {
    /// CLIENT PAUSE: the longer end and the stricter kind win while one is in effect.
    pub(super) fn begin(&mut self, until: u64, writes_only: bool) {
        self.by_client = Some(match self.by_client {
            Some((earlier, writes)) => (earlier.max(until), writes && writes_only),
            None => (until, writes_only),
        });
    }

    /// CLIENT UNPAUSE.
    pub(super) fn end(&mut self) {
        self.by_client = None;
    }

    /// A planned take-over pauses writes; none ends it.
    pub(super) fn set_by_cluster(&mut self, until: Option<u64>) {
        self.by_cluster = until;
    }

    /// A shutdown pauses writes until the process ends or the shutdown is called off.
    pub(super) fn set_by_shutdown(&mut self, paused: bool) {
        self.by_shutdown = paused;
    }

    /// DEBUG RELOAD pauses writes until it is done.
    pub(super) fn set_by_reload(&mut self, paused: bool) {
        self.by_reload = paused;
    }

    /// A master that has slept holds what touches keys; the cluster ends it.
    pub(super) fn set_by_sleep(&mut self, held: bool) {
        self.by_sleep = held;
    }

    pub(super) fn by_sleep(&self) -> bool {
        self.by_sleep
    }

    /// Whether anything is paused; the way of every request pays only for this.
    pub(super) fn any(&self) -> bool {
        self.writes() || self.by_sleep
    }

    fn writes(&self) -> bool {
        self.by_client.is_some() || self.by_cluster.is_some() || self.by_shutdown || self.by_reload
    }

    /// Whether a request is paused, a write or another one, by all that asks for no more than that.
    pub(super) fn holds(&self, write: bool) -> bool {
        write && self.writes() || self.everything()
    }

    /// Whether nothing but a shutdown is the reason.
    pub(super) fn only_by_shutdown(&self) -> bool {
        let others = self.by_client.is_some() || self.by_cluster.is_some();
        self.by_shutdown && !others && !self.by_reload && !self.by_sleep
    }

    /// Whether all requests are paused, not only writes.
    fn everything(&self) -> bool {
        matches!(self.by_client, Some((_, false)))
    }

    /// Drops the pauses whose time is over; true when nothing is paused any longer that was.
    pub(super) fn expire(&mut self, mono_ms: u64) -> bool {
        let before = self.any();
        self.by_client = self.by_client.filter(|&(until, _)| until > mono_ms);
        self.by_cluster = self.by_cluster.filter(|&until| until > mono_ms);
        before && !self.any()
    }

    /// When the next of them ends, in monotonic milliseconds.
    pub(super) fn next_end(&self) -> Option<u64> {
        let client = self.by_client.map(|(until, _)| until);
        [client, self.by_cluster].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: SessionId = SessionId::new(1, 0);
    const B: SessionId = SessionId::new(2, 0);

    #[test]
    fn a_wait_ends_by_count_or_by_deadline() {
        let mut parking = Parking::default();
        let acks = |offset, deadline| Parked::Acks {
            offset,
            replicas: 2,
            deadline,
        };
        parking.park(A, acks(10, Some(500)));
        parking.park(B, acks(20, None));
        assert_eq!(parking.next_deadline(), Some(500));
        let acked = |offset| if offset <= 10 { 2 } else { 1 };
        assert_eq!(parking.due_acks(0, acked), [(A, 2)]);
        assert_eq!(parking.due_acks(500, |_| 0), [(A, 0)]);
        assert!(parking.answer(A, b":2\r\n".to_vec().into()));
        assert!(!parking.answer(A, Reply::new()));
        let reply = parking.take_reply(A).map(|mut reply| reply.take());
        assert_eq!(reply.as_deref(), Some(&b":2\r\n"[..]));
        assert!(parking.take_reply(A).is_none());
        assert_eq!(parking.len(), 1);
    }

    #[test]
    fn releases_only_those_that_wait_for_that() {
        let mut parking = Parking::default();
        parking.park(A, Parked::Pause);
        parking.park(B, Parked::Walk(WalkWait::Room));
        assert_eq!(parking.release(|parked| parked == Parked::Pause), [A]);
        assert_eq!(parking.len(), 1);
        parking.forget(B);
        assert_eq!(parking.len(), 0);
    }

    #[test]
    fn who_waits_for_keys_is_found_by_deadline_and_number_and_by_nothing_else() {
        let mut parking = Parking::default();
        let keys = |deadline| Parked::Keys { deadline };
        parking.park(A, keys(Some(500)));
        parking.park(B, keys(None));
        assert!(parking.is_calm(), "events do not look at them");
        assert!(parking.release(|_| true).is_empty());
        assert_eq!(parking.next_deadline(), Some(500));
        assert_eq!(
            (parking.overdue(499), parking.overdue(500)),
            (None, Some(A))
        );
        assert_eq!(parking.of_number(2), Some((B, keys(None))));
        assert_eq!((parking.of_number(0), parking.of_number(3)), (None, None));
        let start = SessionId::new(0, u32::MAX);
        assert_eq!(parking.next_for_keys(start), Some(A));
        assert_eq!(parking.next_for_keys(A), Some(B));
        assert_eq!(parking.next_for_keys(B), None);
        parking.forget(A);
        assert_eq!(
            (parking.next_deadline(), parking.overdue(500)),
            (None, None)
        );
        parking.check();
    }

    #[test]
    fn pauses_overlap() {
        let mut pause = Pause::default();
        pause.begin(100, true);
        pause.begin(50, false);
        assert!(pause.everything());
        pause.set_by_cluster(Some(300));
        assert!(!pause.expire(100), "the cluster's pause goes on");
        assert!(!pause.everything() && pause.any());
        assert_eq!(pause.next_end(), Some(300));
        assert!(pause.expire(300));
    }
}
