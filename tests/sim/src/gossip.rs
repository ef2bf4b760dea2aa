//! One run: a cluster is formed, faults strike, they end, and the cluster must be whole again.

use slotkeeper_node::config::Config;
use slotkeeper_node::resp::{ReplyValue, encode_command};

use crate::net::NodeIx;
use crate::rng::Rng;
use crate::world::World;

/// Node timeout of the simulated clusters, in milliseconds.
pub const NODE_TIMEOUT_MS: u64 = 2_000;

/// How long the survivors have to agree once the last fault has ended, in microseconds: several
/// rounds of failure detection and election.
const HEALING_US: u64 = 60 * NODE_TIMEOUT_MS * 1000;

/// What struck, for the report of a failure.
#[derive(Clone, Debug)]
pub enum Fault {
    /// A process is killed.
    Kill(NodeIx),
    /// A killed process starts again from its disk.
    Restart(NodeIx),
    /// Some nodes are separated from the others.
    Partition(Vec<NodeIx>),
    /// The network is whole again.
    Heal,
    /// A connection of a node breaks.
    Reset(NodeIx),
    /// A replica is told to take over by hand.
    Failover(NodeIx),
    /// A disk takes no nodes.conf any more.
    DiskFull(NodeIx),
    /// It does again.
    DiskRoom(NodeIx),
}

/// Runs a seed.
///
/// # Errors
/// What did not hold, with the faults that struck before and the nodes' logs.
pub fn run(seed: u64) -> Result<Summary, String> {
    let mut faults = Vec::new();
    let mut world = World::new(seed, Vec::new());
    let result = run_world(seed, &mut world, &mut faults);
    result.map_err(|error| {
        let struck: String = faults
            .iter()
            .map(|(at, fault)| format!("{at:>9.3} {fault:?}\n"))
            .collect();
        format!("{error}\n-- faults\n{struck}-- logs\n{}", world.report())
    })
}

/// What a run that held went through.
#[derive(Clone, Copy, Debug)]
pub struct Summary {
    /// Events of the network, disks and timers.
    pub events: u64,
    /// Faults that struck.
    pub faults: usize,
}

fn run_world(
    seed: u64,
    world: &mut World,
    faults: &mut Vec<(f64, Fault)>,
) -> Result<Summary, String> {
    let (masters, replicas) = if seed.is_multiple_of(3) {
        (3, 0)
    } else {
        (3, 1)
    };
    let count = masters * (1 + replicas);
    let config = Config {
        cluster_allow_replica_migration: seed.is_multiple_of(2),
        ..config()
    };
    *world = World::new(seed, vec![config; count]);
    world.form(masters);
    let strikes = 3 + world.rng.below(6);
    let mut disks = Rng::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    for _ in 0..strikes {
        strike_disk(world, faults, &mut disks);
        strike(world, faults, masters, replicas);
        let pause = 200_000 + world.rng.below(4 * NODE_TIMEOUT_MS * 1000);
        run_checked(world, pause)?;
        check_minority(world, faults, masters)?;
    }
    mend(world, faults);
    converge(world)?;
    // Many seeds go on to what chance would seldom bring about.
    match seed % 9 * u64::from(seed <= 48) {
        1 => two_at_once(world)?,
        2 => unready_heir(world)?,
        4 => late_comeback(world)?,
        5 => full_voters(world)?,
        7 => lonely(world)?,
        8 => orphan(world, seed.is_multiple_of(2))?,
        _ => {}
    }
    Ok(Summary {
        events: world.events,
        faults: faults.len(),
    })
}

pub(crate) fn converge(world: &mut World) -> Result<(), String> {
    let deadline = world.now_us + HEALING_US;
    while let Some(why) = world.disagreement() {
        if world.now_us > deadline {
            return Err(format!("the views do not converge: {why}"));
        }
        run_checked(world, 500_000)?;
    }
    Ok(())
}

/// Two replicas are told to take over by force at the same moment: both ask for votes in one epoch.
fn two_at_once(world: &mut World) -> Result<(), String> {
    let replicas = (0..world.hosts.len()).filter(|&ix| !world.owns_slots(ix));
    let mut clients = Vec::new();
    for ix in replicas.take(2).collect::<Vec<_>>() {
        clients.extend(world.connect(ix));
    }
    for &client in &clients {
        let mut bytes = Vec::new();
        encode_command(&mut bytes, &["CLUSTER", "FAILOVER", "FORCE"]);
        world.client_send(client, &bytes);
    }
    run_checked(world, 1_000_000)?;
    clients
        .into_iter()
        .for_each(|client| world.disconnect(client));
    converge(world)
}

