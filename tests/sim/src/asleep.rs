//! One run of processes that are stopped for a while and go on: what a node acknowledges after that
//! is kept, whoever was elected meanwhile, and everybody who waits for it gets an answer.

use slotkeeper_node::resp::{ReplyParser, ReplyValue, encode_command};

use crate::gossip::{NODE_TIMEOUT_MS, Summary, config, converge};
use crate::net::NodeIx;
use crate::world::{First, World};

/// Shards, with one replica each.
const SHARDS: usize = 3;
/// How often somebody falls asleep in a run.
const SLEEPS: usize = 3;
/// Clients that are connected to the one who does.
const CLIENTS: usize = 4;
/// A client may wait so long for an answer, in microseconds.
const PATIENCE_US: u64 = 10 * NODE_TIMEOUT_MS * 1000;

/// A client that writes each key once, all in slots of one node, and waits for no answer.
struct Client {
    id: usize,
    parser: ReplyParser,
    sent: Vec<String>,
    /// How many of those have an answer.
    answered: usize,
    acknowledged: Vec<String>,
}

/// Runs a seed.
///
/// # Errors
/// What did not hold, with the nodes' logs.
pub fn run(seed: u64) -> Result<Summary, String> {
    let mut world = World::new(seed, (0..2 * SHARDS).map(|_| config()).collect());
    world.form(SHARDS);
    for nth in 0..SLEEPS {
        sleep(&mut world, nth).map_err(|error| format!("{error}\n-- logs\n{}", world.report()))?;
    }
    Ok(Summary {
        events: world.events,
        faults: SLEEPS,
    })
}

/// A master sleeps, and sometimes another node with it.
fn sleep(world: &mut World, nth: usize) -> Result<(), String> {
    let masters: Vec<NodeIx> = (0..world.hosts.len())
        .filter(|&ix| world.owns_slots(ix))
        .collect();
    let sleeper = masters[world.rng.index(masters.len())];
    let tag = world.key_of(sleeper);
    let mut clients: Vec<Client> = (0..CLIENTS)
        .filter_map(|_| world.connect(sleeper))
        .map(Client::new)
        .collect();
    let other = world.rng.index(world.hosts.len());
    if world.rng.one_in(3) {
        world.stop(other);
    }
    world.stop(sleeper);
    // Often it ends when the others have just found the sleeper failed, and elect another.
    let timeout = NODE_TIMEOUT_MS * 1000;
    let nap = match world.rng.one_in(2) {
        true => timeout + world.rng.below(timeout),
        false => world.rng.below(4 * timeout),
    };
    for _ in 0..2 {
        write(world, &mut clients, &format!("{{{tag}}}:{nth}"));
        world.run_for(nap / 2);
    }
    let first = [First::Oldest, First::Clients, First::Nodes][world.rng.index(3)];
    world.wake(sleeper, first);
    for _ in 0..20 {
        write(world, &mut clients, &format!("{{{tag}}}:{nth}"));
        let pause = world.rng.below(200_000);
        world.run_for(pause);
    }
    world.wake(other, first);
    let deadline = world.now_us + PATIENCE_US;
    while clients.iter_mut().any(|client| client.waits(world)) {
        if world.now_us > deadline {
            return Err(format!(
                "a client of node {sleeper} is left without an answer"
            ));
        }
        world.run_for(100_000);
    }
    converge(world)?;
    for client in clients {
        client.check(world, sleeper)?;
    }
    Ok(())
}

fn write(world: &mut World, clients: &mut [Client], prefix: &str) {
    for client in clients {
        client.write(world, prefix);
    }
}

impl Client {
    fn new(id: usize) -> Client {
        Client {
            id,
            parser: ReplyParser::new(64 * 1024),
            sent: Vec::new(),
            answered: 0,
            acknowledged: Vec::new(),
        }
    }

    fn write(&mut self, world: &mut World, prefix: &str) {
        let key = format!("{prefix}:{}:{}", self.id, self.sent.len());
        let mut bytes = Vec::new();
        encode_command(&mut bytes, &["SET", key.as_str(), "x"]);
        world.client_send(self.id, &bytes);
        self.sent.push(key);
    }

    /// Takes the answers that have come; whether more are to come.
    fn waits(&mut self, world: &mut World) -> bool {
        self.parser.feed(&world.take_inbox(self.id));
        while let Ok(Some(reply)) = self.parser.next() {
            if matches!(reply, ReplyValue::Simple(_)) {
                self.acknowledged.push(self.sent[self.answered].clone());
            }
            self.answered += 1;
        }
        let closed = world.client(self.id).is_none_or(|state| state.closed);
        self.answered < self.sent.len() && !closed
    }

    fn check(self, world: &mut World, sleeper: NodeIx) -> Result<(), String> {
        world.disconnect(self.id);
        for key in &self.acknowledged {
            if world
                .read_anywhere(key)
                .is_none_or(|reply| reply.text().is_none())
            {
                return Err(format!(
                    "node {sleeper} acknowledged {key} after it slept, and it is lost"
                ));
            }
        }
        Ok(())
    }
}
