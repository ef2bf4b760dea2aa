//! The keys of a MIGRATE, on their way out.

use bytes::Bytes;

use super::connections::Expected;
use super::{Budget, Migration, Step};
use crate::engine::Engine;
use crate::engine::dump::Encoding;
use crate::io::LinkOp;
use crate::resp::encode_command;
use crate::time::Now;

/// So many bytes may be under way before the other server has to confirm some.
const WINDOW: usize = 1 << 20;
/// Payloads from here on are handed over as they are, and not copied.
const SHARED_MIN: usize = 16 * 1024;

/// What came of encoding.
enum Encoded {
    Key(Vec<u8>, Vec<u8>),
    /// There is no such key any longer.
    Gone,
    Part,
    Waits,
}

impl Engine {
    /// Sends more keys, as far as the connection and the turn have room.
    pub(super) fn send_keys(&mut self, it: &mut Migration, budget: &mut Budget, now: Now) -> Step {
        let connection = self.migrations.connections.get(&it.link);
        if !connection.is_some_and(|connection| connection.up && connection.gone.is_none()) {
            return Step::Done;
        }
        if self.sessions.get(it.session).is_none_or(|it| it.killed) {
            it.unsent.clear();
            if let Some((_, encoding)) = it.encoding.take() {
                encoding.give_up(&mut self.data);
            }
        }
        let mut out = Vec::new();
        self.greet(it, &mut out);
        let step = loop {
            if it.unsent.is_empty() && it.encoding.is_none() {
                break Step::Done;
            }
            let connection = self.migrations.connections.get(&it.link);
            if connection.is_none_or(|connection| connection.under_way >= WINDOW) {
                break Step::Done;
            }
            if budget.keys == 0 || budget.bytes == 0 {
                break Step::More;
            }
            it.alive_at = now.mono_ms();
            match self.encode_next(it, budget) {
                Encoded::Key(key, payload) => self.send_key(it, key, payload, &mut out, now),
                Encoded::Gone | Encoded::Part => {}
                Encoded::Waits => break Step::Waits,
            }
        };
        self.send_out(it, &mut out);
        step
    }

    /// What stands before the keys.
    fn greet(&mut self, it: &mut Migration, out: &mut Vec<u8>) {
        let connection = self.migrations.connections.get_mut(&it.link);
        let Some(connection) = connection.filter(|_| !it.greeted) else {
            return;
        };
        it.greeted = true;
        let wanted = &it.wanted;
        if !wanted.auth.is_empty() {
            let mut argv = vec![b"AUTH".to_vec()];
            argv.extend(wanted.auth.iter().cloned());
            encode_command(out, &argv);
            connection.expected.push_back(Expected::Auth);
        }
        if connection.db != Some(wanted.db) {
            connection.db = Some(wanted.db);
            encode_command(out, &["SELECT", &wanted.db.to_string()]);
            connection.expected.push_back(Expected::Select);
        }
    }

    /// Encodes some more of the next key.
    fn encode_next(&mut self, it: &mut Migration, budget: &mut Budget) -> Encoded {
        let (key, mut encoding) = match it.encoding.take() {
            Some(started) => started,
            None => {
                let Some(name) = it.unsent.front() else {
                    return Encoded::Gone;
                };
                let key = self.data.key(name);
                let writers = self.waits_for_copy();
                let wait = (self.data).prepare_copy(it.session, it.db, &key, writers);
                if wait.is_some() {
                    return Encoded::Waits;
                }
                let encoding = Encoding::begin(&mut self.data, it.db, &key, &self.config);
                let name = it.unsent.pop_front().unwrap_or_default();
                budget.keys -= 1;
                match encoding {
                    Some(encoding) => (name, encoding),
                    // It went with all keys of its slot or database.
                    None => {
                        self.data.let_go(it.db, &name);
                        return Encoded::Gone;
                    }
                }
            }
        };
        budget.bytes = budget.bytes.saturating_sub(encoding.next_cost());
        if encoding.step(&mut self.data) {
            return Encoded::Key(key, encoding.finish());
        }
        it.encoding = Some((key, encoding));
        Encoded::Part
    }

    fn send_key(
        &mut self,
        it: &mut Migration,
        key: Vec<u8>,
        payload: Vec<u8>,
        out: &mut Vec<u8>,
        now: Now,
    ) {
        let at = self.data.key(&key);
        let entry = self.data.reader().get(it.db, &at);
        let ttl = match entry.and_then(|entry| entry.expire_at()) {
            None => 0,
            Some(at) => (at - now.unix_ms()).max(1),
        };
        let name = match self.config.cluster_enabled {
            true => "RESTORE-ASKING",
            false => "RESTORE",
        };
        let words = 4 + usize::from(it.wanted.replace);
        let mut len = payload.len() + key.len();
        let ttl = ttl.to_string();
        out.extend_from_slice(format!("*{words}\r\n${}\r\n{name}\r\n", name.len()).as_bytes());
        out.extend_from_slice(format!("${}\r\n", key.len()).as_bytes());
        out.extend_from_slice(&key);
        out.extend_from_slice(format!("\r\n${}\r\n{ttl}\r\n", ttl.len()).as_bytes());
        out.extend_from_slice(format!("${}\r\n", payload.len()).as_bytes());
        if payload.len() < SHARED_MIN {
            out.extend_from_slice(&payload);
        } else {
            self.send_out(it, out);
            self.link(it.link, LinkOp::Send(Bytes::from(payload)));
        }
        out.extend_from_slice(b"\r\n");
        if it.wanted.replace {
            out.extend_from_slice(b"$7\r\nREPLACE\r\n");
        }
        len += 100;
        if let Some(connection) = self.migrations.connections.get_mut(&it.link) {
            connection.under_way += len;
            connection.expected.push_back(Expected::Key(key, len));
        }
    }

    fn send_out(&mut self, it: &Migration, out: &mut Vec<u8>) {
        if !out.is_empty() {
            let bytes = Bytes::from(std::mem::take(out));
            self.link(it.link, LinkOp::Send(bytes));
        }
    }
}
