//! One run of full syncs: clients change keys while their master sends them, and in the end the
//! replica holds what the master holds. Connections break in the midst of syncs, and for a moment:
//! after a moment the replica goes on where it was.

use slotkeeper_node::engine::Engine;
use slotkeeper_node::resp::{ReplyParser, ReplyValue, encode_command};

use crate::gossip::{Summary, config};
use crate::net::{Holder, NodeIx};
use crate::world::World;

/// The data set: enough that a sync takes many turns.
const LARGE: u64 = 300;
const LARGE_BYTES: usize = 8 * 1024;
const COUNTERS: u64 = 300;
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
    let mut world = World::new(seed, vec![config(), config()]);
    world.form(1);
    run_world(&mut world).map_err(|error| format!("{error}\n-- logs\n{}", world.report()))
}

fn run_world(world: &mut World) -> Result<Summary, String> {
    fill(world);
    let mut changes = 0;
    for _ in 0..2 {
        world.kill(REPLICA);
        let pause = world.rng.below(3_000_000);
        world.run_for(pause);
        world.start(REPLICA);
        if world.rng.one_in(2) {
            break_within_sync(world)?;
        }
        changes += change_until_synced(world)?;
        compare(world)?;
    }
    for _ in 0..2 {
        changes += short_cut(world)?;
        compare(world)?;
    }
    Ok(Summary {
        events: world.events,
        faults: changes,
    })
}

fn fill(world: &mut World) {
    let large = "x".repeat(LARGE_BYTES);
    let mut requests: Vec<Vec<String>> = (0..LARGE)
        .map(|n| words(&["SET", &format!("large:{n}"), &large]))
        .collect();
    requests.extend((0..COUNTERS).map(|n| words(&["SET", &counter(n), "0"])));
    ask(world, MASTER, &requests);
}

/// Changes counters until the replica says that its data set is complete, and a while longer; how
/// many changes came before that.
fn change_until_synced(world: &mut World) -> Result<usize, String> {
    let client = world.connect(MASTER).ok_or("the master is down")?;
    let deadline = world.now_us + PATIENCE_US;
    let mut changes = 0;
    while !is_synced(world) {
        if world.now_us > deadline {
            return Err("the sync does not end".to_owned());
        }
        changes += 1;
        let mut bytes = Vec::new();
        encode_command(&mut bytes, &change(world));
        world.client_send(client, &bytes);
        let pause = world.rng.below(200);
        world.run_for(pause);
    }
    world.disconnect(client);
    world.run_for(2_000_000);
    Ok(changes)
}

/// The replica has begun to receive the data, and its connections break.
fn break_within_sync(world: &mut World) -> Result<(), String> {
    let (deadline, seen) = (world.now_us + PATIENCE_US, world.hosts[REPLICA].log.len());
    let begun = |line: &String| line.contains("Full resync from master");
    while !world.hosts[REPLICA].log[seen..].iter().any(begun) {
        if world.now_us > deadline {
            return Err("no sync begins".to_owned());
        }
        world.step();
    }
    let pause = world.rng.below(WITHIN_US);
    world.run_for(pause);
    world.partition(&[REPLICA]);
    let pause = world.rng.below(LONGEST_US);
    world.run_for(pause);
    heal(world);
    Ok(())
}

