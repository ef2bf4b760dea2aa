//! One run of a slot that moves from one master to another while clients write to its keys. The
//! connection between the two breaks at any byte, and is slow. Every acknowledged write is kept: a key
//! is at one of both, or, after a MIGRATE that failed midway, at both.

mod keys;
mod mover;

use slotkeeper_node::io::LinkId;
use slotkeeper_node::resp::{ReplyParser, ReplyValue, encode_command};
use slotkeeper_topology::key_slot;

use self::keys::{Key, Op, name};
use self::mover::Mover;
use crate::gossip::{Summary, config};
use crate::host::ConnKind;
use crate::net::{ConnId, End, NodeIx, Party};
use crate::simulation::{ScheduledFault, Simulation};

/// The masters that the slot moves between.
const NODES: [NodeIx; 2] = [0, 1];
const KEYS: usize = 40;
const CLIENTS: usize = 4;
/// The slot moves so often.
const MOVES: usize = 3;
/// Clients look so often at their answers before a move.
const WRITES: usize = 400;
/// How long one move may take, in microseconds.
const PATIENCE_US: u64 = 60_000_000;
/// The longest pause between two looks at everything, in microseconds.
const PAUSE_US: u64 = 1_500;
/// For so long nothing passes between the two, at most, in microseconds.
const LONGEST_US: u64 = 400_000;
const REPLY_MAX: usize = 64 * 1024;

/// Runs a seed.
///
/// # Errors
/// What did not hold, with the nodes' logs.
pub fn run(seed: u64) -> Result<Summary, String> {
    let mut sim = Simulation::new(seed, vec![config(), config()]);
    sim.form(2);
    play(&mut sim).map_err(|error| format!("{error}\n-- logs\n{}", sim.report()))
}

fn play(sim: &mut Simulation) -> Result<Summary, String> {
    let slot = key_slot(name(0).as_bytes());
    let mut from = NODES.into_iter().find(|ix| sim.owns(*ix, slot));
    let mut load = Load::new(from.ok_or("no node has the slot")?);
    let mut faults = 0;
    for _ in 0..MOVES {
        let source = from.ok_or("no node has the slot")?;
        let target = 1 - source;
        // Nothing moves yet: keys come about.
        for _ in 0..WRITES {
            load.act(sim, true)?;
            let pause = sim.rng.below(PAUSE_US);
            sim.run_for(pause);
        }
        let mut mover = Mover::begin(sim, slot, source, target);
        let deadline = sim.now_us + PATIENCE_US;
        while !load.moved(sim, &mut mover)? {
            if sim.now_us > deadline {
                return Err("the move does not end".to_owned());
            }
            load.act(sim, true)?;
            faults += usize::from(strike(sim));
            let pause = sim.rng.below(PAUSE_US);
            sim.run_for(pause);
        }
        sim.heal();
        load.finish(sim)?;
        mover.end(sim);
        sim.until("every view agrees", |sim| sim.disagreement().is_none());
        load.check(sim, target)?;
        from = Some(target);
    }
    Ok(Summary {
        events: sim.events,
        faults,
    })
}

/// Sometimes the connection of a MIGRATE breaks, with part of what is on its way, or nothing passes for
/// a while. Whether it did.
fn strike(sim: &mut Simulation) -> bool {
    const HEAL: ScheduledFault = |sim, _| sim.heal();
    if sim.rng.one_in(150) {
        sim.net.cut(Party::Node(NODES[0]), Party::Node(NODES[1]));
        let lasts = sim.rng.below(LONGEST_US);
        sim.schedule_fault(lasts, HEAL, Vec::new());
        return true;
    }
    let Some(conn) = moving(sim).filter(|_| sim.rng.one_in(8)) else {
        return false;
    };
    let to = match sim.rng.one_in(2) {
        true => End::Listener,
        false => End::Dialer,
    };
    let kept = sim.net.under_way(conn, to) as u64 + 1;
    let kept = sim.rng.below(kept) as usize;
    sim.tear(conn, to, kept);
    true
}

/// The connection of a MIGRATE, if there is one.
fn moving(sim: &Simulation) -> Option<ConnId> {
    let hosts = NODES.iter().map(|ix| &sim.hosts[*ix]);
    let mut kinds = hosts.flat_map(|host| &host.conn_kinds);
    kinds.find_map(|((conn, _), kind)| {
        matches!(kind, ConnKind::Link(LinkId::Migrate(_))).then_some(*conn)
    })
}

/// Clients, each with one request at a time, and what is known of the keys.
struct Load {
    clients: Vec<Client>,
    keys: Vec<Key>,
    /// How many values were written.
    values: u64,
}

