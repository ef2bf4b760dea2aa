//! One run with the operator: it forms the cluster, processes die, lose their disks and come back,
//! steps go wrong, clients write throughout, and in the end the plan is empty and every promise kept.

use crate::gossip::Summary;
use crate::operated_cluster::{OperatedCluster, run_operated};
use crate::operator::MemoryRead;

/// Runs a seed.
///
/// # Errors
/// What did not hold, with the operator's steps and the nodes' logs.
pub fn run(seed: u64) -> Result<Summary, String> {
    run_operated(seed, 1, scenario)
}

fn scenario(cluster: &mut OperatedCluster) -> Result<(), String> {
    // Half of the runs have a hard start: steps go wrong while the cluster is formed.
    cluster.operator.step_faults = cluster.sim.rng.one_in(2);
    cluster.form()?;
    for _ in 0..1 + cluster.sim.rng.below(3) {
        cluster.operator.step_faults = cluster.sim.rng.one_in(2);
        cluster.let_write()?;
        inject_fault(cluster)?;
        cluster.heal()?;
    }
    cluster.wrote()
}

/// One failure, from which nothing that a replica confirmed may be lost.
fn inject_fault(cluster: &mut OperatedCluster) -> Result<(), String> {
    let ix = cluster.sim.rng.index(cluster.sim.hosts.len());
    match cluster.sim.rng.below(5) {
        0 => {
            cluster.note(&format!(
                "node {ix} is killed and starts again at once, empty"
            ));
            cluster.sim.kill(ix);
            cluster.sim.start(ix);
        }
        1 => {
            cluster.note(&format!(
                "node {ix} is killed and starts again after a while"
            ));
            cluster.sim.kill(ix);
            let pause = cluster.up_to(8);
            cluster.operate(pause)?;
            cluster.sim.start(ix);
        }
        2 => {
            cluster.note(&format!("node {ix} loses its disk and its address"));
            cluster.sim.kill(ix);
            let pause = cluster.up_to(4);
            cluster.operate(pause)?;
            cluster.sim.move_host(ix);
            cluster.sim.start(ix);
        }
        3 => {
            cluster.note(&format!(
                "the operator is restarted within a pass, and node {ix} killed at once"
            ));
            let rounds = cluster.sim.rng.below(40) as u32;
            cluster.operator.restart = Some((rounds, MemoryRead::Nothing));
            cluster.sim.kill(ix);
            let pause = cluster.up_to(2);
            cluster.operate(pause)?;
            cluster.sim.start(ix);
        }
        _ => {
            cluster.note(&format!("connections of node {ix} break"));
            for _ in 0..3 {
                let nth = cluster.sim.rng.index(32);
                cluster.sim.reset_conn(ix, nth);
            }
        }
    }
    Ok(())
}
