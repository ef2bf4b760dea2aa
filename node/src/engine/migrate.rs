//! MIGRATE: keys go to another server, while their client waits and others go on.
//!
//! Each key is encoded as DUMP does it and sent as RESTORE. When the other server has confirmed it, it
//! is removed here, and replicas hear of a DEL; COPY leaves it. From the request until then who wants to
//! change the key waits, and it does not expire, so that what arrives is what is removed. A move that
//! nothing comes of for the client's timeout ends: keys that were not confirmed stay here, and may be
//! at the other server, too, as in Redis. While writes are paused nothing is removed, so that a planned
//! take-over misses no removal; a node that becomes a replica ends all moves. Of a client that has gone,
//! no more keys are sent.

mod answers;
mod connections;
mod sending;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use slotkeeper_topology::{SlotSet, key_slot};

use self::connections::{Connection, Target};
use super::blocking::DEMOTED;
use super::commit::Change;
use super::dump::Encoding;
use super::parking::Parked;
use super::sessions::STREAM;
use super::{Acted, Engine};
use crate::data::ExpiryPolicy;
use crate::io::{LinkEvent, LinkId, SessionId};
use crate::request::Migrate;
use crate::resp::Reply;
use crate::time::Now;

/// So many moves are under way at once: each has a connection. Others wait for the first of them.
const MOVES_MAX: usize = 64;
/// In a turn so many keys are encoded, and so many removed, for all moves ...
const TURN_KEYS: usize = 200;
/// ... and so many bytes are encoded.
const TURN_BYTES: usize = 128 * 1024;

/// Somebody else has the keys now.
const LOST: &str = "UNBLOCKED the hash slot of the keys has another owner now";

/// All moves, by their numbers, and all connections.
#[derive(Default)]
pub(super) struct Migrations {
    moves: BTreeMap<u64, Migration>,
    connections: BTreeMap<LinkId, Connection>,
    /// The moves that may have something to do in this turn.
    active: BTreeSet<u64>,
    /// The one that had its turn last.
    served: u64,
    last: u64,
}

struct Migration {
    number: u64,
    session: SessionId,
    /// Where the keys are.
    db: usize,
    wanted: Migrate,
    link: LinkId,
    /// What stands before the keys was sent.
    greeted: bool,
    /// Keys that are not sent yet.
    unsent: VecDeque<Vec<u8>>,
    encoding: Option<(Vec<u8>, Encoding)>,
    /// Keys that have arrived there and are not removed here yet.
    arrived: VecDeque<Vec<u8>>,
    /// When something happened last, in monotonic milliseconds.
    alive_at: u64,
    /// The first error that the other server has answered.
    error: Option<String>,
    /// It has refused the password or the database, so that nothing that follows counts.
    refused: bool,
    /// Nothing was answered, and the connection is an old one, which may have ended before.
    may_retry: bool,
    /// Why it ends before all is answered.
    failed: Option<&'static str>,
}

/// What may still be done in a turn.
struct Budget {
    keys: usize,
    removals: usize,
    bytes: usize,
}

impl Migrations {
    /// When a move ends that nothing comes of, in monotonic milliseconds.
    pub(super) fn next_deadline(&self) -> Option<u64> {
        let waiting = self.moves.values().filter(|it| self.is_alive(it));
        waiting.map(Migration::deadline).min()
    }

    fn is_alive(&self, migration: &Migration) -> bool {
        let connection = self.connections.get(&migration.link);
        connection.is_some_and(|connection| connection.gone.is_none())
    }

    /// How many connections there are, kept ones included.
    pub(super) fn connections(&self) -> usize {
        self.connections.len()
    }

    /// What moves hold: names, what is encoded, and what has not left, in bytes.
    pub(super) fn memory(&self) -> usize {
        let moves = self.moves.values().map(Migration::memory);
        let connections = self.connections.values().map(Connection::memory);
        moves.sum::<usize>() + connections.sum::<usize>()
    }
}

impl Migration {
    fn deadline(&self) -> u64 {
        self.alive_at.saturating_add(self.wanted.timeout_ms)
    }

    fn memory(&self) -> usize {
        // Each name is kept in the request, in the line of those to send or confirm, and among the
        // keys that are held.
        let names = self.wanted.keys.iter().map(|key| 3 * (key.len() + 24));
        let encoding = self.encoding.as_ref().map_or(0, |(_, it)| it.memory());
        names.sum::<usize>() + encoding
    }
}

