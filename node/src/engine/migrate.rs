//! MIGRATE: keys go to another server, while their client waits and others go on.
//!
//! Each key is encoded as DUMP does it and sent as RESTORE. When the other server has confirmed it, it
//! is removed here, and replicas hear of a DEL; COPY leaves it. From the request until then who wants to
//! change the key waits, and it does not expire, so that what arrives is what is removed. A move that
//! nothing comes of for the client's timeout ends: keys that were not confirmed stay here, and may be
//! at the other server, too, as in Redis. A client that goes does not end its move.

mod connections;

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use self::connections::{Connection, Expected};
use super::commit::Change;
use super::dump::Encoding;
use super::parking::Parked;
use super::{Acted, Engine};
use crate::io::{LinkEvent, LinkId, LinkOp, SessionId};
use crate::request::Migrate;
use crate::resp::{Reply, ReplyValue, encode_command};
use crate::time::Now;

/// So many bytes may be under way before the other server has to confirm some.
const WINDOW: usize = 1 << 20;
const CONNECTING: &str = "IOERR error or timeout connecting to the client";

/// All moves, by their numbers, and all connections.
#[derive(Default)]
pub(super) struct Migrations {
    moves: BTreeMap<u64, Migration>,
    connections: BTreeMap<LinkId, Connection>,
    last: u64,
}

struct Migration {
    session: SessionId,
    /// Where the keys are.
    db: usize,
    wanted: Migrate,
    link: LinkId,
    /// Keys that are not sent yet.
    unsent: VecDeque<Vec<u8>>,
    encoding: Option<(Vec<u8>, Encoding)>,
    /// When something happened last, in monotonic milliseconds.
    alive_at: u64,
    /// The first error that the other server has answered.
    error: Option<String>,
    /// It has refused the password or the database, so that nothing that follows counts.
    refused: bool,
    /// Nothing was confirmed, and the connection is an old one, which may have ended before.
    may_retry: bool,
}

impl Migrations {
    /// When a move ends that nothing comes of, in monotonic milliseconds.
    pub(super) fn next_deadline(&self) -> Option<u64> {
        self.moves.values().map(Migration::deadline).min()
    }
}

impl Migration {
    fn deadline(&self) -> u64 {
        self.alive_at.saturating_add(self.wanted.timeout_ms)
    }
}

impl Engine {
    /// MIGRATE.
    pub(super) fn migrate(
        &mut self,
        wanted: Migrate,
        id: SessionId,
        now: Now,
        reply: &mut Reply,
    ) -> Acted {
        let Some(to) = wanted.to.filter(|_| !self.in_exec()) else {
            reply.error("ERR MIGRATE cannot be part of a transaction");
            return Acted::Replied;
        };
        self.migrations.last += 1;
        let number = self.migrations.last;
        let db = self.sessions.at(id).db;
        for key in &wanted.keys {
            self.data.hold(db, key, number);
        }
        let (link, may_retry) = self.migrate_link(to, number, now);
        let migration = Migration {
            session: id,
            db,
            unsent: wanted.keys.iter().cloned().collect(),
            wanted,
            link,
            encoding: None,
            alive_at: now.mono_ms(),
            error: None,
            refused: false,
            may_retry,
        };
        self.migrations.moves.insert(number, migration);
        self.begin_migration(number);
        self.park(id, Parked::Reply);
        Acted::Waiting
    }

    /// Sends what stands before the keys, if the connection is up.
    fn begin_migration(&mut self, number: u64) {
        let Some(migration) = self.migrations.moves.get(&number) else {
            return;
        };
        let (link, wanted) = (migration.link, &migration.wanted);
        let connection = self.migrations.connections.get_mut(&link);
        let Some(connection) = connection.filter(|connection| connection.up) else {
            return;
        };
        let mut out = Vec::new();
        if !wanted.auth.is_empty() {
            let mut argv = vec![b"AUTH".to_vec()];
            argv.extend(wanted.auth.iter().cloned());
            encode_command(&mut out, &argv);
            connection.expected.push_back(Expected::Auth);
        }
        if connection.db != Some(wanted.db) {
            connection.db = Some(wanted.db);
            encode_command(&mut out, &["SELECT", &wanted.db.to_string()]);
            connection.expected.push_back(Expected::Select);
        }
        if !out.is_empty() {
            self.link(link, LinkOp::Send(Bytes::from(out)));
        }
    }

    /// Goes on with all moves that can. Returns whether there is more to do.
    pub(super) fn step_migrations(&mut self, now: Now) -> bool {
        if self.migrations.moves.is_empty() {
            return false;
        }
        let numbers: Vec<u64> = self.migrations.moves.keys().copied().collect();
        let mut goes_on = false;
        for number in numbers {
            goes_on |= self.step_migration(number, now);
        }
        goes_on
    }

