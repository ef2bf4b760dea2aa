//! What is known of each key.

use std::collections::BTreeSet;

use slotkeeper_node::resp::ReplyValue;

use crate::ops::words;
use crate::rng::Rng;

/// The name of a key: all are in one slot.
pub fn name(key: usize) -> String {
    format!("{{moved}}{key}")
}

/// What is asked of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Set(u64),
    Del,
    Get,
}

impl Op {
    /// Any; a value is written once.
    pub fn draw(rng: &mut Rng, value: u64) -> Op {
        match rng.below(8) {
            0 => Op::Del,
            1 | 2 => Op::Get,
            _ => Op::Set(value),
        }
    }

    pub fn request(self, key: usize) -> Vec<String> {
        match self {
            Op::Set(value) => words(&["SET", &name(key), &value.to_string()]),
            Op::Del => words(&["DEL", &name(key)]),
            Op::Get => words(&["GET", &name(key)]),
        }
    }
}

/// One key, of which one client knows what it has written.
#[derive(Debug, Default)]
pub struct Key {
    /// The value that was acknowledged last; none if it is deleted.
    known: Option<u64>,
    /// The values that it may have had since a MIGRATE that names it was sent.
    seen: BTreeSet<u64>,
    /// The values that a MIGRATE which failed may have left at the other node. As in Redis, one of
    /// them is seen where the key is deleted afterwards, until that node is written to.
    left: BTreeSet<u64>,
}

impl Key {
    /// A client asks for that.
    pub fn asked(&mut self, op: Op) {
        if let Op::Set(value) = op {
            self.seen.insert(value);
        }
    }

    /// A MIGRATE that names the key is sent. What is asked for at this time may come before it.
    pub fn moves(&mut self, asked: Option<Op>) {
        self.seen = self.known.into_iter().collect();
        if let Some(op) = asked {
            self.asked(op);
        }
    }

    /// It failed.
    pub fn was_left(&mut self) {
        self.left.extend(&self.seen);
    }

    /// What a client was answered, by the node that the slot moves to, or by the other one.
    ///
    /// # Errors
    /// When what was acknowledged is lost.
    pub fn answered(&mut self, op: Op, reply: &ReplyValue, by_target: bool) -> Result<(), String> {
        match op {
            Op::Set(value) => self.known = Some(value),
            Op::Del => self.known = None,
            Op::Get => {
                let found = value(reply)?;
                let returned =
                    self.known.is_none() && found.is_some_and(|it| self.left.contains(&it));
                if found != self.known && !returned {
                    return Err(format!(
                        "{found:?} is found, and {:?} was acknowledged",
                        self.known
                    ));
                }
                self.known = found;
            }
        }
        if by_target {
            self.left.clear();
        }
        Ok(())
    }
}

fn value(reply: &ReplyValue) -> Result<Option<u64>, String> {
    match reply {
        ReplyValue::Null => Ok(None),
        ReplyValue::Bulk(text) => {
            let text = String::from_utf8_lossy(text);
            text.parse()
                .map(Some)
                .map_err(|_| format!("{text} was never written"))
        }
        other => Err(format!("GET answers {other:?}")),
    }
}
