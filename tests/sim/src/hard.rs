//! One run with the operator where worse comes than one failure at a time: the manifest changes, the
//! operator loses sight of nodes, shards and masters fail together. It heals, and of what the operator must
//! never do it does nothing.

use crate::gossip::{NODE_TIMEOUT_MS, Summary};
use crate::net::NodeIx;
use crate::operated::{operate, run_story, settle, wrote};
use crate::operator::Operator;
use crate::world::World;

/// Runs a seed.
///
/// # Errors
/// What did not hold, with the operator's steps and the nodes' logs.
pub fn run(seed: u64) -> Result<Summary, String> {
    run_story(seed, run_world)
}

type Blow = fn(&mut World, &mut Operator, &mut Vec<String>) -> Result<(), String>;

const BLOWS: [Blow; 7] = [
    narrow_manifest,
    thin_manifest,
    hidden_replica,
    whole_shard,
    all_masters,
    all_move,
    replaced_at_once,
];

fn run_world(
    world: &mut World,
    operator: &mut Operator,
    struck: &mut Vec<String>,
) -> Result<(), String> {
    settle(world, operator, "forming")?;
    (0..2).for_each(|_| world.add_writer());
    let first = world.rng.index(BLOWS.len());
    for nth in 0..2 {
        let pause = 1_000_000 + world.rng.below(2_000_000);
        operate(world, operator, pause)?;
        BLOWS[(first + 3 * nth) % BLOWS.len()](world, operator, struck)?;
        settle(world, operator, "healing")?;
        if let Some(broken) = world.broken_promise() {
            return Err(broken);
        }
    }
    wrote(world)
}

fn note(world: &World, struck: &mut Vec<String>, what: &str) {
    struck.push(format!("{:.3} {what}", world.now_us as f64 / 1e6));
}

/// A master, and the other node of its shard.
fn shard(world: &mut World) -> (NodeIx, NodeIx) {
    let shard = world.rng.index(world.hosts.len() / 2);
    match world.owns_slots(2 * shard) {
        true => (2 * shard, 2 * shard + 1),
        false => (2 * shard + 1, 2 * shard),
    }
}

fn up_to(world: &mut World, node_timeouts: u64) -> u64 {
    world.rng.below(node_timeouts * NODE_TIMEOUT_MS * 1000)
}

/// By mistake the manifest loses its last shard, and gets it back.
fn narrow_manifest(
    world: &mut World,
    operator: &mut Operator,
    struck: &mut Vec<String>,
) -> Result<(), String> {
    if operator.desired.shards == 1 {
        return thin_manifest(world, operator, struck);
    }
    note(
        world,
        struck,
        "the manifest loses its last shard for a while",
    );
    operator.desired.shards -= 1;
    let pause = up_to(world, 2);
    let result = operate(world, operator, pause);
    operator.desired.shards += 1;
    result
}

/// The manifest wants no replicas, and then wants them again. Before, a replica takes over by hand.
fn thin_manifest(
    world: &mut World,
    operator: &mut Operator,
    struck: &mut Vec<String>,
) -> Result<(), String> {
    let (_, replica) = shard(world);
    note(world, struck, &format!("node {replica} takes over by hand"));
    let _ = world.call(replica, &["CLUSTER", "FAILOVER"]);
    operate(world, operator, 3_000_000)?;
    note(world, struck, "the manifest wants no replicas for a while");
    operator.desired.replicas_per_shard = 0;
    let pause = 1_000_000 + up_to(world, 8);
    let result = operate(world, operator, pause);
    operator.desired.replicas_per_shard = 1;
    result
}

/// A master starts again empty while the operator does not reach its replica.
fn hidden_replica(
    world: &mut World,
    operator: &mut Operator,
    struck: &mut Vec<String>,
) -> Result<(), String> {
    let (master, replica) = shard(world);
    note(
        world,
        struck,
        &format!("node {replica} is out of sight, and node {master} starts again, empty"),
    );
    operator.cut = Some(replica);
    world.kill(master);
    world.start(master);
    let pause = up_to(world, 6);
    operate(world, operator, pause)?;
    operator.cut = None;
    Ok(())
}

/// Both nodes of a shard go down; the replica returns first, and empty.
fn whole_shard(
    world: &mut World,
    operator: &mut Operator,
    struck: &mut Vec<String>,
) -> Result<(), String> {
    let (master, replica) = shard(world);
    note(
        world,
        struck,
        &format!("nodes {master} and {replica} are killed; {replica} starts again, empty"),
    );
    world.kill(master);
    world.kill(replica);
    world.start(replica);
    // Two failures at once: what one replica confirmed is lost.
    for writer in world.writers.iter_mut().flatten() {
        writer.release();
    }
    let pause = 2_000_000 + up_to(world, 10);
    operate(world, operator, pause)?;
    note(world, struck, &format!("node {master} starts again, empty"));
    world.start(master);
    Ok(())
}

/// Every master starts again at once, empty.
fn all_masters(
    world: &mut World,
    _: &mut Operator,
    struck: &mut Vec<String>,
) -> Result<(), String> {
    let masters: Vec<NodeIx> = (0..world.hosts.len())
        .filter(|ix| world.owns_slots(*ix))
        .collect();
    note(
        world,
        struck,
        &format!("nodes {masters:?} start again, empty"),
    );
    masters.iter().for_each(|ix| world.kill(*ix));
    masters.iter().for_each(|ix| world.start(*ix));
    Ok(())
}

/// Every replica moves to another address and keeps its disk.
fn all_move(
    world: &mut World,
    operator: &mut Operator,
    struck: &mut Vec<String>,
) -> Result<(), String> {
    let moving: Vec<NodeIx> = (0..world.hosts.len())
        .filter(|ix| !world.owns_slots(*ix))
        .collect();
    note(world, struck, &format!("nodes {moving:?} move"));
    for ix in &moving {
        world.kill(*ix);
    }
    let pause = up_to(world, 1);
    operate(world, operator, pause)?;
    for ix in moving {
        let disk = world.hosts[ix].disk.clone();
        world.move_host(ix);
        world.hosts[ix].disk = disk;
        world.start(ix);
    }
    Ok(())
}

/// A master's pod is replaced by an empty one at another address at once: nobody has missed it yet.
fn replaced_at_once(
    world: &mut World,
    _: &mut Operator,
    struck: &mut Vec<String>,
) -> Result<(), String> {
    let (master, _) = shard(world);
    note(world, struck, &format!("node {master} is replaced at once"));
    world.kill(master);
    world.move_host(master);
    world.start(master);
    Ok(())
}
