//! What is known of one session while its connection holds it.

use std::fmt::Write;
use std::net::SocketAddr;

use crate::config::OutputLimit;
use crate::io::{SessionId, Unsent};
use crate::request::{ClientKind, KillFilter};
use crate::session::{Session, SessionRole};
use crate::time::Now;

/// What a connection takes beside its buffers, in bytes: its session, its record, and what the shell
/// and the runtime below it keep. 1,650 bytes were measured.
const CONNECTION: usize = 3 * (size_of::<Session>() + size_of::<Record>());

/// A client that has not authenticated is closed when more replies than this wait for it, in bytes
/// (as in Redis): it could ask and ask, and never read.
const UNAUTHENTICATED_UNSENT_MAX: usize = 1024;

/// What is known of a session while its connection holds it.
#[derive(Debug)]
pub(in crate::engine) struct Record {
    pub(in crate::engine) remote: SocketAddr,
    pub(in crate::engine) local: SocketAddr,
    pub(in crate::engine) role: SessionRole,
    /// Monotonic milliseconds.
    pub(super) created: u64,
    /// When it last sent something, in monotonic milliseconds.
    pub(in crate::engine) active: u64,
    /// The last command's full name, `client|list`.
    pub(super) command: &'static str,
    /// Copies of the session's own fields, as of its last batch.
    name: Vec<u8>,
    lib_name: Vec<u8>,
    lib_ver: Vec<u8>,
    db: usize,
    authenticated: bool,
    resp3: bool,
    readonly: bool,
    pub(super) no_evict: bool,
    no_touch: bool,
    queued: Option<usize>,
    watching: bool,
    /// What is known of a request that has not arrived in full, and what MULTI and WATCH keep, in
    /// bytes.
    argv: usize,
    multi: usize,
    /// Unread bytes of the input after its last batch ...
    pub(super) unread: usize,
    /// ... and the memory that holds them, as the shell reported it.
    pub(super) input: usize,
    /// Unsent replies and pushes, as the shell reported them.
    pub(in crate::engine) unsent: Unsent,
    over_soft_since: Option<u64>,
    /// Waits for something, see the parking.
    pub(in crate::engine) parked: bool,
    /// CLIENT KILL has named it; the shell is about to close it.
    pub(in crate::engine) killed: bool,
    /// So much of it is in the account of all clients.
    pub(super) counted: usize,
}

impl Record {
    pub(super) fn new(session: &Session, now: Now) -> Record {
        Record {
            remote: session.remote,
            local: session.local,
            role: session.role,
            created: now.mono_ms(),
            active: now.mono_ms(),
            command: "NULL",
            name: Vec::new(),
            lib_name: Vec::new(),
            lib_ver: Vec::new(),
            db: 0,
            authenticated: false,
            resp3: false,
            readonly: false,
            no_evict: false,
            no_touch: false,
            queued: None,
            watching: false,
            argv: 0,
            multi: 0,
            unread: 0,
            input: 0,
            unsent: Unsent::default(),
            over_soft_since: None,
            parked: false,
            killed: false,
            counted: 0,
        }
    }

    /// Whether it takes too little of what it is sent, for an ordinary client.
    pub(in crate::engine) fn is_beyond(&mut self, limit: OutputLimit, now_ms: u64) -> bool {
        if self.role != SessionRole::Normal || self.killed {
            return false;
        }
        let unsent = self.unsent.bytes;
        !self.authenticated && unsent > UNAUTHENTICATED_UNSENT_MAX
            || limit.is_passed(unsent as u64, &mut self.over_soft_since, now_ms)
    }

    /// What requests that were not executed yet keep: unread input and MULTI's queue, in bytes.
    pub(super) fn query(&self) -> usize {
        self.held_input() + self.argv + self.multi
    }

    fn held_input(&self) -> usize {
        self.input.max(self.unread)
    }

    /// All memory that is spent on it, in bytes. What waits for a replica is counted with the
    /// stream, which it shares with the others; and one that was killed is gone.
    pub(super) fn memory(&self) -> usize {
        if self.killed {
            return 0;
        }
        let output = match self.role {
            SessionRole::Replica => 0,
            SessionRole::Normal | SessionRole::Master => self.unsent.memory(),
        };
        let names = self.name.capacity() + self.lib_name.capacity() + self.lib_ver.capacity();
        // The session has the names, too.
        CONNECTION + self.query() + output + 2 * names
    }

