//! What goes on while one command takes long: everything but the keyspace, which is lent to it.
//!
//! Other clients may authenticate, look at and end connections, or end the node; all else gets
//! -BUSY, as from a Redis that runs a script. On the bus the node shows that it lives. What would
//! need the keyspace waits until the command is done.

use std::collections::VecDeque;
use std::time::Duration;

use crate::cluster::{Cluster, ClusterEvent};
use crate::command::{Command, Effect, Exec, NodeView, Refused, is_http, resolve};
use crate::config::Config;
use crate::data::{Layout, Partition, Watched};
use crate::engine::Engine;
use crate::engine::admit::CommandIds;
use crate::engine::auth::{self, Hello};
use crate::engine::parking::Parking;
use crate::engine::requests::{TURN_REPLY, limits};
use crate::engine::sessions::{STREAM, Sessions};
use crate::engine::sleep::Sleep;
use crate::engine::stats::Stats;
use crate::io::{
    Level, LinkEvent, LinkId, Origin, Output, Peer, Progress, SessionId, SessionState,
};
use crate::request::{Action, ClientRequest, KillFilter};
use crate::resp::{Args, BATCH_MAX, Batch, Reply};
use crate::session::{ReplyMode, SessionRole};
use crate::spec::Flag;
use crate::time::Now;

/// Serves the node while one of its commands takes long; handed in with the bytes that may hold
/// such a command. The shell has one that looks at its sockets.
pub trait Heartbeat {
    /// Waits up to `idle` for something to arrive, gives the node what has, carries out what comes
    /// of it, and says what time it is; none when there is no client to serve, and no time passes.
    fn beat(&mut self, node: &mut Meanwhile<'_>, idle: Duration) -> Option<Now>;
}

/// For those who give the node no command that takes long.
#[derive(Clone, Copy, Debug)]
pub struct NoHeartbeat;

impl Heartbeat for NoHeartbeat {
    fn beat(&mut self, _: &mut Meanwhile<'_>, _: Duration) -> Option<Now> {
        None
    }
}

/// What is answered while a command takes long, beside what Redis answers ([`Flag::AllowBusy`]).
const ALSO: &[&str] = &[
    "client|getname",
    "client|help",
    "client|id",
    "client|info",
    "client|kill",
    "client|list",
    "client|setinfo",
    "client|setname",
];

/// What Redis answers and this server does not: the keys that WATCH names are in the keyspace, which
/// is lent, and replicas introduce themselves with REPLCONF only to ask for a copy of it.
const NEEDS_KEYSPACE: &[&str] = &["watch", "replconf"];

const BUSY: Refused = Refused::new(
    "BUSY Redis is busy running a command. You can only call CLIENT KILL or SHUTDOWN NOSAVE.",
);

/// A node without its keyspace.
pub struct Meanwhile<'a> {
    now: Now,
    /// When the command began, in monotonic milliseconds, and whose it is.
    since_ms: u64,
    busy: SessionId,
    config: &'a Config,
    is_replica: bool,
    command_ids: CommandIds,
    sessions: &'a mut Sessions,
    parking: &'a mut Parking,
    cluster: Option<&'a mut Cluster>,
    sleep: &'a mut Sleep,
    stats: &'a mut Stats,
    metrics: String,
    /// An empty keyspace: what is allowed looks at no key.
    nothing: Partition,
    batch: Batch,
    outputs: VecDeque<Output>,
    after: After,
}

/// What has to wait for the keyspace.
#[derive(Default)]
pub(super) struct After {
    outputs: Vec<Output>,
    events: Vec<ClusterEvent>,
    closed: Vec<SessionId>,
    unwatched: Vec<Watched>,
    /// SHUTDOWN NOSAVE.
    leaves: bool,
    now: Now,
}

impl Engine {
    /// The keyspace for a command of that session, and apart from it all that may go on meanwhile.
    pub(super) fn apart(&mut self, id: SessionId, now: Now) -> (&mut Partition, Meanwhile<'_>) {
        let metrics = self.metrics(now);
        self.note_session(id, 0, now);
        let meanwhile = Meanwhile {
            now,
            since_ms: now.mono_ms(),
            busy: id,
            config: &self.config,
            is_replica: self.is_replica,
            command_ids: self.command_ids,
            sessions: &mut self.sessions,
            parking: &mut self.parking,
            cluster: self.cluster.as_deref_mut(),
            sleep: &mut self.sleep,
            stats: &mut self.stats,
            metrics,
            nothing: Partition::new(Layout::Databases(1), [0; 2]),
            batch: Batch::new(),
            outputs: VecDeque::new(),
            after: After::default(),
        };
        (&mut self.data, meanwhile)
    }

