//! One run with the operator where not everybody reaches everybody: nodes are cut off from each other,
//! in both directions or in one, clients from nodes that the operator reaches, and the operator from
//! nodes that others reach. Every cut heals, and then all is as it was promised.

use crate::gossip::{NODE_TIMEOUT_MS, Summary};
use crate::net::{ClientKind, NodeIx, Party};
use crate::operated_cluster::{Action, OperatedCluster, run_operated};

/// A cut lasts up to so many node timeouts.
const LONGEST: u64 = 10;
/// A master that is not heard is replaced after so many of them at most.
const REPLACED_AFTER: u64 = 4;

/// Runs a seed.
///
/// # Errors
/// What did not hold, with the operator's steps and the nodes' logs.
pub fn run(seed: u64) -> Result<Summary, String> {
    let replicas = if seed.is_multiple_of(3) { 2 } else { 1 };
    run_operated(seed, replicas, scenario)
}

const CUTS: [Action; 8] = [
    sides,
    one_way_side,
    one_way_pairs,
    hidden_from_writers,
    hidden_from_operator,
    one_way_callers,
    OperatedCluster::slow_links,
    OperatedCluster::set_clocks,
];

fn scenario(cluster: &mut OperatedCluster) -> Result<(), String> {
    cluster.form()?;
    for _ in 0..2 {
        cluster.let_write()?;
        cluster.operator.step_faults = cluster.sim.rng.one_in(4);
        for _ in 0..1 + cluster.sim.rng.below(3) {
            let nth = cluster.sim.rng.index(CUTS.len());
            CUTS[nth](cluster)?;
            let pause = cluster.up_to(LONGEST / 3);
            cluster.operate(pause)?;
        }
        if cluster.sim.rng.one_in(3) {
            die(cluster)?;
        }
        cluster.note("everybody reaches everybody again");
        cluster.operator.step_faults = false;
        cluster.sim.heal();
        cluster.heal()?;
    }
    if cluster.sim.rng.one_in(3) {
        unheard_master(cluster)?;
    }
    cluster.wrote()
}

/// A master hears the other nodes, and clients write to it, but no node hears it: its replica confirms
/// what it had, and is elected.
fn unheard_master(cluster: &mut OperatedCluster) -> Result<(), String> {
    let count = cluster.sim.hosts.len();
    let owners: Vec<NodeIx> = (0..count)
        .filter(|&ix| cluster.sim.owns_slots(ix))
        .collect();
    let master = owners[cluster.sim.rng.index(owners.len())];
    cluster.note(&format!("no node hears node {master}"));
    for ix in (0..count).filter(|&ix| ix != master) {
        let net = &mut cluster.sim.net;
        net.silence(Party::Node(master), Party::Node(ix));
    }
    cluster.operate(REPLACED_AFTER * NODE_TIMEOUT_MS * 1000)?;
    cluster.note("every node hears it again");
    cluster.sim.heal();
    cluster.heal()
}

/// Some nodes, at least one, and not all where there are more.
fn some(cluster: &mut OperatedCluster) -> Vec<NodeIx> {
    let count = cluster.sim.hosts.len();
    let size = 1 + cluster.sim.rng.index(count.div_ceil(2));
    let mut all: Vec<NodeIx> = (0..count).collect();
    (0..size)
        .map(|_| all.swap_remove(cluster.sim.rng.index(all.len())))
        .collect()
}

/// Two sides do not reach each other.
fn sides(cluster: &mut OperatedCluster) -> Result<(), String> {
    let side = some(cluster);
    cluster.note(&format!("nodes {side:?} are cut off from the others"));
    cluster.sim.partition(&side);
    Ok(())
}

/// One side does not hear the other, which hears it; or the other way round.
fn one_way_side(cluster: &mut OperatedCluster) -> Result<(), String> {
    let side = some(cluster);
    let deaf = cluster.sim.rng.one_in(2);
    let what = if deaf {
        "do not hear"
    } else {
        "are not heard by"
    };
    cluster.note(&format!("nodes {side:?} {what} the others"));
    for ix in 0..cluster.sim.hosts.len() {
        for &own in side.iter().filter(|_| !side.contains(&ix)) {
            let (from, to) = if deaf { (ix, own) } else { (own, ix) };
            let net = &mut cluster.sim.net;
            net.silence(Party::Node(from), Party::Node(to));
        }
    }
    Ok(())
}

/// A few nodes do not hear one other node each.
fn one_way_pairs(cluster: &mut OperatedCluster) -> Result<(), String> {
    for _ in 0..1 + cluster.sim.rng.below(6) {
        let count = cluster.sim.hosts.len();
        let (from, to) = (cluster.sim.rng.index(count), cluster.sim.rng.index(count));
        if from != to {
            cluster.note(&format!("node {to} does not hear node {from}"));
            let net = &mut cluster.sim.net;
            net.silence(Party::Node(from), Party::Node(to));
        }
    }
    Ok(())
}

/// Clients do not reach some nodes, which all others reach.
fn hidden_from_writers(cluster: &mut OperatedCluster) -> Result<(), String> {
    let hidden = some(cluster);
    cluster.note(&format!("clients do not reach nodes {hidden:?}"));
    for ix in hidden {
        let writers = Party::Clients(ClientKind::Writer);
        cluster.sim.net.cut(writers, Party::Node(ix));
    }
    Ok(())
}

/// The operator does not reach some nodes, which all others reach; sometimes none at all.
fn hidden_from_operator(cluster: &mut OperatedCluster) -> Result<(), String> {
    let hidden = match cluster.sim.rng.one_in(4) {
        true => (0..cluster.sim.hosts.len()).collect(),
        false => some(cluster),
    };
    cluster.note(&format!("the operator does not reach nodes {hidden:?}"));
    hidden.into_iter().for_each(|ix| cluster.hide(ix));
    Ok(())
}

/// A node hears clients and the operator, and is not heard by them; or the other way round.
fn one_way_callers(cluster: &mut OperatedCluster) -> Result<(), String> {
    let ix = cluster.sim.rng.index(cluster.sim.hosts.len());
    let deaf = cluster.sim.rng.one_in(2);
    for kind in [ClientKind::Writer, ClientKind::Operator] {
        if cluster.sim.rng.one_in(3) {
            continue;
        }
        let (node, kind) = (Party::Node(ix), Party::Clients(kind));
        let (from, to) = if deaf { (kind, node) } else { (node, kind) };
        cluster.note(&format!("{to:?} does not hear {from:?}"));
        cluster.sim.net.silence(from, to);
    }
    Ok(())
}

/// A node dies in the midst of the cuts, and starts again: empty, as its pod is.
fn die(cluster: &mut OperatedCluster) -> Result<(), String> {
    let ix = cluster.sim.rng.index(cluster.sim.hosts.len());
    cluster.note(&format!("node {ix} is killed and starts again, empty"));
    // With a cut at the same time, it is more than a replica's confirmation stands for.
    for writer in cluster.sim.writers.iter_mut().flatten() {
        writer.release();
    }
    cluster.sim.kill(ix);
    let pause = cluster.up_to(3);
    cluster.operate(pause)?;
    cluster.sim.start(ix);
    let pause = cluster.up_to(LONGEST / 3);
    cluster.operate(pause)
}
