//! From a client's bytes to its replies.

use crate::command::{Command, is_http, lookup, resolve};
use crate::command::{Effect, Exec, NodeView, Preparation, Refused};
use crate::config::Config;
use crate::data::ExpiryPolicy;
use crate::engine::admit::Admission;
use crate::engine::commit::Change;
use crate::engine::meanwhile::Heartbeat;
use crate::engine::{Acted, Engine};
use crate::io::{Level, Origin, Progress, SessionId, SessionState};
use crate::resp::{Args, BATCH_MAX, Batch, Limits, ProtocolError, Reply};
use crate::session::{ReplyMode, SessionRole};
use crate::time::Now;

/// After this many bytes of input another connection has its turn ...
const TURN_INPUT: usize = 64 * 1024;
/// ... or of replies.
pub(super) const TURN_REPLY: usize = 1024 * 1024;

/// The longest request of a client that has not authenticated, in bytes (as in Redis).
const UNAUTHENTICATED_MAX: usize = 1024 * 1024;

/// The session that something is executed for, and when.
pub(super) struct Call<'a> {
    pub(super) id: SessionId,
    pub(super) now: Now,
    /// Which request of its transaction it is; 0 without one.
    pub(super) at: usize,
    /// Serves the others while a command takes long.
    pub(super) heartbeat: &'a mut dyn Heartbeat,
}

/// How the execution of a batch goes on after a request.
enum Next {
    /// With the next one.
    Go,
    /// Not now: the request itself is still to be executed.
    Park,
    /// Not now: the request is done but for its reply.
    Wait,
    /// Not at all.
    Close,
}

impl Engine {
    /// Executes what has arrived, up to 64 KB of it, and appends the replies. Also called, with
    /// whatever input there is, once `Resume` has named a parked session. A session that has ended
    /// executes nothing. The heartbeat serves the others while a command takes long.
    pub fn on_bytes(
        &mut self,
        id: SessionId,
        input: &[u8],
        now: Now,
        reply: &mut Reply,
        heartbeat: &mut dyn Heartbeat,
    ) -> Progress {
        let replied = reply.len();
        self.look_at_clock(now);
        if let Some(progress) = self.held_back(id, reply) {
            return progress;
        }
        self.begin(id, now);
        let mut batch = std::mem::take(&mut self.batch);
        let mut call = Call {
            id,
            now,
            at: 0,
            heartbeat,
        };
        let progress = self.batches(&mut call, input, reply, &mut batch);
        self.batch = batch;
        self.stats.clients.input += progress.consumed as u64;
        let written = (reply.len() - replied) as u64;
        if self.sessions.at(id).role == SessionRole::Replica {
            self.stats.replication.output += written;
            self.replication.replicas.heard(id, now.mono_ms());
        } else {
            self.stats.clients.output += written;
        }
        let unread = input.len() - progress.consumed;
        let greedy = self.note_session(id, unread, now);
        self.last_command = None;
        if greedy && progress.state != SessionState::Close {
            self.drop_greedy_client(id, now);
            return Progress {
                state: SessionState::Close,
                ..progress
            };
        }
        progress
    }

    /// Takes up what a session has executed. Whether what it keeps has grown beyond
    /// client-query-buffer-limit.
    #[inline]
    pub(super) fn note_session(&mut self, id: SessionId, unread: usize, now: Now) -> bool {
        let limit = self.config.client_query_buffer_limit;
        (self.sessions).note(id, self.last_command, unread, limit, now)
    }

    /// A session that waits executes nothing; one whose wait is over gets its reply first.
    fn held_back(&mut self, id: SessionId, reply: &mut Reply) -> Option<Progress> {
        let stop = |state| Some(Progress { consumed: 0, state });
        let Some(session) = self.sessions.get(id).filter(|session| !session.killed) else {
            return stop(SessionState::Close);
        };
        reply.set_resp3(session.resp3);
        if session.parked {
            return stop(SessionState::Parked);
        }
        if self.parking.has_replies()
            && let Some(parked) = self.parking.take_reply(id)
        {
            match session.reply_mode {
                ReplyMode::On => reply.append(parked),
                ReplyMode::SkipNext => self.sessions.at_mut(id).reply_mode = ReplyMode::On,
                ReplyMode::Off => {}
            }
        }
        None
    }

    /// Fixes the time, and what becomes of expired keys, for what follows.
    pub(super) fn begin(&mut self, id: SessionId, now: Now) {
        let expiry = if self.is_replica || self.pause.any() {
            ExpiryPolicy::Hide
        } else {
            ExpiryPolicy::Delete
        };
        self.data.set_expiry_policy(expiry);
        self.data.begin(now, !self.sessions.at(id).no_touch);
    }

