//! Keys that have changed: the requests of those who wait for them are run again.

use crate::command::{Command, Effect, Exec, NodeView, resolve};
use crate::engine::Engine;
use crate::engine::commit::Change;
use crate::io::SessionId;
use crate::request::{Action, Awaited};
use crate::resp::{Args, Reply};
use crate::session::Blocked;
use crate::spec::Flag;
use crate::time::Now;

/// How many keys that a walk held are looked at in one turn.
const HELD_LIMIT: usize = 100;

/// What became of one who waits for a key that has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Served {
    /// It got its reply, or is gone.
    Done,
    /// There is nothing for it, and it goes on waiting.
    Waits,
    /// A walk holds one of its keys: later.
    Held,
}

impl Engine {
    /// Lets those who are interested in keys learn of changes, and serves those who wait for them; in
    /// an EXEC, that comes after it.
    #[inline]
    pub(in crate::engine) fn drain_changes(&mut self) {
        if self.data.drain_changes() {
            self.serve_ready();
        }
    }

    /// Serves those who wait for keys that have changed, until nobody is left for whom there is
    /// something. What they change is looked at as well.
    #[cold]
    pub(in crate::engine) fn serve_ready(&mut self) {
        if self.blocking.is_serving || self.in_exec() || self.is_loading() {
            return;
        }
        self.blocking.is_serving = true;
        // The command that is being executed gets none of that time.
        let spent = self.stopwatch.nanos().saturating_sub(self.stamp);
        self.stamp += spent;
        let (now, touch, expiry) = self.data.access();
        while let Some((db, name)) = self.data.next_ready() {
            if self.serve_key(db, &name, now) == Served::Held {
                self.blocking.held.insert((db, name));
            }
            self.commit_expired();
        }
        self.data.set_expiry_policy(expiry);
        self.data.begin(now, touch);
        self.stamp = self.stamp.saturating_sub(spent);
        self.blocking.is_serving = false;
    }

    /// Serves those whom a walk, or the load of a data set, has held up.
    pub(in crate::engine) fn serve_held(&mut self, now: Now) {
        if self.blocking.held.is_empty() && !self.data.has_ready() {
            return;
        }
        if self.is_loading() || self.pause.any() {
            return;
        }
        self.data.begin(now, true);
        self.stamp = self.stopwatch.nanos();
        for _ in 0..HELD_LIMIT {
            let Some((db, name)) = self.blocking.held.pop_first() else {
                break;
            };
            self.blocking.is_serving = true;
            let served = self.serve_key(db, &name, now);
            self.blocking.is_serving = false;
            if served == Served::Held {
                self.blocking.held.insert((db, name));
                break;
            }
        }
        self.serve_ready();
    }

    /// Whether something may be there for one who waits, and it is to get it later.
    pub(in crate::engine) fn serves_later(&self) -> bool {
        self.holds_waiters() || self.data.has_ready() || self.is_loading()
    }

    /// Whether anyone who waits for a key has to wait for a walk first.
    pub(in crate::engine) fn holds_waiters(&self) -> bool {
        !self.blocking.held.is_empty()
    }

    /// Serves those who wait for one key, in the order of waiting, as long as there is something for
    /// them.
    fn serve_key(&mut self, db: usize, name: &[u8], now: Now) -> Served {
        for awaited in self.data.awaited(db, name) {
            let mut place = 0;
            while let Some(waiter) = self.data.next_waiter(db, name, &awaited, place) {
                let key = self.data.key(name);
                if !self.data.is_worth_a_look(db, &key, &awaited) {
                    break;
                }
                place = waiter.place;
                match self.serve(waiter.session, now) {
                    Served::Done => {}
                    // What one of them leaves, another reader of a stream may want.
                    Served::Waits if awaited == Awaited::Stream => {}
                    Served::Waits => break,
                    Served::Held => return Served::Held,
                }
            }
        }
        Served::Done
    }

    /// Runs the request of one who waits again.
    fn serve(&mut self, id: SessionId, now: Now) -> Served {
        self.blocking.count_look();
        if self.end_if_out_of_place(id) {
            return Served::Done;
        }
        let session = self.sessions.get_mut(id).filter(|it| !it.killed);
        let Some(blocked) = session.and_then(|session| session.blocked.take()) else {
            // It was closed while a long command had the keys.
            self.end_block(id);
            return Served::Done;
        };
        let mut reply = Reply::new();
        let served = self.run_blocked(id, &blocked, &mut reply, now);
        if let Some(session) = self.sessions.get_mut(id) {
            session.blocked = Some(blocked);
        }
        if served == Served::Done {
            self.answer_blocked(id, |out| *out = reply);
        }
        served
    }

    fn run_blocked(
        &mut self,
        id: SessionId,
        blocked: &Blocked,
        reply: &mut Reply,
        now: Now,
    ) -> Served {
        let args = blocked.args();
        let command = match resolve(&args) {
            Ok(command) => command,
            Err(refused) => {
                reply.error(&refused.0);
                return Served::Done;
            }
        };
        let holds = self.data.may_hold() && command.flags().has(Flag::Write);
        if holds && self.walk_wait(id, command, &args, now).is_some() {
            return Served::Held;
        }
        self.begin(id, now);
        let waits = self.run_again(id, command, &args, reply, now);
        let stamp = self.stopwatch.nanos();
        let nanos = stamp.saturating_sub(self.stamp);
        self.stamp = stamp;
        // Its call was counted when it came.
        self.stats.of_command(command.id).go_on(nanos);
        self.note_if_slow(id, command, &args, nanos, now);
        if waits { Served::Waits } else { Served::Done }
    }

    /// Runs a request once more, and commits what it changed. Whether it goes on waiting.
    fn run_again(
        &mut self,
        id: SessionId,
        command: &'static Command,
        args: &Args<'_>,
        reply: &mut Reply,
        now: Now,
    ) -> bool {
        let view = NodeView {
            config: &self.config,
            is_replica: self.is_replica,
            has_stream: self.replication.stream_active(),
            random: self.random.bits(),
        };
        let session = self.sessions.at_mut(id);
        reply.set_resp3(session.resp3);
        let mut exec = Exec {
            node: &view,
            data: &mut self.data,
            session,
            now,
        };
        match (command.run)(&mut exec, args, reply) {
            Ok(Effect::None) => {
                self.commit_expired();
                self.drain_changes();
            }
            Ok(Effect::AsWritten) => self.wrote(id, Change::Request(*args)),
            Ok(Effect::Rewritten(commands)) => self.wrote(id, Change::Commands(&commands)),
            Ok(Effect::Ask(action)) => {
                let Action::Block(block) = *action else {
                    unreachable!("a command that waits for keys asks for nothing else")
                };
                self.commit_unserved(id, &block);
                return true;
            }
            Err(refused) => {
                reply.clear();
                reply.error(&refused.0);
                self.commit_expired();
            }
        }
        false
    }
}
