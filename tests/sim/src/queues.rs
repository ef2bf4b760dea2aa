//! One run of lists as queues: clients wait for elements and take each of them once, while a replica
//! is cut off, dies and syncs; in the end it holds what its master holds.

use std::collections::BTreeMap;

use slotkeeper_node::engine::Engine;
use slotkeeper_node::resp::{ReplyParser, ReplyValue, encode_command};

use crate::gossip::{Summary, config};
use crate::net::NodeIx;
use crate::ops::words;
use crate::simulation::Simulation;

/// How many queues there are: names of one slot.
const QUEUES: u64 = 3;
/// How many clients wait.
const CONSUMERS: usize = 5;
/// The longest reply.
const REPLY_MAX: usize = 64 * 1024;

/// How often somebody pushes.
const PUSHES: usize = 250;
/// The longest pause after that, in microseconds.
const PAUSE_US: u64 = 4_000;
/// After this all requests are answered that will be, and the replica is in step, in microseconds.
const SETTLE_US: u64 = 3_000_000;

const MASTER: NodeIx = 0;
const REPLICA: NodeIx = 1;

/// Runs a seed.
///
/// # Errors
/// What did not hold, with the nodes' logs.
pub fn run(seed: u64) -> Result<Summary, String> {
    let mut sim = Simulation::new(seed, vec![config(), config()]);
    sim.form(1);
    play(&mut sim).map_err(|error| format!("{error}\n-- logs\n{}", sim.report()))
}

fn play(sim: &mut Simulation) -> Result<Summary, String> {
    let mut queues = Queues::new(sim)?;
    let pusher = sim.connect(MASTER).ok_or("the master is down")?;
    let mut faults = 0;
    for _ in 0..2 {
        for _ in 0..PUSHES {
            queues.collect(sim)?;
            queues.ask(sim);
            let mut bytes = Vec::new();
            (queues.push(sim).iter()).for_each(|request| encode_command(&mut bytes, request));
            sim.client_send(pusher, &bytes);
            faults += usize::from(strike(sim));
            let pause = sim.rng.below(PAUSE_US);
            sim.run_for(pause);
        }
        sim.heal();
        if !sim.is_up(REPLICA) {
            sim.start(REPLICA);
        }
        sim.until("the replica is in sync", |sim| {
            let engine = sim.hosts[REPLICA].engine.as_ref();
            engine.is_some_and(Engine::is_complete)
        });
        sim.run_for(SETTLE_US);
        queues.check(sim)?;
        sim.compare(MASTER, REPLICA)?;
    }
    Ok(Summary {
        events: sim.events,
        faults,
    })
}

/// Sometimes the replica dies, is cut off, or comes back. Whether it did.
fn strike(sim: &mut Simulation) -> bool {
    match sim.rng.below(60) {
        0 => sim.kill(REPLICA),
        1 if !sim.is_up(REPLICA) => sim.start(REPLICA),
        2 => sim.partition(&[REPLICA]),
        3 => sim.heal(),
        _ => return false,
    }
    true
}

/// One who takes elements.
#[derive(Debug)]
struct Consumer {
    client: usize,
    parser: ReplyParser,
    /// Its request is not answered.
    asks: bool,
}

/// The elements of all queues, and who takes them.
#[derive(Debug)]
struct Queues {
    consumers: Vec<Consumer>,
    /// How many elements were pushed: they are the numbers up to that.
    pushed: u64,
    /// How often each was given to a client.
    given: BTreeMap<u64, u64>,
}

impl Queues {
    fn new(sim: &mut Simulation) -> Result<Queues, String> {
        let consumers = (0..CONSUMERS).map(|_| {
            let client = sim.connect(MASTER)?;
            Some(Consumer {
                client,
                parser: ReplyParser::new(REPLY_MAX),
                asks: false,
            })
        });
        let consumers: Option<Vec<Consumer>> = consumers.collect();
        Ok(Queues {
            consumers: consumers.ok_or("the master is down")?,
            pushed: 0,
            given: BTreeMap::new(),
        })
    }

