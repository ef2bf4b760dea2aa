//! Whether a request is executed, queued, parked or refused: in Redis's order and words.

use crate::command::Refused;
use crate::command::{Command, Preparation, lookup, resolve};
use crate::data::WalkWait;
use crate::engine::Engine;
use crate::engine::eviction::Room;
use crate::engine::parking::Parked;
use crate::io::SessionId;
use crate::resp::Args;
use crate::session::{Session, SessionRole};
use crate::spec::{Flag, Flags};
use crate::time::Now;

/// What becomes of a request that was not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// It is executed now.
    Run,
    /// It joins the queue of MULTI.
    Queue,
    /// It is executed once this is over.
    Park(Parked),
}

/// The ids of commands that admission treats in a way of their own.
#[derive(Clone, Copy, Debug)]
pub(super) struct CommandIds {
    pub(super) exec: usize,
    pub(super) asking: usize,
    ping: usize,
    discard: usize,
    multi: usize,
    watch: usize,
    pub(super) unwatch: usize,
    quit: usize,
    reset: usize,
    psync: usize,
    sync: usize,
}

impl CommandIds {
    pub(super) fn new() -> CommandIds {
        let id = |name: &str| lookup(name.as_bytes()).map_or(usize::MAX, |command| command.id);
        CommandIds {
            exec: id("exec"),
            asking: id("asking"),
            ping: id("ping"),
            discard: id("discard"),
            multi: id("multi"),
            watch: id("watch"),
            unwatch: id("unwatch"),
            quit: id("quit"),
            reset: id("reset"),
            psync: id("psync"),
            sync: id("sync"),
        }
    }

    /// Whether a command is executed at once even after MULTI.
    pub(super) fn is_immediate(&self, id: usize) -> bool {
        [
            self.exec,
            self.discard,
            self.multi,
            self.watch,
            self.quit,
            self.reset,
        ]
        .contains(&id)
    }
}

/// What a request wants: for EXEC, all that its queue wants.
#[derive(Clone, Copy, Debug)]
struct Traits {
    write: bool,
    /// It writes, or may do so all the same.
    replicates: bool,
    deny_oom: bool,
    deny_stale: bool,
    deny_loading: bool,
    /// Something may have to be made for it first, in steps.
    prepared: bool,
}

impl Traits {
    fn of(flags: Flags) -> Traits {
        Traits {
            write: flags.has(Flag::Write),
            replicates: flags.has(Flag::Write) || flags.has(Flag::MayReplicate),
            deny_oom: flags.has(Flag::DenyOom),
            deny_stale: !flags.has(Flag::Stale),
            deny_loading: !flags.has(Flag::Loading),
            prepared: false,
        }
    }

    #[cold]
    fn of_queue(session: &Session, exec: Flags) -> Traits {
        let mut all = Traits::of(exec);
        for args in session.queue() {
            if let Ok(command) = resolve(&args) {
                let one = Traits::of(command.flags());
                all.write |= one.write;
                all.replicates |= one.replicates;
                all.deny_oom |= one.deny_oom;
                all.deny_stale |= one.deny_stale;
                all.deny_loading |= one.deny_loading;
                all.prepared |= command.preparation.copies();
            }
        }
        all
    }
}

