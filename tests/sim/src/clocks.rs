//! One run with the operator where wall clocks are set and links are slow: keys expire by the wall
//! clock, as in Redis, and nothing else depends on it. Nobody is taken for dead, no replica takes over.

use crate::gossip::Summary;
use crate::host::SKEW_US;
use crate::net::NodeIx;
use crate::operated_cluster::{OperatedCluster, run_operated};

/// How often clocks are set in a run.
const TIMES: usize = 4;
/// A time to live, in milliseconds: shorter than a clock is set.
const LIFE_MS: &str = "3000";

/// Runs a seed.
///
/// # Errors
/// What did not hold, with the operator's steps and the nodes' logs.
pub fn run(seed: u64) -> Result<Summary, String> {
    run_operated(seed, 1, scenario)
}

fn scenario(cluster: &mut OperatedCluster) -> Result<(), String> {
    cluster.form()?;
    cluster.let_write()?;
    cluster.heal()?;
    let owners = |cluster: &OperatedCluster| -> Vec<NodeIx> {
        let all = 0..cluster.sim.hosts.len();
        all.filter(|&ix| cluster.sim.owns_slots(ix)).collect()
    };
    let before = owners(cluster);
    let logged: Vec<usize> = cluster
        .sim
        .hosts
        .iter()
        .map(|host| host.log.len())
        .collect();
    for _ in 0..TIMES {
        if cluster.sim.rng.one_in(2) {
            cluster.slow_links()?;
        }
        cluster.set_clocks()?;
        let pause = cluster.up_to(2);
        cluster.operate(pause)?;
        expire(cluster, before[cluster.sim.now_us as usize % before.len()])?;
    }
    let after = owners(cluster);
    if after != before {
        return Err(format!(
            "clocks were set, and the owners went from {before:?} to {after:?}"
        ));
    }
    for (host, from) in cluster.sim.hosts.iter().zip(logged) {
        let failing = |line: &&String| line.contains("failing") || line.contains("FAIL");
        if let Some(line) = host.log[from..].iter().find(failing) {
            return Err(format!(
                "clocks were set, and a node was taken for dead: {line}"
            ));
        }
    }
    cluster.sim.heal();
    cluster.heal()?;
    cluster.wrote()
}

/// A key is gone when the wall clock has reached its time, and lives on when that is set back.
fn expire(cluster: &mut OperatedCluster, master: NodeIx) -> Result<(), String> {
    let key = format!("{{{}}}:expires", cluster.sim.key_of(master));
    cluster.set_clock(master, 1 - SKEW_US);
    cluster.sim.run_for(1_000_000);
    cluster.sim.must(master, &["SET", &key, "x", "PX", LIFE_MS]);
    cluster.set_clock(master, SKEW_US - 1);
    cluster.sim.run_for(1_000_000);
    let gone = cluster.sim.must(master, &["EXISTS", &key]);
    if gone != "0" {
        return Err(format!("{key} outlives its time by the wall clock"));
    }
    cluster.sim.must(master, &["SET", &key, "x", "PX", LIFE_MS]);
    cluster.set_clock(master, 1 - SKEW_US);
    cluster.sim.run_for(1_000_000);
    let left = cluster.sim.must(master, &["PTTL", &key]);
    if left
        .parse::<i64>()
        .is_ok_and(|left| left > 2 * SKEW_US / 1000)
    {
        return Ok(());
    }
    Err(format!(
        "{key} has {left} ms left where the wall clock was set back"
    ))
}
