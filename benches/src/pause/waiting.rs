//! Many clients wait for one key: what that costs the others.

use std::time::Duration;

use slotkeeper_node::io::SessionId;

use crate::bounds::Verdicts;
use crate::node::{Calls, Node};

use super::{Timed, judge};

/// What `--only` calls it.
pub const NAME: &str = "waiting";

/// How many things happen one after the other.
const TIMES: usize = 100;
/// Until when those wait that do not wait for ever, in seconds.
const DEADLINE: u64 = 10;

/// Something that happens while they wait.
struct Event {
    /// For the report.
    name: &'static str,
    /// What comes first.
    before: &'static str,
    /// What each of them asks for.
    wait: &'static str,
    course: Course,
}

enum Course {
    /// This request, some times.
    Request(&'static str),
    /// Some of them close their connections.
    Close,
    /// CLIENT UNBLOCK of some of them.
    Unblock,
    /// The deadlines of all of them have come.
    Expire,
}

const EVENTS: [Event; 8] = [
    event(
        "others ask for keys",
        "BLPOP key 0",
        Course::Request("GET other"),
    ),
    event("RPUSH", "BLPOP key 0", Course::Request("RPUSH key element")),
    event(
        "ZADD",
        "BZPOPMIN key 0",
        Course::Request("ZADD key 1 member"),
    ),
    Event {
        before: "XGROUP CREATE key group $ MKSTREAM",
        ..event(
            "XADD, read by a group",
            "XREADGROUP GROUP group one BLOCK 0 STREAMS key >",
            Course::Request("XADD key * field value"),
        )
    },
    event(
        "they wait for another type",
        "BLPOP key 0",
        Course::Request("SET key value"),
    ),
    event("they leave", "BLPOP key 0", Course::Close),
    event("CLIENT UNBLOCK", "BLPOP key 0", Course::Unblock),
    event("their time is over", "BLPOP key 10", Course::Expire),
];

const fn event(name: &'static str, wait: &'static str, course: Course) -> Event {
    Event {
        name,
        before: "PING",
        wait,
        course,
    }
}

/// While so many clients wait.
pub fn measure(clients: usize, verdicts: &mut Verdicts) -> Result<(), String> {
    println!("\nLongest engine call while {clients} clients wait for one key");
    for event in &EVENTS {
        judge(event.name, verdicts, |timed| event.run(timed, clients))?;
    }
    Ok(())
}

impl Event {
    fn run(&self, timed: Timed, clients: usize) -> Result<Calls, String> {
        let mut node = Node::start(false)?;
        node.send(format!("{}\r\n", self.before).as_bytes());
        let wait = format!("{}\r\n", self.wait);
        let mut waiting = Vec::new();
        for _ in 0..clients {
            waiting.push(node.wait(wait.as_bytes())?);
        }
        node.settle();
        node.time(timed.0);
        // From all over the queue.
        let some = waiting.iter().step_by(clients.div_ceil(TIMES));
        match self.course {
            Course::Request(text) => {
                for _ in 0..TIMES {
                    ask(&mut node, text)?;
                }
            }
            Course::Close => some.for_each(|session| node.close(*session)),
            Course::Unblock => {
                for session in some {
                    let number = SessionId::number(*session);
                    ask(&mut node, &format!("CLIENT UNBLOCK {number}"))?;
                }
            }
            Course::Expire => {
                node.pass(Duration::from_secs(DEADLINE));
                for _ in 0..TIMES {
                    node.pass(Duration::from_millis(1));
                }
            }
        }
        node.settle();
        Ok(node.timed())
    }
}

/// A request of somebody else, and the turn that it is in.
fn ask(node: &mut Node, text: &str) -> Result<(), String> {
    let reply = node.send(format!("{text}\r\n").as_bytes());
    if reply.starts_with(b"-") {
        return Err(format!("{text}: {}", String::from_utf8_lossy(&reply)));
    }
    node.turn();
    Ok(())
}
