//! One run of a master that starts again from its data file while its replica is out of reach: cut
//! off, or down. The replica may be ahead of the file. When it returns, the master may have written
//! more than the replica is ahead, but it is another history: the replica must not go on in it. A
//! replica that is not ahead goes on where it was.

use slotkeeper_node::config::Config;
use slotkeeper_node::resp::ReplyValue;

use crate::gossip::{Summary, config};
use crate::net::{Endpoint, NodeIx};
use crate::ops::words;
use crate::simulation::Simulation;

const ROUNDS: usize = 4;
/// So many writes at most are not in the file.
const MOST_LOST: u64 = 12;
const KEYS: u64 = 100;
/// How long the master waits for its replica, in seconds.
const WAIT_SECS: i64 = 1;
/// A replica has what its master has within this time, in microseconds.
const PATIENCE_US: u64 = 60_000_000;

const MASTER: NodeIx = 0;
const REPLICA: NodeIx = 1;

/// Runs a seed.
///
/// # Errors
/// What did not hold, with the nodes' logs.
pub fn run(seed: u64) -> Result<Summary, String> {
    let config = Config {
        cluster_empty_master_wait: WAIT_SECS,
        // Nothing stands in the stream but writes; see `write`.
        repl_ping_replica_period: 1_000_000,
        ..config()
    };
    let mut sim = Simulation::new(seed, vec![config.clone(), config]);
    sim.form(1);
    play(&mut sim).map_err(|error| format!("{error}\n-- logs\n{}", sim.report()))
}

fn play(sim: &mut Simulation) -> Result<Summary, String> {
    for _ in 0..ROUNDS {
        round(sim)?;
    }
    Ok(Summary {
        events: sim.events,
        faults: ROUNDS,
    })
}

fn round(sim: &mut Simulation) -> Result<(), String> {
    write(sim, 1 + MOST_LOST)?;
    follow(sim)?;
    save(sim, MASTER)?;
    // Sometimes nothing.
    let lost = sim.rng.below(2) * MOST_LOST;
    let lost = write(sim, lost)?;
    follow(sim)?;
    let cut_off = sim.rng.one_in(2);
    if cut_off {
        sim.partition(&[REPLICA]);
    } else {
        save(sim, REPLICA)?;
        sim.kill(REPLICA);
    }
    for _ in 0..1 + sim.rng.below(2) {
        start_again(sim);
        write(sim, 3 * MOST_LOST)?;
    }
    if cut_off {
        for (conn, end) in sim.net.of(Endpoint::Node(REPLICA)) {
            sim.break_conn(conn, end);
        }
        sim.heal();
    } else {
        sim.start(REPLICA);
    }
    follow(sim)?;
    let full = sim.number(MASTER, "sync_full");
    sim.until("both nodes serve", |sim| sim.disagreement().is_none());
    sim.compare(MASTER, REPLICA)?;
    match (lost, full) {
        (0, Some(0)) | (1.., Some(1)) => Ok(()),
        _ => Err(format!(
            "{lost} writes were not in the file, and there were {full:?} full syncs"
        )),
    }
}

/// Some writes, up to so many, in one pipeline; how many. Each of them takes as many bytes in the
/// stream as the SELECT with which a stream begins. So what two histories have at the same offset are
/// whole commands, and a reader of the wrong history notices nothing.
fn write(sim: &mut Simulation, most: u64) -> Result<u64, String> {
    let count = sim.rng.below(most + 1);
    let mut requests = Vec::new();
    for _ in 0..count {
        let key = format!("k{:02}", sim.rng.below(KEYS));
        requests.push(words(&["INCR", &key]));
    }
    let replies = sim.ask(MASTER, &requests)?;
    match replies.iter().find(|reply| !is_number(reply)) {
        Some(reply) => Err(format!("a write is refused: {reply:?}")),
        None => Ok(count),
    }
}

/// Writes the data file.
fn save(sim: &mut Simulation, node: NodeIx) -> Result<(), String> {
    match &*sim.must(node, &["SAVE"]) {
        "OK" => Ok(()),
        other => Err(format!("node {node} does not save: {other}")),
    }
}

/// The master dies and starts from its file. It serves although its replica does not answer.
fn start_again(sim: &mut Simulation) {
    sim.kill(MASTER);
    sim.start(MASTER);
    sim.until("the master serves", |sim| {
        let reply = sim.call(MASTER, &["EXISTS", "k00"]);
        reply.as_ref().is_some_and(is_number)
    });
}

fn is_number(reply: &ReplyValue) -> bool {
    matches!(reply, ReplyValue::Integer(_))
}

/// Until the replica follows the master's process, and has all of its stream.
fn follow(sim: &mut Simulation) -> Result<(), String> {
    let deadline = sim.now_us + PATIENCE_US;
    loop {
        let syncs = ["sync_full", "sync_partial_ok"].map(|field| sim.number(MASTER, field));
        let offsets = [MASTER, REPLICA].map(|node| sim.number(node, "master_repl_offset"));
        let has_begun = syncs
            .iter()
            .any(|count| count.is_some_and(|count| count > 0));
        if has_begun && offsets[0] == offsets[1] {
            return Ok(());
        }
        if sim.now_us > deadline {
            return Err(format!("offsets {offsets:?}, full and partial {syncs:?}"));
        }
        sim.run_for(100_000);
    }
}
