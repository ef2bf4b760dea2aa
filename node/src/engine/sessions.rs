//! All sessions: every client connection, and our master's stream, in a slab. What they take is
//! counted as it changes.

mod check;
mod line;
mod recent;
mod sizes;

use std::net::SocketAddr;
use std::ops::Range;

use crate::config::OutputLimit;
use crate::io::{LinkId, Peer, SessionId, Unsent};
use crate::replication::upstream::Upstream;
use crate::request::{ClientKind, KillFilter};
use crate::session::{Blocked, Session, SessionRole};
use crate::time::Now;

use self::recent::Recent;
use self::sizes::Sizes;

/// How many characters of a client's line the log gets.
const SHORT_LINE: usize = 512;

/// The session in which our master's stream is executed. It is always there.
pub(super) const STREAM: SessionId = SessionId::new(0, 0);

/// All sessions, by the slot in their id.
#[derive(Debug)]
pub(super) struct Sessions {
    /// The first is the stream's. In a slot that is free stands one without a number.
    #[expect(
        clippy::vec_box,
        reason = "they keep their place: a new connection does not pay for moving all the others"
    )]
    slots: Vec<Box<Session>>,
    free: Vec<u32>,
    last_number: u64,
    /// How many client connections there are.
    open: usize,
    /// What they take, in bytes: a sum that follows each change of a session.
    memory: Memory,
    /// The link to our master, under which the stream's session is listed.
    master: Option<Master>,
    /// The largest buffers of the last seconds.
    recent: Recent,
}

/// The memory of clients, in bytes.
#[derive(Debug, Default)]
struct Memory {
    /// Of those that may be closed to save memory.
    ordinary: usize,
    /// Of replicas, without what waits for them.
    replicas: usize,
    /// Those that may be closed to save memory.
    sizes: Sizes,
}

/// The link to our master, as CLIENT LIST shows it.
#[derive(Debug)]
struct Master {
    link: LinkId,
    number: u64,
}

impl Memory {
    fn of(&mut self, role: SessionRole) -> &mut usize {
        match role {
            SessionRole::Replica => &mut self.replicas,
            SessionRole::Normal | SessionRole::Master => &mut self.ordinary,
        }
    }

    /// Takes up that a session may take another amount of memory. Whether it does.
    #[inline]
    fn recount(&mut self, session: &mut Session) -> bool {
        let (memory, evictable) = (session.memory(), session.is_evictable());
        if memory == session.counted && evictable == session.listed {
            return false;
        }
        let sum = self.of(session.role);
        *sum = *sum - session.counted + memory;
        (session.counted, session.listed) = (memory, evictable);
        self.sizes
            .put(session.id.slot(), evictable.then_some(memory));
        true
    }

    /// A session has ended.
    fn forget(&mut self, session: &Session) {
        *self.of(session.role) -= session.counted;
        self.sizes.put(session.id.slot(), None);
    }
}

impl Sessions {
    pub(super) fn new() -> Sessions {
        let mut memory = Memory::default();
        memory.sizes.grow();
        Sessions {
            slots: vec![Box::new(stream())],
            free: Vec::new(),
            last_number: 0,
            open: 0,
            memory,
            master: None,
            recent: Recent::default(),
        }
    }