    /// The command is done: does what had to wait for the keyspace.
    pub(super) fn after_meanwhile(&mut self, after: After) {
        for watched in &after.unwatched {
            self.data.unwatch(watched);
        }
        self.replication.replicas.excuse(after.now.mono_ms());
        for event in after.events {
            self.cluster_event(event, after.now);
        }
        for session in after.closed {
            self.close(session, after.now);
        }
        self.outputs.extend(after.outputs);
        if after.leaves {
            self.exit_now(0);
        }
    }
}

impl Meanwhile<'_> {
    /// A new moment: to be told before anything else is.
    pub fn begin(&mut self, now: Now) {
        self.now = now;
        let mut is_heard = true;
        if let Some(cluster) = &mut self.cluster {
            cluster.on_timer_while_busy(now);
            is_heard = cluster.hears_majority(now);
        }
        if is_heard {
            self.sleep.stay_awake(self.config, now);
        }
        self.drain_cluster();
    }

    /// Whether other clients are answered by now (`busy-reply-threshold`); until then they wait.
    #[must_use]
    pub fn serves_clients(&self) -> bool {
        let threshold = self.config.busy_reply_threshold;
        threshold > 0 && self.now.mono_ms() >= self.since_ms.saturating_add(threshold)
    }

    /// Whether this client's requests are answered meanwhile.
    #[must_use]
    pub fn serves(&self, id: SessionId) -> bool {
        let session = self.sessions.get(id);
        let serves = |role, parked: bool| role == SessionRole::Normal && !parked;
        id != self.busy && session.is_some_and(|session| serves(session.role, session.parked))
    }

    /// Whether the command should end: its client was killed, or the node leaves.
    #[must_use]
    pub fn is_called_off(&self) -> bool {
        let busy = self.sessions.get(self.busy);
        self.after.leaves || busy.is_some_and(|session| session.killed)
    }

    /// The metrics, as of the command's begin.
    #[must_use]
    pub fn metrics(&self) -> &str {
        &self.metrics
    }

    /// Admits a client connection, as [`Engine::open`].
    ///
    /// # Errors
    /// The refusal to send before it is closed.
    pub fn open(&mut self, peer: Peer) -> Result<SessionId, Vec<u8>> {
        auth::open(self.config, self.sessions, self.stats, peer, self.now)
    }

    /// A client connection has ended.
    pub fn close(&mut self, id: SessionId) {
        self.sessions.kill(id);
        self.parking.forget(id);
        self.after.closed.push(id);
    }

    /// How much waits to be sent on a link, as [`Engine::on_link_sent`].
    pub fn on_link_sent(&mut self, link: LinkId, unsent: usize, allocated: usize) {
        if let Some(cluster) = &mut self.cluster {
            cluster.on_link_sent(link, unsent, allocated);
        }
    }

    /// A node has connected to the bus port, as [`Engine::accept_bus`].
    pub fn accept_bus(&mut self, peer: Peer) -> Option<LinkId> {
        let link = self.cluster.as_mut()?.accept_while_busy(peer, self.now);
        self.drain_cluster();
        Some(link)
    }

    /// Whether what arrives on a link is taken meanwhile: on those of the cluster bus.
    #[must_use]
    pub fn takes(&self, link: LinkId) -> bool {
        matches!(link, LinkId::Bus(_))
    }

    /// Something happened on a link of the cluster bus.
    pub fn on_link(&mut self, link: LinkId, event: LinkEvent<'_>) {
        if let Some(cluster) = &mut self.cluster {
            cluster.on_link_while_busy(link, event, self.now);
        }
        self.drain_cluster();
    }

    fn drain_cluster(&mut self) {
        while let Some(event) = self
            .cluster
            .as_mut()
            .and_then(|cluster| cluster.poll_event())
        {
            match event {
                ClusterEvent::Link(link, op) => self.outputs.push_back(Output::Link(link, op)),
                ClusterEvent::Log(origin, level, text) => {
                    self.outputs.push_back(Output::Log(origin, level, text));
                }
                other => self.after.events.push(other),
            }
        }
    }

    /// The next thing to carry out: an operation on a link, the close of a connection, or a line of
    /// the log. What came of earlier requests comes later, from the engine.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The command is done.
    pub(super) fn end(mut self) -> After {
        self.after.outputs.extend(self.outputs);
        self.after.now = self.now;
        self.after
    }

    /// Answers what a client has sent, as [`Engine::on_bytes`]: what is not allowed now with -BUSY.
    pub fn on_bytes(&mut self, id: SessionId, input: &[u8], reply: &mut Reply) -> Progress {
        let session = self.sessions.get(id).filter(|session| !session.killed);
        let Some(session) = session else {
            let state = SessionState::Close;
            return Progress { consumed: 0, state };
        };
        reply.set_resp3(session.resp3);
        let mut batch = std::mem::take(&mut self.batch);
        let progress = self.batches(id, input, reply, &mut batch);
        self.batch = batch;
        let limit = self.config.client_query_buffer_limit;
        let unread = input.len() - progress.consumed;
        if self.sessions.note(id, None, unread, limit, self.now) {
            let state = SessionState::Close;
            return Progress { state, ..progress };
        }
        progress
    }

    fn batches(
        &mut self,
        id: SessionId,
        input: &[u8],
        reply: &mut Reply,
        batch: &mut Batch,
    ) -> Progress {
        let replied = reply.len();
        let mut consumed = 0;
        loop {
            let rest = &input[consumed..];
            let session = self.sessions.at_mut(id);
            let limits = limits(self.config, session.authenticated);
            session.decoder.decode(rest, &limits, batch);
            for request in 0..batch.len() {
                if self.request(id, &batch.args(rest, request), reply) {
                    consumed += batch.end(request);
                    let state = SessionState::Close;
                    return Progress { consumed, state };
                }
            }
            consumed += batch.tail();
            let state = if let Some(error) = batch.error() {
                reply.error(&format!("ERR {error}"));
                SessionState::Close
            } else if batch.len() < BATCH_MAX || consumed == input.len() {
                SessionState::NeedInput
            } else if reply.len() - replied >= TURN_REPLY {
                SessionState::MoreToDo
            } else {
                continue;
            };
            return Progress { consumed, state };
        }
    }

    /// Answers a request; whether its client is to be closed.
    fn request(&mut self, id: SessionId, args: &Args<'_>, reply: &mut Reply) -> bool {
        let start = reply.len();
        let answered = resolve(args).and_then(|command| {
            self.admit(id, command)?;
            self.run(id, command, args, reply)
        });
        let closes = answered.unwrap_or_else(|refused| {
            reply.truncate(start);
            self.refuse(id, args, &refused, reply);
            is_http(args.get(0))
        });
        if let Some(text) = reply.error_at(start) {
            self.stats.count_error(text);
        }
        let mode = &mut self.sessions.at_mut(id).reply_mode;
        if *mode != ReplyMode::On {
            reply.truncate(start);
        }
        if *mode == ReplyMode::SkipNext {
            *mode = ReplyMode::On;
        }
        closes
    }

    fn admit(&self, id: SessionId, command: &'static Command) -> Result<(), Refused> {
        let session = self.sessions.at(id);
        if !session.authenticated && !command.flags().has(Flag::NoAuth) {
            return Err(Refused::new("NOAUTH Authentication required."));
        }
        // What is queued is executed later, but nothing is known of it now.
        let queues = session.multi.is_some() && !self.command_ids.is_immediate(command.id);
        if queues || !is_allowed(command) {
            return Err(BUSY);
        }
        Ok(())
    }

    fn refuse(&mut self, id: SessionId, args: &Args<'_>, refused: &Refused, reply: &mut Reply) {
        let session = self.sessions.at_mut(id);
        let is_exec = resolve(args).is_ok_and(|command| command.id == self.command_ids.exec);
        if is_exec && session.multi.take().is_some() {
            self.after.unwatched.extend(session.watched.take());
            let why = &refused.0;
            reply.error(&format!(
                "EXECABORT Transaction discarded because of: {why}"
            ));
        } else {
            session.spoil_transaction();
            reply.error(&refused.0);
        }
    }

    fn run(
        &mut self,
        id: SessionId,
        command: &'static Command,
        args: &Args<'_>,
        reply: &mut Reply,
    ) -> Result<bool, Refused> {
        if command.id == self.command_ids.unwatch {
            // The keyspace forgets them later.
            let watched = self.sessions.at_mut(id).watched.take();
            self.after.unwatched.extend(watched);
        }
        self.stats.commands += 1;
        self.stats.of_command(command.id).calls += 1;
        self.sessions.at_mut(id).command = command.spec.name;
        let view = NodeView {
            config: self.config,
            is_replica: self.is_replica,
            has_stream: true,
            random: 0,
        };
        let mut exec = Exec {
            node: &view,
            data: &mut self.nothing,
            session: self.sessions.at_mut(id),
            now: self.now,
        };
        match (command.run)(&mut exec, args, reply)? {
            Effect::Ask(action) => self.act(*action, id, reply),
            Effect::None | Effect::AsWritten | Effect::Rewritten(_) => Ok(false),
        }
    }

    /// Carries out what a command asked for; whether its client is to be closed.
    fn act(&mut self, action: Action, id: SessionId, reply: &mut Reply) -> Result<bool, Refused> {
        let session = self.sessions.at_mut(id);
        match action {
            Action::Auth { user, password } => {
                auth::auth(self.config, session, user.as_deref(), &password, reply);
            }
            Action::Hello {
                protocol,
                auth,
                name,
            } => {
                let hello = Hello {
                    protocol,
                    auth,
                    name,
                };
                auth::hello(self.config, self.is_replica, session, hello, reply);
            }
            Action::Reset => {
                session.multi = None;
                self.after.unwatched.extend(session.watched.take());
                auth::reset(self.config, session, reply);
            }
            Action::Multi => session.begin_transaction(reply),
            Action::Discard if session.multi.take().is_some() => {
                self.after.unwatched.extend(session.watched.take());
                reply.ok();
            }
            Action::Discard => reply.error("ERR DISCARD without MULTI"),
            Action::Quit => {
                reply.ok();
                return Ok(true);
            }
            Action::Client(ClientRequest::List { kind, ids }) => {
                let text = self.sessions.list(kind, ids.as_deref(), self.now);
                reply.verbatim(&text);
            }
            Action::Client(ClientRequest::Info) => {
                reply.verbatim(&self.sessions.line(id, self.now));
            }
            Action::Client(ClientRequest::Kill(filter)) => return Ok(self.kill(&filter, id, reply)),
            Action::Shutdown(request) if request.save == Some(false) && !request.abort => {
                let text = "User requested shutdown during a long command";
                self.log(Level::Warning, text);
                self.after.leaves = true;
                return Ok(true);
            }
            _ => return Err(BUSY),
        }
        Ok(false)
    }

    fn kill(&mut self, filter: &KillFilter, own: SessionId, reply: &mut Reply) -> bool {
        let mut named = self.sessions.matching(filter, own);
        // The link to our master is none of those that are served now.
        named.retain(|id| *id != STREAM);
        for &session in named.iter().filter(|id| **id != own) {
            self.sessions.kill(session);
            self.parking.forget(session);
            let flush = false;
            let close = Output::Close { session, flush };
            if session == self.busy {
                self.after.outputs.push(close);
            } else {
                self.outputs.push_back(close);
            }
        }
        match (filter.old_form, named.len()) {
            (false, killed) => reply.integer(killed as i64),
            (true, 0) => reply.error("ERR No such client"),
            (true, _) => reply.ok(),
        }
        named.contains(&own)
    }

    fn log(&mut self, level: Level, text: &str) {
        let line = Output::Log(Origin::Node, level, text.to_owned());
        self.outputs.push_back(line);
    }
}

fn is_allowed(command: &Command) -> bool {
    let name = &command.spec.name;
    let in_redis = command.flags().has(Flag::AllowBusy) && !NEEDS_KEYSPACE.contains(name);
    in_redis || ALSO.contains(name)
}
