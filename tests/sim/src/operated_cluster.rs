//! What the runs with an operator share: the simulation, the operator in it, and the faults so far.

use slotkeeper_crds::{RedisCluster, RedisClusterSpec};
use slotkeeper_node::config::SavePoint;
use slotkeeper_node::engine::Engine;

use crate::gossip::{NODE_TIMEOUT_MS, Summary, config};
use crate::host::SKEW_US;
use crate::net::{ClientKind, NodeIx, Party};
use crate::operator::Operator;
use crate::simulation::Simulation;
use crate::writer::Durability;

/// How long the operator has to bring everything in order, in microseconds.
const PATIENCE_US: u64 = 240_000_000;
/// A pass is due at least this often, in microseconds.
const PASS_US: u64 = 500_000;
/// A replica that was restarted has the data again within this time, in microseconds.
const SYNC_US: u64 = 30_000_000;
/// What a slow way takes more at most, in microseconds: a question and its answer take less than half
/// of the node timeout.
const SLOW_US: u64 = NODE_TIMEOUT_MS * 1000 / 5;
/// So long after the last write every replica has it, in microseconds.
const REST_US: u64 = 1_000_000;

/// What happens to such a cluster: a whole scenario, or one fault.
pub(crate) type Action = fn(&mut OperatedCluster) -> Result<(), String>;

/// A simulated cluster with an operator at work in it.
pub(crate) struct OperatedCluster {
    pub(crate) sim: Simulation,
    pub(crate) operator: Operator,
    injected: Vec<String>,
}

/// How large a cluster is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) shards: u16,
    /// Per shard.
    pub(crate) replicas: u8,
}

impl Shape {
    /// Mostly three shards, with so many replicas each.
    fn of_seed(seed: u64, replicas: u8) -> Shape {
        Shape {
            shards: [1, 2, 3, 3][(seed % 4) as usize],
            replicas,
        }
    }
}

/// Plays a scenario with the cluster of a seed, of shards with so many replicas.
///
/// # Errors
/// What did not hold, with the operator's steps and the nodes' logs.
pub(crate) fn run_operated(seed: u64, replicas: u8, scenario: Action) -> Result<Summary, String> {
    run_configured(seed, Shape::of_seed(seed, replicas), &[], scenario)
}

/// The same with save points: the nodes keep data files.
///
/// # Errors
/// What did not hold, with the operator's steps and the nodes' logs.
pub(crate) fn run_saving(
    seed: u64,
    replicas: u8,
    save: &[SavePoint],
    scenario: Action,
) -> Result<Summary, String> {
    run_configured(seed, Shape::of_seed(seed, replicas), save, scenario)
}

/// The same with a cluster of that shape.
///
/// # Errors
/// What did not hold, with the operator's steps and the nodes' logs.
pub(crate) fn run_shaped(seed: u64, shape: Shape, scenario: Action) -> Result<Summary, String> {
    run_configured(seed, shape, &[], scenario)
}

fn run_configured(
    seed: u64,
    shape: Shape,
    save: &[SavePoint],
    scenario: Action,
) -> Result<Summary, String> {
    let mut cluster = OperatedCluster::new(seed, shape, save);
    scenario(&mut cluster).map_err(|error| cluster.report(&error))?;
    Ok(Summary {
        events: cluster.sim.events,
        faults: cluster.injected.len(),
    })
}

