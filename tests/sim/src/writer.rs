//! Clients that write throughout a run, follow redirections, and know what they were promised.

mod found;
mod keys;
mod promises;

use std::collections::BTreeMap;

use slotkeeper_node::resp::{ReplyParser, ReplyValue, encode_command};
use slotkeeper_topology::{SlotSet, key_slot};

use crate::net::{ClientKind, NodeIx};
use crate::ops::words;
use crate::simulation::Simulation;
use found::Found;
use keys::{KEYS, Kind, found, key_name, read};
use promises::Promises;

/// A request that has no answer after this long is given up, in microseconds.
const PATIENCE_US: u64 = 1_000_000;
/// How long WAIT waits for replicas, in milliseconds.
const WAIT_MS: &str = "300";
/// How long a key that expires is only read, in microseconds: it can be seen to live and to be gone.
const REST_US: u64 = 30_000_000;

/// What makes a write one that must not be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// It was acknowledged.
    Acknowledged,
    /// So many replicas have confirmed it.
    Confirmed(u32),
}

/// One client. It writes ever higher numbers under a few keys of its own, one at a time, and asks
/// with WAIT whether replicas have the write. Some keys are deleted in turn, one expires, two are
/// written by one transaction, and there is one of every other type. Before each write it reads what
/// it was promised to find there: what was lost meanwhile must be found before it is written
/// again.
#[derive(Debug)]
pub struct Writer {
    name: usize,
    client: Option<usize>,
    node: NodeIx,
    parser: ReplyParser,
    under_way: Option<UnderWay>,
    next: u64,
    safe: Durability,
    /// What each key was promised to hold.
    promises: BTreeMap<u64, Promises>,
    /// When the key that expires is written next, in microseconds.
    rests_until_us: u64,
    /// The first promise that was found broken.
    broken: Option<String>,
    /// Writes that were acknowledged.
    pub acknowledged: u64,
}

/// A read, and mostly a write after it.
#[derive(Debug)]
struct UnderWay {
    key: u64,
    number: u64,
    sent_us: u64,
    /// The place of the answer that acknowledges the write; none where there is only a read.
    acknowledges: Option<usize>,
    /// The answer says what was written.
    counts: bool,
    answers: usize,
    done: bool,
    /// A promise that is still to come is older than what has failed.
    worthless: bool,
}

impl UnderWay {
    /// Whether that answer says what was written.
    fn counts_in(&self, nth: usize) -> bool {
        self.counts && Some(nth) == self.acknowledges
    }
}

impl Writer {
    /// A client of that number, which begins at that node.
    #[must_use]
    pub fn new(name: usize, node: NodeIx, safe: Durability) -> Writer {
        Writer {
            name,
            client: None,
            node,
            parser: ReplyParser::new(64 * 1024),
            under_way: None,
            next: 1,
            safe,
            promises: BTreeMap::new(),
            rests_until_us: 0,
            broken: None,
            acknowledged: 0,
        }
    }

    /// More has failed at once than a promise is good for.
    pub fn release(&mut self) {
        self.promises.values_mut().for_each(Promises::release);
        self.broken = None;
        if let Some(under_way) = &mut self.under_way {
            under_way.worthless = true;
        }
    }

    /// Takes what has arrived and sends what is next.
    pub fn act(&mut self, sim: &mut Simulation) {
        let closed = self
            .client
            .is_none_or(|c| sim.client(c).is_none_or(|state| state.closed));
        let late = self
            .under_way
            .as_ref()
            .is_some_and(|w| sim.now_us > w.sent_us + PATIENCE_US);
        if closed || late {
            self.turn_to(sim, None);
        }
        let Some(client) = self.client else { return };
        self.parser.feed(&sim.take_inbox(client));
        while let Ok(Some(reply)) = self.parser.next() {
            self.learn(sim, &reply);
        }
        if self.under_way.is_none() && self.client.is_some() {
            self.send(sim);
        }
    }

    fn send(&mut self, sim: &mut Simulation) {
        let Some(client) = self.client else { return };
        let (number, key, now) = (self.next, self.next % KEYS, sim.now_us);
        self.next += 1;
        let kind = Kind::of(key, number, now < self.rests_until_us);
        let mut requests = vec![read(self.name, key)];
        requests.extend(kind.requests(&key_name(self.name, key), number));
        let promises = self.promises.entry(key).or_default();
        match kind {
            Kind::Expire => {
                promises.expires(number, now);
                self.rests_until_us = now + REST_US;
            }
            Kind::Count => promises.counts(),
            _ if kind.removes() => promises.removes(number),
            _ => {}
        }
        let acknowledges = (kind != Kind::Look).then_some(requests.len() - 1);
        if let (Some(_), Durability::Confirmed(replicas)) = (acknowledges, self.safe) {
            requests.push(words(&["WAIT", &replicas.to_string(), WAIT_MS]));
        }
        let mut bytes = Vec::new();
        (requests.iter()).for_each(|request| encode_command(&mut bytes, request));
        sim.client_send(client, &bytes);
        self.under_way = Some(UnderWay {
            key,
            number,
            sent_us: now,
            acknowledges,
            counts: kind == Kind::Count,
            answers: 0,
            done: false,
            worthless: false,
        });
    }