struct Client {
    /// The key and what is asked of it.
    asks: Option<(usize, Op)>,
    /// The connection that the answer comes on, and how many come before it.
    waits: Option<(usize, ReplyParser, usize)>,
    /// Where to ask next, and whether with ASKING.
    at: (NodeIx, bool),
    owner: NodeIx,
}

impl Load {
    fn new(owner: NodeIx) -> Load {
        let client = |_| Client {
            asks: None,
            waits: None,
            at: (owner, false),
            owner,
        };
        Load {
            clients: (0..CLIENTS).map(client).collect(),
            keys: (0..KEYS).map(|_| Key::default()).collect(),
            values: 0,
        }
    }

    /// Whether the mover has no key left.
    fn moved(&mut self, sim: &mut Simulation, mover: &mut Mover) -> Result<bool, String> {
        let asks = |client: &Client| client.asks;
        let asked: Vec<(usize, Op)> = self.clients.iter().filter_map(asks).collect();
        mover.is_done(sim, &mut self.keys, |key| {
            let of_key = asked.iter().find(|(asked, _)| *asked == key);
            of_key.map(|(_, op)| *op)
        })
    }

    /// Every client takes its answer, and asks for something else.
    fn act(&mut self, sim: &mut Simulation, more: bool) -> Result<(), String> {
        for nth in 0..self.clients.len() {
            self.hear(sim, nth)?;
            self.ask(sim, nth, more);
        }
        Ok(())
    }

    /// Until nobody asks for anything.
    fn finish(&mut self, sim: &mut Simulation) -> Result<(), String> {
        let deadline = sim.now_us + PATIENCE_US;
        while self.clients.iter().any(|client| client.asks.is_some()) {
            if sim.now_us > deadline {
                return Err("a client gets no answer".to_owned());
            }
            self.act(sim, false)?;
            sim.run_for(1_000);
        }
        Ok(())
    }

    fn ask(&mut self, sim: &mut Simulation, nth: usize, more: bool) {
        let client = &mut self.clients[nth];
        if client.waits.is_some() {
            return;
        }
        if client.asks.is_none() && more {
            // Each client has keys of its own: what happens to one happens in its order.
            let key = sim.rng.index(KEYS / CLIENTS) * CLIENTS + nth;
            self.values += 1;
            let op = Op::draw(&mut sim.rng, self.values);
            self.keys[key].asked(op);
            client.asks = Some((key, op));
        }
        let (Some((key, op)), (node, asking)) = (client.asks, client.at) else {
            return;
        };
        if let Some(conn) = sim.connect(node) {
            let mut bytes = Vec::new();
            if asking {
                encode_command(&mut bytes, &["ASKING"]);
            }
            encode_command(&mut bytes, &op.request(key));
            sim.client_send(conn, &bytes);
            client.waits = Some((conn, ReplyParser::new(REPLY_MAX), usize::from(asking)));
        }
    }

    fn hear(&mut self, sim: &mut Simulation, nth: usize) -> Result<(), String> {
        let client = &mut self.clients[nth];
        let (Some((conn, parser, before)), Some((key, op))) = (&mut client.waits, client.asks)
        else {
            return Ok(());
        };
        parser.feed(&sim.take_inbox(*conn));
        let reply = loop {
            match parser.next() {
                Ok(Some(_)) if *before > 0 => *before -= 1,
                Ok(Some(reply)) => break reply,
                _ => return Ok(()),
            }
        };
        sim.disconnect(*conn);
        client.waits = None;
        let ReplyValue::Error(text) = &reply else {
            let (node, asking) = client.at;
            client.at = (client.owner, false);
            client.asks = None;
            let told = self.keys[key].answered(op, &reply, asking || node != client.owner);
            return told.map_err(|error| format!("{}: {error}", name(key)));
        };
        let text = String::from_utf8_lossy(text).into_owned();
        let to = text.rsplit(' ').next().and_then(|it| it.split(':').next());
        client.at = match (text.split(' ').next(), to.and_then(|ip| sim.host_at(ip))) {
            (Some("ASK"), Some(to)) => (to, true),
            (Some("MOVED"), Some(to)) => {
                client.owner = to;
                (to, false)
            }
            (Some("TRYAGAIN" | "CLUSTERDOWN"), _) => (client.owner, false),
            _ => return Err(format!("{}: {text}", name(key))),
        };
        Ok(())
    }

    /// What every key is, where the slot is now.
    fn check(&mut self, sim: &mut Simulation, owner: NodeIx) -> Result<(), String> {
        let requests: Vec<_> = (0..KEYS).map(|key| Op::Get.request(key)).collect();
        let replies = sim.ask(owner, &requests)?;
        for (key, reply) in replies.iter().enumerate() {
            let told = self.keys[key].answered(Op::Get, reply, true);
            told.map_err(|error| format!("{} at the end: {error}", name(key)))?;
        }
        Ok(())
    }
}
