//! One run: a cluster is formed, faults strike, they end, and the cluster must be whole again.

use slotkeeper_node::config::Config;
use slotkeeper_node::resp::{ReplyValue, encode_command};

use crate::net::NodeIx;
use crate::rng::Rng;
use crate::simulation::Simulation;

/// Node timeout of the simulated clusters, in milliseconds.
pub const NODE_TIMEOUT_MS: u64 = 2_000;

/// How long the survivors have to agree once the last fault has ended, in microseconds: several
/// rounds of failure detection and election.
const HEALING_US: u64 = 60 * NODE_TIMEOUT_MS * 1000;

/// A fault that was injected, for the report of a failure.
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
/// What did not hold, with the faults that were injected before and the nodes' logs.
pub fn run(seed: u64) -> Result<Summary, String> {
    let mut faults = Vec::new();
    let mut sim = Simulation::new(seed, Vec::new());
    let result = play(seed, &mut sim, &mut faults);
    result.map_err(|error| {
        let injected: String = faults
            .iter()
            .map(|(at, fault)| format!("{at:>9.3} {fault:?}\n"))
            .collect();
        format!("{error}\n-- faults\n{injected}-- logs\n{}", sim.report())
    })
}

/// What a run that held went through.
#[derive(Clone, Copy, Debug)]
pub struct Summary {
    /// Events of the network, disks and timers.
    pub events: u64,
    /// Faults that were injected.
    pub faults: usize,
}

fn play(
    seed: u64,
    sim: &mut Simulation,
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
    *sim = Simulation::new(seed, vec![config; count]);
    sim.form(masters);
    let count = 3 + sim.rng.below(6);
    let mut disks = Rng::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    for _ in 0..count {
        inject_disk_fault(sim, faults, &mut disks);
        inject_fault(sim, faults, masters, replicas);
        let pause = 200_000 + sim.rng.below(4 * NODE_TIMEOUT_MS * 1000);
        run_checked(sim, pause)?;
        check_minority(sim, faults, masters)?;
    }
    mend(sim, faults);
    converge(sim)?;
    // Many seeds go on to what chance would seldom bring about.
    match seed % 9 * u64::from(seed <= 48) {
        1 => two_at_once(sim)?,
        2 => unready_heir(sim)?,
        4 => late_comeback(sim)?,
        5 => {
            full_voters(sim)?;
            epoch_taken_alone(sim)?;
        }
        7 => lonely(sim)?,
        8 => orphan(sim, seed.is_multiple_of(2))?,
        _ => {}
    }
    Ok(Summary {
        events: sim.events,
        faults: faults.len(),
    })
}

pub(crate) fn converge(sim: &mut Simulation) -> Result<(), String> {
    let deadline = sim.now_us + HEALING_US;
    while let Some(why) = sim.disagreement() {
        if sim.now_us > deadline {
            return Err(format!("the views do not converge: {why}"));
        }
        run_checked(sim, 500_000)?;
    }
    Ok(())
}

/// Two replicas are told to take over by force at the same moment: both ask for votes in one epoch.
fn two_at_once(sim: &mut Simulation) -> Result<(), String> {
    let replicas = (0..sim.hosts.len()).filter(|&ix| !sim.owns_slots(ix));
    let mut clients = Vec::new();
    for ix in replicas.take(2).collect::<Vec<_>>() {
        clients.extend(sim.connect(ix));
    }
    for &client in &clients {
        let mut bytes = Vec::new();
        encode_command(&mut bytes, &["CLUSTER", "FAILOVER", "FORCE"]);
        sim.client_send(client, &bytes);
    }
    run_checked(sim, 1_000_000)?;
    clients
        .into_iter()
        .for_each(|client| sim.disconnect(client));
    converge(sim)
}

/// A master returns while the one that has replaced it is down: only others can tell it so.
fn late_comeback(sim: &mut Simulation) -> Result<(), String> {
    let owners = |sim: &Simulation| -> Vec<NodeIx> {
        (0..sim.hosts.len())
            .filter(|&ix| sim.owns_slots(ix))
            .collect()
    };
    let before = owners(sim);
    let first = before[0];
    sim.kill(first);
    run_checked(sim, 10 * NODE_TIMEOUT_MS * 1000)?;
    let Some(heir) = owners(sim).into_iter().find(|ix| !before.contains(ix)) else {
        // Its replica may not have been in sync again yet.
        sim.start(first);
        return converge(sim);
    };
    sim.kill(heir);
    run_checked(sim, 3 * NODE_TIMEOUT_MS * 1000)?;
    sim.start(first);
    // It withholds itself for a minute, and asks the others at once.
    run_checked(sim, 5_000_000)?;
    if sim.owns_slots(first) {
        return Err(format!(
            "node {first} still claims what node {heir} has won"
        ));
    }
    sim.start(heir);
    converge(sim)
}

