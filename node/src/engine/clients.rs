//! The register of client connections: what CLIENT LIST shows of sessions that it does not hold.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;

use crate::config::OutputLimit;
use crate::io::{LinkId, SessionId};
use crate::replication::upstream::Upstream;
use crate::request::{ClientKind, KillFilter};
use crate::session::{Session, SessionRole};
use crate::time::Now;

/// All client connections, by id.
#[derive(Debug, Default)]
pub(super) struct Clients {
    records: BTreeMap<SessionId, Record>,
    last_id: u64,
    /// How many of them are marked as killed.
    killed: usize,
    /// The link to our master, which is listed as a client and is none otherwise.
    master: Option<Master>,
}

/// The link to our master, as CLIENT LIST shows it.
#[derive(Debug)]
struct Master {
    link: LinkId,
    id: SessionId,
    record: Record,
}

/// What is known of a session while its connection holds it.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) remote: SocketAddr,
    pub(super) local: SocketAddr,
    pub(super) role: SessionRole,
    /// Monotonic milliseconds.
    created: u64,
    /// When it last sent something, in monotonic milliseconds.
    pub(super) active: u64,
    /// The last command's full name, `client|list`.
    command: &'static str,
    /// Copies of the session's own fields, as of its last batch.
    name: Vec<u8>,
    lib_name: Vec<u8>,
    lib_ver: Vec<u8>,
    db: usize,
    resp3: bool,
    readonly: bool,
    no_evict: bool,
    no_touch: bool,
    queued: Option<usize>,
    watching: bool,
    /// Unread bytes of the input after its last batch.
    unread: usize,
    /// Unsent bytes of replies and pushes, as the shell reported them.
    pub(super) unsent: usize,
    over_soft_since: Option<u64>,
    /// Waits for something, see the parking.
    pub(super) parked: bool,
    /// CLIENT KILL has named it; the shell is about to close it.
    pub(super) killed: bool,
}

impl Clients {
    /// Enters a new connection and gives it its id by calling `make`.
    pub(super) fn open(&mut self, now: Now, make: impl FnOnce(SessionId) -> Session) -> Session {
        self.last_id += 1;
        let session = make(SessionId(self.last_id));
        let mut record = Record::new(&session, now);
        record.copy(&session);
        self.records.insert(session.id, record);
        session
    }

    pub(super) fn close(&mut self, session: SessionId) {
        if self
            .records
            .remove(&session)
            .is_some_and(|record| record.killed)
        {
            self.killed -= 1;
        }
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
    /// the list itself).
    pub(super) fn note(
        &mut self,
        session: &Session,
        command: Option<&'static str>,
        unread: usize,
        now: Now,
    ) {
        let Some(record) = self.records.get_mut(&session.id) else {
            return;
        };
        record.active = now.mono_ms();
        record.unread = unread;
        if let Some(command) = command {
            record.command = command;
        }
        record.copy(session);
    }

    /// Marks a session as about to be closed; false when there is no such session.
    pub(super) fn kill(&mut self, session: SessionId) -> bool {
        match self.records.get_mut(&session) {
            Some(record) if !record.killed => {
                record.killed = true;
                self.killed += 1;
                true
            }
            _ => false,
        }
    }

    /// Takes up how the link to our master is, if there is one in sync: `session` is the one that
    /// its stream is executed in.
    pub(super) fn note_master(&mut self, upstream: Option<&Upstream>, session: &Session) {
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

impl Record {
    fn new(session: &Session, now: Now) -> Record {
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
            resp3: false,
            readonly: false,
            no_evict: false,
            no_touch: false,
            queued: None,
            watching: false,
            unread: 0,
            unsent: 0,
            over_soft_since: None,
            parked: false,
            killed: false,
        }
    }

    /// Whether it takes too little of what it is sent, for an ordinary client.
    pub(super) fn is_beyond(&mut self, limit: OutputLimit, now_ms: u64) -> bool {
        self.role == SessionRole::Normal
            && !self.killed
            && limit.is_passed(self.unsent as u64, &mut self.over_soft_since, now_ms)
    }

    fn copy(&mut self, session: &Session) {
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
        self.resp3 = session.resp3;
        self.readonly = session.readonly;
        self.no_evict = session.no_evict;
        self.no_touch = session.no_touch;
        self.queued = session.multi.as_ref().map(|multi| multi.queue.len());
        self.watching = !session.watched.is_empty();
    }

    fn is(&self, kind: ClientKind) -> bool {
        match kind {
            ClientKind::Normal => self.role == SessionRole::Normal,
            ClientKind::Replica => self.role == SessionRole::Replica,
            ClientKind::Master => self.role == SessionRole::Master,
            ClientKind::PubSub => false,
        }
    }

    fn matches(&self, id: SessionId, filter: &KillFilter) -> bool {
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

    fn write_line(&self, id: SessionId, now: Now, out: &mut String) {
        let seconds_since = |then: u64| now.mono_ms().saturating_sub(then) / 1000;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        writeln!(
            out,
            "id={} addr={} laddr={} fd=-1 name={} age={} idle={} flags={} db={} sub=0 psub=0 \
             ssub=0 multi={} qbuf={} qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl={} oll=0 \
             omem={} tot-mem={} events=r cmd={} user={} redir=-1 resp={} lib-name={} \
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
            self.unsent,
            self.unsent,
            self.unread + self.unsent + size_of::<Record>() + size_of::<Session>(),
            self.command,
            self.user(),
            if self.resp3 { 3 } else { 2 },
            text(&self.lib_name),
            text(&self.lib_ver),
        )
        .expect("a string takes all text");
    }
}

#[cfg(test)]
mod tests {
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
        clients.note(&session, Some("client|list"), 7, later);
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