impl Engine {
    /// Decides about a request whose command and arity are right.
    #[inline]
    pub(super) fn admit(
        &mut self,
        id: SessionId,
        command: &'static Command,
        args: &Args<'_>,
        now: Now,
    ) -> Result<Admission, Refused> {
        let flags = command.flags();
        let session = self.sessions.at(id);
        if !session.authenticated && !flags.has(Flag::NoAuth) {
            return Err(Refused::new("NOAUTH Authentication required."));
        }
        // MIGRATE waits for another server, and within an EXEC nothing waits.
        if session.multi.is_some()
            && (flags.has(Flag::NoMulti) || command.preparation == Preparation::Connection)
        {
            return Err(Refused::new("ERR Command not allowed inside a transaction"));
        }
        if self.is_withholding() && self.is_withheld(command, args) {
            return Err(Refused::new(
                "LOADING Redis is loading the dataset in memory",
            ));
        }
        self.route(id, command, args)?;
        let session = self.sessions.at(id);
        let queues = session.multi.is_some() && !self.command_ids.is_immediate(command.id);
        let is_normal = session.role == SessionRole::Normal;
        let traits = if command.id == self.command_ids.exec {
            Traits::of_queue(session, flags)
        } else {
            Traits {
                prepared: command.preparation != Preparation::None,
                ..Traits::of(flags)
            }
        };
        // A queue takes memory whatever is in it.
        if (traits.deny_oom || queues)
            && self.lacks_memory()
            && let Some(wait) = self.admit_memory(is_normal, now)?
        {
            return Ok(Admission::Park(Parked::Walk(wait)));
        }
        if traits.write || command.id == self.command_ids.ping {
            self.admit_write(command, traits, now)?;
        }
        if self.is_replica && traits.deny_stale {
            self.admit_stale()?;
        }
        if traits.deny_loading && self.is_loading() {
            return Err(Refused::new(
                "LOADING Redis is loading the dataset in memory",
            ));
        }
        if is_normal {
            if self.pause.any()
                && (self.pause.holds(traits.replicates) || self.is_held(id, command, args))
            {
                return Ok(Admission::Park(Parked::Pause));
            }
            if (traits.prepared || traits.write && self.data.may_hold())
                && let Some(wait) = self.walk_wait(id, command, args, now)
            {
                return Ok(Admission::Park(Parked::Walk(wait)));
            }
        }
        if queues {
            return Ok(Admission::Queue);
        }
        Ok(Admission::Run)
    }

    /// While the node withholds: everything about the data, and requests for a copy of it.
    fn is_withheld(&self, command: &Command, args: &Args<'_>) -> bool {
        command.touches_data(args)
            || command.id == self.command_ids.psync
            || command.id == self.command_ids.sync
    }

    fn admit_write(&self, command: &Command, traits: Traits, now: Now) -> Result<(), Refused> {
        if !self.is_replica {
            if self.snapshots_fail() {
                return Err(Refused::new(MISCONF));
            }
            let wanted = self.config.min_replicas_to_write as usize;
            let lag = self.config.min_replicas_max_lag;
            if traits.write
                && wanted > 0
                && lag > 0
                && self.replication.good_replicas(&self.config, now) < wanted
            {
                return Err(Refused::new(
                    "NOREPLICAS Not enough good replicas to write.",
                ));
            }
            return Ok(());
        }
        if command.id != self.command_ids.ping && self.config.replica_read_only {
            return Err(Refused::new(
                "READONLY You can't write against a read only replica.",
            ));
        }
        Ok(())
    }

    /// Makes room for what takes memory; or says what to wait for until keys may go.
    #[cold]
    fn admit_memory(&mut self, may_wait: bool, now: Now) -> Result<Option<WalkWait>, Refused> {
        match self.make_memory_room(now) {
            Room::Enough | Room::Coming => Ok(None),
            Room::After(wait) if may_wait => Ok(Some(wait)),
            Room::After(_) | Room::None => Err(Refused::new(
                "OOM command not allowed when used memory > 'maxmemory'.",
            )),
        }
    }

    fn admit_stale(&self) -> Result<(), Refused> {
        let up = self.master_link().is_none_or(|link| link.up);
        if self.config.replica_serve_stale_data || up {
            return Ok(());
        }
        Err(Refused::new(
            "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
        ))
    }
}

const MISCONF: &str = "MISCONF Redis is configured to save RDB snapshots, but it's currently \
    unable to persist to disk. Commands that may modify the data set are disabled, because this \
    instance is configured to report errors during writes if RDB snapshotting fails \
    (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB \
    error.";
