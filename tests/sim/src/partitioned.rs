//! One run with the operator where not everybody reaches everybody: nodes are cut off from each other,
//! in both directions or in one, clients from nodes that the operator reaches, and the operator from
//! nodes that others reach. Every cut heals, and then all is as it was promised.

use crate::gossip::Summary;
use crate::net::{Caller, NodeIx, Party};
use crate::stage::{Stage, Story, run_story};

/// A cut lasts up to so many node timeouts.
const LONGEST: u64 = 10;

/// Runs a seed.
///
/// # Errors
/// What did not hold, with the operator's steps and the nodes' logs.
pub fn run(seed: u64) -> Result<Summary, String> {
    let replicas = if seed.is_multiple_of(3) { 2 } else { 1 };
    run_story(seed, replicas, story)
}

const CUTS: [Story; 6] = [
    sides,
    one_way_side,
    one_way_pairs,
    hidden_from_writers,
    hidden_from_operator,
    one_way_callers,
];

fn story(stage: &mut Stage) -> Result<(), String> {
    stage.form()?;
    for _ in 0..2 {
        stage.let_write()?;
        stage.operator.mishaps = stage.world.rng.one_in(4);
        for _ in 0..1 + stage.world.rng.below(3) {
            let nth = stage.world.rng.index(CUTS.len());
            CUTS[nth](stage)?;
            let pause = stage.up_to(LONGEST / 3);
            stage.operate(pause)?;
        }
        if stage.world.rng.one_in(3) {
            die(stage)?;
        }
        stage.note("everybody reaches everybody again");
        stage.operator.mishaps = false;
        stage.world.heal();
        stage.heal()?;
    }
    stage.wrote()
}

/// Some nodes, at least one, and not all where there are more.
fn some(stage: &mut Stage) -> Vec<NodeIx> {
    let count = stage.world.hosts.len();
    let size = 1 + stage.world.rng.index(count.div_ceil(2));
    let mut all: Vec<NodeIx> = (0..count).collect();
    (0..size)
        .map(|_| all.swap_remove(stage.world.rng.index(all.len())))
        .collect()
}

/// Two sides do not reach each other.
fn sides(stage: &mut Stage) -> Result<(), String> {
    let side = some(stage);
    stage.note(&format!("nodes {side:?} are cut off from the others"));
    stage.world.partition(&side);
    Ok(())
}

/// One side does not hear the other, which hears it; or the other way round.
fn one_way_side(stage: &mut Stage) -> Result<(), String> {
    let side = some(stage);
    let deaf = stage.world.rng.one_in(2);
    let what = if deaf {
        "do not hear"
    } else {
        "are not heard by"
    };
    stage.note(&format!("nodes {side:?} {what} the others"));
    for ix in 0..stage.world.hosts.len() {
        for &own in side.iter().filter(|_| !side.contains(&ix)) {
            let (from, to) = if deaf { (ix, own) } else { (own, ix) };
            let net = &mut stage.world.net;
            net.silence(Party::Node(from), Party::Node(to));
        }
    }
    Ok(())
}

/// A few nodes do not hear one other node each.
fn one_way_pairs(stage: &mut Stage) -> Result<(), String> {
    for _ in 0..1 + stage.world.rng.below(6) {
        let count = stage.world.hosts.len();
        let (from, to) = (stage.world.rng.index(count), stage.world.rng.index(count));
        if from != to {
            stage.note(&format!("node {to} does not hear node {from}"));
            let net = &mut stage.world.net;
            net.silence(Party::Node(from), Party::Node(to));
        }
    }
    Ok(())
}

/// Clients do not reach some nodes, which all others reach.
fn hidden_from_writers(stage: &mut Stage) -> Result<(), String> {
    let hidden = some(stage);
    stage.note(&format!("clients do not reach nodes {hidden:?}"));
    for ix in hidden {
        let writers = Party::Callers(Caller::Writer);
        stage.world.net.cut(writers, Party::Node(ix));
    }
    Ok(())
}

/// The operator does not reach some nodes, which all others reach; sometimes none at all.
fn hidden_from_operator(stage: &mut Stage) -> Result<(), String> {
    let hidden = match stage.world.rng.one_in(4) {
        true => (0..stage.world.hosts.len()).collect(),
        false => some(stage),
    };
    stage.note(&format!("the operator does not reach nodes {hidden:?}"));
    hidden.into_iter().for_each(|ix| stage.hide(ix));
    Ok(())
}

/// A node hears clients and the operator, and is not heard by them; or the other way round.
fn one_way_callers(stage: &mut Stage) -> Result<(), String> {
    let ix = stage.world.rng.index(stage.world.hosts.len());
    let deaf = stage.world.rng.one_in(2);
    for caller in [Caller::Writer, Caller::Operator] {
        if stage.world.rng.one_in(3) {
            continue;
        }
        let (node, caller) = (Party::Node(ix), Party::Callers(caller));
        let (from, to) = if deaf { (caller, node) } else { (node, caller) };
        stage.note(&format!("{to:?} does not hear {from:?}"));
        stage.world.net.silence(from, to);
    }
    Ok(())
}

/// A node dies in the midst of the cuts, and starts again: empty, as its pod is.
fn die(stage: &mut Stage) -> Result<(), String> {
    let ix = stage.world.rng.index(stage.world.hosts.len());
    stage.note(&format!("node {ix} is killed and starts again, empty"));
    // With a cut at the same time, it is more than a replica's confirmation stands for.
    for writer in stage.world.writers.iter_mut().flatten() {
        writer.release();
    }
    stage.world.kill(ix);
    let pause = stage.up_to(3);
    stage.operate(pause)?;
    stage.world.start(ix);
    let pause = stage.up_to(LONGEST / 3);
    stage.operate(pause)
}