    fn step_migration(&mut self, number: u64, now: Now) -> bool {
        let Some(mut migration) = self.migrations.moves.remove(&number) else {
            return false;
        };
        let connection = self.migrations.connections.get(&migration.link);
        let may_send =
            connection.is_some_and(|connection| connection.up && connection.under_way < WINDOW);
        let mut goes_on = false;
        if may_send {
            goes_on = self.encode_next(&mut migration, now);
        }
        self.migrations.moves.insert(number, migration);
        self.end_complete_migration(number, now);
        goes_on
    }

    /// Encodes some more of the next key, and sends it when it is complete. Returns whether there is
    /// more to encode.
    fn encode_next(&mut self, migration: &mut Migration, now: Now) -> bool {
        let (key, mut encoding) = match migration.encoding.take() {
            Some(started) => started,
            None => {
                let Some(name) = migration.unsent.front() else {
                    return false;
                };
                let key = self.data.key(name);
                let session = migration.session;
                let is_there = self.sessions.get(session).is_some_and(|it| !it.killed);
                let writers = self.waits_for_copy();
                if is_there
                    && (self.data)
                        .prepare_copy(session, migration.db, &key, writers)
                        .is_some()
                {
                    return false;
                }
                let encoding = Encoding::begin(&mut self.data, migration.db, &key, &self.config);
                let name = migration.unsent.pop_front().unwrap_or_default();
                match encoding {
                    Some(encoding) => (name, encoding),
                    // It went with all keys of its slot or database.
                    None => return !migration.unsent.is_empty(),
                }
            }
        };
        if !encoding.step(&mut self.data) {
            migration.encoding = Some((key, encoding));
            return true;
        }
        let payload = encoding.finish();
        self.send_key(migration, key, &payload, now);
        !migration.unsent.is_empty()
    }

    fn send_key(&mut self, migration: &mut Migration, key: Vec<u8>, payload: &[u8], now: Now) {
        let at = self.data.key(&key);
        let entry = self.data.reader().get(migration.db, &at);
        let ttl = match entry.and_then(|entry| entry.expire_at()) {
            None => 0,
            Some(at) => (at - now.unix_ms()).max(1),
        };
        let ttl = ttl.to_string();
        let name: &[u8] = match self.config.cluster_enabled {
            true => b"RESTORE-ASKING",
            false => b"RESTORE",
        };
        let mut argv = vec![name, &key, ttl.as_bytes(), payload];
        if migration.wanted.replace {
            argv.push(b"REPLACE");
        }
        let mut out = Vec::with_capacity(payload.len() + key.len() + 128);
        encode_command(&mut out, &argv);
        if let Some(connection) = self.migrations.connections.get_mut(&migration.link) {
            connection.under_way += out.len();
            connection.waiting += out.len();
            connection.expected.push_back(Expected::Key(key, out.len()));
        }
        self.link(migration.link, LinkOp::Send(Bytes::from(out)));
    }

    /// Something happened on the link of a move.
    pub(super) fn on_migrate_link(&mut self, link: LinkId, event: LinkEvent<'_>, now: Now) {
        let Some(connection) = self.migrations.connections.get_mut(&link) else {
            return;
        };
        let user = connection.user;
        if let Some(migration) = user.and_then(|user| self.migrations.moves.get_mut(&user)) {
            migration.alive_at = now.mono_ms();
        }
        match event {
            LinkEvent::Opened { .. } => {
                connection.up = true;
                if let Some(number) = user {
                    self.begin_migration(number);
                }
            }
            LinkEvent::Bytes(bytes) => {
                connection.parser.feed(bytes);
                self.take_answers(link, now);
            }
            LinkEvent::Closed { .. } => {
                let connection = self.migrations.connections.remove(&link);
                if let (Some(number), Some(connection)) = (user, connection) {
                    self.lost_migrate_link(number, &connection, true, now);
                }
            }
        }
    }

    fn take_answers(&mut self, link: LinkId, now: Now) {
        while let Some(connection) = self.migrations.connections.get_mut(&link) {
            let user = connection.user;
            let (answer, expected) = match connection.parser.next() {
                Ok(None) => break,
                Ok(Some(answer)) => (Some(answer), connection.expected.pop_front()),
                Err(_) => (None, None),
            };
            if let Some(Expected::Key(_, len)) = &expected {
                connection.under_way -= len;
            }
            let (Some(answer), Some(expected), Some(number)) = (answer, expected, user) else {
                // It is no such server, or it says what nobody has asked.
                self.close_migrate_link(link, now);
                break;
            };
            self.take_answer(number, answer, expected, now);
        }
        let user = self
            .migrations
            .connections
            .get(&link)
            .and_then(|it| it.user);
        if let Some(number) = user {
            self.end_complete_migration(number, now);
        }
    }

