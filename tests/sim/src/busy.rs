//! One run of nodes that carry out commands which take long: others do not take them for dead, they
//! do not take themselves for having slept, and whatever happens meanwhile, no confirmed write is lost.

use slotkeeper_node::config::{Config, Gate};
use slotkeeper_node::resp::encode_command;

use crate::gossip::{NODE_TIMEOUT_MS, Summary, config, converge};
use crate::net::NodeIx;
use crate::simulation::Simulation;
use crate::writer::Durability;

/// Shards, with one replica each.
const SHARDS: usize = 3;
/// How often a node is busy in a run.
const COMMANDS: usize = 3;
/// Clients get -BUSY from then on, in milliseconds.
const BUSY_REPLY_MS: u64 = 500;

/// What else goes wrong while a node is busy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meanwhile {
    Nothing,
    /// It is cut off from everybody, and joined again before it is done or after.
    CutOff,
    /// Another node is killed.
    Killed,
}

/// Runs a seed.
///
/// # Errors
/// What did not hold, with the nodes' logs.
pub fn run(seed: u64) -> Result<Summary, String> {
    let config = Config {
        enable_debug_command: Gate::Yes,
        busy_reply_threshold: BUSY_REPLY_MS,
        ..config()
    };
    let mut sim = Simulation::new(seed, vec![config; 2 * SHARDS]);
    sim.form(SHARDS);
    (0..2).for_each(|_| sim.add_writer(Durability::Confirmed(1)));
    sim.run_for(2_000_000);
    for _ in 0..COMMANDS {
        be_busy(&mut sim).map_err(|error| format!("{error}\n-- logs\n{}", sim.report()))?;
    }
    Ok(Summary {
        events: sim.events,
        faults: COMMANDS,
    })
}

fn be_busy(sim: &mut Simulation) -> Result<(), String> {
    let all = 0..sim.hosts.len();
    let owners = |sim: &Simulation| -> Vec<NodeIx> {
        all.clone().filter(|&ix| sim.owns_slots(ix)).collect()
    };
    let before = owners(sim);
    // Mostly a master.
    let busy = match sim.rng.one_in(4) {
        true => sim.rng.index(sim.hosts.len()),
        false => before[sim.rng.index(before.len())],
    };
    let long_ms = NODE_TIMEOUT_MS / 2 + sim.rng.below(4 * NODE_TIMEOUT_MS);
    let meanwhile = match sim.rng.below(4) {
        0 => Meanwhile::CutOff,
        1 => Meanwhile::Killed,
        _ => Meanwhile::Nothing,
    };
    let killed = inject(sim, meanwhile, busy, long_ms * 1000);
    let logged: Vec<usize> = sim.hosts.iter().map(|host| host.log.len()).collect();
    let client = sim
        .connect(busy)
        .ok_or("a node is down that was not killed")?;
    let (mut bytes, seconds) = (Vec::new(), format!("{}", long_ms as f64 / 1000.0));
    encode_command(&mut bytes, &["DEBUG", "SLEEP", &seconds]);
    sim.client_send(client, &bytes);
    sim.run_for(long_ms * 1000 + 100_000);
    if sim.take_inbox(client) != b"+OK\r\n" {
        return Err(format!(
            "node {busy} did not take {long_ms} ms for DEBUG SLEEP"
        ));
    }
    sim.disconnect(client);
    if meanwhile == Meanwhile::Nothing {
        let after = owners(sim);
        if after != before {
            return Err(format!(
                "node {busy} was busy for {long_ms} ms, and the owners went from {before:?} to {after:?}"
            ));
        }
        check_logs(sim, busy, &logged)?;
    }
    let pause = sim.rng.below(2 * NODE_TIMEOUT_MS * 1000);
    sim.run_for(pause);
    sim.heal();
    if let Some(killed) = killed.filter(|&ix| !sim.is_up(ix)) {
        sim.start(killed);
    }
    converge(sim)?;
    sim.run_for(2_000_000);
    sim.broken_promise().map_or(Ok(()), Err)
}

/// Lets something go wrong while the command runs; who is killed.
fn inject(sim: &mut Simulation, what: Meanwhile, busy: NodeIx, long_us: u64) -> Option<NodeIx> {
    let at = sim.rng.below(long_us);
    match what {
        Meanwhile::Nothing => None,
        Meanwhile::CutOff => {
            sim.schedule_fault(at, Simulation::partition, vec![busy]);
            let heals = at + sim.rng.below(long_us);
            sim.schedule_fault(heals, |sim, _| sim.heal(), Vec::new());
            None
        }
        Meanwhile::Killed => {
            let killed = (busy + 1 + sim.rng.index(sim.hosts.len() - 1)) % sim.hosts.len();
            sim.schedule_fault(at, |sim, nodes| sim.kill(nodes[0]), vec![killed]);
            Some(killed)
        }
    }
}

/// Nothing in the logs says that the node failed or slept.
fn check_logs(sim: &Simulation, busy: NodeIx, logged: &[usize]) -> Result<(), String> {
    for (host, before) in sim.hosts.iter().zip(logged) {
        let lines = &host.log[*before..];
        if let Some(line) = lines.iter().find(|line| line.contains("as failing")) {
            return Err(format!("node {busy} was busy and taken for dead: {line}"));
        }
    }
    let slept = |line: &&String| line.contains("This node has slept");
    match sim.hosts[busy].log[logged[busy]..].iter().find(slept) {
        Some(line) => Err(format!(
            "node {busy} was busy and takes it for sleep: {line}"
        )),
        None => Ok(()),
    }
}