/// A master dies when its replica has just been started again, empty: nobody may be elected.
fn unready_heir(sim: &mut Simulation) -> Result<(), String> {
    let replicas: Vec<NodeIx> = (0..sim.hosts.len())
        .filter(|&ix| !sim.owns_slots(ix))
        .collect();
    let heir = replicas[sim.rng.index(replicas.len())];
    let Some(master) = sim.master_of(heir) else {
        return Err(format!("node {heir} follows nobody"));
    };
    sim.kill(heir);
    sim.kill(master);
    sim.start(heir);
    run_checked(sim, 10 * NODE_TIMEOUT_MS * 1000)?;
    if sim.owns_slots(heir) {
        return Err(format!(
            "node {heir} was elected without the data of node {master}"
        ));
    }
    sim.start(master);
    converge(sim)
}

/// The masters' disks fill up when one of them has been found failed: nobody is elected, until there
/// is room again.
fn full_voters(sim: &mut Simulation) -> Result<(), String> {
    let owners: Vec<NodeIx> = (0..sim.hosts.len())
        .filter(|&ix| sim.owns_slots(ix))
        .collect();
    let (first, rest) = (owners[0], &owners[1..]);
    // A vote about this master may have been given in the last two node timeouts.
    run_checked(sim, 3 * NODE_TIMEOUT_MS * 1000)?;
    sim.kill(first);
    let found = |sim: &mut Simulation, ix: NodeIx| {
        let view = sim.view(ix).unwrap_or_default();
        view.iter().any(|node| node.flags.fail)
    };
    for _ in 0..10 * NODE_TIMEOUT_MS / 20 {
        if rest.iter().all(|&ix| found(sim, ix)) {
            break;
        }
        run_checked(sim, 20_000)?;
    }
    for &ix in rest {
        sim.hosts[ix].disk.full = true;
    }
    run_checked(sim, 5 * NODE_TIMEOUT_MS * 1000)?;
    let elected = (0..sim.hosts.len()).find(|&ix| sim.owns_slots(ix) && !owners.contains(&ix));
    for &ix in rest {
        sim.hosts[ix].disk.full = false;
    }
    if let Some(heir) = elected {
        return Err(format!("node {heir} was elected by full disks"));
    }
    run_checked(sim, 10 * NODE_TIMEOUT_MS * 1000)?;
    sim.start(first);
    converge(sim)
}

/// A master takes an epoch alone while nobody hears it, and its replica is elected in the same one.
fn epoch_taken_alone(sim: &mut Simulation) -> Result<(), String> {
    let owners: Vec<NodeIx> = (0..sim.hosts.len())
        .filter(|&ix| sim.owns_slots(ix))
        .collect();
    let heir_of = |sim: &mut Simulation, master: NodeIx| {
        (0..sim.hosts.len()).find(|&ix| sim.master_of(ix) == Some(master))
    };
    // Of two masters with one epoch the one with the smaller id takes another.
    let pair = owners.iter().find_map(|&master| {
        let heir = heir_of(sim, master)?;
        (sim.id_of(master) < sim.id_of(heir)).then_some((master, heir))
    });
    let Some((master, heir)) = pair else {
        return Ok(());
    };
    // Who has the highest epoch is given no other one.
    let other = owners.iter().find(|&&other| other != master);
    sim.call(other.copied().unwrap_or(heir), &["CLUSTER", "BUMPEPOCH"]);
    // A vote about this master may have been given in the last two node timeouts.
    run_checked(sim, 3 * NODE_TIMEOUT_MS * 1000)?;
    sim.partition(&[master]);
    sim.call(master, &["CLUSTER", "BUMPEPOCH"]);
    run_checked(sim, 10 * NODE_TIMEOUT_MS * 1000)?;
    let elected = sim.owns_slots(heir);
    sim.heal();
    converge(sim)?;
    if elected && sim.owns_slots(master) {
        return Err(format!("node {master} takes back what node {heir} has won"));
    }
    Ok(())
}

/// A node on its own suspects everybody, and may call nobody failed.
fn lonely(sim: &mut Simulation) -> Result<(), String> {
    let ix = sim.rng.index(sim.hosts.len());
    // Reports of failures from before count for two node timeouts.
    run_checked(sim, 3 * NODE_TIMEOUT_MS * 1000)?;
    sim.partition(&[ix]);
    run_checked(sim, 3 * NODE_TIMEOUT_MS * 1000)?;
    let view = sim.view(ix).unwrap_or_default();
    if let Some(node) = view.iter().find(|node| node.flags.fail) {
        return Err(format!("node {ix} alone calls {} failed", node.id));
    }
    sim.heal();
    converge(sim)
}

