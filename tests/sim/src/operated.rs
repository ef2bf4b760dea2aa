//! One run with the operator: it forms the cluster, processes die, lose their disks and come back,
//! steps go wrong, clients write throughout, and in the end the plan is empty and every promise kept.

use slotkeeper::model::Desired;

use crate::gossip::{NODE_TIMEOUT_MS, Summary, config};
use crate::net::NodeIx;
use crate::operator::Operator;
use crate::world::World;

/// How long the operator has to bring everything in order, in microseconds.
const PATIENCE_US: u64 = 240_000_000;
/// A pass is due at least this often, in microseconds.
const PASS_US: u64 = 500_000;

/// Runs a seed.
///
/// # Errors
/// What did not hold, with the operator's steps and the nodes' logs.
pub fn run(seed: u64) -> Result<Summary, String> {
    run_story(seed, run_world)
}

/// A world that is not formed yet, and what happens in it.
pub(crate) type Story = fn(&mut World, &mut Operator, &mut Vec<String>) -> Result<(), String>;

/// Lets a story happen in the world of a seed.
///
/// # Errors
/// What did not hold, with the operator's steps and the nodes' logs.
pub(crate) fn run_story(seed: u64, story: Story) -> Result<Summary, String> {
    let shards = [1, 2, 3, 3][(seed % 4) as usize];
    let count = shards * 2;
    let mut world = World::new(seed, (0..count).map(|ix| named_config(ix, 2)).collect());
    let mut desired = Desired::new("sim", u32::try_from(shards).unwrap_or(1), 1);
    desired.node_timeout_ms = NODE_TIMEOUT_MS;
    let rng = world.rng.fork();
    let mut operator = Operator::new(desired, rng);
    let mut struck = Vec::new();
    story(&mut world, &mut operator, &mut struck).map_err(|error| {
        let (steps, struck) = (operator.history.join("\n"), struck.join("\n"));
        format!(
            "{error}\n-- struck\n{struck}\n-- steps\n{steps}\n-- logs\n{}",
            world.report()
        )
    })?;
    Ok(Summary {
        events: world.events,
        faults: struck.len(),
    })
}

fn named_config(ix: NodeIx, pods: usize) -> slotkeeper_node::config::Config {
    let mut config = config();
    config.cluster_announce_hostname = Some(format!("sim-{}-{}.local", ix / pods, ix % pods));
    // The operator ends withholding, the clock never does.
    config.cluster_empty_master_wait = -1;
    config.shutdown_handover = true;
    config
}

fn run_world(
    world: &mut World,
    operator: &mut Operator,
    struck: &mut Vec<String>,
) -> Result<(), String> {
    // Half of the runs have a hard start: steps go wrong while the cluster is formed.
    operator.mishaps = world.rng.one_in(2);
    settle(world, operator, "forming")?;
    (0..2).for_each(|_| world.add_writer());
    for _ in 0..1 + world.rng.below(3) {
        operator.mishaps = world.rng.one_in(2);
        // The clients find their way and write before anything strikes.
        let pause = 1_000_000 + world.rng.below(2_000_000);
        operate(world, operator, pause)?;
        strike(world, operator, struck)?;
        settle(world, operator, "healing")?;
        if let Some(broken) = world.broken_promise() {
            return Err(broken);
        }
    }
    wrote(world)
}

/// Whether the clients got anywhere: without writes, no promise is worth anything.
pub(crate) fn wrote(world: &World) -> Result<(), String> {
    let acknowledged: u64 = world
        .writers
        .iter()
        .flatten()
        .map(|writer| writer.acknowledged)
        .sum();
    if acknowledged == 0 {
        return Err("no write was acknowledged at all".to_owned());
    }
    Ok(())
}

/// One failure, from which nothing that a replica confirmed may be lost.
fn strike(
    world: &mut World,
    operator: &mut Operator,
    struck: &mut Vec<String>,
) -> Result<(), String> {
    let ix = world.rng.index(world.hosts.len());
    let at = world.now_us as f64 / 1e6;
    match world.rng.below(5) {
        0 => {
            struck.push(format!(
                "{at:.3} node {ix} is killed and starts again at once, empty"
            ));
            world.kill(ix);
            world.start(ix);
        }
        1 => {
            struck.push(format!(
                "{at:.3} node {ix} is killed and starts again after a while"
            ));
            world.kill(ix);
            let pause = world.rng.below(8 * NODE_TIMEOUT_MS * 1000);
            operate(world, operator, pause)?;
            world.start(ix);
        }
        2 => {
            struck.push(format!("{at:.3} node {ix} loses its disk and its address"));
            world.kill(ix);
            let pause = world.rng.below(4 * NODE_TIMEOUT_MS * 1000);
            operate(world, operator, pause)?;
            world.move_host(ix);
            world.start(ix);
        }
        3 => {
            struck.push(format!(
                "{at:.3} the operator is restarted, and node {ix} killed at once"
            ));
            operator.forget();
            world.kill(ix);
            let pause = world.rng.below(2 * NODE_TIMEOUT_MS * 1000);
            operate(world, operator, pause)?;
            world.start(ix);
        }
        _ => {
            struck.push(format!("{at:.3} connections of node {ix} break"));
            for _ in 0..3 {
                let nth = world.rng.index(32);
                world.reset_conn(ix, nth);
            }
        }
    }
    Ok(())
}

/// Runs with the operator at work.
pub(crate) fn operate(
    world: &mut World,
    operator: &mut Operator,
    micros: u64,
) -> Result<(), String> {
    let end = world.now_us + micros;
    while world.now_us < end {
        operator.pass(world)?;
        let pause = PASS_US.min(end.saturating_sub(world.now_us));
        world.run_for(pause);
    }
    Ok(())
}

/// Runs until the operator has nothing left to do and every node agrees.
pub(crate) fn settle(world: &mut World, operator: &mut Operator, what: &str) -> Result<(), String> {
    let deadline = world.now_us + PATIENCE_US;
    loop {
        let plan = operator.pass(world)?;
        let why = if !plan.steps.is_empty() {
            format!("the plan still has {} steps", plan.steps.len())
        } else if let Some(wait) = plan.waiting.first() {
            format!("{} waits: {}", wait.rule, wait.reason)
        } else if operator.is_waiting_for_steps() {
            "a step is still on its way".to_owned()
        } else if let Some(why) = world.disagreement() {
            why
        } else {
            return world.check_owners();
        };
        if world.now_us > deadline {
            return Err(format!("{what} does not end: {why}"));
        }
        world.run_for(PASS_US);
        world.check_owners()?;
    }
}
