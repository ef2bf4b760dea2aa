//! The connections of MIGRATE: one for each move, kept for ten seconds for the next one to the same
//! server.

use std::collections::VecDeque;
use std::net::IpAddr;

use super::Migrations;
use crate::engine::Engine;
use crate::io::{LinkEvent, LinkId, LinkOp};
use crate::resp::ReplyParser;
use crate::time::Now;

/// How long a connection without a move is kept, in milliseconds (as in Redis).
const KEPT_MS: u64 = 10_000;
/// How many of them are kept (as in Redis).
const KEPT_MAX: usize = 64;
/// The longest answer to RESTORE that is read, in bytes.
const ANSWER_MAX: usize = 64 * 1024;
/// So much may have arrived and not been taken up, in bytes: more than the answers to all that may be
/// under way.
const UNREAD_MAX: usize = 8 << 20;

/// A server that keys are moved to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Address(IpAddr, u16),
    Name(String, u16),
}

impl Target {
    pub(super) fn new(host: &str, port: u16) -> Target {
        match host.parse() {
            Ok(ip) => Target::Address(ip, port),
            Err(_) => Target::Name(host.to_owned(), port),
        }
    }
}

/// What the answer that comes next is about.
pub(super) enum Expected {
    Auth,
    Select,
    /// A key, and how many bytes were sent for it.
    Key(Vec<u8>, usize),
}

/// Why a connection is of no use any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gone {
    Ended,
    TimedOut,
}

pub(super) struct Connection {
    pub to: Target,
    pub up: bool,
    pub gone: Option<Gone>,
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

impl Connection {
    pub(super) fn take(&mut self, event: LinkEvent<'_>) {
        match event {
            LinkEvent::Opened { .. } => self.up = true,
            LinkEvent::Bytes(bytes) => {
                self.parser.feed(bytes);
                if self.parser.unread() > UNREAD_MAX {
                    self.gone = Some(Gone::Ended);
                }
            }
            LinkEvent::Closed { .. } => self.gone = Some(Gone::Ended),
        }
    }

    pub(super) fn memory(&self) -> usize {
        self.waiting + self.parser.unread()
    }
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
    pub(super) fn migrate_link(&mut self, to: Target, number: u64, now: Now) -> (LinkId, bool) {
        let mut connections = self.migrations.connections.iter_mut();
        let is_free = |it: &Connection| it.to == to && it.user.is_none();
        if let Some((link, connection)) = connections.find(|(_, it)| is_free(it)) {
            connection.user = Some(number);
            return (*link, true);
        }
        (self.open_migrate_link(to, number, now), false)
    }

    pub(super) fn open_migrate_link(&mut self, to: Target, number: u64, now: Now) -> LinkId {
        self.migrations.last += 1;
        let link = LinkId::Migrate(self.migrations.last);
        let from = self.config.bind_source_addr;
        let open = match &to {
            Target::Address(ip, port) => LinkOp::Open {
                to: (*ip, *port).into(),
                from,
            },
            Target::Name(host, port) => LinkOp::OpenNamed {
                host: host.clone(),
                port: *port,
                from,
            },
        };
        let connection = Connection {
            to,
            up: false,
            gone: None,
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
        self.link(link, open);
        link
    }

    /// Nothing is left to be answered on it: the next move may use it.
    pub(super) fn keep_migrate_link(&mut self, link: LinkId, now: Now) {
        match self.migrations.connections.get_mut(&link) {
            // What nobody has asked would be taken for the next move's answers.
            Some(connection) if connection.gone.is_none() && connection.parser.unread() == 0 => {
                connection.user = None;
                connection.used_at = now.mono_ms();
            }
            _ => self.close_migrate_link(link),
        }
    }

    pub(super) fn close_migrate_link(&mut self, link: LinkId) {
        if self.migrations.connections.remove(&link).is_some() {
            self.link(link, LinkOp::Close);
        }
    }

    pub(super) fn drop_idle_migrate_links(&mut self, now: Now) {
        let connections = self.migrations.connections.iter();
        let idle = connections.filter(|(_, it)| it.user.is_none());
        let mut idle: Vec<(u64, LinkId)> = idle.map(|(link, it)| (it.used_at, *link)).collect();
        idle.sort_unstable();
        let beyond = idle.len().saturating_sub(KEPT_MAX);
        for (position, (used_at, link)) in idle.into_iter().enumerate() {
            if position < beyond || used_at + KEPT_MS <= now.mono_ms() {
                self.close_migrate_link(link);
            }
        }
    }
}
