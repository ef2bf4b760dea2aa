//! What commands ask of the engine.

use crate::data::WalkWait;
use crate::engine::auth::{self, Hello};
use crate::engine::commit::Change;
use crate::engine::parking::Parked;
use crate::engine::requests::Call;
use crate::engine::sessions::STREAM;
use crate::engine::{Acted, Engine};
use crate::io::{Output, SessionId};
use crate::request::{Action, ClientRequest, KillFilter, ReplicationRequest};
use crate::resp::{Args, Reply};
use crate::time::Now;

impl Engine {
    /// Carries out what a command asked for, and writes the reply.
    pub(super) fn act(
        &mut self,
        action: Action,
        call: &mut Call<'_>,
        args: &Args<'_>,
        reply: &mut Reply,
    ) -> Acted {
        let (id, now) = (call.id, call.now);
        match action {
            Action::Multi => self.sessions.at_mut(id).begin_transaction(reply),
            Action::Exec => return self.exec(call, reply),
            Action::Discard => self.discard(id, reply),
            Action::Auth { user, password } => {
                let session = self.sessions.at_mut(id);
                auth::auth(&self.config, session, user.as_deref(), &password, reply);
            }
            Action::Hello {
                protocol,
                auth,
                name,
            } => {
                let session = self.sessions.at_mut(id);
                let hello = Hello {
                    protocol,
                    auth,
                    name,
                };
                auth::hello(&self.config, self.is_replica, session, hello, reply);
            }
            Action::Reset => return self.reset_session(id, reply),
            Action::Quit => {
                reply.ok();
                return Acted::Close;
            }
            Action::Cluster(request) => {
                return self.cluster_request(request, id, now, reply);
            }
            Action::Client(request) => return self.client_request(request, id, now, reply),
            Action::Config(request) => return self.config_request(request, id, now, reply),
            Action::Replication(ReplicationRequest::Wait { replicas, millis }) => {
                return self.wait(id, replicas, millis, now, reply);
            }
            Action::Replication(request) => {
                return self.on_replication_request(&request, id, now, reply);
            }
            Action::Info(sections) => {
                let text = self.info(&sections, now);
                reply.verbatim(&text);
            }
            Action::Role => self.role(now, reply),
            Action::Flush(db) => self.flush(db, id, args, reply),
            Action::Save => return self.save(id, now, reply),
            Action::BackgroundSave { schedule } => self.background_save(schedule, now, reply),
            Action::LastSave => self.last_save(reply),
            Action::Shutdown(request) => return self.shutdown(request, id, now, reply),
            Action::SlowLog(request) => self.slowlog.request(request, reply),
            Action::Memory(request) => self.memory_request(request, reply),
            Action::SlotStats(request) => self.slot_stats_request(request, reply),
            Action::Latency(request) => {
                self.latency_request(&request, now.unix_ms(), reply);
            }
            Action::EndWithholding { run_id } => self.end_withholding(&run_id, now, reply),
            Action::Dump => return self.dump(id, args, reply),
            Action::Restore(wanted) => self.restore(wanted, call, args, reply),
            Action::Migrate(wanted) => return self.migrate(wanted, id, now, reply),
            Action::Debug(args) => return self.debug(&args, call, reply),
            Action::Block(block) => return self.block(&block, id, args, reply),
        }
        Acted::Replied
    }

    /// FLUSHALL, FLUSHDB.
    fn flush(&mut self, db: Option<usize>, id: SessionId, args: &Args<'_>, reply: &mut Reply) {
        self.data.flush(db);
        self.wrote(id, Change::Request(*args));
        reply.ok();
    }

    /// WAIT: how many replicas have confirmed the session's last write.
    fn wait(
        &mut self,
        id: SessionId,
        replicas: u64,
        millis: u64,
        now: Now,
        reply: &mut Reply,
    ) -> Acted {
        if self.is_replica {
            reply.error(
                "ERR WAIT cannot be used with replica instances. Please also note that writes to \
                 replicas are just local and are not propagated.",
            );
            return Acted::Replied;
        }
        let offset = self.sessions.at(id).last_write_offset;
        let acked = self.replication.acked(offset);
        if acked as u64 >= replicas || self.in_exec() {
            reply.integer(acked as i64);
            return Acted::Replied;
        }
        let deadline = (millis > 0).then(|| now.mono_ms().saturating_add(millis));
        self.park(
            id,
            Parked::Acks {
                offset,
                replicas,
                deadline,
            },
        );
        self.replication.request_acks();
        Acted::Waiting
    }