impl Engine {
    /// What another MIGRATE has to wait for while there are as many as may be: the number of one.
    pub(super) fn full_of_moves(&self) -> Option<u64> {
        let is_full = self.migrations.moves.len() >= MOVES_MAX;
        is_full.then(|| self.data.first_held()).flatten()
    }

    /// MIGRATE.
    pub(super) fn migrate(
        &mut self,
        wanted: Migrate,
        id: SessionId,
        now: Now,
        reply: &mut Reply,
    ) -> Acted {
        if self.in_exec() || id == STREAM {
            reply.error("ERR Command not allowed inside a transaction");
            return Acted::Replied;
        }
        self.migrations.last += 1;
        let number = self.migrations.last;
        let db = self.sessions.at(id).db;
        for key in &wanted.keys {
            self.data.hold(db, key, number);
        }
        let to = Target::new(&wanted.host, wanted.port);
        let (link, may_retry) = self.migrate_link(to, number, now);
        let migration = Migration {
            number,
            session: id,
            db,
            unsent: wanted.keys.iter().cloned().collect(),
            wanted,
            link,
            greeted: false,
            encoding: None,
            arrived: VecDeque::new(),
            alive_at: now.mono_ms(),
            error: None,
            refused: false,
            may_retry,
            failed: None,
        };
        self.migrations.moves.insert(number, migration);
        self.migrations.active.insert(number);
        self.park(id, Parked::Reply);
        Acted::Waiting
    }

    /// Goes on with moves that can. Returns whether there is more to do.
    pub(super) fn step_migrations(&mut self, now: Now) -> bool {
        // What is removed enters the stream, and nothing may while it is paused.
        if self.migrations.active.is_empty() || self.pause.any() {
            return false;
        }
        let mut budget = Budget {
            keys: TURN_KEYS,
            removals: TURN_KEYS,
            bytes: TURN_BYTES,
        };
        let (active, served) = (&self.migrations.active, self.migrations.served);
        let later = active.range(served + 1..);
        let order: Vec<u64> = later.chain(active.range(..=served)).copied().collect();
        let mut goes_on = false;
        for number in order {
            if budget.is_spent() {
                return true;
            }
            self.migrations.served = number;
            match self.migrations.moves.remove(&number) {
                Some(migration) => goes_on |= self.step_migration(migration, &mut budget, now),
                None => drop(self.migrations.active.remove(&number)),
            }
        }
        goes_on
    }

    /// Goes on with one. Returns whether there is more to do at once.
    fn step_migration(&mut self, mut it: Migration, budget: &mut Budget, now: Now) -> bool {
        let answered = self.take_answers(&mut it, budget, now);
        let removed = self.remove_arrived(&mut it, budget, now);
        let sent = match it.failed {
            None => self.send_keys(&mut it, budget, now),
            Some(_) => Step::Done,
        };
        if self.is_over(&it) {
            self.end_complete_migration(it, now);
            return false;
        }
        let answered = match it.arrived.is_empty() {
            true => answered,
            false => Step::Done,
        };
        let steps = [answered, removed, sent];
        // What waits for a walk or a copy looks again in the next turn, whatever brings that about.
        if steps.iter().all(|step| *step == Step::Done) {
            self.migrations.active.remove(&it.number);
        }
        self.migrations.moves.insert(it.number, it);
        steps.contains(&Step::More)
    }

    /// Removes keys that have arrived.
    fn remove_arrived(&mut self, it: &mut Migration, budget: &mut Budget, now: Now) -> Step {
        if it.arrived.is_empty() {
            return Step::Done;
        }
        self.data.set_expiry_policy(ExpiryPolicy::Delete);
        self.data.begin(now, false);
        let mut command = vec![b"DEL".to_vec()];
        let mut step = Step::Done;
        while let Some(key) = it.arrived.pop_front() {
            let at = self.data.key(&key);
            self.data.let_go(it.db, &key);
            let waits = self.data.must_wait(it.db, &at);
            if waits || budget.removals == 0 {
                step = if waits { Step::Waits } else { Step::More };
                self.data.hold(it.db, &key, it.number);
                it.arrived.push_front(key);
                break;
            }
            budget.removals -= 1;
            if self.data.remove(it.db, &at) {
                command.push(key);
            }
        }
        if command.len() > 1 {
            self.commit(it.db, Change::Commands(&[command]));
            let offset = self.replication.offset();
            if let Some(session) = self.sessions.get_mut(it.session) {
                session.last_write_offset = offset;
            }
        }
        self.commit_expired();
        step
    }