    fn batches(
        &mut self,
        call: &mut Call<'_>,
        input: &[u8],
        reply: &mut Reply,
        batch: &mut Batch,
    ) -> Progress {
        let replied = reply.len();
        let id = call.id;
        let mut consumed = 0;
        self.stamp = call.now.mono_us * 1000;
        loop {
            let rest = &input[consumed..];
            let session = self.sessions.at_mut(id);
            let authenticated = session.authenticated;
            let limits = limits(&self.config, authenticated);
            session.decoder.decode(rest, &limits, batch);
            if let Some((done, state)) = self.batch(call, rest, batch, reply) {
                consumed += done;
                return Progress { consumed, state };
            }
            consumed += batch.tail();
            if let Some(error) = batch.error() {
                if self.sessions.at(id).authenticated && !authenticated {
                    continue;
                }
                return self.protocol_error(call, error, consumed, reply);
            }
            if batch.len() < BATCH_MAX || consumed == input.len() {
                let state = SessionState::NeedInput;
                return Progress { consumed, state };
            }
            if consumed >= TURN_INPUT || reply.len() - replied >= TURN_REPLY {
                let state = SessionState::MoreToDo;
                return Progress { consumed, state };
            }
        }
    }

    /// Executes a batch. When it stops midway: how many bytes are done with, and why.
    fn batch(
        &mut self,
        call: &mut Call<'_>,
        input: &[u8],
        batch: &Batch,
        reply: &mut Reply,
    ) -> Option<(usize, SessionState)> {
        let keys = self.first_keys(self.sessions.at(call.id).db, input, batch);
        let replied = reply.len();
        for (request, key) in keys.iter().enumerate().take(batch.len()) {
            let mut args = batch.args(input, request);
            if let Some((index, key)) = key {
                args = args.with_key(*index, key);
            }
            match self.request(call, &args, reply) {
                // What one client is given at once stays bounded, but for a single reply.
                Next::Go if reply.len() - replied >= TURN_REPLY => {
                    return Some((batch.end(request), SessionState::MoreToDo));
                }
                Next::Go => {}
                Next::Park => {
                    let done = request.checked_sub(1).map_or(0, |before| batch.end(before));
                    return Some((done, SessionState::Parked));
                }
                Next::Wait => return Some((batch.end(request), SessionState::Parked)),
                Next::Close => return Some((batch.end(request), SessionState::Close)),
            }
        }
        None
    }

    fn request(&mut self, call: &mut Call<'_>, args: &Args<'_>, reply: &mut Reply) -> Next {
        let start = reply.len();
        let id = call.id;
        let session = self.sessions.at(id);
        let mode = session.reply_mode;
        let was_asking = session.asking;
        let next = match resolve(args) {
            Ok(command) => {
                let next = self.resolved(call, command, args, reply);
                if was_asking && command.id != self.command_ids.asking {
                    let session = self.sessions.at_mut(id);
                    session.asking &= session.multi.is_some();
                }
                next
            }
            Err(_) if is_http(args.get(0)) => {
                self.log_of(
                    Origin::Clients,
                    Level::Warning,
                    format!(
                        "Possible attack: {} speaks HTTP to this port. It is disconnected.",
                        self.sessions.at(id).remote
                    ),
                );
                Next::Close
            }
            Err(refused) => {
                // Wrong numbers of arguments are counted, and an EXEC with one ends its transaction.
                let command = lookup(args.get(0));
                let command = command.filter(|command| command.subcommands().is_empty());
                self.refuse(id, command, &refused, reply);
                Next::Go
            }
        };
        if mode != ReplyMode::On {
            let is_over = matches!(next, Next::Go | Next::Close);
            self.drop_reply(id, mode, start, is_over, reply);
        }
        next
    }

    /// CLIENT REPLY had that mode before the request whose reply begins there. If more of the reply is
    /// to come, the mode stays until then.
    fn drop_reply(
        &mut self,
        id: SessionId,
        mode: ReplyMode,
        start: usize,
        is_over: bool,
        reply: &mut Reply,
    ) {
        let mode_now = &mut self.sessions.at_mut(id).reply_mode;
        match mode {
            ReplyMode::On => {}
            ReplyMode::Off if *mode_now == ReplyMode::On => {}
            ReplyMode::Off => reply.truncate(start),
            ReplyMode::SkipNext => {
                reply.truncate(start);
                if is_over && *mode_now == ReplyMode::SkipNext {
                    *mode_now = ReplyMode::On;
                }
            }
        }
    }

