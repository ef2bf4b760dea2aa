//! One run with the operator where worse comes than one failure at a time: the manifest changes, the
//! operator loses sight of nodes, shards and masters fail together. It heals, and of what the operator must
//! never do it does nothing.

use crate::gossip::Summary;
use crate::net::NodeIx;
use crate::operated_cluster::{Action, OperatedCluster, run_operated};

/// Runs a seed.
///
/// # Errors
/// What did not hold, with the operator's steps and the nodes' logs.
pub fn run(seed: u64) -> Result<Summary, String> {
    run_operated(seed, 1, scenario)
}

const FAULTS: [Action; 7] = [
    narrow_manifest,
    thin_manifest,
    hidden_replica,
    whole_shard,
    all_masters,
    all_move,
    replaced_at_once,
];

fn scenario(cluster: &mut OperatedCluster) -> Result<(), String> {
    cluster.form()?;
    let first = cluster.sim.rng.index(FAULTS.len());
    for nth in 0..2 {
        cluster.let_write()?;
        FAULTS[(first + 3 * nth) % FAULTS.len()](cluster)?;
        cluster.heal()?;
    }
    cluster.wrote()
}

/// A master, and the other node of its shard.
fn shard(cluster: &mut OperatedCluster) -> (NodeIx, NodeIx) {
    let sim = &mut cluster.sim;
    let shard = sim.rng.index(sim.hosts.len() / 2);
    match sim.owns_slots(2 * shard) {
        true => (2 * shard, 2 * shard + 1),
        false => (2 * shard + 1, 2 * shard),
    }
}

/// By mistake the manifest loses its last shard, and gets it back.
fn narrow_manifest(cluster: &mut OperatedCluster) -> Result<(), String> {
    if cluster.operator.manifest.spec.shards == 1 {
        return thin_manifest(cluster);
    }
    cluster.note("the manifest loses its last shard for a while");
    cluster.operator.manifest.spec.shards -= 1;
    let pause = cluster.up_to(2);
    let result = cluster.operate(pause);
    cluster.operator.manifest.spec.shards += 1;
    result
}

/// The manifest wants no replicas, and then wants them again. Before, a replica takes over by hand.
fn thin_manifest(cluster: &mut OperatedCluster) -> Result<(), String> {
    let (_, replica) = shard(cluster);
    cluster.note(&format!("node {replica} takes over by hand"));
    let _ = cluster.sim.call(replica, &["CLUSTER", "FAILOVER"]);
    cluster.operate(3_000_000)?;
    cluster.note("the manifest wants no replicas for a while");
    cluster.operator.manifest.spec.replicas_per_shard = 0;
    let pause = 1_000_000 + cluster.up_to(8);
    let result = cluster.operate(pause);
    cluster.operator.manifest.spec.replicas_per_shard = 1;
    result
}

/// A master starts again empty while the operator does not reach its replica.
fn hidden_replica(cluster: &mut OperatedCluster) -> Result<(), String> {
    let (master, replica) = shard(cluster);
    cluster.note(&format!(
        "node {replica} is out of sight, and node {master} starts again, empty"
    ));
    cluster.hide(replica);
    cluster.sim.kill(master);
    cluster.sim.start(master);
    let pause = cluster.up_to(6);
    cluster.operate(pause)?;
    cluster.sim.heal();
    Ok(())
}

/// Both nodes of a shard go down; the replica returns first, and empty.
fn whole_shard(cluster: &mut OperatedCluster) -> Result<(), String> {
    let (master, replica) = shard(cluster);
    cluster.note(&format!(
        "nodes {master} and {replica} are killed; {replica} starts again, empty"
    ));
    cluster.sim.kill(master);
    cluster.sim.kill(replica);
    cluster.sim.start(replica);
    // Two failures at once: what one replica confirmed is lost.
    for writer in cluster.sim.writers.iter_mut().flatten() {
        writer.release();
    }
    let pause = 2_000_000 + cluster.up_to(10);
    cluster.operate(pause)?;
    cluster.note(&format!("node {master} starts again, empty"));
    cluster.sim.start(master);
    Ok(())
}

/// Every master starts again at once, empty.
fn all_masters(cluster: &mut OperatedCluster) -> Result<(), String> {
    let masters: Vec<NodeIx> = (0..cluster.sim.hosts.len())
        .filter(|ix| cluster.sim.owns_slots(*ix))
        .collect();
    cluster.note(&format!("nodes {masters:?} start again, empty"));
    masters.iter().for_each(|ix| cluster.sim.kill(*ix));
    masters.iter().for_each(|ix| cluster.sim.start(*ix));
    Ok(())
}

/// Every replica moves to another address and keeps its disk.
fn all_move(cluster: &mut OperatedCluster) -> Result<(), String> {
    let moving: Vec<NodeIx> = (0..cluster.sim.hosts.len())
        .filter(|ix| !cluster.sim.owns_slots(*ix))
        .collect();
    cluster.note(&format!("nodes {moving:?} move"));
    for ix in &moving {
        cluster.sim.kill(*ix);
    }
    let pause = cluster.up_to(1);
    cluster.operate(pause)?;
    for ix in moving {
        let disk = std::mem::take(&mut cluster.sim.hosts[ix].disk);
        cluster.sim.move_host(ix);
        cluster.sim.hosts[ix].disk = disk;
        cluster.sim.start(ix);
    }
    Ok(())
}

/// A master's pod is replaced by an empty one at another address at once: nobody has missed it yet.
fn replaced_at_once(cluster: &mut OperatedCluster) -> Result<(), String> {
    let (master, _) = shard(cluster);
    cluster.note(&format!("node {master} is replaced at once"));
    cluster.sim.kill(master);
    cluster.sim.move_host(master);
    cluster.sim.start(master);
    Ok(())
}
