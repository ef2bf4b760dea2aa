//! Keys go because memory is short.

use std::time::Duration;

use crate::bounds::Verdicts;
use crate::node::{Calls, Node};

use super::{Timed, judge};

/// How many writes there are from one turn to the next.
const WRITES_A_TURN: u32 = 16;

/// Keys that are there, and what takes their memory.
struct Event {
    /// For the report.
    name: &'static str,
    cluster: bool,
    /// Directives, before the keys.
    config: &'static str,
    fill: Fill,
    course: Course,
}

/// What is there.
enum Fill {
    /// Short strings; of so many each has a time to live, if that is not 0.
    Strings(u32),
    /// Hashes of so many fields.
    Hashes(u32),
    /// Strings of so many megabytes.
    Large(u32),
}

/// What happens at the limit.
enum Course {
    /// Short strings are written.
    Writes,
    /// They are written while a snapshot is taken.
    Saved,
    /// The limit falls to a tenth.
    Falls,
}

const EVENTS: [Event; 9] = [
    event("writes", "maxmemory-policy allkeys-lru", Course::Writes),
    Event {
        cluster: false,
        ..event(
            "writes, cluster-enabled no",
            "maxmemory-policy allkeys-lfu maxmemory-samples 64",
            Course::Writes,
        )
    },
    event(
        "writes while a snapshot is taken",
        "maxmemory-policy allkeys-random",
        Course::Saved,
    ),
    Event {
        fill: Fill::Strings(40),
        ..event(
            "writes, few keys with a time to live",
            "maxmemory-policy volatile-lru maxmemory-samples 64",
            Course::Writes,
        )
    },
    Event {
        fill: Fill::Strings(2),
        ..event(
            "writes, half of the keys with a time to live",
            "maxmemory-policy volatile-ttl",
            Course::Writes,
        )
    },
    event(
        "maxmemory falls to a tenth",
        "maxmemory-policy allkeys-lru maxmemory-eviction-tenacity 100",
        Course::Falls,
    ),
    Event {
        fill: Fill::Hashes(100_000),
        ..event(
            "large hashes, maxmemory falls to a tenth",
            "maxmemory-policy allkeys-lru",
            Course::Falls,
        )
    },
    Event {
        fill: Fill::Large(32),
        ..event(
            "strings of 32 MB, maxmemory falls to a tenth",
            "maxmemory-policy allkeys-lru",
            Course::Falls,
        )
    },
    Event {
        fill: Fill::Large(1),
        ..event(
            "strings of 1 MB, maxmemory falls to a tenth",
            "maxmemory-policy allkeys-random",
            Course::Falls,
        )
    },
];

const fn event(name: &'static str, config: &'static str, course: Course) -> Event {
    Event {
        name,
        cluster: true,
        config,
        fill: Fill::Strings(0),
        course,
    }
}

/// At the limit, with so many short strings or what takes about as much.
pub fn measure(keys: u32, verdicts: &mut Verdicts) -> Result<(), String> {
    println!("\nLongest engine call while keys go because memory is short");
    for event in &EVENTS {
        judge(event.name, verdicts, |timed| event.run(timed, keys))?;
    }
    Ok(())
}

impl Event {
    fn run(&self, timed: Timed, keys: u32) -> Result<Calls, String> {
        let mut node = Node::start(self.cluster)?;
        ask(&mut node, &format!("CONFIG SET {}", self.config))?;
        self.fill(&mut node, keys)?;
        let used = used(&mut node)?;
        ask(&mut node, &format!("CONFIG SET maxmemory {used}"))?;
        node.settle();
        node.time(timed.0);
        match self.course {
            Course::Writes => self.write(&mut node, keys)?,
            Course::Saved => {
                ask(&mut node, "BGSAVE")?;
                self.write(&mut node, keys)?;
            }
            Course::Falls => ask(&mut node, &format!("CONFIG SET maxmemory {}", used / 10))?,
        }
        node.settle();
        let calls = node.timed();
        match evicted(&mut node)? {
            0 => Err(format!("{}: no key went", self.name)),
            _ => Ok(calls),
        }
    }

    /// Half as many keys again as there are that may go.
    fn write(&self, node: &mut Node, keys: u32) -> Result<(), String> {
        let count = match self.fill {
            Fill::Strings(timed) if timed > 0 => keys / timed / 2,
            _ => keys / 2,
        };
        for number in 0..count {
            while node.is_parked() {
                node.turn();
            }
            ask(node, &format!("SET new:{number} {number:064}"))?;
            if number.is_multiple_of(WRITES_A_TURN) {
                node.turn();
            }
        }
        Ok(())
    }

    fn fill(&self, node: &mut Node, keys: u32) -> Result<(), String> {
        let bytes = u64::from(keys) * 100;
        match self.fill {
            Fill::Strings(timed) => {
                for number in 0..keys {
                    let is_timed = timed > 0 && number.is_multiple_of(timed);
                    let more = if is_timed { " EX 100000" } else { "" };
                    ask(node, &format!("SET old:{number} {number:064}{more}"))?;
                    if number.is_multiple_of(keys / 8 + 1) {
                        node.pass(Duration::from_secs(3));
                    }
                }
            }
            Fill::Hashes(fields) => {
                for number in 0..bytes / (40 * u64::from(fields)) + 2 {
                    for first in (0..fields).step_by(50) {
                        let fields = (first..first + 50).map(|at| format!(" {at:012} {at:016}"));
                        let fields: String = fields.collect();
                        ask(node, &format!("HSET hash:{number}{fields}"))?;
                    }
                }
            }
            Fill::Large(megabytes) => {
                let length = megabytes << 20;
                let value = "x".repeat(length as usize);
                for number in 0..bytes / u64::from(length) + 2 {
                    let key = format!("large:{number}");
                    let key_len = key.len();
                    let head = format!("*3\r\n$3\r\nSET\r\n${key_len}\r\n{key}\r\n${length}");
                    ask(node, &format!("{head}\r\n{value}"))?;
                    node.settle();
                }
            }
        }
        Ok(())
    }
}

fn used(node: &mut Node) -> Result<u64, String> {
    number(node, "used_memory:")
}

fn evicted(node: &mut Node) -> Result<u64, String> {
    number(node, "evicted_keys:")
}

fn number(node: &mut Node, name: &str) -> Result<u64, String> {
    let reply = node.send(b"INFO everything\r\n");
    let text = String::from_utf8_lossy(&reply).into_owned();
    let value = text.lines().find_map(|line| line.strip_prefix(name));
    let value = value.and_then(|value| value.trim().parse().ok());
    value.ok_or_else(|| format!("INFO tells no {name}"))
}

fn ask(node: &mut Node, text: &str) -> Result<(), String> {
    let reply = node.send(format!("{text}\r\n").as_bytes());
    if reply.starts_with(b"-") {
        return Err(format!("{text}: {}", String::from_utf8_lossy(&reply)));
    }
    Ok(())
}
