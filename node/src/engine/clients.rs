//! The register of client connections: what CLIENT LIST shows of sessions that it does not hold,
//! and what memory they take.

mod record;

use std::collections::{BTreeMap, BinaryHeap};

pub(super) use self::record::Record;
use crate::config::OutputLimit;
use crate::io::{LinkId, SessionId, Unsent};
use crate::replication::upstream::Upstream;
use crate::request::{ClientKind, KillFilter};
use crate::session::{Session, SessionRole};
use crate::time::Now;

/// How many characters of a client's line the log gets.
const SHORT_LINE: usize = 512;

/// All client connections, by id.
#[derive(Debug, Default)]
pub(super) struct Clients {
    records: BTreeMap<SessionId, Record>,
    last_id: u64,
    /// How many of them are marked as killed.
    killed: usize,
    /// What they take, in bytes: a sum that follows each change of a record.
    memory: Memory,
    /// The link to our master, which is listed as a client and is none otherwise.
    master: Option<Master>,
}

/// The memory of clients, in bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Memory {
    /// Of those that may be closed to save memory.
    ordinary: usize,
    /// Of replicas, without what waits for them.
    replicas: usize,
}

/// The link to our master, as CLIENT LIST shows it.
#[derive(Debug)]
struct Master {
    link: LinkId,
    id: SessionId,
    record: Record,
}

impl Memory {
    fn of(&mut self, role: SessionRole) -> &mut usize {
        match role {
            SessionRole::Replica => &mut self.replicas,
            SessionRole::Normal | SessionRole::Master => &mut self.ordinary,
        }
    }

    /// Takes up that a record, which had that role until now, may take another amount of memory.
    /// Whether it does.
    #[inline]
    fn recount(&mut self, record: &mut Record, role: SessionRole) -> bool {
        let memory = record.memory();
        if memory == record.counted && role == record.role {
            return false;
        }
        *self.of(role) -= record.counted;
        *self.of(record.role) += memory;
        record.counted = memory;
        true
    }
}

impl Clients {
    /// Enters a new connection and gives it its id by calling `make`.
    pub(super) fn open(&mut self, now: Now, make: impl FnOnce(SessionId) -> Session) -> Session {
        self.last_id += 1;
        let session = make(SessionId(self.last_id));
        let mut record = Record::new(&session, now);
        record.copy(&session);
        let role = record.role;
        self.memory.recount(&mut record, role);
        self.records.insert(session.id, record);
        session
    }

    pub(super) fn close(&mut self, session: SessionId) {
        let Some(record) = self.records.remove(&session) else {
            return;
        };
        self.killed -= usize::from(record.killed);
        *self.memory.of(record.role) -= record.counted;
    }

    /// What all of them take, in bytes, but for what waits for replicas.
    pub(super) fn memory(&self) -> usize {
        self.memory.ordinary + self.memory.replicas
    }

    /// What ordinary clients take, in bytes.
    pub(super) fn ordinary_memory(&self) -> usize {
        self.memory.ordinary
    }

    /// Ordinary clients that do not mind to be closed (CLIENT NO-EVICT), the largest first: as many
    /// as take so much.
    pub(super) fn largest(&self, memory: usize) -> Vec<SessionId> {
        let evictable = |(id, record): (&SessionId, &Record)| {
            let is = record.role == SessionRole::Normal && !record.no_evict && !record.killed;
            is.then_some((record.counted, *id))
        };
        let mut all: BinaryHeap<_> = self.records.iter().filter_map(evictable).collect();
        let (mut largest, mut found) = (Vec::new(), 0);
        while found < memory
            && let Some((size, id)) = all.pop()
        {
            found += size;
            largest.push(id);
        }
        largest
    }

    /// Whether any session is marked as killed and has not been closed yet.
    pub(super) fn any_killed(&self) -> bool {
        self.killed > 0
    }

    pub(super) fn is_killed(&self, session: SessionId) -> bool {
        self.get(session).is_some_and(|record| record.killed)
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) fn get(&self, session: SessionId) -> Option<&Record> {
        self.records.get(&session)
    }

    pub(super) fn get_mut(&mut self, session: SessionId) -> Option<&mut Record> {
        self.records.get_mut(&session)
    }

    /// The shell holds so many bytes of a session's input, in so much memory.
    pub(super) fn received(&mut self, session: SessionId, unread: usize, memory: usize) {
        if let Some(record) = self.records.get_mut(&session) {
            (record.unread, record.input) = (unread, memory);
            let role = record.role;
            self.memory.recount(record, role);
        }
    }

    /// The shell has so much left to send to a session.
    pub(super) fn sent(&mut self, session: SessionId, unsent: Unsent) -> Option<&mut Record> {
        let record = self.records.get_mut(&session)?;
        record.unsent = unsent;
        let role = record.role;
        self.memory.recount(record, role);
        Some(record)
    }

