//! The connections of MIGRATE: one for each move, kept for ten seconds for the next one to the same
//! server.

use std::collections::VecDeque;
use std::net::SocketAddr;

use super::Migrations;
use crate::engine::Engine;
use crate::io::{LinkId, LinkOp};
use crate::resp::ReplyParser;
use crate::time::Now;

/// How long a connection without a move is kept, in milliseconds.
const KEPT_MS: u64 = 10_000;
/// How many of them are kept.
const KEPT_MAX: usize = 64;
/// The longest answer to RESTORE that is read, in bytes.
const ANSWER_MAX: usize = 64 * 1024;

/// What the answer that comes next is about.
pub(super) enum Expected {
    Auth,
    Select,
    /// A key, and how many bytes were sent for it.
    Key(Vec<u8>, usize),
}

pub(super) struct Connection {
    pub to: SocketAddr,
    pub up: bool,
    pub parser: ReplyParser,
    /// The database that is selected.
    pub db: Option<i64>,
    /// The move that it is used for.
    pub user: Option<u64>,
    pub used_at: u64,
    pub expected: VecDeque<Expected>,
    /// Bytes of keys that are sent and not confirmed.
    pub under_way: usize,
    /// Bytes that have not left.
    pub waiting: usize,
    /// Some have left since this was looked at.
    pub moved: bool,
}

impl Migrations {
    /// How many bytes have not left.
    pub(in crate::engine) fn sent(&mut self, link: LinkId, waiting: usize) {
        if let Some(connection) = self.connections.get_mut(&link) {
            connection.moved |= waiting < connection.waiting;
            connection.waiting = waiting;
        }
    }
}

impl Engine {
    /// A connection for a move, and whether it was there already.
    pub(super) fn migrate_link(&mut self, to: SocketAddr, number: u64, now: Now) -> (LinkId, bool) {
        let mut connections = self.migrations.connections.iter_mut();
        let is_free = |it: &Connection| it.to == to && it.user.is_none();
        if let Some((link, connection)) = connections.find(|(_, it)| is_free(it)) {
            connection.user = Some(number);
            return (*link, true);
        }
        (self.open_migrate_link(to, number, now), false)
    }

    pub(super) fn open_migrate_link(&mut self, to: SocketAddr, number: u64, now: Now) -> LinkId {
        self.migrations.last += 1;
        let link = LinkId::Migrate(self.migrations.last);
        let connection = Connection {
            to,
            up: false,
            parser: ReplyParser::new(ANSWER_MAX),
            db: None,
            user: Some(number),
            used_at: now.mono_ms(),
            expected: VecDeque::new(),
            under_way: 0,
            waiting: 0,
            moved: false,
        };
        self.migrations.connections.insert(link, connection);
        let from = self.config.bind_source_addr;
        self.link(link, LinkOp::Open { to, from });
        link
    }

    /// Closes a connection, and ends the move that it is used for.
    pub(super) fn close_migrate_link(&mut self, link: LinkId, now: Now) {
        if let Some(connection) = self.migrations.connections.remove(&link) {
            self.link(link, LinkOp::Close);
            if let Some(number) = connection.user {
                self.lost_migrate_link(number, &connection, false, now);
            }
        }
    }

    pub(super) fn drop_idle_migrate_links(&mut self, now: Now) {
        let idle = self
            .migrations
            .connections
            .iter()
            .filter(|(_, it)| it.user.is_none());
        let mut idle: Vec<(u64, LinkId)> = idle.map(|(link, it)| (it.used_at, *link)).collect();
        idle.sort_unstable();
        let beyond = idle.len().saturating_sub(KEPT_MAX);
        for (position, (used_at, link)) in idle.into_iter().enumerate() {
            if position < beyond || used_at + KEPT_MS <= now.mono_ms() {
                self.close_migrate_link(link, now);
            }
        }
    }
}