    fn client_request(
        &mut self,
        request: ClientRequest,
        id: SessionId,
        now: Now,
        reply: &mut Reply,
    ) -> Acted {
        match request {
            ClientRequest::List { kind, ids } => {
                self.note_session(id, 0, now);
                self.note_master();
                let text = self.sessions.list(kind, ids.as_deref(), now);
                reply.verbatim(&text);
            }
            ClientRequest::Info => {
                self.note_session(id, 0, now);
                reply.verbatim(&self.sessions.line(id, now));
            }
            ClientRequest::Kill(filter) => {
                return self.kill(&filter, id, now, reply);
            }
            ClientRequest::Pause {
                millis,
                writes_only,
            } => {
                let until = now.mono_ms().saturating_add(millis);
                self.pause.begin(until, writes_only);
                reply.ok();
            }
            ClientRequest::Unpause => {
                self.pause.end();
                self.resume_paused();
                reply.ok();
            }
            ClientRequest::Unblock { id, error } => {
                reply.integer(i64::from(self.unblock(id, error)));
            }
        }
        Acted::Replied
    }

    fn note_master(&mut self) {
        let following = &self.replication.following;
        (self.sessions).note_master(following.upstream(), following.memory());
    }

    fn kill(&mut self, filter: &KillFilter, own: SessionId, now: Now, reply: &mut Reply) -> Acted {
        self.note_master();
        let mut acted = Acted::Replied;
        let mut killed = 0;
        for session in self.sessions.matching(filter, own) {
            killed += 1;
            if session == own {
                acted = Acted::Close;
            } else if session == STREAM {
                self.kill_upstream(now);
            } else {
                self.kill_session(session);
            }
        }
        match (filter.old_form, killed) {
            (false, _) => reply.integer(killed),
            (true, 0) => reply.error("ERR No such client"),
            (true, _) => reply.ok(),
        }
        acted
    }

    /// Ends a connection at once: it executes nothing any more.
    pub(super) fn kill_session(&mut self, session: SessionId) {
        if self.sessions.kill(session) {
            self.end_block(session);
            self.drop_restoring(session);
            self.parking.forget(session);
            self.out(Output::Close {
                session,
                flush: false,
            });
        }
    }

    /// Lets a session wait.
    pub(super) fn park(&mut self, session: SessionId, why: Parked) {
        self.parking.park(session, why);
        if let Some(session) = self.sessions.get_mut(session) {
            session.parked = true;
        }
    }

    /// Lets a session that waits go on.
    pub(super) fn resume(&mut self, session: SessionId) {
        if let Some(session) = self.sessions.get_mut(session) {
            session.parked = false;
        }
        self.out(Output::Resume(session));
    }

    /// Gives a session that is `Waiting` its reply and lets it go on. Without effect when it has
    /// ended meanwhile.
    pub(super) fn resume_with(&mut self, session: SessionId, reply: impl Into<Reply>) {
        if self.parking.answer(session, reply.into()) {
            self.resume(session);
        }
    }

    /// Lets those go on that a pause held and nothing holds any longer.
    pub(super) fn resume_paused(&mut self) {
        for session in self.parking.release(|parked| parked == Parked::Pause) {
            self.resume(session);
        }
    }

    /// Lets those go on that the walk held, when what they wait for has come. None goes on
    /// before, only to wait again: the turns would follow one another without end.
    pub(super) fn resume_walked(&mut self, now: Now) {
        let holds_stream = self.replication.following.held.is_some();
        if self.parking.is_calm() && !holds_stream {
            return;
        }
        let (value, room) = (self.data.walk_value(), self.walk_has_room());
        let writers = self.data.is_copying() && self.waits_for_copy();
        let is_over = |wait: WalkWait| match wait {
            WalkWait::Value(number) => value != Some(number),
            WalkWait::Room => room,
            WalkWait::Debt => self.data.walk_is_paid(),
            WalkWait::Slot(slot) => !self.data.is_dropping_slot(slot),
            WalkWait::End => !self.data.walking(),
            WalkWait::Step => true,
            WalkWait::Move(number) => !self.data.is_held(number),
            WalkWait::Copy(_) | WalkWait::Source(_) | WalkWait::Turn(_) => {
                self.data.copy_is_over(wait, writers)
            }
        };
        let released =
            (self.parking).release(|parked| matches!(parked, Parked::Walk(wait) if is_over(wait)));
        let stream_goes_on = self.replication.following.held.is_some_and(is_over);
        for session in released {
            self.resume(session);
        }
        if stream_goes_on {
            self.resume_stream(now);
        }
    }

    /// Ends every WAIT that has what it waits for, or whose time is over.
    pub(super) fn resume_acked(&mut self, now: Now) {
        if !self.parking.waits_for_acks() {
            return;
        }
        let acked = |offset| self.replication.acked(offset);
        for (session, count) in self.parking.due_acks(now.mono_ms(), acked) {
            self.resume_with(session, format!(":{count}\r\n").into_bytes());
        }
    }
}

/// Whether a client is on this machine.
pub(super) fn is_local(session: &crate::session::Session) -> bool {
    session.remote.ip().to_canonical().is_loopback()
}