    fn is_over(&self, it: &Migration) -> bool {
        let all_sent = it.unsent.is_empty() && it.encoding.is_none() && it.greeted;
        let connection = self.migrations.connections.get(&it.link);
        let answered = connection.is_some_and(|connection| connection.expected.is_empty());
        it.arrived.is_empty() && (it.failed.is_some() || all_sent && answered)
    }

    /// Ends a move of which everything is answered that will be.
    fn end_complete_migration(&mut self, it: Migration, now: Now) {
        match it.failed {
            None if !it.refused => self.keep_migrate_link(it.link, now),
            _ => self.close_migrate_link(it.link),
        }
        let error = match (&it.error, it.failed) {
            (Some(text), _) => Some(format!("ERR Target instance replied with error: {text}")),
            (None, failed) => failed.map(str::to_owned),
        };
        self.end_migration(it, error.as_deref());
        self.drop_idle_migrate_links(now);
    }

    /// Ends a move: the rest of its keys stay here.
    fn end_migration(&mut self, it: Migration, error: Option<&str>) {
        self.migrations.active.remove(&it.number);
        for key in &it.wanted.keys {
            if self.data.held_under(it.db, key) == Some(it.number) {
                self.data.let_go(it.db, key);
            }
        }
        if let Some((_, encoding)) = it.encoding {
            encoding.give_up(&mut self.data);
        }
        let mut reply = Reply::new();
        match error {
            None => reply.ok(),
            Some(text) => {
                self.stats.count_error(text.as_bytes());
                reply.error(text);
            }
        }
        self.resume_with(it.session, reply.take());
    }

    /// Something happened on the link of a move.
    pub(super) fn on_migrate_link(&mut self, link: LinkId, event: LinkEvent<'_>, now: Now) {
        let Some(connection) = self.migrations.connections.get_mut(&link) else {
            return;
        };
        let Some(number) = connection.user else {
            // Nobody has asked, or it has ended.
            self.close_migrate_link(link);
            return;
        };
        connection.take(event);
        if let Some(migration) = self.migrations.moves.get_mut(&number) {
            migration.alive_at = now.mono_ms();
        }
        self.migrations.active.insert(number);
    }

    /// Ends moves that nothing comes of.
    pub(super) fn end_stuck_migrations(&mut self, now: Now) {
        if self.migrations.connections.is_empty() {
            return;
        }
        for migration in self.migrations.moves.values_mut() {
            let Some(connection) = self.migrations.connections.get_mut(&migration.link) else {
                continue;
            };
            if std::mem::take(&mut connection.moved) {
                migration.alive_at = now.mono_ms();
            }
            if migration.deadline() <= now.mono_ms() && connection.gone.is_none() {
                connection.gone = Some(connections::Gone::TimedOut);
                self.migrations.active.insert(migration.number);
            }
        }
        self.drop_idle_migrate_links(now);
    }

    /// This node is a replica now: its master says what becomes of the keys.
    pub(super) fn end_all_migrations(&mut self) {
        self.end_migrations_if(DEMOTED, |_| true);
    }

    /// These slots have another owner.
    pub(super) fn end_migrations_of(&mut self, slots: &SlotSet) {
        let is_lost = |key: &Vec<u8>| slots.contains(key_slot(key));
        self.end_migrations_if(LOST, |it| it.wanted.keys.iter().any(is_lost));
    }

    fn end_migrations_if(&mut self, why: &str, is_meant: impl Fn(&Migration) -> bool) {
        let meant = self.migrations.moves.values().filter(|it| is_meant(it));
        for number in meant.map(|it| it.number).collect::<Vec<_>>() {
            if let Some(it) = self.migrations.moves.remove(&number) {
                self.close_migrate_link(it.link);
                self.end_migration(it, Some(why));
            }
        }
    }
}

/// How far something has come in a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// There is nothing to do until something happens.
    Done,
    /// It waits for something that nobody tells of.
    Waits,
    /// There is more to do at once.
    More,
}

impl Budget {
    fn is_spent(&self) -> bool {
        self.keys == 0 && self.removals == 0 || self.bytes == 0
    }
}
