//! One run of processes that are stopped for a while and go on: what a node acknowledges after that
//! is kept, whichever node was elected meanwhile, and every client that waits for it gets an answer.

use slotkeeper_node::resp::{ReplyParser, ReplyValue, encode_command};

use crate::gossip::{NODE_TIMEOUT_MS, Summary, config, converge};
use crate::net::NodeIx;
use crate::simulation::{Simulation, WakeOrder};

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
    let mut sim = Simulation::new(seed, (0..2 * SHARDS).map(|_| config()).collect());
    sim.form(SHARDS);
    for nth in 0..SLEEPS {
        sleep(&mut sim, nth).map_err(|error| format!("{error}\n-- logs\n{}", sim.report()))?;
    }
    Ok(Summary {
        events: sim.events,
        faults: SLEEPS,
    })
}

/// A master sleeps, and sometimes another node with it.
fn sleep(sim: &mut Simulation, nth: usize) -> Result<(), String> {
    let masters: Vec<NodeIx> = (0..sim.hosts.len())
        .filter(|&ix| sim.owns_slots(ix))
        .collect();
    let sleeper = masters[sim.rng.index(masters.len())];
    let tag = sim.key_of(sleeper);
    let mut clients: Vec<Client> = (0..CLIENTS)
        .filter_map(|_| sim.connect(sleeper))
        .map(Client::new)
        .collect();
    let other = sim.rng.index(sim.hosts.len());
    if sim.rng.one_in(3) {
        sim.stop(other);
    }
    sim.stop(sleeper);
    // Often it ends when the others have just found the sleeper failed, and elect another.
    let timeout = NODE_TIMEOUT_MS * 1000;
    let nap = match sim.rng.one_in(2) {
        true => timeout + sim.rng.below(timeout),
        false => sim.rng.below(4 * timeout),
    };
    for _ in 0..2 {
        write(sim, &mut clients, &format!("{{{tag}}}:{nth}"));
        sim.run_for(nap / 2);
    }
    let first = [WakeOrder::Oldest, WakeOrder::Clients, WakeOrder::Nodes][sim.rng.index(3)];
    sim.wake(sleeper, first);
    for _ in 0..20 {
        write(sim, &mut clients, &format!("{{{tag}}}:{nth}"));
        let pause = sim.rng.below(200_000);
        sim.run_for(pause);
    }
    sim.wake(other, first);
    let deadline = sim.now_us + PATIENCE_US;
    while clients.iter_mut().any(|client| client.waits(sim)) {
        if sim.now_us > deadline {
            return Err(format!(
                "a client of node {sleeper} is left without an answer"
            ));
        }
        sim.run_for(100_000);
    }
    converge(sim)?;
    for client in clients {
        client.check(sim, sleeper)?;
    }
    Ok(())
}

fn write(sim: &mut Simulation, clients: &mut [Client], prefix: &str) {
    for client in clients {
        client.write(sim, prefix);
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

    fn write(&mut self, sim: &mut Simulation, prefix: &str) {
        let key = format!("{prefix}:{}:{}", self.id, self.sent.len());
        let mut bytes = Vec::new();
        encode_command(&mut bytes, &["SET", key.as_str(), "x"]);
        sim.client_send(self.id, &bytes);
        self.sent.push(key);
    }

    /// Takes the answers that have come; whether more are to come.
    fn waits(&mut self, sim: &mut Simulation) -> bool {
        self.parser.feed(&sim.take_inbox(self.id));
        while let Ok(Some(reply)) = self.parser.next() {
            if matches!(reply, ReplyValue::Simple(_)) {
                self.acknowledged.push(self.sent[self.answered].clone());
            }
            self.answered += 1;
        }
        let closed = sim.client(self.id).is_none_or(|state| state.closed);
        self.answered < self.sent.len() && !closed
    }

    fn check(self, sim: &mut Simulation, sleeper: NodeIx) -> Result<(), String> {
        sim.disconnect(self.id);
        for key in &self.acknowledged {
            if sim
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
