//! What happens to a big value, whatever its type.

use std::time::Duration;

use crate::node::{Calls, Node};
use crate::rows::{Big, Template};

use super::Timed;

/// How many elements a value has left that has shrunk.
const FEW: u32 = 10;
/// How many random elements are written in a turn while something goes on.
const WRITES_A_TURN: u32 = 64;

/// Something that happens to a big value.
pub struct Event {
    /// For the report.
    pub name: &'static str,
    course: Course,
}

enum Course {
    /// Grows to all its elements, one by one.
    Grow,
    /// Loses all but a few of them, one by one.
    Shrink,
    /// This request of it, `{}` being its key, and what comes of it.
    Request(&'static str),
    /// Expires.
    Expire,
    /// This request, while random elements are written.
    Written(&'static str),
    /// A replica gets it, while random elements are written.
    Sent,
}

const fn event(name: &'static str, course: Course) -> Event {
    Event { name, course }
}

/// All that can happen.
pub const EVENTS: [Event; 10] = [
    event("grows", Course::Grow),
    event("shrinks to 10", Course::Shrink),
    event("DEL", Course::Request("DEL {}")),
    event("UNLINK", Course::Request("UNLINK {}")),
    event("expires", Course::Expire),
    event("overwritten by SET", Course::Request("SET {} value")),
    event("FLUSHALL", Course::Request("FLUSHALL")),
    event(
        "COPY, written meanwhile",
        Course::Written("COPY {} {}:copy"),
    ),
    event("BGSAVE, written meanwhile", Course::Written("BGSAVE")),
    event("full sync, written meanwhile", Course::Sent),
];

impl Event {
    /// Lets it happen on a fresh node.
    pub fn run(&self, timed: Timed, big: &Big, elements: u32) -> Result<Calls, String> {
        let mut node = Node::start(false)?;
        prepare(&mut node, big, elements)?;
        if let Course::Grow = self.course {
            node.time(timed.0);
            add(&mut node, big, elements, 1)?;
            return Ok(node.timed());
        }
        add(&mut node, big, elements, big.batch)?;
        node.settle();
        node.time(timed.0);
        match self.course {
            Course::Grow => {}
            Course::Shrink => {
                for number in FEW..elements {
                    request(&mut node, &big.remove, number..number + 1)?;
                }
            }
            Course::Request(text) => ask(&mut node, text, big.key)?,
            Course::Expire => {
                ask(&mut node, "PEXPIRE {} 1", big.key)?;
                node.pass(Duration::from_millis(200));
            }
            Course::Written(text) => {
                ask(&mut node, text, big.key)?;
                write_on(&mut node, big, elements)?;
            }
            Course::Sent => {
                node.sync()?;
                write_on(&mut node, big, elements)?;
            }
        }
        node.settle();
        Ok(node.timed())
    }
}

/// Requests what comes before the elements.
fn prepare(node: &mut Node, big: &Big, elements: u32) -> Result<(), String> {
    for template in big.before {
        let requests = if template.element.is_empty() {
            1
        } else {
            elements
        };
        for number in 0..requests {
            request(node, template, number..number + 1)?;
        }
    }
    Ok(())
}

/// Adds elements in their order.
fn add(node: &mut Node, big: &Big, elements: u32, batch: u32) -> Result<(), String> {
    for first in (0..elements).step_by(batch as usize) {
        request(node, &big.add, first..elements.min(first + batch))?;
    }
    Ok(())
}

/// Writes random elements until nothing more is to do.
fn write_on(node: &mut Node, big: &Big, elements: u32) -> Result<(), String> {
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    while node.turn() || node.is_walking() {
        for _ in 0..WRITES_A_TURN {
            if node.is_parked() {
                break;
            }
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let number = (random >> 32) as u32 % elements;
            request(node, &big.change, number..number + 1)?;
        }
    }
    Ok(())
}

fn request(
    node: &mut Node,
    template: &Template,
    elements: std::ops::Range<u32>,
) -> Result<(), String> {
    let mut text = String::new();
    template.write(0, elements, &mut text);
    reply(node, &text)
}

fn ask(node: &mut Node, text: &str, key: &str) -> Result<(), String> {
    reply(node, &format!("{}\r\n", text.replace("{}", key)))
}

fn reply(node: &mut Node, text: &str) -> Result<(), String> {
    let reply = node.send(text.as_bytes());
    if reply.starts_with(b"-") {
        return Err(format!("{text}: {}", String::from_utf8_lossy(&reply)));
    }
    Ok(())
}
