//! One run of streams whose readers wait: the members of a group share the messages, and every other
//! reader gets all of them, while a replica is cut off, dies and syncs; in the end it holds what its
//! master holds.

use std::collections::BTreeMap;

use slotkeeper_node::engine::Engine;
use slotkeeper_node::resp::{ReplyParser, ReplyValue, encode_command};

use crate::gossip::{Summary, config};
use crate::net::NodeIx;
use crate::ops::words;
use crate::simulation::Simulation;

/// How many streams there are: names of one slot.
const STREAMS: usize = 2;
/// How many members the group has.
const MEMBERS: usize = 3;
/// How many others read.
const READERS: usize = 3;
const GROUP: &str = "group";
/// The longest reply.
const REPLY_MAX: usize = 1 << 20;

/// How often somebody adds messages.
const ADDS: usize = 200;
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
    let groups = (0..STREAMS)
        .map(|nth| words(&["XGROUP", "CREATE", &name(nth), GROUP, "0", "MKSTREAM"]))
        .collect::<Vec<_>>();
    sim.ask(MASTER, &groups)?;
    let mut streams = Streams::new(sim)?;
    let adder = sim.connect(MASTER).ok_or("the master is down")?;
    let mut faults = 0;
    for _ in 0..2 {
        for _ in 0..ADDS {
            streams.collect(sim)?;
            streams.ask(sim);
            let requests = streams.add(sim);
            send(sim, adder, &requests);
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
        // Who was answered by its deadline asks once more, and gets what came meanwhile.
        for _ in 0..2 {
            sim.run_for(SETTLE_US);
            streams.collect(sim)?;
            streams.ask(sim);
        }
        sim.run_for(SETTLE_US);
        let one_more = streams.add_to(0);
        send(sim, adder, &[one_more]);
        sim.run_for(SETTLE_US);
        streams.collect(sim)?;
        streams.are_answered()?;
        streams.ask(sim);
        sim.run_for(SETTLE_US);
        streams.check(sim)?;
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

fn send(sim: &mut Simulation, client: usize, requests: &[Vec<String>]) {
    let mut bytes = Vec::new();
    (requests.iter()).for_each(|request| encode_command(&mut bytes, request));
    sim.client_send(client, &bytes);
}

/// Whom a client reads for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    /// For the group, as its member of that number.
    Member(usize),
    /// For itself, behind the last message that it knows of each stream.
    Alone,
    /// For itself, only what comes while it waits.
    FromNow,
}

impl Reader {
    fn shares(self) -> bool {
        matches!(self, Reader::Member(_))
    }
}

/// A message: the stream, its id, and the number in it.
type Message = (usize, String, u64);

/// One who waits for messages.
#[derive(Debug)]
struct Client {
    reader: Reader,
    client: usize,
    parser: ReplyParser,
    /// How many of its requests are not answered; the last one waits for messages.
    asks: usize,
    /// The last message that it got of each stream.
    last: [(String, u64); STREAMS],
}

impl Client {
    fn new(sim: &mut Simulation, reader: Reader) -> Option<Client> {
        let client = sim.connect(MASTER)?;
        Some(Client {
            reader,
            client,
            parser: ReplyParser::new(REPLY_MAX),
            asks: 0,
            last: std::array::from_fn(|_| ("0".to_owned(), 0)),
        })
    }

    /// What it sends next: it confirms what it has got, and waits for more.
    fn requests(&self, sim: &mut Simulation, got: &[Message]) -> Vec<Vec<String>> {
        let mut requests = Vec::new();
        let mut wait = match self.reader {
            Reader::Member(number) => {
                let confirm =
                    |(stream, id, _): &Message| words(&["XACK", &name(*stream), GROUP, id]);
                requests.extend(got.iter().map(confirm));
                words(&["XREADGROUP", "GROUP", GROUP, &format!("member:{number}")])
            }
            Reader::Alone | Reader::FromNow => words(&["XREAD"]),
        };
        if sim.rng.one_in(2) {
            wait.extend(words(&["COUNT", "2"]));
        }
        let timeout = if sim.rng.one_in(3) { "50" } else { "0" };
        wait.extend(words(&["BLOCK", timeout, "STREAMS"]));
        wait.extend((0..STREAMS).map(name));
        wait.extend((0..STREAMS).map(|stream| match self.reader {
            Reader::Member(_) => ">".to_owned(),
            Reader::Alone => self.last[stream].0.clone(),
            Reader::FromNow => "$".to_owned(),
        }));
        requests.push(wait);
        requests
    }

    /// Takes a message that it got.
    fn take(&mut self, (stream, id, number): &Message) -> Result<(), String> {
        let known = &mut self.last[*stream];
        let is_next = match self.reader {
            // Others take some, but none before it.
            Reader::Member(_) | Reader::FromNow => *number > known.1,
            Reader::Alone => *number == known.1 + 1,
        };
        if !is_next {
            let (reader, before) = (self.reader, known.1);
            return Err(format!(
                "{reader:?} got message {number} of {stream} after {before}"
            ));
        }
        *known = (id.clone(), *number);
        Ok(())
    }
}

/// The messages of all streams, and who reads them.
#[derive(Debug)]
struct Streams {
    clients: Vec<Client>,
    /// How many messages each stream got: they have the numbers up to that.
    added: [u64; STREAMS],
    /// To which member each message was given.
    given: BTreeMap<(usize, u64), usize>,
    /// What each client got and has not confirmed.
    got: Vec<Vec<Message>>,
}

impl Streams {
    fn new(sim: &mut Simulation) -> Result<Streams, String> {
        let members = (0..MEMBERS).map(Reader::Member);
        let others = (0..READERS).map(|nth| match nth {
            0 => Reader::FromNow,
            _ => Reader::Alone,
        });
        let clients = members.chain(others).map(|reader| Client::new(sim, reader));
        let clients: Option<Vec<Client>> = clients.collect();
        let clients = clients.ok_or("the master is down")?;
        Ok(Streams {
            got: clients.iter().map(|_| Vec::new()).collect(),
            clients,
            added: [0; STREAMS],
            given: BTreeMap::new(),
        })
    }

    /// What adds messages to a stream, or to several at once; sometimes while writes are paused.
    fn add(&mut self, sim: &mut Simulation) -> Vec<Vec<String>> {
        let mut some = |sim: &mut Simulation| self.add_to(sim.rng.index(STREAMS));
        match sim.rng.below(12) {
            0..=2 => {
                let all = [some(sim), some(sim), some(sim)];
                let mut requests = vec![words(&["MULTI"])];
                requests.extend(all);
                requests.push(words(&["EXEC"]));
                requests
            }
            3 => vec![words(&["CLIENT", "PAUSE", "3", "WRITE"]), some(sim)],
            _ => vec![some(sim)],
        }
    }

    /// What adds the next message to a stream.
    fn add_to(&mut self, stream: usize) -> Vec<String> {
        self.added[stream] += 1;
        let number = self.added[stream].to_string();
        words(&["XADD", &name(stream), "*", "number", &number])
    }

    /// A message came while everybody waited: who reads for itself has it.
    ///
    /// # Errors
    /// When one goes on waiting.
    fn are_answered(&self) -> Result<(), String> {
        let waits = |client: &&Client| client.asks > 0 && !client.reader.shares();
        match self.clients.iter().find(waits) {
            Some(client) => Err(format!("{:?} waits for a message that came", client.reader)),
            None => Ok(()),
        }
    }

    /// Takes up what clients were given.
    fn collect(&mut self, sim: &mut Simulation) -> Result<(), String> {
        for (client, got) in self.clients.iter_mut().zip(&mut self.got) {
            client.parser.feed(&sim.take_inbox(client.client));
            while let Ok(Some(reply)) = client.parser.next() {
                if client.asks == 0 {
                    return Err(format!("a client got {reply:?}, and had not asked"));
                }
                client.asks -= 1;
                if client.asks > 0 {
                    if reply != ReplyValue::Integer(1) {
                        return Err(format!("a message was confirmed, and was not: {reply:?}"));
                    }
                    continue;
                }
                for message in messages(&reply)? {
                    client.take(&message)?;
                    if let Reader::Member(number) = client.reader
                        && let Some(other) = self.given.insert((message.0, message.2), number)
                    {
                        let (stream, _, message) = message;
                        return Err(format!(
                            "message {message} of {stream} was given to {other} and to {number}"
                        ));
                    }
                    got.push(message);
                }
            }
        }
        Ok(())
    }

    /// Lets those wait again that were answered.
    fn ask(&mut self, sim: &mut Simulation) {
        for (client, got) in self.clients.iter_mut().zip(&mut self.got) {
            if client.asks == 0 {
                let requests = client.requests(sim, &std::mem::take(got));
                client.asks = requests.len();
                send(sim, client.client, &requests);
            }
        }
    }

    /// Every message is in its stream, was given to one member, and was read by everybody who reads
    /// all; what was given and not confirmed is pending. While nobody adds any.
    ///
    /// # Errors
    /// Names one that was lost, or is there twice.
    fn check(&mut self, sim: &mut Simulation) -> Result<(), String> {
        self.collect(sim)?;
        for stream in 0..STREAMS {
            let added = self.added[stream];
            let requests = [
                words(&["XLEN", &name(stream)]),
                words(&["XPENDING", &name(stream), GROUP]),
            ];
            let replies = sim.ask(MASTER, &requests)?;
            if replies[0] != ReplyValue::Integer(added.cast_signed()) {
                return Err(format!(
                    "{stream} got {added} messages, and has {:?}",
                    replies[0]
                ));
            }
            let unconfirmed = self.clients.iter().zip(&self.got);
            let unconfirmed = unconfirmed
                .filter(|(client, _)| client.reader.shares())
                .map(|(_, got)| got.iter().filter(|message| message.0 == stream).count())
                .sum::<usize>();
            let pending = match &replies[1] {
                ReplyValue::Array(parts) => parts.first().cloned(),
                _ => None,
            };
            if pending != Some(ReplyValue::Integer(unconfirmed as i64)) {
                return Err(format!(
                    "{unconfirmed} messages of {stream} are not confirmed, and {pending:?} pending"
                ));
            }
            if let Some(lost) = (1..=added).find(|it| !self.given.contains_key(&(stream, *it))) {
                return Err(format!("message {lost} of {stream} is given to nobody"));
            }
            let alone = self.clients.iter().filter(|it| it.reader == Reader::Alone);
            for client in alone {
                let last = client.last[stream].1;
                if last != added {
                    return Err(format!("of {added} messages of {stream} one read {last}"));
                }
            }
        }
        Ok(())
    }
}

/// What a client has got that waited for messages; nothing if the time was over.
fn messages(reply: &ReplyValue) -> Result<Vec<Message>, String> {
    let unknown = || format!("a client that waits for messages got {reply:?}");
    let mut messages = Vec::new();
    let streams = match reply {
        ReplyValue::Null => &[][..],
        ReplyValue::Array(streams) => streams,
        _ => return Err(unknown()),
    };
    for stream in streams {
        let (key, shown) = pair(stream).ok_or_else(unknown)?;
        let key = text(key).ok_or_else(unknown)?;
        let nth = (0..STREAMS).find(|nth| name(*nth) == key);
        let (Some(nth), ReplyValue::Array(shown)) = (nth, shown) else {
            return Err(unknown());
        };
        for message in shown {
            let (id, fields) = pair(message).ok_or_else(unknown)?;
            let number = pair(fields).and_then(|(_, number)| text(number)?.parse().ok());
            let (Some(id), Some(number)) = (text(id), number) else {
                return Err(unknown());
            };
            messages.push((nth, id.to_owned(), number));
        }
    }
    Ok(messages)
}

fn pair(value: &ReplyValue) -> Option<(&ReplyValue, &ReplyValue)> {
    match value {
        ReplyValue::Array(parts) => match &parts[..] {
            [one, two] => Some((one, two)),
            _ => None,
        },
        _ => None,
    }
}

fn text(value: &ReplyValue) -> Option<&str> {
    std::str::from_utf8(value.text()?).ok()
}

fn name(stream: usize) -> String {
    format!("{{streams}}{stream}")
}