    /// What waits for it and is counted elsewhere.
    fn shared_output(&self) -> usize {
        match self.role {
            SessionRole::Replica => self.unsent.memory(),
            SessionRole::Normal | SessionRole::Master => 0,
        }
    }

    pub(super) fn copy(&mut self, session: &Session) {
        let copy = |to: &mut Vec<u8>, from: &Vec<u8>| {
            if to != from {
                to.clone_from(from);
            }
        };
        copy(&mut self.name, &session.name);
        copy(&mut self.lib_name, &session.lib_name);
        copy(&mut self.lib_ver, &session.lib_ver);
        self.role = session.role;
        self.db = session.db;
        self.authenticated = session.authenticated;
        self.resp3 = session.resp3;
        self.readonly = session.readonly;
        self.no_evict = session.no_evict;
        self.no_touch = session.no_touch;
        self.queued = session.multi.as_ref().map(|multi| multi.queue.len());
        self.watching = !session.watched.is_empty();
        self.argv = session.decoder.memory();
        self.multi = session.transaction_memory();
    }

    pub(super) fn is(&self, kind: ClientKind) -> bool {
        match kind {
            ClientKind::Normal => self.role == SessionRole::Normal,
            ClientKind::Replica => self.role == SessionRole::Replica,
            ClientKind::Master => self.role == SessionRole::Master,
            ClientKind::PubSub => false,
        }
    }

    pub(super) fn matches(&self, id: SessionId, filter: &KillFilter) -> bool {
        filter.id.is_none_or(|wanted| wanted == id)
            && filter.kind.is_none_or(|kind| self.is(kind))
            && (filter.user.as_deref()).is_none_or(|user| user == self.user().as_bytes())
            && (filter.addr.as_ref()).is_none_or(|addr| *addr == self.remote.to_string())
            && (filter.local_addr.as_ref()).is_none_or(|addr| *addr == self.local.to_string())
    }

    /// What our master says is nobody's.
    fn user(&self) -> &'static str {
        match self.role {
            SessionRole::Master => "(superuser)",
            _ => "default",
        }
    }

    fn flags(&self) -> String {
        let marks = [
            (self.role == SessionRole::Replica, 'S'),
            (self.role == SessionRole::Master, 'M'),
            (self.queued.is_some(), 'x'),
            (self.parked, 'b'),
            (self.killed, 'A'),
            (self.readonly, 'r'),
            (self.no_evict, 'e'),
            (self.no_touch, 'T'),
        ];
        let flags: String = (marks.into_iter())
            .filter_map(|(set, mark)| set.then_some(mark))
            .collect();
        if flags.is_empty() {
            "N".to_owned()
        } else {
            flags
        }
    }

    /// Its line of CLIENT LIST. There is no reply buffer of a client's own, so its size (`rbs`) and
    /// peak (`rbp`) are none; `obl` is what waits for it, `oll` in how many pieces, `omem` the
    /// memory that holds it.
    pub(super) fn write_line(&self, id: SessionId, now: Now, out: &mut String) {
        let seconds_since = |then: u64| now.mono_ms().saturating_sub(then) / 1000;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        writeln!(
            out,
            "id={} addr={} laddr={} fd=-1 name={} age={} idle={} flags={} db={} sub=0 psub=0 \
             ssub=0 multi={} qbuf={} qbuf-free={} argv-mem={} multi-mem={} rbs=0 rbp=0 obl={} \
             oll={} omem={} tot-mem={} events=r cmd={} user={} redir=-1 resp={} lib-name={} \
             lib-ver={}",
            id.0,
            self.remote,
            self.local,
            text(&self.name),
            seconds_since(self.created),
            seconds_since(self.active),
            self.flags(),
            self.db,
            self.queued.map_or(-1, usize::cast_signed),
            self.unread,
            self.held_input() - self.unread,
            self.argv,
            self.multi,
            self.unsent.bytes,
            self.unsent.pieces,
            self.unsent.memory(),
            self.memory() + self.shared_output(),
            self.command,
            self.user(),
            if self.resp3 { 3 } else { 2 },
            text(&self.lib_name),
            text(&self.lib_ver),
        )
        .expect("a string takes all text");
    }
}
