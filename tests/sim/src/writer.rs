//! Clients that write throughout a run, follow redirections, and know what they were promised.

use std::collections::BTreeMap;

use slotkeeper_node::resp::{ReplyParser, ReplyValue, encode_command};
use slotkeeper_topology::{SlotSet, key_slot};

use crate::net::NodeIx;
use crate::world::World;

/// A request that has no answer after this long is given up, in microseconds.
const PATIENCE_US: u64 = 1_000_000;
/// How long WAIT waits for a replica, in milliseconds.
const WAIT_MS: &str = "300";
/// How many keys a client writes.
const KEYS: u64 = 7;

/// One client. It writes ever higher numbers under a few keys of its own, one at a time, and asks
/// with WAIT whether a replica has the write. Before each it reads what it was promised to find there:
/// what was lost meanwhile shall not go unseen because it is written anew.
#[derive(Debug)]
pub struct Writer {
    name: usize,
    client: Option<usize>,
    node: NodeIx,
    parser: ReplyParser,
    under_way: Option<UnderWay>,
    next: u64,
    /// The highest number of each key that a replica confirmed: it must survive any one failure.
    promised: BTreeMap<String, u64>,
    /// The first promise that was found broken.
    broken: Option<String>,
    /// Writes that were acknowledged.
    pub acknowledged: u64,
}

#[derive(Debug)]
struct UnderWay {
    key: String,
    number: u64,
    sent_us: u64,
    read: bool,
    set: bool,
    /// A confirmation that is still to come is older than what has failed.
    worthless: bool,
}

impl Writer {
    /// A client of that number, which begins at that node.
    #[must_use]
    pub fn new(name: usize, node: NodeIx) -> Writer {
        let parser = ReplyParser::new(64 * 1024);
        let (client, under_way, promised) = (None, None, BTreeMap::new());
        Writer {
            name,
            client,
            node,
            parser,
            under_way,
            next: 1,
            promised,
            broken: None,
            acknowledged: 0,
        }
    }

    /// More has failed at once than a confirmation is good for.
    pub fn release(&mut self) {
        self.promised.clear();
        self.broken = None;
        if let Some(under_way) = &mut self.under_way {
            under_way.worthless = true;
        }
    }

    /// Every key with the lowest number that it may hold now.
    pub fn promised(&self) -> impl Iterator<Item = (&str, u64)> {
        self.promised
            .iter()
            .map(|(key, number)| (key.as_str(), *number))
    }

    /// Takes what has arrived and sends what is next.
    pub fn act(&mut self, world: &mut World) {
        let closed = self
            .client
            .is_none_or(|c| world.client(c).is_none_or(|state| state.closed));
        let late = self
            .under_way
            .as_ref()
            .is_some_and(|w| world.now_us > w.sent_us + PATIENCE_US);
        if closed || late {
            self.turn_to(world, None);
        }
        let Some(client) = self.client else { return };
        self.parser.feed(&world.take_inbox(client));
        while let Ok(Some(reply)) = self.parser.next() {
            self.learn(world, &reply);
        }
        if self.under_way.is_none() && self.client.is_some() {
            self.send(world);
        }
    }

    fn send(&mut self, world: &mut World) {
        let Some(client) = self.client else { return };
        let key = key(self.name, self.next);
        let number = self.next.to_string();
        let mut bytes = Vec::new();
        encode_command(&mut bytes, &["GET", key.as_str()]);
        encode_command(&mut bytes, &["SET", key.as_str(), number.as_str()]);
        encode_command(&mut bytes, &["WAIT", "1", WAIT_MS]);
        world.client_send(client, &bytes);
        let (number, sent_us) = (self.next, world.now_us);
        self.under_way = Some(UnderWay {
            key,
            number,
            sent_us,
            read: false,
            set: false,
            worthless: false,
        });
        self.next += 1;
    }

    fn learn(&mut self, world: &mut World, reply: &ReplyValue) {
        let Some(under_way) = &mut self.under_way else {
            return;
        };
        match reply {
            ReplyValue::Bulk(_) | ReplyValue::Null if !under_way.read => {
                under_way.read = true;
                let promised = self.promised.get(&under_way.key).copied();
                let broken = promised.and_then(|number| broken(&under_way.key, number, reply));
                self.broken = self.broken.take().or(broken);
            }
            ReplyValue::Simple(_) => {
                under_way.set = true;
                self.acknowledged += 1;
            }
            ReplyValue::Integer(replicas) => {
                if under_way.set && !under_way.worthless && *replicas >= 1 {
                    self.promised
                        .insert(under_way.key.clone(), under_way.number);
                }
                self.under_way = None;
            }
            ReplyValue::Error(text) => {
                let moved = moved_to(text).and_then(|ip| world.host_at(&ip));
                self.turn_to(world, moved);
            }
            _ => self.turn_to(world, None),
        }
    }

    /// Goes on at another node: the one named, or any.
    fn turn_to(&mut self, world: &mut World, node: Option<NodeIx>) {
        if let Some(client) = self.client.take() {
            world.disconnect(client);
        }
        self.parser = ReplyParser::new(64 * 1024);
        self.under_way = None;
        self.node = node.unwrap_or_else(|| world.rng.index(world.hosts.len()));
        self.client = world.connect(self.node);
    }
}

/// The key of a client's nth write.
fn key(name: usize, nth: u64) -> String {
    format!("writer:{name}:{}", nth % KEYS)
}

/// How the value of a key breaks a promise, if it does.
fn broken(key: &str, promised: u64, value: &ReplyValue) -> Option<String> {
    let text = value.text().and_then(|text| std::str::from_utf8(text).ok());
    let number: Option<u64> = text.and_then(|text| text.parse().ok());
    let kept = number.is_some_and(|number| number >= promised);
    (!kept).then(|| format!("{key} was promised to be {promised} or more and is {number:?}"))
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

impl World {
    /// Lets another client write from now on.
    pub fn add_writer(&mut self) {
        let node = self.rng.index(self.hosts.len());
        self.writers
            .push(Some(Writer::new(self.writers.len(), node)));
        self.schedule_writer(self.writers.len() - 1);
    }

    /// Every slot that clients write to.
    #[must_use]
    pub fn written_slots(&self) -> SlotSet {
        let names =
            (0..self.writers.len()).flat_map(|name| (0..KEYS).map(move |nth| key(name, nth)));
        let mut slots = SlotSet::new();
        names.for_each(|name| {
            slots.insert(key_slot(name.as_bytes()));
        });
        slots
    }

    /// Why a promise was broken; none when every promised write can be read.
    pub fn broken_promise(&mut self) -> Option<String> {
        let promised: Vec<(String, u64)> = (self.writers.iter().flatten())
            .flat_map(|writer| {
                writer
                    .promised()
                    .map(|(key, number)| (key.to_owned(), number))
            })
            .collect();
        let found = self
            .writers
            .iter()
            .flatten()
            .find_map(|writer| writer.broken.clone());
        found.or_else(|| {
            promised.into_iter().find_map(|(key, number)| {
                let reply = self.read_anywhere(&key).unwrap_or(ReplyValue::Null);
                broken(&key, number, &reply)
            })
        })
    }

    /// The value of a key, at the node that owns it.
    pub(crate) fn read_anywhere(&mut self, key: &str) -> Option<ReplyValue> {
        let slot = key_slot(key.as_bytes());
        let owner = (0..self.hosts.len()).find(|&ix| self.owns(ix, slot))?;
        self.call(owner, &["GET", key])
    }
}