    fn resolved(
        &mut self,
        call: &mut Call<'_>,
        command: &'static Command,
        args: &Args<'_>,
        reply: &mut Reply,
    ) -> Next {
        let id = call.id;
        self.last_command = Some(command.spec.name);
        match self.admit(id, command, args, call.now) {
            Ok(Admission::Run) => match self.run(call, command, args, reply) {
                Acted::Replied => Next::Go,
                Acted::Waiting => Next::Wait,
                Acted::Close => Next::Close,
            },
            Ok(Admission::Queue) if self.queue(id, args, reply) => Next::Go,
            Ok(Admission::Queue) => Next::Close,
            Ok(Admission::Park(why)) => {
                self.park(id, why);
                Next::Park
            }
            Err(refused) => {
                self.refuse(id, Some(command), &refused, reply);
                Next::Go
            }
        }
    }

    /// Replies that a request is not executed.
    #[cold]
    fn refuse(
        &mut self,
        id: SessionId,
        command: Option<&'static Command>,
        refused: &Refused,
        reply: &mut Reply,
    ) {
        self.drop_restoring(id);
        if let Some(command) = command {
            self.stats.of_command(command.id).rejected += 1;
        }
        let is_exec = command.is_some_and(|command| command.id == self.command_ids.exec);
        self.stats.count_error(refused.0.as_bytes());
        let redirected = ["MOVED", "ASK", "CLUSTERDOWN", "CROSSSLOT", "TRYAGAIN"];
        let session = self.sessions.at_mut(id);
        if !is_exec {
            reply.error(&refused.0);
            session.spoil_transaction();
            return;
        }
        self.end_transaction(id);
        if redirected.iter().any(|code| refused.0.starts_with(code)) {
            reply.error(&refused.0);
        } else {
            // As in Redis, refusals with a code of their own keep it.
            let why = refused.0.strip_prefix("ERR ").unwrap_or(&refused.0);
            reply.error(&format!(
                "EXECABORT Transaction discarded because of: {why}"
            ));
        }
    }

    /// Executes a command and commits what it changed.
    #[inline]
    pub(super) fn run(
        &mut self,
        call: &mut Call<'_>,
        command: &'static Command,
        args: &Args<'_>,
        reply: &mut Reply,
    ) -> Acted {
        let start = reply.len();
        let (id, now) = (call.id, call.now);
        let mut acted = Acted::Replied;
        match self.execute(call, command, args, reply) {
            Ok(Effect::None) => {
                self.commit_expired();
                // As in Redis, some commands touch a key and leave it as it was (LTRIM).
                self.drain_changes();
            }
            Ok(Effect::AsWritten) => self.wrote(id, Change::Request(*args)),
            Ok(Effect::Rewritten(commands)) => self.wrote(id, Change::Commands(&commands)),
            Ok(Effect::Ask(action)) => acted = self.act(*action, call, args, reply),
            Err(refused) => {
                if command.preparation == Preparation::Decode {
                    self.drop_value((id, call.at));
                }
                reply.truncate(start);
                reply.error(&refused.0);
                self.commit_expired();
            }
        }
        self.account(id, command, args, now, reply, start);
        acted
    }

    /// Lets a command do what it can do by itself.
    #[inline]
    pub(super) fn execute(
        &mut self,
        call: &Call<'_>,
        command: &'static Command,
        args: &Args<'_>,
        reply: &mut Reply,
    ) -> Result<Effect, Refused> {
        let view = NodeView {
            config: &self.config,
            is_replica: self.is_replica,
            has_stream: self.replication.stream_active(),
            random: self.random.bits(),
        };
        let mut exec = Exec {
            node: &view,
            data: &mut self.data,
            session: self.sessions.at_mut(call.id),
            now: call.now,
        };
        (command.run)(&mut exec, args, reply)
    }

    pub(super) fn wrote(&mut self, id: SessionId, change: Change<'_>) {
        self.commit(self.sessions.at(id).db, change);
        self.sessions.at_mut(id).last_write_offset = self.replication.offset();
    }

    #[cold]
    fn protocol_error(
        &mut self,
        call: &Call<'_>,
        error: ProtocolError,
        consumed: usize,
        reply: &mut Reply,
    ) -> Progress {
        let id = call.id;
        if error == ProtocolError::RequestTooBig {
            self.drop_greedy_client(id, call.now);
        } else {
            let remote = self.sessions.at(id).remote;
            self.log_of(
                Origin::Clients,
                Level::Verbose,
                format!("{error} from {remote} (id {id})"),
            );
            let text = format!("ERR {error}");
            self.stats.count_error(text.as_bytes());
            reply.error(&text);
        }
        Progress {
            consumed,
            state: SessionState::Close,
        }
    }
}

/// What a client may send.
pub(super) fn limits(config: &Config, authenticated: bool) -> Limits {
    let limit = config.client_query_buffer_limit;
    Limits {
        bulk_max: config.proto_max_bulk_len,
        request_max: if authenticated {
            limit
        } else {
            limit.min(UNAUTHENTICATED_MAX)
        },
        authenticated,
    }
}