    fn learn(&mut self, sim: &mut Simulation, reply: &ReplyValue) {
        let Some(under_way) = &mut self.under_way else {
            return;
        };
        if let ReplyValue::Error(text) = reply {
            let moved = moved_to(text).and_then(|ip| sim.host_at(&ip));
            return self.turn_to(sim, moved);
        }
        let nth = under_way.answers;
        under_way.answers += 1;
        if let (true, ReplyValue::Integer(count)) = (under_way.counts_in(nth), reply) {
            under_way.number = count.unsigned_abs();
        }
        let UnderWay { key, number, .. } = *under_way;
        let promises = self.promises.entry(key).or_default();
        let mut safe = false;
        if nth == 0 {
            let broken = promises.broken(found(key, reply), under_way.sent_us, sim.now_us);
            let named = broken.map(|why| format!("{} {why}", key_name(self.name, key)));
            self.broken = self.broken.take().or(named);
        } else if Some(nth) == under_way.acknowledges {
            if *reply == ReplyValue::Null {
                return self.turn_to(sim, None);
            }
            promises.acknowledged(number, sim.now_us);
            under_way.done = true;
            self.acknowledged += 1;
            safe = self.safe == Durability::Acknowledged;
        } else if let (true, Durability::Confirmed(wanted)) = (under_way.done, self.safe) {
            safe = matches!(reply, ReplyValue::Integer(n) if *n >= i64::from(wanted));
        }
        if safe && !under_way.worthless {
            promises.keep(number);
        }
        let last = match (under_way.acknowledges, self.safe) {
            (None, _) => 0,
            (Some(nth), Durability::Acknowledged) => nth,
            (Some(nth), Durability::Confirmed(_)) => nth + 1,
        };
        if nth == last {
            self.under_way = None;
        }
    }

    /// Goes on at another node: the one named, or any.
    fn turn_to(&mut self, sim: &mut Simulation, node: Option<NodeIx>) {
        if let Some(client) = self.client.take() {
            sim.disconnect(client);
        }
        self.parser = ReplyParser::new(64 * 1024);
        self.under_way = None;
        self.node = node.unwrap_or_else(|| sim.rng.index(sim.hosts.len()));
        self.client = sim.connect_as(ClientKind::Writer, self.node);
    }
}

/// The address in `MOVED slot ip:port`.
fn moved_to(text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?;
    let (ip, _) = text
        .strip_prefix("MOVED ")?
        .split_once(' ')?
        .1
        .rsplit_once(':')?;
    Some(ip.to_owned())
}

impl Simulation {
    /// Lets another client write from now on.
    pub fn add_writer(&mut self, safe: Durability) {
        let node = self.rng.index(self.hosts.len());
        self.writers
            .push(Some(Writer::new(self.writers.len(), node, safe)));
        self.schedule_writer(self.writers.len() - 1);
    }

    /// Every slot that clients write to.
    #[must_use]
    pub fn written_slots(&self) -> SlotSet {
        let names =
            (0..self.writers.len()).flat_map(|name| (0..KEYS).map(move |key| key_name(name, key)));
        let mut slots = SlotSet::new();
        names.for_each(|name| {
            slots.insert(key_slot(name.as_bytes()));
        });
        slots
    }

    /// Why a promise was broken; none when every promised write can be read. Clients wait meanwhile.
    pub fn broken_promise(&mut self) -> Option<String> {
        let writers: Vec<_> = self.writers.iter_mut().map(Option::take).collect();
        let broken = writers.iter().flatten().find_map(|writer| {
            let keys = writer.promises.iter().filter(|(_, p)| p.binding());
            let mut broken = keys.filter_map(|(key, promises)| {
                let asked_us = self.now_us;
                let name = key_name(writer.name, *key);
                let reply = self.ask_owner(&name, &read(writer.name, *key));
                let found = reply
                    .as_ref()
                    .map_or(Found::Nothing, |reply| found(*key, reply));
                let broken = promises.broken(found, asked_us, self.now_us)?;
                Some(format!("{name} {broken}"))
            });
            writer.broken.clone().or_else(|| broken.next())
        });
        self.writers = writers;
        broken
    }

    /// The value of a key, at the node that owns it.
    pub(crate) fn read_anywhere(&mut self, key: &str) -> Option<ReplyValue> {
        self.ask_owner(key, &words(&["GET", key]))
    }

    fn ask_owner(&mut self, key: &str, argv: &[String]) -> Option<ReplyValue> {
        let slot = key_slot(key.as_bytes());
        let owner = (0..self.hosts.len()).find(|&ix| self.owns(ix, slot))?;
        let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
        self.call(owner, &argv)
    }
}
