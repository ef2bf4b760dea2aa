//! What a session shows of itself, and what memory it takes.

use std::fmt::Write;

use crate::config::OutputLimit;
use crate::request::{ClientKind, KillFilter};
use crate::session::{Session, SessionRole, Transaction};
use crate::time::Now;

/// What a connection takes beside its buffers, in bytes: its session, and what the shell and the
/// runtime below it keep. 1,650 bytes were measured.
const CONNECTION: usize = 1200 + size_of::<Session>();

/// A client that has not authenticated is closed when more replies than this wait for it, in bytes
/// (as in Redis): it could ask and ask, and never read.
const UNAUTHENTICATED_UNSENT_MAX: usize = 1024;

impl Session {
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
        self.held_input() + self.decoder.memory() + self.transaction_memory()
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
        let blocked = self.blocked.as_ref().map_or(0, |blocked| blocked.memory);
        CONNECTION + self.query() + output + names + blocked
    }

    /// Whether it may be closed to save memory.
    #[inline]
    pub(super) fn is_evictable(&self) -> bool {
        self.role == SessionRole::Normal && !self.no_evict && !self.killed
    }

    /// What waits for it and is counted elsewhere.
    fn shared_output(&self) -> usize {
        match self.role {
            SessionRole::Replica => self.unsent.memory(),
            SessionRole::Normal | SessionRole::Master => 0,
        }
    }

    pub(super) fn is(&self, kind: ClientKind) -> bool {
        match kind {
            ClientKind::Normal => self.role == SessionRole::Normal,
            ClientKind::Replica => self.role == SessionRole::Replica,
            ClientKind::Master => self.role == SessionRole::Master,
            ClientKind::PubSub => false,
        }
    }

    pub(super) fn matches(&self, number: u64, filter: &KillFilter) -> bool {
        filter.id.is_none_or(|wanted| wanted == number)
            && filter.kind.is_none_or(|kind| self.is(kind))
            && (filter.user.as_deref()).is_none_or(|user| user == self.user().as_bytes())
            && (filter.addr.as_ref()).is_none_or(|addr| *addr == self.remote.to_string())
            && (filter.local_addr.as_ref()).is_none_or(|addr| *addr == self.local.to_string())
    }

    /// What our master sends belongs to no client.
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
            (self.multi.is_some(), 'x'),
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
    pub(super) fn write_line(&self, number: u64, now: Now, out: &mut String) {
        let seconds_since = |then: u64| now.mono_ms().saturating_sub(then) / 1000;
        let queued = |multi: &Transaction| multi.queue.len().cast_signed();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        writeln!(
            out,
            "id={} addr={} laddr={} fd=-1 name={} age={} idle={} flags={} db={} sub=0 psub=0 \
             ssub=0 multi={} qbuf={} qbuf-free={} argv-mem={} multi-mem={} rbs=0 rbp=0 obl={} \
             oll={} omem={} tot-mem={} events=r cmd={} user={} redir=-1 resp={} lib-name={} \
             lib-ver={}",
            number,
            self.remote,
            self.local,
            text(&self.name),
            seconds_since(self.created_ms),
            seconds_since(self.active_ms),
            self.flags(),
            self.db,
            self.multi.as_ref().map_or(-1, queued),
            self.unread,
            self.held_input() - self.unread,
            self.decoder.memory(),
            self.transaction_memory(),
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