/// A master loses its replica while another one has two: one of those goes to it, where that is
/// allowed.
fn orphan(sim: &mut Simulation, allowed: bool) -> Result<(), String> {
    let replicas: Vec<NodeIx> = (0..sim.hosts.len())
        .filter(|&ix| !sim.owns_slots(ix))
        .collect();
    let [lost, moved, stays] = replicas[..] else {
        return Err(format!("{} replicas of three masters", replicas.len()));
    };
    let (lonely, rich) = (sim.master_of(lost), sim.master_of(stays));
    let id = rich.map(|rich| sim.id_of(rich).to_string());
    sim.must(moved, &["CLUSTER", "REPLICATE", &id.unwrap_or_default()]);
    converge(sim)?;
    sim.kill(lost);
    // Until it is found failed, and twice as long as a migration waits then.
    run_checked(sim, (3 * NODE_TIMEOUT_MS + 10_000) * 1000)?;
    let came = [moved, stays].map(|ix| sim.master_of(ix) == lonely);
    let wanted = usize::from(allowed);
    if came.iter().filter(|came| **came).count() != wanted {
        return Err(format!(
            "replicas {replicas:?}: {came:?} went to {lonely:?}"
        ));
    }
    sim.start(lost);
    converge(sim)
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
        // So that few fields make a hash a big one.
        hash_max_listpack_entries: 16,
        ..Config::default()
    }
}

/// Runs with the owners checked after every event.
fn run_checked(sim: &mut Simulation, micros: u64) -> Result<(), String> {
    let end = sim.now_us + micros;
    while sim.next_event_us().is_some_and(|at| at <= end) {
        sim.step();
        sim.check_owners()?;
    }
    sim.run_for(end.saturating_sub(sim.now_us));
    Ok(())
}

fn inject_fault(
    sim: &mut Simulation,
    faults: &mut Vec<(f64, Fault)>,
    masters: usize,
    replicas: usize,
) {
    let count = sim.hosts.len();
    let victim = sim.rng.index(count);
    let down: Vec<NodeIx> = (0..count).filter(|&ix| !sim.is_up(ix)).collect();
    let fault = match sim.rng.below(8) {
        // More than one dead node at a time would only test that nothing can be elected.
        0..=2 if replicas > 0 && down.is_empty() => Fault::Kill(victim),
        3 if !down.is_empty() => Fault::Restart(down[0]),
        4 if masters > 2 => Fault::Partition(minority(sim, count)),
        5 => Fault::Heal,
        6 if replicas > 0 => Fault::Failover(victim),
        _ => Fault::Reset(victim),
    };
    faults.push((sim.now_us as f64 / 1e6, fault.clone()));
    apply(sim, &fault);
}

/// Disks fill up and are cleared, whatever else strikes.
fn inject_disk_fault(sim: &mut Simulation, faults: &mut Vec<(f64, Fault)>, disks: &mut Rng) {
    let ix = disks.index(sim.hosts.len());
    let fault = match (disks.below(3), sim.hosts[ix].disk.full) {
        (_, true) => Fault::DiskRoom(ix),
        (0, false) => Fault::DiskFull(ix),
        _ => return,
    };
    faults.push((sim.now_us as f64 / 1e6, fault.clone()));
    apply(sim, &fault);
}

fn minority(sim: &mut Simulation, count: usize) -> Vec<NodeIx> {
    let size = 1 + sim.rng.index((count / 3).max(1));
    let first = sim.rng.index(count);
    (0..size).map(|i| (first + i) % count).collect()
}

fn apply(sim: &mut Simulation, fault: &Fault) {
    match fault {
        Fault::Kill(ix) => sim.kill(*ix),
        Fault::Restart(ix) => sim.start(*ix),
        Fault::Partition(side) => {
            sim.heal();
            sim.partition(side);
        }
        Fault::Heal => sim.heal(),
        Fault::Reset(ix) => {
            let nth = sim.rng.index(64);
            sim.reset_conn(*ix, nth);
        }
        Fault::Failover(ix) => {
            // Refused where it makes no sense, as it would be to a person.
            let _ = sim.call(*ix, &["CLUSTER", "FAILOVER"]);
        }
        Fault::DiskFull(ix) => sim.hosts[*ix].disk.full = true,
        Fault::DiskRoom(ix) => sim.hosts[*ix].disk.full = false,
    }
}

/// A node that was separated from the majority of masters for more than two node timeouts serves
/// no keys.
fn check_minority(
    sim: &mut Simulation,
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
    let separated_us = sim.now_us as f64 - at * 1e6;
    if separated_us < 2.5 * NODE_TIMEOUT_MS as f64 * 1000.0 {
        return Ok(());
    }
    for &ix in side {
        let Some(cluster) = sim.hosts[ix]
            .engine
            .as_ref()
            .and_then(|engine| engine.cluster())
        else {
            continue;
        };
        let reached = (0..sim.hosts.len()).filter(|other| side.contains(other));
        let masters_reached = reached.filter(|&other| sim.owns_slots(other)).count();
        if masters_reached * 2 > masters || !cluster.is_master() {
            continue;
        }
        if let Some(ReplyValue::Simple(_)) = sim.call(ix, &["SET", &sim.key_of(ix), "x"]) {
            return Err(format!("node {ix} took a write in a minority"));
        }
    }
    Ok(())
}

/// Ends every fault: the network is whole and every process runs.
fn mend(sim: &mut Simulation, faults: &mut Vec<(f64, Fault)>) {
    sim.heal();
    for ix in 0..sim.hosts.len() {
        sim.hosts[ix].disk.full = false;
        if !sim.is_up(ix) {
            faults.push((sim.now_us as f64 / 1e6, Fault::Restart(ix)));
            sim.start(ix);
        }
    }
}
