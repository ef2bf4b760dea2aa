//! What a request that would change keys has to wait for first: a walk, keys that are to be named, or
//! a copy of a big value, which is made in steps.

use std::collections::BTreeSet;

use super::Engine;
use super::parking::Parked;
use crate::command::{Command, Preparation, resolve};
use crate::data::WalkWait;
use crate::io::SessionId;
use crate::resp::{Args, KeptRequests};
use crate::time::Now;

impl Engine {
    /// What a request that would change keys has to wait for: for EXEC, all that its queue has to.
    #[cold]
    pub(super) fn walk_wait(
        &mut self,
        id: SessionId,
        command: &'static Command,
        args: &Args<'_>,
        now: Now,
    ) -> Option<WalkWait> {
        let session = self.sessions.at_mut(id);
        let db = session.db;
        if command.id == self.command_ids.exec {
            // The queue is put aside meanwhile, since a copy may have to begin.
            let multi = session.multi.take()?;
            let wait = self.queue_wait(id, db, &multi.queue);
            self.sessions.at_mut(id).multi = Some(multi);
            return wait;
        }
        if session.multi.is_some() && command.preparation != Preparation::Decode {
            return self.keys_wait(id, db, command, args);
        }
        match command.preparation {
            Preparation::Copy => self.dump_wait(id, db, args),
            Preparation::CopyToKey => self.copy_wait(id, db, args),
            Preparation::Decode => self.restore_wait(id, db, args, now),
            Preparation::Connection => {
                let full = self.full_of_moves().map(WalkWait::Move);
                full.or_else(|| self.keys_wait(id, db, command, args))
            }
            Preparation::None | Preparation::WalksEnd => self.keys_wait(id, db, command, args),
        }
    }

    /// Whether something may have to be made for a request first, in steps.
    pub(super) fn is_prepared(&self, id: SessionId, command: &Command) -> bool {
        command.preparation != Preparation::None
            || command.id == self.command_ids.exec
                && self.sessions.at(id).queue().any(|args| copies(&args))
    }

    /// Whether any writer waits for a copy of what it wants to change.
    pub(super) fn waits_for_copy(&self) -> bool {
        let held = self.replication.following.held;
        let parked = |(_, parked)| matches!(parked, Parked::Walk(WalkWait::Source(_)));
        matches!(held, Some(WalkWait::Source(_)))
            || self.holds_waiters()
            || self.parking.iter().any(parked)
    }

    /// Goes on with copies. Returns whether there is more to copy.
    pub(super) fn step_copies(&mut self, now: Now) -> bool {
        let sessions = &self.sessions;
        let is_there = |id| sessions.get(id).is_some_and(|session| !session.killed);
        self.data.copy_step(now, is_there)
    }

    fn keys_wait(
        &self,
        id: SessionId,
        db: usize,
        command: &Command,
        args: &Args<'_>,
    ) -> Option<WalkWait> {
        if command.preparation == Preparation::WalksEnd {
            let walking = self.data.walking().then_some(WalkWait::End);
            // What is on its way is removed where it was found.
            return walking.or_else(|| self.data.first_held().map(WalkWait::Move));
        }
        let mut keys = command.keys(args);
        keys.find_map(|index| self.key_wait(id, db, args.get(index)))
    }

    /// What a session waits for before it changes that key. Where a request of its queue is to take a
    /// copy first, that is none.
    fn key_wait(&self, id: SessionId, db: usize, key: &[u8]) -> Option<WalkWait> {
        let wait = self.data.walk_wait(db, &self.data.key(key));
        wait.filter(|wait| !self.data.is_own_copy(*wait, id))
    }

    fn queue_wait(&mut self, id: SessionId, db: usize, queue: &KeptRequests) -> Option<WalkWait> {
        let has_copies = queue.iter().any(|args| copies(&args));
        // Only a value that no request before names can be copied before: none changes it first.
        let mut named = BTreeSet::new();
        queue.iter().find_map(|args| {
            let command = resolve(&args).ok()?;
            let wait = match command.preparation {
                Preparation::CopyToKey if !named.contains(args.get(1)) => {
                    self.copy_wait(id, db, &args)
                }
                Preparation::Copy if !named.contains(args.get(1)) => self.dump_wait(id, db, &args),
                _ => self.keys_wait(id, db, command, &args),
            };
            if has_copies {
                named.extend(command.keys(&args).map(|index| args.get(index)));
            }
            wait
        })
    }

    /// What DUMP waits for: a copy of a big value.
    fn dump_wait(&mut self, id: SessionId, db: usize, args: &Args<'_>) -> Option<WalkWait> {
        let key = self.data.key(args.get(1));
        let writers = self.waits_for_copy();
        self.data.prepare_copy(id, db, &key, writers)
    }

    /// The database that COPY names, or its session's.
    fn copied_to(&self, db: usize, args: &Args<'_>) -> usize {
        let named = (3..args.len() - 1).rfind(|at| args.is(*at, "db"));
        let named = named.and_then(|at| std::str::from_utf8(args.get(at + 1)).ok()?.parse().ok());
        named.filter(|to| *to < self.data.databases()).unwrap_or(db)
    }

    /// What COPY waits for: that it may write its destination, and for its own copy of the source.
    fn copy_wait(&mut self, id: SessionId, db: usize, args: &Args<'_>) -> Option<WalkWait> {
        let (from, to) = (self.data.key(args.get(1)), self.data.key(args.get(2)));
        if let Some(wait) = self.key_wait(id, self.copied_to(db, args), args.get(2)) {
            return Some(wait);
        }
        if args.len() == 3 && self.data.reader().get(db, &to).is_some() {
            // It will not be replaced.
            return None;
        }
        let writers = self.waits_for_copy();
        self.data.prepare_copy(id, db, &from, writers)
    }
}

/// Whether a request of a queue needs a copy.
fn copies(args: &Args<'_>) -> bool {
    resolve(args).is_ok_and(|command| command.preparation.copies())
}