/// The replica is cut off for a moment in which keys change: it goes on where it was; how many
/// changes there were.
fn short_cut(world: &mut World) -> Result<usize, String> {
    let resyncs = |world: &mut World| {
        ["sync_full", "sync_partial_ok"].map(|field| number(world, MASTER, field))
    };
    let before = resyncs(world);
    if before.contains(&None) {
        return Err("the master does not count its syncs".to_owned());
    }
    let client = world.connect(MASTER).ok_or("the master is down")?;
    world.partition(&[REPLICA]);
    let (end, mut changes) = (world.now_us + world.rng.below(LONGEST_US), 0);
    while world.now_us < end {
        changes += 1;
        let mut bytes = Vec::new();
        encode_command(&mut bytes, &change(world));
        world.client_send(client, &bytes);
        let pause = world.rng.below(5_000);
        world.run_for(pause);
    }
    world.disconnect(client);
    heal(world);
    let deadline = world.now_us + PATIENCE_US;
    let wanted = [before[0], before[1].map(|before| before + 1)];
    while resyncs(world) != wanted {
        if world.now_us > deadline {
            let now = resyncs(world);
            return Err(format!(
                "a short cut takes full and partial syncs from {before:?} to {now:?}"
            ));
        }
    }
    world.run_for(2_000_000);
    Ok(changes)
}

/// The network is whole again, but the connections of the replica broke meanwhile.
fn heal(world: &mut World) {
    for (conn, end) in world.net.of(Holder::Node(REPLICA)) {
        world.break_conn(conn, end);
    }
    world.heal();
}

/// A number of INFO.
fn number(world: &mut World, node: NodeIx, field: &str) -> Option<i64> {
    let reply = world.call(node, &["INFO", "everything"])?;
    let text = String::from_utf8_lossy(reply.text()?).into_owned();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line?.trim().parse().ok()
}

fn is_synced(world: &World) -> bool {
    let engine = world.hosts[REPLICA].engine.as_ref();
    engine.is_some_and(Engine::is_complete)
}

/// What is not the same when it is done twice, and what makes and removes keys.
fn change(world: &mut World) -> Vec<String> {
    let name = counter(world.rng.below(COUNTERS));
    match world.rng.below(8) {
        0 => words(&["DEL", &name]),
        1 => words(&["SET", &name, "1000"]),
        2 | 3 => words(&["APPEND", &name, "1"]),
        _ => words(&["INCR", &name]),
    }
}

fn compare(world: &mut World) -> Result<(), String> {
    let names: Vec<String> = (0..COUNTERS)
        .map(counter)
        .chain((0..LARGE).map(|n| format!("large:{n}")))
        .collect();
    let mut requests = vec![words(&["READONLY"])];
    requests.extend(names.iter().map(|name| words(&["GET", name])));
    let (master, replica) = (
        ask(world, MASTER, &requests),
        ask(world, REPLICA, &requests),
    );
    if master.len() != requests.len() || replica.len() != requests.len() {
        return Err("not every question has an answer".to_owned());
    }
    let differs = (names.iter().zip(master.iter().zip(&replica).skip(1)))
        .find(|(_, (theirs, ours))| theirs != ours);
    match differs {
        Some((name, (theirs, ours))) => Err(format!(
            "{name} is {} at the master and {} at the replica",
            shown(theirs),
            shown(ours)
        )),
        None => Ok(()),
    }
}

fn shown(value: &ReplyValue) -> String {
    match value.text() {
        Some(text) => String::from_utf8_lossy(&text[..text.len().min(40)]).into_owned(),
        None => format!("{value:?}"),
    }
}

/// Asks over one connection, all at once, and waits for the answers.
fn ask(world: &mut World, node: NodeIx, requests: &[Vec<String>]) -> Vec<ReplyValue> {
    let Some(client) = world.connect(node) else {
        return Vec::new();
    };
    let mut bytes = Vec::new();
    requests
        .iter()
        .for_each(|request| encode_command(&mut bytes, request));
    world.client_send(client, &bytes);
    let mut parser = ReplyParser::new(64 * 1024 * 1024);
    let mut replies = Vec::new();
    let deadline = world.now_us + PATIENCE_US;
    while replies.len() < requests.len() && world.now_us < deadline {
        world.run_for(1_000);
        parser.feed(&world.take_inbox(client));
        while let Ok(Some(reply)) = parser.next() {
            replies.push(reply);
        }
    }
    world.disconnect(client);
    replies
}

fn counter(nth: u64) -> String {
    format!("counter:{nth}")
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}