    /// Ordinary clients that take too little of what they are sent.
    pub(super) fn beyond(&mut self, limit: OutputLimit, now_ms: u64) -> Vec<SessionId> {
        let beyond = |(id, record): (&SessionId, &mut Record)| {
            record.is_beyond(limit, now_ms).then_some(*id)
        };
        self.records.iter_mut().filter_map(beyond).collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (SessionId, &Record)> {
        self.records.iter().map(|(&id, record)| (id, record))
    }

    /// Notes what a session looks like after a batch (or in the middle of one, when it asks for
    /// the list itself). Whether what it keeps has changed, and is beyond `limit` now.
    pub(super) fn note(
        &mut self,
        session: &Session,
        command: Option<&'static str>,
        unread: usize,
        limit: usize,
        now: Now,
    ) -> bool {
        let Some(record) = self.records.get_mut(&session.id) else {
            return false;
        };
        record.active = now.mono_ms();
        record.unread = unread;
        if let Some(command) = command {
            record.command = command;
        }
        let role = record.role;
        record.copy(session);
        self.memory.recount(record, role) && record.query() > limit
    }

    /// Marks a session as about to be closed; false when there is no such session.
    pub(super) fn kill(&mut self, session: SessionId) -> bool {
        match self.records.get_mut(&session) {
            Some(record) if !record.killed => {
                record.killed = true;
                self.killed += 1;
                // What it takes is as good as gone.
                let role = record.role;
                self.memory.recount(record, role);
                true
            }
            _ => false,
        }
    }

    /// Takes up how the link to our master is, if there is one in sync: `session` is the one that
    /// its stream is executed in, and `held` the memory that holds what is not executed yet.
    pub(super) fn note_master(
        &mut self,
        upstream: Option<&Upstream>,
        session: &Session,
        held: usize,
    ) {
        let known = self.master.take();
        let connection = upstream.and_then(|up| Some((up, up.connection()?)));
        let Some((upstream, (link, local, since))) = connection else {
            return;
        };
        let id = match known.filter(|master| master.link == link) {
            Some(master) => master.id,
            None => {
                self.last_id += 1;
                SessionId(self.last_id)
            }
        };
        let mut record = Record::new(session, Now::default());
        record.copy(session);
        record.remote = upstream.master();
        record.local = local;
        record.created = since;
        record.active = upstream.heard_at();
        record.input = held;
        self.master = Some(Master { link, id, record });
    }

    /// Whether this is the link to our master, as noted last.
    pub(super) fn is_master(&self, session: SessionId) -> bool {
        self.master
            .as_ref()
            .is_some_and(|master| master.id == session)
    }

    /// The clients and the link to our master, in the order in which they came.
    fn listed(&self) -> Vec<(SessionId, &Record)> {
        let master = self.master.iter().map(|master| (master.id, &master.record));
        let mut all: Vec<_> = self.iter().chain(master).collect();
        all.sort_unstable_by_key(|(id, _)| *id);
        all
    }

    /// CLIENT LIST's text.
    pub(super) fn list(
        &self,
        kind: Option<ClientKind>,
        ids: Option<&[SessionId]>,
        now: Now,
    ) -> String {
        let mut text = String::new();
        for (id, record) in self.listed() {
            let listed =
                kind.is_none_or(|kind| record.is(kind)) && ids.is_none_or(|ids| ids.contains(&id));
            if listed {
                record.write_line(id, now, &mut text);
            }
        }
        text
    }

    /// The line of a session for the log: what a client says of itself may be long.
    pub(super) fn short_line(&self, session: SessionId, now: Now) -> String {
        let line = self.line(session, now);
        line.trim_end().chars().take(SHORT_LINE).collect()
    }

    /// CLIENT INFO's text.
    pub(super) fn line(&self, session: SessionId, now: Now) -> String {
        let mut text = String::new();
        if let Some(record) = self.get(session) {
            record.write_line(session, now, &mut text);
        }
        text
    }

    /// The sessions that CLIENT KILL's filters name.
    pub(super) fn matching(&self, filter: &KillFilter, own: SessionId) -> Vec<SessionId> {
        self.listed()
            .into_iter()
            .filter(|&(id, record)| {
                !(record.killed || filter.skip_me && id == own) && record.matches(id, filter)
            })
            .map(|(id, _)| id)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::io::Peer;

    fn open(clients: &mut Clients, port: u16) -> Session {
        let peer = Peer {
            remote: SocketAddr::from(([127, 0, 0, 1], port)),
            local: SocketAddr::from(([127, 0, 0, 1], 6379)),
        };
        clients.open(Now::default(), |id| Session::new(id, peer, true))
    }

    #[test]
    fn lists_what_a_session_last_looked_like() {
        let mut clients = Clients::default();
        let mut session = open(&mut clients, 1000);
        session.name = b"worker".to_vec();
        session.multi = Some(crate::session::Transaction::default());
        let later = Now {
            mono_us: 5_500_000,
            unix_us: 0,
        };
        clients.note(&session, Some("client|list"), 7, usize::MAX, later);
        let line = clients.line(session.id, later);
        assert!(line.starts_with(
            "id=1 addr=127.0.0.1:1000 laddr=127.0.0.1:6379 fd=-1 name=worker age=5 idle=0 \
             flags=x db=0 sub=0 psub=0 ssub=0 multi=0 qbuf=7 "
        ));
        assert!(
            line.ends_with("cmd=client|list user=default redir=-1 resp=2 lib-name= lib-ver=\n")
        );
    }

    #[test]
    fn filters_narrow_each_other() {
        let mut clients = Clients::default();
        let (first, second) = (open(&mut clients, 1), open(&mut clients, 2));
        let all = KillFilter::default();
        assert_eq!(clients.matching(&all, first.id), [first.id, second.id]);
        let others = KillFilter {
            skip_me: true,
            ..KillFilter::default()
        };
        assert_eq!(clients.matching(&others, first.id), [second.id]);
        let by_addr = KillFilter {
            addr: Some("127.0.0.1:2".to_owned()),
            id: Some(first.id),
            ..KillFilter::default()
        };
        assert!(clients.matching(&by_addr, first.id).is_empty());
        assert!(clients.kill(first.id));
        assert!(!clients.kill(first.id));
        assert_eq!(clients.matching(&all, second.id), [second.id]);
    }
}
