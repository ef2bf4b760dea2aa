//! One run where operators take each other's place while masters die: votes are lost, late and
//! unheard of, and what was to be stored is stored, stale or gone. No second vote in place of a
//! master within two node timeouts, whichever operator asks.

use crate::gossip::Summary;
use crate::net::NodeIx;
use crate::operated_cluster::{OperatedCluster, Shape, run_shaped};
use crate::operator::{MemoryRead, StoreResult};

/// Runs a seed.
///
/// # Errors
/// What did not hold, with the operator's steps and the nodes' logs.
pub fn run(seed: u64) -> Result<Summary, String> {
    // With three masters the operator first waits for their own election: then mostly one succeeds.
    let shape = Shape {
        shards: [2, 1, 2, 3][(seed % 4) as usize],
        replicas: 2,
    };
    run_shaped(seed, shape, scenario)
}

fn scenario(cluster: &mut OperatedCluster) -> Result<(), String> {
    // As against Redis, where all depends on what was stored.
    cluster.operator.hides_elections = cluster.sim.rng.one_in(2);
    cluster.form()?;
    for _ in 0..2 {
        cluster.let_write()?;
        cluster.operator.step_faults = cluster.sim.rng.one_in(2);
        // A vote that arrives at once is one of which the next operator has to know.
        cluster.operator.vote_faults = cluster.sim.rng.one_in(2);
        inject_fault(cluster)?;
        (cluster.operator.step_faults, cluster.operator.vote_faults) = (false, false);
        cluster.heal()?;
    }
    cluster.wrote()
}

/// A master fails, and one operator after the other sees to it.
fn inject_fault(cluster: &mut OperatedCluster) -> Result<(), String> {
    // More fails than a replica's confirmation stands for.
    for writer in cluster.sim.writers.iter_mut().flatten() {
        writer.release();
    }
    let mut masters: Vec<NodeIx> = (0..cluster.sim.hosts.len())
        .filter(|ix| cluster.sim.owns_slots(*ix))
        .collect();
    let first = cluster.sim.rng.index(masters.len());
    masters.rotate_left(first);
    let storing = storing(cluster);
    cluster.operator.set_storing(storing);
    cluster.note(&format!("what is to be stored: {storing:?}"));
    let heirs = heirs(cluster, masters[0]);
    fail(cluster, masters[0]);
    cluster.sim.run_for(300_000);
    if cluster.sim.rng.one_in(3) {
        let heir = heirs[cluster.sim.rng.index(heirs.len())];
        cluster.note(&format!("node {heir} is out of sight"));
        cluster.hide(heir);
    } else {
        // Who stands for election there is not elected before all is well again.
        cluster.note(&format!("nodes {heirs:?} are cut off from the others"));
        cluster.sim.partition(&heirs);
    }
    for _ in 0..1 + cluster.sim.rng.below(2) {
        let pause = 100_000 + cluster.up_to(1);
        cluster.operate(pause)?;
        succeed(cluster);
    }
    let pause = cluster.up_to(3);
    cluster.operate(pause)?;
    cluster.note("all is well again");
    cluster.sim.heal();
    cluster.operator.set_storing(StoreResult::Works);
    (0..cluster.sim.hosts.len()).for_each(|ix| {
        if !cluster.sim.is_up(ix) {
            cluster.sim.start(ix);
        }
    });
    Ok(())
}

/// A master dies; mostly it starts again at once, empty, and withholds itself.
fn fail(cluster: &mut OperatedCluster, ix: NodeIx) {
    cluster.sim.kill(ix);
    if cluster.sim.rng.one_in(3) {
        cluster.note(&format!("node {ix} is killed"));
    } else {
        cluster.note(&format!("node {ix} starts again, empty"));
        cluster.sim.start(ix);
    }
}

/// The other nodes of a master's shard.
fn heirs(cluster: &OperatedCluster, master: NodeIx) -> Vec<NodeIx> {
    let pods = cluster.operator.desired().pods_per_shard() as usize;
    let first = master / pods * pods;
    (first..first + pods).filter(|ix| *ix != master).collect()
}

fn storing(cluster: &mut OperatedCluster) -> StoreResult {
    match cluster.sim.rng.below(3) {
        0 => StoreResult::Works,
        1 => StoreResult::Fails,
        _ => StoreResult::Unheard,
    }
}

/// Another operator begins with what it reads; one that reads anew what is stale has Redis nodes
/// against it, which nothing fences.
fn succeed(cluster: &mut OperatedCluster) {
    let reads = match cluster.sim.rng.below(3) {
        0 => MemoryRead::Nothing,
        1 if !cluster.operator.hides_elections => MemoryRead::Stale,
        _ => MemoryRead::Latest,
    };
    cluster.note(&format!("another operator takes over and reads: {reads:?}"));
    cluster.operator.succeed(reads);
}
