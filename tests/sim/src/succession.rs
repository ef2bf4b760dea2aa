//! One run where operators take each other's place while masters die: votes are lost, late and
//! unheard of, and what was to be stored is stored, stale or gone. No second vote in place of a
//! master within two node timeouts, whoever asks.

use crate::gossip::Summary;
use crate::net::NodeIx;
use crate::operator::{Reads, Storing};
use crate::stage::{Stage, run_story};

/// Runs a seed.
///
/// # Errors
/// What did not hold, with the operator's steps and the nodes' logs.
pub fn run(seed: u64) -> Result<Summary, String> {
    run_story(seed, 2, story)
}

fn story(stage: &mut Stage) -> Result<(), String> {
    // As against Redis, where all depends on what was stored.
    stage.operator.mute = stage.world.rng.one_in(3);
    stage.form()?;
    for _ in 0..2 {
        stage.let_write()?;
        stage.operator.mishaps = stage.world.rng.one_in(2);
        stage.operator.astray = true;
        strike(stage)?;
        (stage.operator.mishaps, stage.operator.astray) = (false, false);
        stage.heal()?;
    }
    stage.wrote()
}

/// A master fails, and one operator after the other sees to it.
fn strike(stage: &mut Stage) -> Result<(), String> {
    // More fails than a replica's confirmation stands for.
    for writer in stage.world.writers.iter_mut().flatten() {
        writer.release();
    }
    let mut masters: Vec<NodeIx> = (0..stage.world.hosts.len())
        .filter(|ix| stage.world.owns_slots(*ix))
        .collect();
    let first = stage.world.rng.index(masters.len());
    masters.rotate_left(first);
    stage.operator.storing = storing(stage);
    stage.note(&format!(
        "what is to be stored: {:?}",
        stage.operator.storing
    ));
    let heirs = heirs(stage, masters[0]);
    fail(stage, masters[0]);
    stage.world.run_for(300_000);
    if stage.world.rng.one_in(3) {
        let heir = heirs[stage.world.rng.index(heirs.len())];
        stage.note(&format!("node {heir} is out of sight"));
        stage.hide(heir);
    } else {
        // Who stands for election there is not elected before all is well again.
        stage.note(&format!("nodes {heirs:?} are cut off from the others"));
        stage.world.partition(&heirs);
    }
    for _ in 0..1 + stage.world.rng.below(2) {
        let pause = 100_000 + stage.up_to(1);
        stage.operate(pause)?;
        succeed(stage);
    }
    let pause = stage.up_to(3);
    stage.operate(pause)?;
    stage.note("all is well again");
    stage.world.heal();
    stage.operator.storing = Storing::Works;
    (0..stage.world.hosts.len()).for_each(|ix| {
        if !stage.world.is_up(ix) {
            stage.world.start(ix);
        }
    });
    Ok(())
}

/// A master dies; mostly it starts again at once, empty, and withholds itself.
fn fail(stage: &mut Stage, ix: NodeIx) {
    stage.world.kill(ix);
    if stage.world.rng.one_in(3) {
        stage.note(&format!("node {ix} is killed"));
    } else {
        stage.note(&format!("node {ix} starts again, empty"));
        stage.world.start(ix);
    }
}

/// The other nodes of a master's shard.
fn heirs(stage: &Stage, master: NodeIx) -> Vec<NodeIx> {
    let pods = stage.operator.desired.pods_per_shard() as usize;
    let first = master / pods * pods;
    (first..first + pods).filter(|ix| *ix != master).collect()
}

fn storing(stage: &mut Stage) -> Storing {
    match stage.world.rng.below(3) {
        0 => Storing::Works,
        1 => Storing::Fails,
        _ => Storing::Unheard,
    }
}

/// Another operator begins with what it reads; one that reads anew what is stale has Redis nodes
/// against it, which nothing fences.
fn succeed(stage: &mut Stage) {
    let reads = match stage.world.rng.below(3) {
        0 => Reads::Nothing,
        1 if !stage.operator.mute => Reads::Stale,
        _ => Reads::Latest,
    };
    stage.note(&format!("another operator takes over and reads: {reads:?}"));
    stage.operator.succeed(reads);
}