impl OperatedCluster {
    fn new(seed: u64, shape: Shape, save: &[SavePoint]) -> OperatedCluster {
        let Shape { shards, replicas } = shape;
        let pods = usize::from(replicas) + 1;
        let configs = (0..usize::from(shards) * pods).map(|ix| named_config(ix, pods, save));
        let mut sim = Simulation::new(seed, configs.collect());
        let timeout = (
            "cluster-node-timeout".to_owned(),
            NODE_TIMEOUT_MS.to_string(),
        );
        let spec = RedisClusterSpec {
            shards,
            replicas_per_shard: replicas,
            config: [timeout].into(),
            ..RedisClusterSpec::default()
        };
        let rng = sim.rng.fork();
        OperatedCluster {
            sim,
            operator: Operator::new(RedisCluster::new("sim", spec), rng),
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
            self.operator.desired().replicas_per_shard,
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

    /// The wall clocks of some hosts are set, forwards or backwards.
    pub(crate) fn set_clocks(&mut self) -> Result<(), String> {
        for _ in 0..1 + self.sim.rng.below(3) {
            let ix = self.sim.rng.index(self.sim.hosts.len());
            let skew_us = self
                .sim
                .rng
                .below(2 * SKEW_US.cast_unsigned())
                .cast_signed()
                - SKEW_US;
            self.set_clock(ix, skew_us);
        }
        Ok(())
    }

    /// The wall clock of a host is set; it is that far off then.
    pub(crate) fn set_clock(&mut self, ix: NodeIx, skew_us: i64) {
        self.note(&format!("the clock of node {ix} is {skew_us} us off"));
        self.sim.hosts[ix].skew_us = skew_us;
    }

    /// Some ways are slow, though not so slow that a node could be taken for dead.
    pub(crate) fn slow_links(&mut self) -> Result<(), String> {
        for _ in 0..1 + self.sim.rng.below(6) {
            let count = self.sim.hosts.len();
            let (from, to) = (self.sim.rng.index(count), self.sim.rng.index(count));
            let most_us = 1_000 + self.sim.rng.below(SLOW_US);
            self.note(&format!(
                "node {from} to node {to} takes up to {most_us} us more"
            ));
            let (from, to) = (Party::Node(from), Party::Node(to));
            self.sim.net.slow_down(from, to, most_us);
        }
        Ok(())
    }

    /// Runs until everything is in order again, with every promise kept.
    pub(crate) fn heal(&mut self) -> Result<(), String> {
        self.settle("healing")?;
        self.sim.broken_promise().map_or(Ok(()), Err)?;
        self.compare()
    }

    /// Every replica has all data: one that has none cannot take over.
    pub(crate) fn sync(&mut self) -> Result<(), String> {
        let deadline = self.sim.now_us + SYNC_US;
        let complete = |engine: &Option<Engine>| engine.as_ref().is_some_and(Engine::is_complete);
        while !(self.sim.hosts.iter()).all(|host| complete(&host.engine)) {
            if self.sim.now_us > deadline {
                return Err("the replicas do not get the data".to_owned());
            }
            self.operate(100_000)?;
        }
        Ok(())
    }

    /// Every replica holds what its master holds. Clients pause meanwhile.
    fn compare(&mut self) -> Result<(), String> {
        let writers: Vec<_> = self.sim.writers.iter_mut().map(Option::take).collect();
        let compared = self.sync().and_then(|()| {
            self.sim.run_for(REST_US);
            let pairs = (0..self.sim.hosts.len())
                .filter_map(|replica| Some((self.sim.master_of(replica)?, replica)));
            (pairs.collect::<Vec<_>>().into_iter())
                .try_for_each(|(master, replica)| self.sim.compare(master, replica))
        });
        self.sim.writers = writers;
        compared
    }

    /// Runs until the operator has nothing left to do and every node agrees.
    fn settle(&mut self, what: &str) -> Result<(), String> {
        let OperatedCluster { sim, operator, .. } = self;
        let deadline = sim.now_us + PATIENCE_US;
        loop {
            let Some(plan) = operator.pass(sim)? else {
                continue;
            };
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

fn named_config(ix: NodeIx, pods: usize, save: &[SavePoint]) -> slotkeeper_node::config::Config {
    let mut config = config();
    config.cluster_announce_hostname = Some(format!("sim-{}-{}.local", ix / pods, ix % pods));
    // The operator ends withholding, the clock never does.
    config.cluster_empty_master_wait = -1;
    config.shutdown_handover = true;
    config.save = save.to_vec();
    config
}
