//! One run of a master at its memory limit: keys go while clients write, while the replica is synced
//! and while it is cut off. In the end the replica, which has the same limit and may remove nothing by
//! itself, holds what the master holds.

use slotkeeper_node::config::{Config, EvictionPolicy};
use slotkeeper_node::engine::Engine;
use slotkeeper_node::resp::encode_command;

use crate::gossip::{Summary, config};
use crate::net::{Endpoint, NodeIx};
use crate::ops::words;
use crate::simulation::Simulation;

/// Room for some hundreds of keys, beside the backlog and the tables of all slots.
const LIMIT: u64 = 800_000;
const BACKLOG: usize = 64 << 10;
/// The client that asks how much is used takes some, too.
const CLIENT: u64 = 16 << 10;
const KEYS: u64 = 3000;
const VALUE_BYTES: u64 = 400;
/// How long clients write between two faults, in microseconds.
const PHASE_US: u64 = 1_500_000;
const PATIENCE_US: u64 = 20_000_000;

const MASTER: NodeIx = 0;
const REPLICA: NodeIx = 1;

/// Runs a seed.
///
/// # Errors
/// What did not hold, with the nodes' logs.
pub fn run(seed: u64) -> Result<Summary, String> {
    // All but the last one, which removes nothing.
    let policies = &EvictionPolicy::ALL[..7];
    let config = Config {
        maxmemory: LIMIT,
        maxmemory_policy: policies[seed as usize % policies.len()],
        repl_backlog_size: BACKLOG,
        ..config()
    };
    let mut sim = Simulation::new(seed, vec![config.clone(), config]);
    sim.form(1);
    play(&mut sim).map_err(|error| format!("{error}\n-- logs\n{}", sim.report()))
}

fn play(sim: &mut Simulation) -> Result<Summary, String> {
    let mut faults = 0;
    for _ in 0..3 {
        write(sim)?;
        match sim.rng.below(3) {
            0 => {
                sim.kill(REPLICA);
                write(sim)?;
                sim.start(REPLICA);
            }
            1 => {
                sim.partition(&[REPLICA]);
                write(sim)?;
                for (conn, end) in sim.net.of(Endpoint::Node(REPLICA)) {
                    sim.break_conn(conn, end);
                }
                sim.heal();
            }
            _ => sim.reset_conn(REPLICA, 0),
        }
        faults += 1;
        write(sim)?;
        settle(sim)?;
        compare(sim)?;
    }
    let evicted = [MASTER, REPLICA].map(|node| sim.number(node, "evicted_keys"));
    match evicted {
        [Some(1..), Some(0)] => {}
        _ => return Err(format!("master and replica evicted {evicted:?} keys")),
    }
    let used = sim
        .number(MASTER, "used_memory")
        .zip(sim.number(MASTER, "mem_not_counted_for_evict"));
    let is_within = |(used, apart): (i64, i64)| used - apart <= (LIMIT + CLIENT).cast_signed();
    if !used.is_some_and(is_within) {
        return Err(format!("the master uses {used:?} bytes of {LIMIT}"));
    }
    Ok(Summary {
        events: sim.events,
        faults,
    })
}

/// What is read of the master takes memory there, which must cost no key meanwhile.
fn compare(sim: &mut Simulation) -> Result<(), String> {
    sim.must(MASTER, &["CONFIG", "SET", "maxmemory", "0"]);
    sim.run_for(1_000_000);
    sim.compare(MASTER, REPLICA)?;
    sim.must(MASTER, &["CONFIG", "SET", "maxmemory", &LIMIT.to_string()]);
    sim.run_for(1_000_000);
    Ok(())
}

/// Clients write for a while.
fn write(sim: &mut Simulation) -> Result<(), String> {
    let client = sim.connect(MASTER).ok_or("the master is down")?;
    let end = sim.now_us + PHASE_US;
    while sim.now_us < end {
        let mut bytes = Vec::new();
        for _ in 0..sim.rng.below(20) {
            encode_command(&mut bytes, &change(sim));
        }
        sim.client_send(client, &bytes);
        let pause = sim.rng.below(20_000);
        sim.run_for(pause);
    }
    sim.disconnect(client);
    Ok(())
}

fn change(sim: &mut Simulation) -> Vec<String> {
    let nth = sim.rng.below(KEYS);
    let name = format!("key:{nth}");
    let value = "v".repeat(sim.rng.below(VALUE_BYTES) as usize);
    match sim.rng.below(10) {
        0 => words(&["GET", &name]),
        1 => words(&["APPEND", &name, "1"]),
        2 => words(&["SET", &name, &value]),
        3 => words(&["PERSIST", &name]),
        4 => words(&["HSET", &format!("hash:{}", nth % 20), &name, &value]),
        5 => words(&["INCR", &format!("counter:{}", nth % 100)]),
        _ => words(&["SET", &name, &value, "EX", &(1000 + nth).to_string()]),
    }
}

/// Until the replica has everything, and a while longer.
fn settle(sim: &mut Simulation) -> Result<(), String> {
    let deadline = sim.now_us + PATIENCE_US;
    let is_synced = |sim: &Simulation| {
        let engine = sim.hosts[REPLICA].engine.as_ref();
        engine.is_some_and(Engine::is_complete)
    };
    sim.run_for(1_000_000);
    while !is_synced(sim) {
        if sim.now_us > deadline {
            return Err("the sync does not end".to_owned());
        }
        sim.run_for(100_000);
    }
    sim.run_for(3_000_000);
    Ok(())
}
