//! What must be true at the end of every turn. Builds with debug assertions check it, so every test
//! and every simulated run does. Large keyspaces are looked at a part in each turn.

use std::collections::BTreeSet;

use super::Engine;
use super::parking::Parked;
use crate::data::WalkWait;
use crate::replication::ReplId;

/// What the check remembers from turn to turn.
#[derive(Debug, Default)]
pub(super) struct Invariants {
    turn: usize,
    /// The history, and its offset at the end of the last turn.
    history: Option<(ReplId, u64)>,
}

impl Invariants {
    /// A full sync sets the offset to what the master says.
    pub(super) fn forget_history(&mut self) {
        self.history = None;
    }
}

impl Engine {
    /// Panics if what this node remembers contradicts itself. Costs nothing without debug assertions.
    pub(super) fn check_invariants(&mut self) {
        if !cfg!(debug_assertions) {
            return;
        }
        self.invariants.turn = self.invariants.turn.wrapping_add(1);
        self.sessions.check();
        self.check_parked();
        self.check_interest();
        self.check_blocked();
        self.check_offset();
        self.data.check(self.invariants.turn);
    }

    /// Who is parked is a session that is there and says so, and what it waits for can still happen.
    fn check_parked(&self) {
        let waits = |session: &&crate::session::Session| session.parked && !session.killed;
        assert_eq!(
            self.sessions.iter().filter(waits).count(),
            self.parking.len(),
            "as many sessions are parked as say so"
        );
        self.parking.check();
        for (id, parked) in self.parking.iter() {
            let session = self.sessions.get(id);
            assert!(session.is_some_and(|session| session.parked), "{id}");
            let can_end = match parked {
                Parked::Pause => self.pause.any(),
                Parked::Walk(WalkWait::Room) => self.is_walking(),
                Parked::Walk(WalkWait::Debt) => !self.data.walk_is_paid(),
                Parked::Walk(WalkWait::Value(number)) => self.data.walk_value() == Some(number),
                Parked::Walk(WalkWait::End) => self.data.walking(),
                Parked::Walk(WalkWait::Move(number)) => self.data.is_held(number),
                Parked::Walk(WalkWait::Slot(slot)) => self.data.is_dropping_slot(slot),
                Parked::Walk(wait @ (WalkWait::Copy(_) | WalkWait::Source(_))) => {
                    !self.data.copy_is_over(wait, false)
                }
                // Those before it in the line take their copies or leave.
                Parked::Walk(WalkWait::Turn(_) | WalkWait::Step) => true,
                Parked::Keys { .. } => session.is_some_and(|session| session.blocked.is_some()),
                // Confirmations and replies come from outside.
                Parked::Acks { .. } | Parked::Reply => true,
            };
            assert!(can_end, "session {id} waits for what is over: {parked:?}");
        }
    }

    /// Every key that a session watches is known to the keyspace, and no other.
    fn check_interest(&self) {
        let mut count = 0;
        for session in self.sessions.iter() {
            for watched in session.watched.iter() {
                assert!(self.data.is_watched(watched), "session {}", session.id);
                count += 1;
            }
        }
        assert_eq!(self.data.watchers(), count, "each watch has its session");
    }

    /// Every place in a queue is that of a session that waits, and no element is left where somebody
    /// waits for one.
    fn check_blocked(&self) {
        let mut places = 0;
        for (id, blocked) in self.blocked_sessions() {
            let keys: BTreeSet<_> = blocked.keys().collect();
            places += keys.len();
            let db = self.sessions.at(id).db;
            for key in keys {
                let next =
                    (self.data).next_waiter(db, key, &blocked.awaited, blocked.waiter.place - 1);
                assert_eq!(next, Some(blocked.waiter), "session {id} has its place");
            }
        }
        assert_eq!(self.data.places(), places, "each place has its session");
        if !self.serves_later() {
            self.data.check_waits();
        }
    }

    /// The offset of a history never goes back, but by a full sync.
    fn check_offset(&mut self) {
        let stream = &self.replication.stream;
        let now = (stream.id(), stream.offset());
        if let Some((id, offset)) = self.invariants.history.replace(now)
            && id == now.0
        {
            assert!(
                offset <= now.1,
                "the offset went from {offset} to {}",
                now.1
            );
        }
        if let Some(kept) = stream.kept() {
            let end = kept.first + kept.len as u64;
            assert_eq!(end, stream.offset() + 1, "the backlog ends at the offset");
        }
    }
}