    /// A new client connection.
    pub(super) fn open(&mut self, peer: Peer, authenticated: bool, now: Now) -> SessionId {
        let number = self.next_number();
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Box::new(vacant()));
            self.memory.sizes.grow();
            u32::try_from(self.slots.len() - 1).expect("files have 32 bits, and so have sessions")
        });
        let id = SessionId::new(number, slot);
        let session = &mut *self.slots[id.slot() as usize];
        *session = Session::new(id, peer, authenticated);
        session.created_ms = now.mono_ms();
        session.active_ms = now.mono_ms();
        self.open += 1;
        self.memory.recount(session);
        id
    }

    fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// A client connection has ended.
    pub(super) fn close(&mut self, id: SessionId) {
        let Some(session) = self.get_mut(id) else {
            return;
        };
        let closed = std::mem::replace(session, vacant());
        self.memory.forget(&closed);
        self.open -= 1;
        self.free.push(id.slot());
    }

    /// A session that is there.
    #[inline]
    pub(super) fn at(&self, id: SessionId) -> &Session {
        let session = &*self.slots[id.slot() as usize];
        debug_assert_eq!(session.id, id, "the session has ended");
        session
    }

    /// A session that is there.
    #[inline]
    pub(super) fn at_mut(&mut self, id: SessionId) -> &mut Session {
        let session = &mut *self.slots[id.slot() as usize];
        debug_assert_eq!(session.id, id, "the session has ended");
        session
    }

    /// A session, unless it has ended.
    #[inline]
    pub(super) fn get(&self, id: SessionId) -> Option<&Session> {
        let session = &**self.slots.get(id.slot() as usize)?;
        (session.id == id).then_some(session)
    }

    /// A session, unless it has ended.
    #[inline]
    pub(super) fn get_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        let session = &mut **self.slots.get_mut(id.slot() as usize)?;
        (session.id == id).then_some(session)
    }

    /// Every client connection, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Session> {
        let all = self.slots.iter().map(|session| &**session);
        all.filter(|session| session.id.number() > 0)
    }

    /// How many client connections there are.
    pub(super) fn len(&self) -> usize {
        self.open
    }

    /// What all of them take, in bytes, but for what waits for replicas.
    pub(super) fn memory(&self) -> usize {
        self.memory.ordinary + self.memory.replicas
    }

    /// What ordinary clients take, in bytes.
    pub(super) fn ordinary_memory(&self) -> usize {
        self.memory.ordinary
    }

    /// One of the largest ordinary clients that may be closed (CLIENT NO-EVICT): at least half as
    /// large as any.
    pub(super) fn largest(&self) -> Option<SessionId> {
        let slot = self.memory.sizes.largest()?;
        Some(self.slots[slot as usize].id)
    }

    /// The number of bytes of a session's input that the shell holds, and the memory that they take.
    pub(super) fn received(&mut self, id: SessionId, unread: usize, memory: usize) {
        if let Some(session) = get_mut(&mut self.slots, id) {
            (session.unread, session.input) = (unread, memory);
            self.memory.recount(session);
        }
    }

    /// How much the shell still has to send to a session.
    pub(super) fn sent(&mut self, id: SessionId, unsent: Unsent) -> Option<&mut Session> {
        let session = get_mut(&mut self.slots, id)?;
        session.unsent = unsent;
        self.memory.recount(session);
        Some(session)
    }

    /// A session serves a replica from now on.
    pub(super) fn becomes_replica(&mut self, id: SessionId) {
        let session = &mut *self.slots[id.slot() as usize];
        *self.memory.of(session.role) -= std::mem::take(&mut session.counted);
        session.role = SessionRole::Replica;
        self.memory.recount(session);
    }

    /// How many places there are for sessions; some are free.
    pub(super) fn places(&self) -> usize {
        self.slots.len()
    }

    /// The sessions in those places.
    pub(super) fn at_places(&self, places: Range<usize>) -> impl Iterator<Item = &Session> {
        let some = self.slots[places].iter().map(|session| &**session);
        some.filter(|session| session.id.number() > 0)
    }

    /// Another second begins, of which the largest buffers are remembered.
    pub(super) fn begin_second(&mut self) {
        self.recent.begin_second();
    }

    /// The ordinary clients in those places that take too little of what they are sent. The size of
    /// their buffers is noted.
    pub(super) fn beyond(
        &mut self,
        places: Range<usize>,
        limit: OutputLimit,
        now_ms: u64,
    ) -> Vec<SessionId> {
        let recent = &mut self.recent;
        let beyond = |session: &mut Box<Session>| {
            if session.id.number() == 0 {
                return None;
            }
            recent.note(session.query(), session.unsent.memory());
            session.is_beyond(limit, now_ms).then_some(session.id)
        };
        self.slots[places].iter_mut().filter_map(beyond).collect()
    }

    /// The largest input, and the largest output, that a client had in the last seconds, in bytes.
    pub(super) fn recent_buffers(&self) -> (usize, usize) {
        self.recent.largest()
    }

    /// Notes what a batch has left behind (or the middle of one, when it asks for the list itself).
    /// Whether what the session keeps has changed, and is beyond `limit` now.
    #[inline]
    pub(super) fn note(
        &mut self,
        id: SessionId,
        command: Option<&'static str>,
        unread: usize,
        limit: usize,
        now: Now,
    ) -> bool {
        let session = &mut *self.slots[id.slot() as usize];
        session.active_ms = now.mono_ms();
        session.unread = unread;
        if let Some(command) = command {
            session.command = command;
        }
        self.memory.recount(session) && session.query() > limit
    }

    /// Takes up what a session waits for, or no longer does.
    pub(super) fn set_blocked(&mut self, id: SessionId, blocked: Option<Box<Blocked>>) {
        if let Some(session) = get_mut(&mut self.slots, id) {
            session.blocked = blocked;
            self.memory.recount(session);
        }
    }

    /// Marks a session as about to be closed; false when there is no such session.
    pub(super) fn kill(&mut self, id: SessionId) -> bool {
        match get_mut(&mut self.slots, id) {
            Some(session) if !session.killed => {
                session.killed = true;
                // What it takes is as good as gone.
                self.memory.recount(session);
                true
            }
            _ => false,
        }
    }

    /// Takes up how the link to our master is, if there is one in sync; `held` is the memory that
    /// holds what is not executed yet.
    pub(super) fn note_master(&mut self, upstream: Option<&Upstream>, held: usize) {
        let known = self.master.take();
        let connection = upstream.and_then(|up| Some((up, up.connection()?)));
        let Some((upstream, (link, local, since))) = connection else {
            return;
        };
        let number = match known.filter(|master| master.link == link) {
            Some(master) => master.number,
            None => self.next_number(),
        };
        let session = self.at_mut(STREAM);
        session.remote = upstream.master();
        session.local = local;
        session.created_ms = since;
        session.active_ms = upstream.heard_at();
        session.input = held;
        self.master = Some(Master { link, number });
    }

    /// The clients and the link to our master with their numbers, in the order in which they came.
    fn listed(&self) -> Vec<(u64, &Session)> {
        let master = (self.master.iter()).map(|master| (master.number, self.at(STREAM)));
        let clients = self.iter().map(|session| (session.id.number(), session));
        let mut all: Vec<_> = clients.chain(master).collect();
        all.sort_unstable_by_key(|(number, _)| *number);
        all
    }

    /// CLIENT LIST's text.
    pub(super) fn list(&self, kind: Option<ClientKind>, ids: Option<&[u64]>, now: Now) -> String {
        let mut text = String::new();
        for (number, session) in self.listed() {
            let listed = kind.is_none_or(|kind| session.is(kind))
                && ids.is_none_or(|ids| ids.contains(&number));
            if listed {
                session.write_line(number, now, &mut text);
            }
        }
        text
    }

    /// The line of a session for the log: what a client says of itself may be long.
    pub(super) fn short_line(&self, id: SessionId, now: Now) -> String {
        let line = self.line(id, now);
        line.trim_end().chars().take(SHORT_LINE).collect()
    }

    /// CLIENT INFO's text.
    pub(super) fn line(&self, id: SessionId, now: Now) -> String {
        let mut text = String::new();
        if let Some(session) = self.get(id) {
            session.write_line(id.number(), now, &mut text);
        }
        text
    }

    /// The sessions that CLIENT KILL's filters name; [`STREAM`] stands for the link to our master.
    pub(super) fn matching(&self, filter: &KillFilter, own: SessionId) -> Vec<SessionId> {
        let named = self.listed().into_iter().filter(|&(number, session)| {
            let spared = session.killed || filter.skip_me && session.id == own;
            !spared && session.matches(number, filter)
        });
        named.map(|(_, session)| session.id).collect()
    }
}

