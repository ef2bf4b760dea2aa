//! One run of full syncs: clients change keys while their master sends them, and in the end the
//! replica holds what the master holds. Connections break in the midst of syncs, and for a moment:
//! after a moment the replica goes on where it was.

mod streams;

use slotkeeper_node::engine::Engine;
use slotkeeper_node::resp::encode_command;

use crate::gossip::{Summary, config};
use crate::net::{Endpoint, NodeIx};
use crate::ops::words;
use crate::simulation::Simulation;

/// The data set: enough that a sync takes many turns.
const LARGE: u64 = 300;
const LARGE_BYTES: usize = 8 * 1024;
const COUNTERS: u64 = 300;
/// Big collections, each a tree of many pages: a sync sends them in many pieces.
const HASHES: u64 = 3;
const FIELDS: u64 = 3000;
/// As many of each of the other types.
const OTHERS: u64 = 2;
const ELEMENTS: u64 = 3000;
/// How many fields or elements one command writes at first.
const AT_ONCE: u64 = 100;
/// How long a sync may take, in microseconds.
const PATIENCE_US: u64 = 20_000_000;

/// A sync mostly takes longer than this, in microseconds.
const WITHIN_US: u64 = 4_000;
/// How long a cut lasts at most, in microseconds.
const LONGEST_US: u64 = 1_500_000;

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
    fill(sim)?;
    let mut changes = 0;
    for _ in 0..2 {
        sim.kill(REPLICA);
        let pause = sim.rng.below(3_000_000);
        sim.run_for(pause);
        sim.start(REPLICA);
        if sim.rng.one_in(2) {
            break_within_sync(sim)?;
        }
        changes += change_until_synced(sim)?;
        compare(sim)?;
    }
    for _ in 0..2 {
        changes += short_cut(sim)?;
        compare(sim)?;
    }
    Ok(Summary {
        events: sim.events,
        faults: changes,
    })
}

fn fill(sim: &mut Simulation) -> Result<(), String> {
    let large = "x".repeat(LARGE_BYTES);
    let mut requests: Vec<Vec<String>> = (0..LARGE)
        .map(|n| words(&["SET", &format!("large:{n}"), &large]))
        .collect();
    requests.extend((0..COUNTERS).map(|n| words(&["SET", &counter(n), "0"])));
    for hash in 0..HASHES {
        let name = hash_name(hash);
        requests.extend(in_pieces(&["HSET", &name], FIELDS, |n| {
            vec![field(n), format!("the value of field {n}")]
        }));
        // Of the first hash one field expires some day, of each other one many.
        let mut timed = words(&["HEXPIRE", &name, "100000", "FIELDS", "500"]);
        timed.extend((0..500).map(|n| field(hash * n)));
        requests.push(timed);
    }
    for nth in 0..OTHERS {
        let [list, set, zset] = other_names(nth);
        requests.extend(in_pieces(&["RPUSH", &list], ELEMENTS, |n| vec![element(n)]));
        requests.extend(in_pieces(&["SADD", &set], ELEMENTS, |n| vec![element(n)]));
        requests.extend(in_pieces(&["ZADD", &zset], ELEMENTS, |n| {
            vec![(n % 500).to_string(), element(n)]
        }));
        requests.extend(streams::filled(nth));
    }
    sim.ask(MASTER, &requests).map(drop)
}

/// Commands that write so many fields or elements.
fn in_pieces(
    command: &[&str],
    count: u64,
    words_of: impl Fn(u64) -> Vec<String>,
) -> Vec<Vec<String>> {
    let piece = |first| {
        let mut request = words(command);
        request.extend((first..first + AT_ONCE).flat_map(&words_of));
        request
    };
    (0..count).step_by(AT_ONCE as usize).map(piece).collect()
}