    /// What adds elements to a queue, or to two at once; sometimes while writes are paused.
    fn push(&mut self, sim: &mut Simulation) -> Vec<Vec<String>> {
        let mut some = |sim: &mut Simulation| {
            let mut request = words(&["RPUSH", &name(sim.rng.below(QUEUES))]);
            for _ in 0..=sim.rng.below(3) {
                self.pushed += 1;
                request.push(self.pushed.to_string());
            }
            request
        };
        match sim.rng.below(12) {
            0 | 1 => {
                let both = [some(sim), some(sim)];
                let mut requests = vec![words(&["MULTI"])];
                requests.extend(both);
                requests.push(words(&["EXEC"]));
                requests
            }
            2 => vec![words(&["CLIENT", "PAUSE", "3", "WRITE"]), some(sim)],
            _ => vec![some(sim)],
        }
    }

    /// Takes up what clients were given.
    fn collect(&mut self, sim: &mut Simulation) -> Result<(), String> {
        for consumer in &mut self.consumers {
            consumer.parser.feed(&sim.take_inbox(consumer.client));
            while let Ok(Some(reply)) = consumer.parser.next() {
                if !std::mem::take(&mut consumer.asks) {
                    return Err(format!("a client got {reply:?}, and had not asked"));
                }
                if let Some(element) = element(&reply)? {
                    *self.given.entry(element).or_default() += 1;
                }
            }
        }
        Ok(())
    }

    /// Lets those wait again that were answered.
    fn ask(&mut self, sim: &mut Simulation) {
        for consumer in &mut self.consumers {
            if !std::mem::replace(&mut consumer.asks, true) {
                let mut bytes = Vec::new();
                encode_command(&mut bytes, &wait(sim));
                sim.client_send(consumer.client, &bytes);
            }
        }
    }

    /// Every element was given to one client, or is in a queue; while nobody pushes.
    ///
    /// # Errors
    /// Names one that was lost, or is there twice.
    fn check(&mut self, sim: &mut Simulation) -> Result<(), String> {
        self.collect(sim)?;
        let names = (0..QUEUES).map(name);
        let requests: Vec<_> = names
            .map(|name| words(&["LRANGE", &name, "0", "-1"]))
            .collect();
        let mut seen = self.given.clone();
        for reply in sim.ask(MASTER, &requests)? {
            let ReplyValue::Array(elements) = reply else {
                return Err(format!("LRANGE answers {reply:?}"));
            };
            for element in elements.iter().filter_map(number) {
                *seen.entry(element).or_default() += 1;
            }
        }
        for element in 1..=self.pushed {
            match seen.get(&element) {
                Some(1) => {}
                None => {
                    return Err(format!(
                        "element {element} is given to nobody, and in no queue"
                    ));
                }
                Some(times) => return Err(format!("element {element} is there {times} times")),
            }
        }
        Ok(())
    }
}

/// A request that waits for an element: for long, or not. Some move it on.
fn wait(sim: &mut Simulation) -> Vec<String> {
    let (one, two) = (name(sim.rng.below(QUEUES)), name(sim.rng.below(QUEUES)));
    let timeout = if sim.rng.one_in(3) { "0.05" } else { "0" };
    match sim.rng.below(4) {
        0 => words(&["BLMOVE", &one, &two, "LEFT", "RIGHT", timeout]),
        1 => words(&["BRPOP", &one, &two, timeout]),
        2 => words(&["BLMPOP", timeout, "2", &one, &two, "LEFT"]),
        _ => words(&["BLPOP", &one, timeout]),
    }
}

/// The element that a client has got for itself, if it has.
fn element(reply: &ReplyValue) -> Result<Option<u64>, String> {
    match reply {
        // It was moved to another queue; or the time is over.
        ReplyValue::Bulk(_) | ReplyValue::Null => Ok(None),
        ReplyValue::Array(parts) => match parts.last() {
            Some(ReplyValue::Array(elements)) => Ok(elements.first().and_then(number)),
            Some(last) => Ok(number(last)),
            None => Ok(None),
        },
        other => Err(format!("a client that waits for an element got {other:?}")),
    }
}

fn number(value: &ReplyValue) -> Option<u64> {
    std::str::from_utf8(value.text()?).ok()?.parse().ok()
}

fn name(queue: u64) -> String {
    format!("{{queues}}{queue}")
}