/// [`Sessions::get_mut`] for those that need the account meanwhile.
#[inline]
fn get_mut(slots: &mut [Box<Session>], id: SessionId) -> Option<&mut Session> {
    let session = &mut **slots.get_mut(id.slot() as usize)?;
    (session.id == id).then_some(session)
}

/// What stands in a free slot.
fn vacant() -> Session {
    let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
    let peer = Peer {
        remote: nowhere,
        local: nowhere,
    };
    Session::new(SessionId::new(0, u32::MAX), peer, true)
}

/// The session in which our master's stream is executed.
fn stream() -> Session {
    let mut session = vacant();
    session.id = STREAM;
    session.role = SessionRole::Master;
    session
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(sessions: &mut Sessions, port: u16) -> SessionId {
        let peer = Peer {
            remote: SocketAddr::from(([127, 0, 0, 1], port)),
            local: SocketAddr::from(([127, 0, 0, 1], 6379)),
        };
        sessions.open(peer, true, Now::default())
    }

    #[test]
    fn a_slot_is_used_again_and_a_number_never() {
        let mut sessions = Sessions::new();
        let (first, second) = (open(&mut sessions, 1), open(&mut sessions, 2));
        let memory = sessions.memory();
        sessions.at_mut(first).name = b"old".to_vec();
        sessions.close(first);
        assert!(sessions.get(first).is_none());
        sessions.close(first);
        assert_eq!((sessions.len(), sessions.memory()), (1, memory / 2));
        let third = open(&mut sessions, 3);
        assert_eq!(third.slot(), first.slot());
        assert_eq!(third.number(), 3);
        assert!(sessions.get(first).is_none(), "that one has ended");
        assert!(sessions.at(third).name.is_empty());
        let list = sessions.list(None, None, Now::default());
        let ids: Vec<_> = list.lines().filter_map(|l| l.split(' ').next()).collect();
        assert_eq!(ids, ["id=2", "id=3"]);
        assert_eq!(sessions.get(second).map(|s| s.id), Some(second));
    }

    #[test]
    fn a_line_says_what_a_session_looks_like() {
        let mut sessions = Sessions::new();
        let id = open(&mut sessions, 1000);
        sessions.at_mut(id).name = b"worker".to_vec();
        sessions.at_mut(id).multi = Some(crate::session::Transaction::default());
        let later = Now {
            mono_us: 5_500_000,
            unix_us: 0,
        };
        sessions.note(id, Some("client|list"), 7, usize::MAX, later);
        let line = sessions.line(id, later);
        assert!(line.starts_with(
            "id=1 addr=127.0.0.1:1000 laddr=127.0.0.1:6379 fd=-1 name=worker age=5 idle=0 \
             flags=x db=0 sub=0 psub=0 ssub=0 multi=0 qbuf=7 "
        ));
        assert!(
            line.ends_with("cmd=client|list user=default redir=-1 resp=2 lib-name= lib-ver=\n")
        );
    }

    #[test]
    fn what_a_session_takes_moves_with_its_role() {
        let mut sessions = Sessions::new();
        let id = open(&mut sessions, 1);
        let memory = sessions.ordinary_memory();
        sessions.becomes_replica(id);
        assert_eq!((sessions.ordinary_memory(), sessions.memory()), (0, memory));
        sessions.close(id);
        assert_eq!(sessions.memory(), 0);
    }

    #[test]
    fn filters_narrow_each_other() {
        let mut sessions = Sessions::new();
        let (first, second) = (open(&mut sessions, 1), open(&mut sessions, 2));
        let all = KillFilter::default();
        assert_eq!(sessions.matching(&all, first), [first, second]);
        let others = KillFilter {
            skip_me: true,
            ..KillFilter::default()
        };
        assert_eq!(sessions.matching(&others, first), [second]);
        let by_addr = KillFilter {
            addr: Some("127.0.0.1:2".to_owned()),
            id: Some(first.number()),
            ..KillFilter::default()
        };
        assert!(sessions.matching(&by_addr, first).is_empty());
        assert!(sessions.kill(first));
        assert!(!sessions.kill(first));
        assert_eq!(sessions.matching(&all, second), [second]);
    }
}