/// A master returns while the one that has replaced it is down: only others can tell it so.
fn late_comeback(world: &mut World) -> Result<(), String> {
    let owners = |world: &World| -> Vec<NodeIx> {
        (0..world.hosts.len())
            .filter(|&ix| world.owns_slots(ix))
            .collect()
    };
    let before = owners(world);
    let first = before[0];
    world.kill(first);
    run_checked(world, 10 * NODE_TIMEOUT_MS * 1000)?;
    let Some(heir) = owners(world).into_iter().find(|ix| !before.contains(ix)) else {
        // Its replica may not have been in sync again yet.
        world.start(first);
        return converge(world);
    };
    world.kill(heir);
    run_checked(world, 3 * NODE_TIMEOUT_MS * 1000)?;
    world.start(first);
    // It withholds itself for a minute, and asks the others at once.
    run_checked(world, 5_000_000)?;
    if world.owns_slots(first) {
        return Err(format!(
            "node {first} still claims what node {heir} has won"
        ));
    }
    world.start(heir);
    converge(world)
}

/// A master dies when its replica has just been started again, empty: nobody may be elected.
fn unready_heir(world: &mut World) -> Result<(), String> {
    let replicas: Vec<NodeIx> = (0..world.hosts.len())
        .filter(|&ix| !world.owns_slots(ix))
        .collect();
    let heir = replicas[world.rng.index(replicas.len())];
    let Some(master) = world.master_of(heir) else {
        return Err(format!("node {heir} follows nobody"));
    };
    world.kill(heir);
    world.kill(master);
    world.start(heir);
    run_checked(world, 10 * NODE_TIMEOUT_MS * 1000)?;
    if world.owns_slots(heir) {
        return Err(format!(
            "node {heir} was elected without the data of node {master}"
        ));
    }
    world.start(master);
    converge(world)
}

/// The masters' disks fill up when one of them has been found failed: nobody is elected, until there
/// is room again.
fn full_voters(world: &mut World) -> Result<(), String> {
    let owners: Vec<NodeIx> = (0..world.hosts.len())
        .filter(|&ix| world.owns_slots(ix))
        .collect();
    let (first, rest) = (owners[0], &owners[1..]);
    // A vote about this master may have been given in the last two node timeouts.
    run_checked(world, 3 * NODE_TIMEOUT_MS * 1000)?;
    world.kill(first);
    let found = |world: &mut World, ix: NodeIx| {
        let view = world.view(ix).unwrap_or_default();
        view.iter().any(|node| node.flags.fail)
    };
    for _ in 0..10 * NODE_TIMEOUT_MS / 20 {
        if rest.iter().all(|&ix| found(world, ix)) {
            break;
        }
        run_checked(world, 20_000)?;
    }
    for &ix in rest {
        world.hosts[ix].disk.full = true;
    }
    run_checked(world, 5 * NODE_TIMEOUT_MS * 1000)?;
    let elected = (0..world.hosts.len()).find(|&ix| world.owns_slots(ix) && !owners.contains(&ix));
    for &ix in rest {
        world.hosts[ix].disk.full = false;
    }
    if let Some(heir) = elected {
        return Err(format!("node {heir} was elected by full disks"));
    }
    run_checked(world, 10 * NODE_TIMEOUT_MS * 1000)?;
    world.start(first);
    converge(world)
}

/// A node on its own suspects everybody, and may call nobody failed.
fn lonely(world: &mut World) -> Result<(), String> {
    let ix = world.rng.index(world.hosts.len());
    // Reports of failures from before count for two node timeouts.
    run_checked(world, 3 * NODE_TIMEOUT_MS * 1000)?;
    world.partition(&[ix]);
    run_checked(world, 3 * NODE_TIMEOUT_MS * 1000)?;
    let view = world.view(ix).unwrap_or_default();
    if let Some(node) = view.iter().find(|node| node.flags.fail) {
        return Err(format!("node {ix} alone calls {} failed", node.id));
    }
    world.heal();
    converge(world)
}

/// A master loses its replica while another one has two: one of those goes to it, where that is
/// allowed.
fn orphan(world: &mut World, allowed: bool) -> Result<(), String> {
    let replicas: Vec<NodeIx> = (0..world.hosts.len())
        .filter(|&ix| !world.owns_slots(ix))
        .collect();
    let [lost, moved, stays] = replicas[..] else {
        return Err(format!("{} replicas of three masters", replicas.len()));
    };
    let (lonely, rich) = (world.master_of(lost), world.master_of(stays));
    let id = rich.map(|rich| world.id_of(rich).to_string());
    world.must(moved, &["CLUSTER", "REPLICATE", &id.unwrap_or_default()]);
    converge(world)?;
    world.kill(lost);
    // Until it is found failed, and twice as long as a migration waits then.
    run_checked(world, (3 * NODE_TIMEOUT_MS + 10_000) * 1000)?;
    let came = [moved, stays].map(|ix| world.master_of(ix) == lonely);
    let wanted = usize::from(allowed);
    if came.iter().filter(|came| **came).count() != wanted {
        return Err(format!(
            "replicas {replicas:?}: {came:?} went to {lonely:?}"
        ));
    }
    world.start(lost);
    converge(world)
}