/// Changes counters until the replica says that its data set is complete, and a while longer; how
/// many changes came before that.
fn change_until_synced(sim: &mut Simulation) -> Result<usize, String> {
    let client = sim.connect(MASTER).ok_or("the master is down")?;
    let deadline = sim.now_us + PATIENCE_US;
    let mut changes = 0;
    while !is_synced(sim) {
        if sim.now_us > deadline {
            return Err("the sync does not end".to_owned());
        }
        changes += 1;
        let mut bytes = Vec::new();
        encode_command(&mut bytes, &change(sim));
        sim.client_send(client, &bytes);
        let pause = sim.rng.below(200);
        sim.run_for(pause);
    }
    sim.disconnect(client);
    sim.run_for(2_000_000);
    Ok(changes)
}

/// The replica has begun to receive the data, and its connections break.
fn break_within_sync(sim: &mut Simulation) -> Result<(), String> {
    let (deadline, seen) = (sim.now_us + PATIENCE_US, sim.hosts[REPLICA].log.len());
    let begun = |line: &String| line.contains("Full resync from master");
    while !sim.hosts[REPLICA].log[seen..].iter().any(begun) {
        if sim.now_us > deadline {
            return Err("no sync begins".to_owned());
        }
        sim.step();
    }
    let pause = sim.rng.below(WITHIN_US);
    sim.run_for(pause);
    sim.partition(&[REPLICA]);
    let pause = sim.rng.below(LONGEST_US);
    sim.run_for(pause);
    heal(sim);
    Ok(())
}

/// The replica is cut off for a moment in which keys change: it goes on where it was; how many
/// changes there were.
fn short_cut(sim: &mut Simulation) -> Result<usize, String> {
    let resyncs = |sim: &mut Simulation| {
        ["sync_full", "sync_partial_ok"].map(|field| sim.number(MASTER, field))
    };
    let before = resyncs(sim);
    if before.contains(&None) {
        return Err("the master does not count its syncs".to_owned());
    }
    let client = sim.connect(MASTER).ok_or("the master is down")?;
    sim.partition(&[REPLICA]);
    let (end, mut changes) = (sim.now_us + sim.rng.below(LONGEST_US), 0);
    while sim.now_us < end {
        changes += 1;
        let mut bytes = Vec::new();
        encode_command(&mut bytes, &change(sim));
        sim.client_send(client, &bytes);
        let pause = sim.rng.below(5_000);
        sim.run_for(pause);
    }
    sim.disconnect(client);
    heal(sim);
    let deadline = sim.now_us + PATIENCE_US;
    let wanted = [before[0], before[1].map(|before| before + 1)];
    while resyncs(sim) != wanted {
        if sim.now_us > deadline {
            let now = resyncs(sim);
            return Err(format!(
                "a short cut takes full and partial syncs from {before:?} to {now:?}"
            ));
        }
    }
    sim.run_for(2_000_000);
    Ok(changes)
}

/// The network is whole again, but the connections of the replica broke meanwhile.
fn heal(sim: &mut Simulation) {
    for (conn, end) in sim.net.of(Endpoint::Node(REPLICA)) {
        sim.break_conn(conn, end);
    }
    sim.heal();
}

fn is_synced(sim: &Simulation) -> bool {
    let engine = sim.hosts[REPLICA].engine.as_ref();
    engine.is_some_and(Engine::is_complete)
}

/// What is not the same when it is done twice, and what makes and removes keys and elements.
fn change(sim: &mut Simulation) -> Vec<String> {
    match sim.rng.below(6) {
        0 => change_string(sim),
        1 => change_hash(sim),
        2 => change_list(sim),
        3 => change_set(sim),
        4 => streams::change(sim),
        _ => change_zset(sim),
    }
}

fn change_string(sim: &mut Simulation) -> Vec<String> {
    let name = counter(sim.rng.below(COUNTERS));
    match sim.rng.below(6) {
        0 => words(&["DEL", &name]),
        1 => words(&["SET", &name, "1000"]),
        2 | 3 => words(&["APPEND", &name, "1"]),
        _ => words(&["INCR", &name]),
    }
}