    fn take_answer(&mut self, number: u64, answer: ReplyValue, expected: Expected, now: Now) {
        let Some(migration) = self.migrations.moves.get_mut(&number) else {
            return;
        };
        migration.may_retry = false;
        let is_error = matches!(answer, ReplyValue::Error(_));
        if let ReplyValue::Error(text) = answer
            && migration.error.is_none()
        {
            let text = String::from_utf8_lossy(&text).into_owned();
            migration.error = Some(text);
        }
        let Expected::Key(key, _) = expected else {
            migration.refused |= is_error;
            return;
        };
        let (db, session) = (migration.db, migration.session);
        let arrived = !is_error && !migration.refused;
        let goes = arrived && !migration.wanted.copy && !self.is_replica;
        self.data.let_go(db, &key);
        if !goes {
            return;
        }
        self.data.begin(now, false);
        let at = self.data.key(&key);
        if self.data.remove(db, &at) {
            self.commit(db, Change::Commands(&[vec![b"DEL".to_vec(), key]]));
            let offset = self.replication.offset();
            if let Some(session) = self.sessions.get_mut(session) {
                session.last_write_offset = offset;
            }
        }
    }

    /// Ends a move of which everything is answered.
    fn end_complete_migration(&mut self, number: u64, now: Now) {
        let Some(migration) = self.migrations.moves.get(&number) else {
            return;
        };
        let link = migration.link;
        let Some(connection) = self.migrations.connections.get_mut(&link) else {
            return;
        };
        let is_complete = connection.up
            && connection.expected.is_empty()
            && migration.unsent.is_empty()
            && migration.encoding.is_none();
        if !is_complete {
            return;
        }
        connection.user = None;
        connection.used_at = now.mono_ms();
        let (error, refused) = (migration.error.clone(), migration.refused);
        if refused {
            self.close_migrate_link(link, now);
        }
        self.end_migration(
            number,
            error.map(|text| format!("ERR Target instance replied with error: {text}")),
        );
        self.drop_idle_migrate_links(now);
    }

    /// Ends a move: the rest of its keys stay here.
    fn end_migration(&mut self, number: u64, error: Option<String>) {
        let Some(migration) = self.migrations.moves.remove(&number) else {
            return;
        };
        for key in &migration.wanted.keys {
            self.data.let_go(migration.db, key);
        }
        if let Some((_, encoding)) = migration.encoding {
            encoding.give_up(&mut self.data);
        }
        let mut reply = Reply::new();
        match error {
            None => reply.ok(),
            Some(text) => reply.error(&text),
        }
        self.resume_with(migration.session, reply.bytes().to_vec());
    }

    /// The connection of a move has gone.
    fn lost_migrate_link(&mut self, number: u64, gone: &Connection, retries: bool, now: Now) {
        let Some(migration) = self.migrations.moves.get_mut(&number) else {
            return;
        };
        if retries && std::mem::take(&mut migration.may_retry) {
            migration.unsent = migration.wanted.keys.iter().cloned().collect();
            let encoding = migration.encoding.take();
            let link = self.open_migrate_link(gone.to, number, now);
            if let Some(migration) = self.migrations.moves.get_mut(&number) {
                migration.link = link;
            }
            if let Some((_, encoding)) = encoding {
                encoding.give_up(&mut self.data);
            }
            return;
        }
        let text = match gone {
            Connection { up: false, .. } => CONNECTING,
            Connection { waiting: 1.., .. } => "IOERR error or timeout writing to target instance",
            _ => "IOERR error or timeout reading to target instance",
        };
        self.end_migration(number, Some(text.to_owned()));
    }

    /// Ends moves that nothing comes of.
    pub(super) fn end_stuck_migrations(&mut self, now: Now) {
        if self.migrations.connections.is_empty() {
            return;
        }
        let mut stuck = Vec::new();
        for migration in self.migrations.moves.values_mut() {
            let connection = self.migrations.connections.get_mut(&migration.link);
            if connection.is_some_and(|connection| std::mem::take(&mut connection.moved)) {
                migration.alive_at = now.mono_ms();
            }
            if migration.deadline() <= now.mono_ms() {
                stuck.push(migration.link);
            }
        }
        for link in stuck {
            self.close_migrate_link(link, now);
        }
        self.drop_idle_migrate_links(now);
    }
}
