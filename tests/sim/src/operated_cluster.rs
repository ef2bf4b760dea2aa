//! What the runs with an operator share: the simulation, the operator in it, and the faults so far.

use slotkeeper::model::Desired;

use crate::gossip::{NODE_TIMEOUT_MS, Summary, config};
use crate::net::{ClientKind, NodeIx, Party};
use crate::operator::Operator;
use crate::simulation::Simulation;
use crate::writer::Durability;

/// How long the operator has to bring everything in order, in microseconds.
const PATIENCE_US: u64 = 240_000_000;
/// A pass is due at least this often, in microseconds.
const PASS_US: u64 = 500_000;

/// What happens to such a cluster: a whole scenario, or one fault.
pub(crate) type Action = fn(&mut OperatedCluster) -> Result<(), String>;

/// A simulated cluster with an operator at work in it.
pub(crate) struct OperatedCluster {
    pub(crate) sim: Simulation,
    pub(crate) operator: Operator,
    injected: Vec<String>,
}

/// Plays a scenario with the cluster of a seed, of shards with so many replicas.
///
/// # Errors
/// What did not hold, with the operator's steps and the nodes' logs.
pub(crate) fn run_operated(seed: u64, replicas: u32, scenario: Action) -> Result<Summary, String> {
    let mut cluster = OperatedCluster::new(seed, replicas);
    scenario(&mut cluster).map_err(|error| cluster.report(&error))?;
    Ok(Summary {
        events: cluster.sim.events,
        faults: cluster.injected.len(),
    })
}

impl OperatedCluster {
    fn new(seed: u64, replicas: u32) -> OperatedCluster {
        let shards = [1, 2, 3, 3][(seed % 4) as usize];
        let mut desired = Desired::new("sim", shards, replicas);
        let pods = desired.pods_per_shard() as usize;
        let configs = (0..shards as usize * pods).map(|ix| named_config(ix, pods));
        let mut sim = Simulation::new(seed, configs.collect());
        desired.node_timeout_ms = NODE_TIMEOUT_MS;
        let rng = sim.rng.fork();
        OperatedCluster {
            sim,
            operator: Operator::new(desired, rng),
            injected: Vec::new(),
        }
    }

    fn report(&self, error: &str) -> String {
        let (steps, injected) = (self.operator.history.join("\n"), self.injected.join("\n"));
        format!(
            "{error}\n-- faults\n{injected}\n-- steps\n{steps}\n-- logs\n{}",
            self.sim.report()
        )
    }

    /// Remembers which fault is injected now, for the report.
    pub(crate) fn note(&mut self, what: &str) {
        let at = self.sim.now_us as f64 / 1e6;
        self.injected.push(format!("{at:.3} {what}"));
    }

    /// The operator forms the cluster, and two clients begin to write.
    pub(crate) fn form(&mut self) -> Result<(), String> {
        self.form_with(Durability::Confirmed(
            self.operator.desired.replicas_per_shard,
        ))
    }

    /// The same, where something else makes their writes safe.
    pub(crate) fn form_with(&mut self, safe: Durability) -> Result<(), String> {
        self.settle("forming")?;
        (0..2).for_each(|_| self.sim.add_writer(safe));
        Ok(())
    }

    /// Runs with the operator at work.
    pub(crate) fn operate(&mut self, micros: u64) -> Result<(), String> {
        let end = self.sim.now_us + micros;
        while self.sim.now_us < end {
            self.operator.pass(&mut self.sim)?;
            let pause = PASS_US.min(end.saturating_sub(self.sim.now_us));
            self.sim.run_for(pause);
        }
        Ok(())
    }

    /// The clients find their way and write before anything strikes.
    pub(crate) fn let_write(&mut self) -> Result<(), String> {
        let pause = 1_000_000 + self.sim.rng.below(2_000_000);
        self.operate(pause)
    }

    /// Up to so many node timeouts, in microseconds.
    pub(crate) fn up_to(&mut self, node_timeouts: u64) -> u64 {
        self.sim.rng.below(node_timeouts * NODE_TIMEOUT_MS * 1000)
    }

    /// Lets the operator not reach a node, though the other nodes do.
    pub(crate) fn hide(&mut self, ix: NodeIx) {
        let operator = Party::Clients(ClientKind::Operator);
        self.sim.net.cut(operator, Party::Node(ix));
    }

    /// Runs until everything is in order again, with every promise kept.
    pub(crate) fn heal(&mut self) -> Result<(), String> {
        self.settle("healing")?;
        self.sim.broken_promise().map_or(Ok(()), Err)
    }

    /// Runs until the operator has nothing left to do and every node agrees.
    fn settle(&mut self, what: &str) -> Result<(), String> {
        let OperatedCluster { sim, operator, .. } = self;
        let deadline = sim.now_us + PATIENCE_US;
        loop {
            let plan = operator.pass(sim)?;
            let why = if !plan.steps.is_empty() {
                format!("the plan still has {} steps", plan.steps.len())
            } else if let Some(wait) = plan.waiting.first() {
                format!("{} waits: {}", wait.rule, wait.reason)
            } else if operator.is_waiting_for_steps() {
                "a step is still on its way".to_owned()
            } else if let Some(why) = sim.disagreement() {
                why
            } else {
                return sim.check_owners();
            };
            if sim.now_us > deadline {
                return Err(format!("{what} does not end: {why}"));
            }
            sim.run_for(PASS_US);
            sim.check_owners()?;
        }
    }

    /// Whether the clients got anywhere: without writes, no promise is worth anything.
    pub(crate) fn wrote(&self) -> Result<(), String> {
        let writers = self.sim.writers.iter().flatten();
        let acknowledged: u64 = writers.map(|writer| writer.acknowledged).sum();
        if acknowledged == 0 {
            return Err("no write was acknowledged at all".to_owned());
        }
        Ok(())
    }
}

fn named_config(ix: NodeIx, pods: usize) -> slotkeeper_node::config::Config {
    let mut config = config();
    config.cluster_announce_hostname = Some(format!("sim-{}-{}.local", ix / pods, ix % pods));
    // The operator ends withholding, the clock never does.
    config.cluster_empty_master_wait = -1;
    config.shutdown_handover = true;
    config
}