fn change_hash(sim: &mut Simulation) -> Vec<String> {
    let (name, nth) = (hash_name(sim.rng.below(HASHES)), sim.rng.below(FIELDS));
    match sim.rng.below(10) {
        7 | 8 => change_time(sim, &name, &field(nth)),
        9 => words(&["HINCRBYFLOAT", &name, &format!("timed:{}", nth % 20), "0.5"]),
        0 | 1 => words(&["HDEL", &name, &field(nth)]),
        2 | 3 => words(&["HSET", &name, &field(nth), "another value"]),
        4 | 5 => words(&["HINCRBY", &name, &format!("count:{}", nth % 100), "1"]),
        _ => words(&["HSET", &name, &format!("new:{nth}"), "a new field"]),
    }
}

/// A field goes within a moment, or in a long time, or not at all.
fn change_time(sim: &mut Simulation, name: &str, field: &str) -> Vec<String> {
    let soon = (1 + sim.rng.below(300)).to_string();
    let late = (1_000_000 + sim.rng.below(1000)).to_string();
    let timed = format!("timed:{}", sim.rng.below(20));
    match sim.rng.below(6) {
        0 => words(&["HPEXPIRE", name, &soon, "FIELDS", "2", field, &timed]),
        1 => words(&["HPEXPIRE", name, &late, "FIELDS", "2", field, &timed]),
        2 => words(&["HPERSIST", name, "FIELDS", "2", field, &timed]),
        3 => words(&["HSETEX", name, "PX", &late, "FIELDS", "1", &timed, "1"]),
        4 => words(&["HGETEX", name, "PX", &late, "FIELDS", "1", field]),
        _ => words(&["HGETDEL", name, "FIELDS", "1", field]),
    }
}

fn change_list(sim: &mut Simulation) -> Vec<String> {
    let ([name, ..], nth) = (other_names(sim.rng.below(OTHERS)), sim.rng.below(ELEMENTS));
    let (place, element) = (nth.to_string(), element(nth));
    match sim.rng.below(8) {
        0 => words(&["RPUSH", &name, "at the end", &place]),
        1 => words(&["LPUSH", &name, "at the beginning", &place]),
        2 => words(&["LPOP", &name, "2"]),
        3 => words(&["RPOP", &name]),
        4 => words(&["LSET", &name, &place, "another element"]),
        5 => words(&["LINSERT", &name, "BEFORE", &element, "in between"]),
        6 => words(&["LREM", &name, "1", &element]),
        _ => words(&["LMOVE", &name, &name, "LEFT", "RIGHT"]),
    }
}

/// Half of it by chance.
fn change_set(sim: &mut Simulation) -> Vec<String> {
    let ([_, name, _], nth) = (other_names(sim.rng.below(OTHERS)), sim.rng.below(ELEMENTS));
    match sim.rng.below(6) {
        0 | 1 => words(&["SADD", &name, &format!("new:{nth}"), &nth.to_string()]),
        2 => words(&["SREM", &name, &element(nth)]),
        3 | 4 => words(&["SPOP", &name]),
        _ => words(&["SPOP", &name, "3"]),
    }
}

fn change_zset(sim: &mut Simulation) -> Vec<String> {
    let ([.., name], nth) = (other_names(sim.rng.below(OTHERS)), sim.rng.below(ELEMENTS));
    match sim.rng.below(6) {
        0 => words(&["ZADD", &name, "250.5", &format!("new:{nth}")]),
        1 | 2 => words(&["ZINCRBY", &name, "7", &element(nth)]),
        3 => words(&["ZREM", &name, &element(nth)]),
        4 => words(&["ZPOPMIN", &name, "2"]),
        _ => words(&["ZREMRANGEBYRANK", &name, &nth.to_string(), &nth.to_string()]),
    }
}

fn compare(sim: &mut Simulation) -> Result<(), String> {
    sim.compare(MASTER, REPLICA)
}

fn counter(nth: u64) -> String {
    format!("counter:{nth}")
}

fn hash_name(nth: u64) -> String {
    format!("hash:{nth}")
}

fn field(nth: u64) -> String {
    format!("field:{nth}")
}

/// A list, a set and a sorted set.
fn other_names(nth: u64) -> [String; 3] {
    ["list", "set", "zset"].map(|kind| format!("{kind}:{nth}"))
}

fn element(nth: u64) -> String {
    format!("element:{nth}")
}
