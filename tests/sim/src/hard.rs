//! One run with the operator where worse comes than one failure at a time: the manifest changes, the
//! operator loses sight of nodes, shards and masters fail together. It heals, and of what the operator must
//! never do it does nothing.

use crate::gossip::Summary;
use crate::net::NodeIx;
use crate::stage::{Stage, Story, run_story};

/// Runs a seed.
///
/// # Errors
/// What did not hold, with the operator's steps and the nodes' logs.
pub fn run(seed: u64) -> Result<Summary, String> {
    run_story(seed, 1, story)
}

const BLOWS: [Story; 7] = [
    narrow_manifest,
    thin_manifest,
    hidden_replica,
    whole_shard,
    all_masters,
    all_move,
    replaced_at_once,
];

fn story(stage: &mut Stage) -> Result<(), String> {
    stage.form()?;
    let first = stage.world.rng.index(BLOWS.len());
    for nth in 0..2 {
        stage.let_write()?;
        BLOWS[(first + 3 * nth) % BLOWS.len()](stage)?;
        stage.heal()?;
    }
    stage.wrote()
}

/// A master, and the other node of its shard.
fn shard(stage: &mut Stage) -> (NodeIx, NodeIx) {
    let world = &mut stage.world;
    let shard = world.rng.index(world.hosts.len() / 2);
    match world.owns_slots(2 * shard) {
        true => (2 * shard, 2 * shard + 1),
        false => (2 * shard + 1, 2 * shard),
    }
}

/// By mistake the manifest loses its last shard, and gets it back.
fn narrow_manifest(stage: &mut Stage) -> Result<(), String> {
    if stage.operator.desired.shards == 1 {
        return thin_manifest(stage);
    }
    stage.note("the manifest loses its last shard for a while");
    stage.operator.desired.shards -= 1;
    let pause = stage.up_to(2);
    let result = stage.operate(pause);
    stage.operator.desired.shards += 1;
    result
}

/// The manifest wants no replicas, and then wants them again. Before, a replica takes over by hand.
fn thin_manifest(stage: &mut Stage) -> Result<(), String> {
    let (_, replica) = shard(stage);
    stage.note(&format!("node {replica} takes over by hand"));
    let _ = stage.world.call(replica, &["CLUSTER", "FAILOVER"]);
    stage.operate(3_000_000)?;
    stage.note("the manifest wants no replicas for a while");
    stage.operator.desired.replicas_per_shard = 0;
    let pause = 1_000_000 + stage.up_to(8);
    let result = stage.operate(pause);
    stage.operator.desired.replicas_per_shard = 1;
    result
}

/// A master starts again empty while the operator does not reach its replica.
fn hidden_replica(stage: &mut Stage) -> Result<(), String> {
    let (master, replica) = shard(stage);
    stage.note(&format!(
        "node {replica} is out of sight, and node {master} starts again, empty"
    ));
    stage.hide(replica);
    stage.world.kill(master);
    stage.world.start(master);
    let pause = stage.up_to(6);
    stage.operate(pause)?;
    stage.world.heal();
    Ok(())
}

/// Both nodes of a shard go down; the replica returns first, and empty.
fn whole_shard(stage: &mut Stage) -> Result<(), String> {
    let (master, replica) = shard(stage);
    stage.note(&format!(
        "nodes {master} and {replica} are killed; {replica} starts again, empty"
    ));
    stage.world.kill(master);
    stage.world.kill(replica);
    stage.world.start(replica);
    // Two failures at once: what one replica confirmed is lost.
    for writer in stage.world.writers.iter_mut().flatten() {
        writer.release();
    }
    let pause = 2_000_000 + stage.up_to(10);
    stage.operate(pause)?;
    stage.note(&format!("node {master} starts again, empty"));
    stage.world.start(master);
    Ok(())
}

/// Every master starts again at once, empty.
fn all_masters(stage: &mut Stage) -> Result<(), String> {
    let masters: Vec<NodeIx> = (0..stage.world.hosts.len())
        .filter(|ix| stage.world.owns_slots(*ix))
        .collect();
    stage.note(&format!("nodes {masters:?} start again, empty"));
    masters.iter().for_each(|ix| stage.world.kill(*ix));
    masters.iter().for_each(|ix| stage.world.start(*ix));
    Ok(())
}

/// Every replica moves to another address and keeps its disk.
fn all_move(stage: &mut Stage) -> Result<(), String> {
    let moving: Vec<NodeIx> = (0..stage.world.hosts.len())
        .filter(|ix| !stage.world.owns_slots(*ix))
        .collect();
    stage.note(&format!("nodes {moving:?} move"));
    for ix in &moving {
        stage.world.kill(*ix);
    }
    let pause = stage.up_to(1);
    stage.operate(pause)?;
    for ix in moving {
        let disk = stage.world.hosts[ix].disk.clone();
        stage.world.move_host(ix);
        stage.world.hosts[ix].disk = disk;
        stage.world.start(ix);
    }
    Ok(())
}

/// A master's pod is replaced by an empty one at another address at once: nobody has missed it yet.
fn replaced_at_once(stage: &mut Stage) -> Result<(), String> {
    let (master, _) = shard(stage);
    stage.note(&format!("node {master} is replaced at once"));
    stage.world.kill(master);
    stage.world.move_host(master);
    stage.world.start(master);
    Ok(())
}
