//! One run with the operator where nodes keep data files: processes die while they save, disks fail,
//! and hosts lose their power. A node starts from the whole old file or from the whole new one, and
//! what replicas had confirmed is kept.

use slotkeeper_node::config::SavePoint;

use crate::gossip::Summary;
use crate::net::NodeIx;
use crate::operated_cluster::{Action, OperatedCluster, run_saving};

/// Every few seconds, whatever has changed.
const SAVE: [SavePoint; 1] = [SavePoint {
    seconds: 2,
    changes: 1,
}];
/// A snapshot takes about so long, in microseconds.
const SNAPSHOT_US: u64 = 4_000;

/// Runs a seed.
///
/// # Errors
/// What did not hold, with the operator's steps and the nodes' logs.
pub fn run(seed: u64) -> Result<Summary, String> {
    let replicas = if seed.is_multiple_of(3) { 2 } else { 1 };
    run_saving(seed, replicas, &SAVE, scenario)
}

const FAULTS: [Action; 5] = [one, one, disk_fails, whole_shard, everything];

fn scenario(cluster: &mut OperatedCluster) -> Result<(), String> {
    cluster.form()?;
    for _ in 0..3 {
        cluster.let_write()?;
        let nth = cluster.sim.rng.index(FAULTS.len());
        FAULTS[nth](cluster)?;
        for host in &mut cluster.sim.hosts {
            host.disk.fails = false;
        }
        cluster.heal()?;
    }
    cluster.wrote()
}

/// Kills some nodes, mostly while they save.
fn kill(cluster: &mut OperatedCluster, nodes: &[NodeIx]) {
    for &ix in nodes {
        // Refused while it saves anyway.
        let _ = cluster.sim.call(ix, &["BGSAVE"]);
    }
    let pause = cluster.sim.rng.below(SNAPSHOT_US);
    cluster.sim.run_for(pause);
    cluster.note(&format!("nodes {nodes:?} are killed"));
    nodes.iter().for_each(|&ix| cluster.sim.kill(ix));
}

/// A node dies and starts again, at once or after a while.
fn one(cluster: &mut OperatedCluster) -> Result<(), String> {
    let ix = cluster.sim.rng.index(cluster.sim.hosts.len());
    kill(cluster, &[ix]);
    if cluster.sim.rng.one_in(2) {
        let pause = cluster.up_to(6);
        cluster.operate(pause)?;
    }
    cluster.sim.start(ix);
    Ok(())
}

/// A disk takes no data for a while, and its node dies then.
fn disk_fails(cluster: &mut OperatedCluster) -> Result<(), String> {
    let ix = cluster.sim.rng.index(cluster.sim.hosts.len());
    cluster.note(&format!("node {ix} cannot save any more"));
    cluster.sim.hosts[ix].disk.fails = true;
    let pause = 3_000_000 + cluster.up_to(2);
    cluster.operate(pause)?;
    if cluster.sim.rng.one_in(2) {
        kill(cluster, &[ix]);
        cluster.sim.start(ix);
        let pause = cluster.up_to(2);
        cluster.operate(pause)?;
    }
    Ok(())
}

/// All nodes of a shard die, and start one after the other.
fn whole_shard(cluster: &mut OperatedCluster) -> Result<(), String> {
    let pods = cluster.operator.desired().pods_per_shard() as usize;
    let first = cluster.sim.rng.index(cluster.sim.hosts.len() / pods) * pods;
    restart(cluster, (first..first + pods).collect())
}

/// All nodes die.
fn everything(cluster: &mut OperatedCluster) -> Result<(), String> {
    restart(cluster, (0..cluster.sim.hosts.len()).collect())
}

/// More fails than a replica's confirmation stands for: what was not saved may be lost.
fn restart(cluster: &mut OperatedCluster, mut nodes: Vec<NodeIx>) -> Result<(), String> {
    kill(cluster, &nodes);
    for writer in cluster.sim.writers.iter_mut().flatten() {
        writer.release();
    }
    let first = cluster.sim.rng.index(nodes.len());
    nodes.rotate_left(first);
    for ix in nodes {
        let pause = cluster.sim.rng.below(1_000_000);
        cluster.operate(pause)?;
        cluster.sim.start(ix);
    }
    Ok(())
}