/// The configuration of a simulated node.
#[must_use]
pub fn config() -> Config {
    Config {
        cluster_enabled: true,
        cluster_node_timeout: NODE_TIMEOUT_MS,
        protected_mode: false,
        // As the operator sets it.
        cluster_allow_replica_migration: false,
        save: Vec::new(),
        ..Config::default()
    }
}

/// Runs with the owners checked after every event.
fn run_checked(world: &mut World, micros: u64) -> Result<(), String> {
    let end = world.now_us + micros;
    while world.next_event_us().is_some_and(|at| at <= end) {
        world.step();
        world.check_owners()?;
    }
    world.run_for(end.saturating_sub(world.now_us));
    Ok(())
}

fn strike(world: &mut World, faults: &mut Vec<(f64, Fault)>, masters: usize, replicas: usize) {
    let count = world.hosts.len();
    let victim = world.rng.index(count);
    let down: Vec<NodeIx> = (0..count).filter(|&ix| !world.is_up(ix)).collect();
    let fault = match world.rng.below(8) {
        // More than one dead node at a time would only test that nothing can be elected.
        0..=2 if replicas > 0 && down.is_empty() => Fault::Kill(victim),
        3 if !down.is_empty() => Fault::Restart(down[0]),
        4 if masters > 2 => Fault::Partition(minority(world, count)),
        5 => Fault::Heal,
        6 if replicas > 0 => Fault::Failover(victim),
        _ => Fault::Reset(victim),
    };
    faults.push((world.now_us as f64 / 1e6, fault.clone()));
    apply(world, &fault);
}

/// Disks fill up and are cleared, whatever else strikes.
fn strike_disk(world: &mut World, faults: &mut Vec<(f64, Fault)>, disks: &mut Rng) {
    let ix = disks.index(world.hosts.len());
    let fault = match (disks.below(3), world.hosts[ix].disk.full) {
        (_, true) => Fault::DiskRoom(ix),
        (0, false) => Fault::DiskFull(ix),
        _ => return,
    };
    faults.push((world.now_us as f64 / 1e6, fault.clone()));
    apply(world, &fault);
}

fn minority(world: &mut World, count: usize) -> Vec<NodeIx> {
    let size = 1 + world.rng.index((count / 3).max(1));
    let first = world.rng.index(count);
    (0..size).map(|i| (first + i) % count).collect()
}

fn apply(world: &mut World, fault: &Fault) {
    match fault {
        Fault::Kill(ix) => world.kill(*ix),
        Fault::Restart(ix) => world.start(*ix),
        Fault::Partition(side) => {
            world.heal();
            world.partition(side);
        }
        Fault::Heal => world.heal(),
        Fault::Reset(ix) => {
            let nth = world.rng.index(64);
            world.reset_conn(*ix, nth);
        }
        Fault::Failover(ix) => {
            // Refused where it makes no sense, as it would be to a person.
            let _ = world.call(*ix, &["CLUSTER", "FAILOVER"]);
        }
        Fault::DiskFull(ix) => world.hosts[*ix].disk.full = true,
        Fault::DiskRoom(ix) => world.hosts[*ix].disk.full = false,
    }
}

/// A node that was separated from the majority of masters for more than two node timeouts serves
/// no keys.
fn check_minority(
    world: &mut World,
    faults: &[(f64, Fault)],
    masters: usize,
) -> Result<(), String> {
    let Some((at, Fault::Partition(side))) = faults
        .iter()
        .rev()
        .find(|(_, f)| matches!(f, Fault::Partition(_) | Fault::Heal))
    else {
        return Ok(());
    };
    let separated_us = world.now_us as f64 - at * 1e6;
    if separated_us < 2.5 * NODE_TIMEOUT_MS as f64 * 1000.0 {
        return Ok(());
    }
    for &ix in side {
        let Some(cluster) = world.hosts[ix]
            .engine
            .as_ref()
            .and_then(|engine| engine.cluster())
        else {
            continue;
        };
        let reached = (0..world.hosts.len()).filter(|other| side.contains(other));
        let masters_reached = reached.filter(|&other| world.owns_slots(other)).count();
        if masters_reached * 2 > masters || !cluster.is_master() {
            continue;
        }
        if let Some(ReplyValue::Simple(_)) = world.call(ix, &["SET", &world.key_of(ix), "x"]) {
            return Err(format!("node {ix} took a write in a minority"));
        }
    }
    Ok(())
}

/// Ends every fault: the network is whole and every process runs.
fn mend(world: &mut World, faults: &mut Vec<(f64, Fault)>) {
    world.heal();
    for ix in 0..world.hosts.len() {
        world.hosts[ix].disk.full = false;
        if !world.is_up(ix) {
            faults.push((world.now_us as f64 / 1e6, Fault::Restart(ix)));
            world.start(ix);
        }
    }
}
