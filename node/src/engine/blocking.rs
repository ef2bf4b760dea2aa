//! Clients that wait for keys: BLPOP and its kind.
//!
//! A command that finds nothing asks for a [`Block`]: its session is parked, the request is kept, and
//! it gets a place in the queue of each key. A commit that has changed such a key runs the requests of
//! those who wait for it once more, in the order of their places and before anything else is executed;
//! what they change are commits of their own. However a wait ends, it is in `end_block`.

mod review;
mod serve;

use std::collections::BTreeSet;

pub(super) use self::review::DEMOTED;
use self::review::Review;
use crate::data::Waiter;
use crate::engine::commit::Change;
use crate::engine::parking::Parked;
use crate::engine::{Acted, Engine};
use crate::io::SessionId;
use crate::request::{Block, Nothing};
use crate::resp::{Args, KeptRequests, Reply};
use crate::session::{Blocked, SessionRole};
use crate::time::Now;

/// How many waits end by their deadlines in one call; the rest in the next, at once.
const OVERDUE_LIMIT: usize = 500;

/// What is remembered of all waits for keys.
#[derive(Debug, Default)]
pub(super) struct Blocking {
    /// The last place in the order of waiting that was given.
    place: u64,
    /// Waiting clients are being served: what they change is looked at when the next one's turn
    /// comes.
    is_serving: bool,
    /// Keys whose next waiter has to wait for a walk first.
    held: BTreeSet<(usize, Vec<u8>)>,
    review: Review,
    /// How often one of those who wait was looked at.
    #[cfg(test)]
    pub(super) looks: usize,
}

impl Blocking {
    fn count_look(&mut self) {
        #[cfg(test)]
        {
            self.looks += 1;
        }
    }
}

impl Engine {
    /// Lets a session wait for keys; where nothing may wait, replies at once.
    pub(super) fn block(
        &mut self,
        block: &Block,
        id: SessionId,
        args: &Args<'_>,
        reply: &mut Reply,
    ) -> Acted {
        self.commit_unserved(id, block);
        let session = self.sessions.at(id);
        let db = session.db;
        if self.in_exec() || session.role != SessionRole::Normal {
            match block.otherwise {
                Nothing::Array => reply.null_array(),
                Nothing::Single => reply.null(),
            }
            return Acted::Replied;
        }
        let mut request = KeptRequests::default();
        let kept = match &block.request {
            Some(argv) => request.push(&Args::kept(argv)),
            None => request.push(args),
        };
        if !kept {
            reply.error("ERR a request of 2 GB or more cannot wait");
            return Acted::Replied;
        }
        self.blocking.place += 1;
        let place = self.blocking.place;
        let waiter = Waiter { place, session: id };
        let mut blocked = Blocked::new(waiter, block, request);
        blocked.at_master = !self.is_replica;
        for key in blocked.keys() {
            self.data.wait(db, key, &blocked.awaited, waiter);
        }
        self.sessions.set_blocked(id, Some(Box::new(blocked)));
        let deadline = block.deadline;
        self.park(id, Parked::Keys { deadline });
        Acted::Waiting
    }

    /// Commits what a command has changed that found nothing to reply.
    fn commit_unserved(&mut self, id: SessionId, block: &Block) {
        if block.changed.is_empty() {
            self.commit_expired();
            self.drain_changes();
        } else {
            self.wrote(id, Change::Commands(&block.changed));
        }
    }

    /// Takes a session out of all queues, if it waits for keys. The caller ends its parking.
    pub(super) fn end_block(&mut self, id: SessionId) -> Option<Box<Blocked>> {
        let session = self.sessions.get_mut(id)?;
        let (db, blocked) = (session.db, session.blocked.take()?);
        for key in blocked.keys() {
            self.data.leave(db, key, &blocked.awaited, blocked.waiter);
        }
        self.sessions.set_blocked(id, None);
        Some(blocked)
    }

    /// Ends a session's wait for keys with a reply.
    fn answer_blocked(&mut self, id: SessionId, write: impl FnOnce(&mut Reply)) {
        let Some(blocked) = self.end_block(id) else {
            return;
        };
        let mut reply = Reply::new();
        reply.set_resp3(self.sessions.at(id).resp3);
        write(&mut reply);
        if let Some(text) = reply.error_at(0) {
            self.stats.count_error(text);
            if let Ok(command) = crate::command::resolve(&blocked.args()) {
                self.stats.of_command(command.id).failed += 1;
            }
        }
        self.resume_with(id, reply);
    }

    /// Ends the waits whose deadlines have come.
    pub(super) fn end_overdue(&mut self, now: Now) {
        for _ in 0..OVERDUE_LIMIT {
            let Some(id) = self.parking.overdue(now.mono_ms()) else {
                return;
            };
            self.answer_blocked(id, Reply::null_array);
        }
    }

    /// CLIENT UNBLOCK: ends a wait for keys or for confirmations, as at its deadline or with an error.
    /// Whether there was one.
    pub(super) fn unblock(&mut self, number: u64, error: bool) -> bool {
        const TEXT: &str = "UNBLOCKED client unblocked via CLIENT UNBLOCK";
        match self.parking.of_number(number) {
            Some((id, Parked::Keys { .. })) if error => {
                self.answer_blocked(id, |reply| reply.error(TEXT));
            }
            Some((id, Parked::Keys { .. })) => self.answer_blocked(id, Reply::null_array),
            Some((id, Parked::Acks { offset, .. })) => {
                let mut reply = Reply::new();
                if error {
                    self.stats.count_error(TEXT.as_bytes());
                    reply.error(TEXT);
                } else {
                    reply.integer(self.replication.acked(offset) as i64);
                }
                self.resume_with(id, reply);
            }
            _ => return false,
        }
        true
    }

    /// How many sessions wait for keys.
    pub(super) fn blocked_sessions(&self) -> impl Iterator<Item = (SessionId, &Blocked)> {
        let blocked = |session| {
            let session: &crate::session::Session = session;
            Some((session.id, session.blocked.as_deref()?))
        };
        self.sessions.iter().filter_map(blocked)
    }
}
