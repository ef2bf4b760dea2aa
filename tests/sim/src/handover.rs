//! One run where masters hand over and nothing else goes wrong: replicas are told to take over, and
//! processes are asked to end, while clients write. What was acknowledged is kept, confirmed or not.

use slotkeeper_node::engine::Engine;

use crate::gossip::Summary;
use crate::net::NodeIx;
use crate::stage::{Stage, Story, run_story};
use crate::writer::Safe;

/// A process that was asked to end does so within this time, in microseconds: it waits for replicas
/// up to shutdown-timeout, and again for one that takes over.
const LEAVING_US: u64 = 25_000_000;
/// A replica that was restarted has the data again within this time, in microseconds.
const SYNC_US: u64 = 30_000_000;
/// The delay of a slow network, in microseconds.
const SLOW_US: u64 = 60_000;

/// Runs a seed.
///
/// # Errors
/// What did not hold, with the operator's steps and the nodes' logs.
pub fn run(seed: u64) -> Result<Summary, String> {
    let replicas = if seed.is_multiple_of(3) { 2 } else { 1 };
    run_story(seed, replicas, story)
}

const HAND_OVERS: [Story; 4] = [
    failover,
    masters_end,
    replica_ends,
    failover_of_one_that_ends,
];

fn story(stage: &mut Stage) -> Result<(), String> {
    stage.form_with(Safe::Acknowledged)?;
    let (first, quick) = (
        stage.world.rng.index(HAND_OVERS.len()),
        stage.world.net.max_delay_us,
    );
    for nth in 0..3 {
        all_synced(stage)?;
        if stage.world.rng.one_in(3) {
            stage.note("the network is slow");
            stage.world.net.max_delay_us = SLOW_US;
        }
        stage.let_write()?;
        HAND_OVERS[(first + nth) % HAND_OVERS.len()](stage)?;
        stage.world.net.max_delay_us = quick;
        stage.heal()?;
    }
    stage.wrote()
}

/// A replica is told to take over.
fn failover(stage: &mut Stage) -> Result<(), String> {
    let replica = one_of(stage, false);
    stage.note(&format!("node {replica} is told to take over"));
    // It is refused where the operator has asked for the same.
    let _ = stage.world.call(replica, &["CLUSTER", "FAILOVER"]);
    let pause = 1_000_000 + stage.up_to(3);
    stage.operate(pause)
}

/// One or more masters are asked to end, as when a machine is drained.
fn masters_end(stage: &mut Stage) -> Result<(), String> {
    let mut leaving: Vec<NodeIx> = (0..stage.world.hosts.len())
        .filter(|&ix| stage.world.owns_slots(ix))
        .collect();
    let spared = stage.world.rng.index(leaving.len());
    leaving.rotate_left(spared);
    leaving.truncate(leaving.len() - spared);
    end(stage, &leaving)
}

/// A replica is asked to end.
fn replica_ends(stage: &mut Stage) -> Result<(), String> {
    let replica = one_of(stage, false);
    end(stage, &[replica])
}

/// A master is asked to end while a replica of it takes over already.
fn failover_of_one_that_ends(stage: &mut Stage) -> Result<(), String> {
    let replica = one_of(stage, false);
    let Some(master) = stage.world.master_of(replica) else {
        return Err(format!("node {replica} follows nobody"));
    };
    stage.note(&format!("node {replica} is told to take over"));
    let _ = stage.world.call(replica, &["CLUSTER", "FAILOVER"]);
    let pause = stage.world.rng.below(1_000_000);
    stage.world.run_for(pause);
    end(stage, &[master])
}

/// They get SIGTERM, end, and start again.
fn end(stage: &mut Stage, leaving: &[NodeIx]) -> Result<(), String> {
    stage.note(&format!("nodes {leaving:?} are asked to end"));
    leaving.iter().for_each(|&ix| stage.world.terminate(ix));
    let deadline = stage.world.now_us + LEAVING_US;
    while let Some(ix) = leaving.iter().find(|&&ix| stage.world.is_up(ix)) {
        if stage.world.now_us > deadline {
            return Err(format!("node {ix} does not end"));
        }
        stage.operate(100_000)?;
    }
    let pause = stage.up_to(2);
    stage.operate(pause)?;
    leaving.iter().for_each(|&ix| stage.world.start(ix));
    Ok(())
}

/// A node that owns slots, or one that does not.
fn one_of(stage: &mut Stage, owns: bool) -> NodeIx {
    let some: Vec<NodeIx> = (0..stage.world.hosts.len())
        .filter(|&ix| stage.world.owns_slots(ix) == owns)
        .collect();
    some[stage.world.rng.index(some.len())]
}

/// Every replica has all data: who has none cannot take over, and what it was to keep is gone.
fn all_synced(stage: &mut Stage) -> Result<(), String> {
    let deadline = stage.world.now_us + SYNC_US;
    let complete = |engine: &Option<Engine>| engine.as_ref().is_some_and(Engine::is_complete);
    while !(stage.world.hosts.iter()).all(|host| complete(&host.engine)) {
        if stage.world.now_us > deadline {
            return Err("the replicas do not get the data".to_owned());
        }
        stage.operate(100_000)?;
    }
    Ok(())
}
