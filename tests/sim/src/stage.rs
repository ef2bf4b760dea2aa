//! What the runs with an operator share: the world, the operator in it, and what has struck them.

use slotkeeper::model::Desired;

use crate::gossip::{NODE_TIMEOUT_MS, Summary, config};
use crate::net::{Caller, NodeIx, Party};
use crate::operator::Operator;
use crate::world::World;
use crate::writer::Safe;

/// How long the operator has to bring everything in order, in microseconds.
const PATIENCE_US: u64 = 240_000_000;
/// A pass is due at least this often, in microseconds.
const PASS_US: u64 = 500_000;

/// What happens to a world that is not formed yet.
pub(crate) type Story = fn(&mut Stage) -> Result<(), String>;

/// A world with an operator at work in it.
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) operator: Operator,
    struck: Vec<String>,
}

/// Lets a story happen in the world of a seed, of shards with so many replicas.
///
/// # Errors
/// What did not hold, with the operator's steps and the nodes' logs.
pub(crate) fn run_story(seed: u64, replicas: u32, story: Story) -> Result<Summary, String> {
    let mut stage = Stage::new(seed, replicas);
    story(&mut stage).map_err(|error| stage.report(&error))?;
    Ok(Summary {
        events: stage.world.events,
        faults: stage.struck.len(),
    })
}

impl Stage {
    fn new(seed: u64, replicas: u32) -> Stage {
        let shards = [1, 2, 3, 3][(seed % 4) as usize];
        let mut desired = Desired::new("sim", shards, replicas);
        let pods = desired.pods_per_shard() as usize;
        let configs = (0..shards as usize * pods).map(|ix| named_config(ix, pods));
        let mut world = World::new(seed, configs.collect());
        desired.node_timeout_ms = NODE_TIMEOUT_MS;
        let rng = world.rng.fork();
        Stage {
            world,
            operator: Operator::new(desired, rng),
            struck: Vec::new(),
        }
    }

    fn report(&self, error: &str) -> String {
        let (steps, struck) = (self.operator.history.join("\n"), self.struck.join("\n"));
        format!(
            "{error}\n-- struck\n{struck}\n-- steps\n{steps}\n-- logs\n{}",
            self.world.report()
        )
    }

    /// Remembers what strikes now, for the report.
    pub(crate) fn note(&mut self, what: &str) {
        let at = self.world.now_us as f64 / 1e6;
        self.struck.push(format!("{at:.3} {what}"));
    }

    /// The operator forms the cluster, and two clients begin to write.
    pub(crate) fn form(&mut self) -> Result<(), String> {
        self.form_with(Safe::Confirmed(self.operator.desired.replicas_per_shard))
    }

    /// The same, where something else makes their writes safe.
    pub(crate) fn form_with(&mut self, safe: Safe) -> Result<(), String> {
        self.settle("forming")?;
        (0..2).for_each(|_| self.world.add_writer(safe));
        Ok(())
    }

    /// Runs with the operator at work.
    pub(crate) fn operate(&mut self, micros: u64) -> Result<(), String> {
        let end = self.world.now_us + micros;
        while self.world.now_us < end {
            self.operator.pass(&mut self.world)?;
            let pause = PASS_US.min(end.saturating_sub(self.world.now_us));
            self.world.run_for(pause);
        }
        Ok(())
    }

    /// The clients find their way and write before anything strikes.
    pub(crate) fn let_write(&mut self) -> Result<(), String> {
        let pause = 1_000_000 + self.world.rng.below(2_000_000);
        self.operate(pause)
    }

    /// Up to so many node timeouts, in microseconds.
    pub(crate) fn up_to(&mut self, node_timeouts: u64) -> u64 {
        self.world.rng.below(node_timeouts * NODE_TIMEOUT_MS * 1000)
    }

    /// Lets the operator not reach a node, though the other nodes do.
    pub(crate) fn hide(&mut self, ix: NodeIx) {
        let operator = Party::Callers(Caller::Operator);
        self.world.net.cut(operator, Party::Node(ix));
    }

    /// Runs until everything is in order again, with every promise kept.
    pub(crate) fn heal(&mut self) -> Result<(), String> {
        self.settle("healing")?;
        self.world.broken_promise().map_or(Ok(()), Err)
    }

    /// Runs until the operator has nothing left to do and every node agrees.
    fn settle(&mut self, what: &str) -> Result<(), String> {
        let Stage {
            world, operator, ..
        } = self;
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

    /// Whether the clients got anywhere: without writes, no promise is worth anything.
    pub(crate) fn wrote(&self) -> Result<(), String> {
        let writers = self.world.writers.iter().flatten();
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
