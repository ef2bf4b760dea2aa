//! One run where masters hand over and nothing else goes wrong: replicas are told to take over, and
//! processes are asked to end, while clients write. What was acknowledged is kept, confirmed or not.

use crate::gossip::Summary;
use crate::net::NodeIx;
use crate::operated_cluster::{Action, OperatedCluster, run_operated};
use crate::writer::Durability;

/// A process that was asked to end does so within this time, in microseconds: it waits for replicas
/// up to shutdown-timeout, and again for one that takes over.
const LEAVING_US: u64 = 25_000_000;
/// The delay of a slow network, in microseconds.
const SLOW_US: u64 = 60_000;

/// Runs a seed.
///
/// # Errors
/// What did not hold, with the operator's steps and the nodes' logs.
pub fn run(seed: u64) -> Result<Summary, String> {
    let replicas = if seed.is_multiple_of(3) { 2 } else { 1 };
    run_operated(seed, replicas, scenario)
}

const HANDOVERS: [Action; 4] = [
    failover,
    masters_end,
    replica_ends,
    failover_of_one_that_ends,
];

fn scenario(cluster: &mut OperatedCluster) -> Result<(), String> {
    cluster.form_with(Durability::Acknowledged)?;
    let (first, quick) = (
        cluster.sim.rng.index(HANDOVERS.len()),
        cluster.sim.net.max_delay_us,
    );
    for nth in 0..3 {
        cluster.sync()?;
        if cluster.sim.rng.one_in(3) {
            cluster.note("the network is slow");
            cluster.sim.net.max_delay_us = SLOW_US;
        }
        cluster.let_write()?;
        HANDOVERS[(first + nth) % HANDOVERS.len()](cluster)?;
        cluster.sim.net.max_delay_us = quick;
        cluster.heal()?;
    }
    cluster.wrote()
}

/// A replica is told to take over.
fn failover(cluster: &mut OperatedCluster) -> Result<(), String> {
    let replica = one_of(cluster, false);
    cluster.note(&format!("node {replica} is told to take over"));
    // It is refused where the operator has asked for the same.
    let _ = cluster.sim.call(replica, &["CLUSTER", "FAILOVER"]);
    let pause = 1_000_000 + cluster.up_to(3);
    cluster.operate(pause)
}

/// One or more masters are asked to end, as when a host is drained.
fn masters_end(cluster: &mut OperatedCluster) -> Result<(), String> {
    let mut leaving: Vec<NodeIx> = (0..cluster.sim.hosts.len())
        .filter(|&ix| cluster.sim.owns_slots(ix))
        .collect();
    let spared = cluster.sim.rng.index(leaving.len());
    leaving.rotate_left(spared);
    leaving.truncate(leaving.len() - spared);
    end(cluster, &leaving)
}

/// A replica is asked to end.
fn replica_ends(cluster: &mut OperatedCluster) -> Result<(), String> {
    let replica = one_of(cluster, false);
    end(cluster, &[replica])
}

/// A master is asked to end while a replica of it takes over already.
fn failover_of_one_that_ends(cluster: &mut OperatedCluster) -> Result<(), String> {
    let replica = one_of(cluster, false);
    let Some(master) = cluster.sim.master_of(replica) else {
        return Err(format!("node {replica} follows nobody"));
    };
    cluster.note(&format!("node {replica} is told to take over"));
    let _ = cluster.sim.call(replica, &["CLUSTER", "FAILOVER"]);
    let pause = cluster.sim.rng.below(1_000_000);
    cluster.sim.run_for(pause);
    end(cluster, &[master])
}

/// They get SIGTERM, end, and start again.
fn end(cluster: &mut OperatedCluster, leaving: &[NodeIx]) -> Result<(), String> {
    cluster.note(&format!("nodes {leaving:?} are asked to end"));
    leaving.iter().for_each(|&ix| cluster.sim.terminate(ix));
    let deadline = cluster.sim.now_us + LEAVING_US;
    while let Some(ix) = leaving.iter().find(|&&ix| cluster.sim.is_up(ix)) {
        if cluster.sim.now_us > deadline {
            return Err(format!("node {ix} does not end"));
        }
        cluster.operate(100_000)?;
    }
    let pause = cluster.up_to(2);
    cluster.operate(pause)?;
    leaving.iter().for_each(|&ix| cluster.sim.start(ix));
    Ok(())
}

/// A node that owns slots, or one that does not.
fn one_of(cluster: &mut OperatedCluster, owns: bool) -> NodeIx {
    let some: Vec<NodeIx> = (0..cluster.sim.hosts.len())
        .filter(|&ix| cluster.sim.owns_slots(ix) == owns)
        .collect();
    some[cluster.sim.rng.index(some.len())]
}
