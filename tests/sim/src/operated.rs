//! One run with the operator: it forms the cluster, processes die, lose their disks and come back,
//! steps go wrong, clients write throughout, and in the end the plan is empty and every promise kept.

use crate::gossip::Summary;
use crate::operator::Reads;
use crate::stage::{Stage, run_story};

/// Runs a seed.
///
/// # Errors
/// What did not hold, with the operator's steps and the nodes' logs.
pub fn run(seed: u64) -> Result<Summary, String> {
    run_story(seed, 1, story)
}

fn story(stage: &mut Stage) -> Result<(), String> {
    // Half of the runs have a hard start: steps go wrong while the cluster is formed.
    stage.operator.mishaps = stage.world.rng.one_in(2);
    stage.form()?;
    for _ in 0..1 + stage.world.rng.below(3) {
        stage.operator.mishaps = stage.world.rng.one_in(2);
        stage.let_write()?;
        strike(stage)?;
        stage.heal()?;
    }
    stage.wrote()
}

/// One failure, from which nothing that a replica confirmed may be lost.
fn strike(stage: &mut Stage) -> Result<(), String> {
    let ix = stage.world.rng.index(stage.world.hosts.len());
    match stage.world.rng.below(5) {
        0 => {
            stage.note(&format!(
                "node {ix} is killed and starts again at once, empty"
            ));
            stage.world.kill(ix);
            stage.world.start(ix);
        }
        1 => {
            stage.note(&format!(
                "node {ix} is killed and starts again after a while"
            ));
            stage.world.kill(ix);
            let pause = stage.up_to(8);
            stage.operate(pause)?;
            stage.world.start(ix);
        }
        2 => {
            stage.note(&format!("node {ix} loses its disk and its address"));
            stage.world.kill(ix);
            let pause = stage.up_to(4);
            stage.operate(pause)?;
            stage.world.move_host(ix);
            stage.world.start(ix);
        }
        3 => {
            stage.note(&format!(
                "the operator is restarted, and node {ix} killed at once"
            ));
            stage.operator.succeed(Reads::Nothing);
            stage.world.kill(ix);
            let pause = stage.up_to(2);
            stage.operate(pause)?;
            stage.world.start(ix);
        }
        _ => {
            stage.note(&format!("connections of node {ix} break"));
            for _ in 0..3 {
                let nth = stage.world.rng.index(32);
                stage.world.reset_conn(ix, nth);
            }
        }
    }
    Ok(())
}
