//! The operator in the simulator: the same planner, over engines under virtual time. Its steps may
//! be lost, delayed, refused or done twice. Every plan and every report is held against the cluster as
//! it is, before anything is done.

mod asking;
mod delivery;
mod memory;

use std::collections::BTreeSet;

use slotkeeper::model::{
    Address, Desired, FailoverMode, Moment, ObjectState, Objects, Observation, Outcome, Plan,
    PodIndex, PodPhase, PodUid, PodView, ProcessEnd, Proof, Seen, ShardObject, Step, StepOutcome,
    Target,
};
use slotkeeper::planner::nevers::{self, Nevers, Truth};
use slotkeeper::planner::plan;
use slotkeeper::report::report;
use slotkeeper_node::resp::ReplyValue;
use slotkeeper_topology::{NodeId, SlotSet};

use crate::host::PORT;
use crate::net::{ClientKind, NodeIx};
use crate::rng::Rng;
use crate::simulation::Simulation;
pub use memory::{MemoryRead, StoreResult};

use memory::Store;

/// How far the bus is from the data port.
const BUS: u16 = 10_000;

/// An operator, with what it remembers.
pub struct Operator {
    /// What it is to make true.
    pub desired: Desired,
    /// Every step that it took, for the report of a failure.
    pub history: Vec<String>,
    /// What the manifest asked for at first: the hosts that there are.
    layout: Desired,
    seen: Seen,
    objects: Objects,
    /// Pods that were taken away.
    removed: BTreeSet<NodeIx>,
    /// Whether all slots have been owned at one time.
    formed: bool,
    /// The slots that ever held a key.
    written: SlotSet,
    nevers: Nevers,
    rng: Rng,
    /// Whether steps may go wrong by themselves.
    pub step_faults: bool,
    /// Whether votes often do.
    pub vote_faults: bool,
    /// Whether the nodes tell nothing of elections, as a Redis.
    pub hides_elections: bool,
    /// What becomes of what is to be stored.
    pub storing: StoreResult,
    store: Store,
    /// Steps on their way of which nothing was heard: they take effect later, at the time in
    /// microseconds.
    overdue: Vec<(u64, Step)>,
}

impl Operator {
    /// One that has seen nothing.
    #[must_use]
    pub fn new(desired: Desired, rng: Rng) -> Operator {
        let objects = Objects {
            common: ObjectState::Missing,
            ..Default::default()
        };
        Operator {
            layout: desired.clone(),
            desired,
            history: Vec::new(),
            seen: Seen::default(),
            objects,
            removed: BTreeSet::new(),
            formed: false,
            written: SlotSet::new(),
            nevers: Nevers::default(),
            rng,
            step_faults: false,
            vote_faults: false,
            hides_elections: false,
            storing: StoreResult::Works,
            store: Store::default(),
            overdue: Vec::new(),
        }
    }

    /// One pass; the plan that it made and tried.
    ///
    /// # Errors
    /// What it must never do, and was about to do or to say.
    pub fn pass(&mut self, sim: &mut Simulation) -> Result<Plan, String> {
        self.deliver_overdue(sim)?;
        let before = self.truth(sim);
        let observation = self.observe(sim);
        let truths = [before, self.truth(sim)];
        let mut made = plan(&self.desired, &observation);
        self.seen.intend(&made, moment(sim));
        if !self.remember() {
            self.seen.withdraw(&made.hold_unstored(&observation));
        }
        self.check_plan(&truths, &observation, &made)?;
        let mut outcome = Outcome::default();
        for planned in &made.steps {
            let result = self.act(sim, &planned.step)?;
            let at = sim.now_us as f64 / 1e6;
            self.history.push(format!(
                "{at:>10.3} {}: {} -> {result:?}",
                planned.rule, planned.step
            ));
            outcome.results.push((planned.clone(), result));
        }
        self.seen.learn(&outcome, moment(sim));
        self.nevers.learn(&outcome);
        let report = report(&self.desired, &observation, &made, &outcome);
        let check = |truth| nevers::check_report(truth, &observation, &report);
        check(&truths[0])
            .or_else(|_| check(&truths[1]))
            .map_err(|broken| broken.to_string())?;
        Ok(made)
    }

    /// The cluster may change while the nodes answer. A plan is broken only if it was so before and
    /// after.
    fn check_plan(
        &mut self,
        [before, after]: &[Truth; 2],
        observation: &Observation,
        made: &Plan,
    ) -> Result<(), String> {
        let mut earlier = self.nevers.clone();
        let was_right = earlier.check(before, observation, made);
        match self.nevers.check(after, observation, made) {
            Err(broken) if was_right.is_err() => Err(broken.to_string()),
            Err(_) => {
                self.nevers = earlier;
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    fn truth(&mut self, sim: &Simulation) -> Truth {
        let indexes: Vec<PodIndex> = self.layout.pod_indexes().collect();
        let truth = sim.truth(&indexes);
        self.formed |= truth.formed;
        self.written = self.written.union(&truth.written);
        let shards = self.objects.shards.iter();
        Truth {
            formed: self.formed,
            written: self.written.clone(),
            node_timeout_ms: self.desired.node_timeout_ms,
            pods: shards
                .map(|(shard, object)| (*shard, object.pods))
                .collect(),
            nodes: truth.nodes,
        }
    }

    fn observe(&mut self, sim: &mut Simulation) -> Observation {
        let now = moment(sim);
        let indexes: Vec<PodIndex> = self.layout.pod_indexes().collect();
        let there = |(ix, index): (NodeIx, &PodIndex)| {
            self.desired.wants(*index) || !self.is_missing(sim, ix)
        };
        let there: Vec<bool> = indexes.iter().enumerate().map(there).collect();
        let pods = (indexes.iter().enumerate())
            .filter(|(ix, _)| there[*ix])
            .map(|(ix, index)| (*index, self.pod(sim, ix, *index)))
            .collect();
        let answers = asking::ask_all(sim, self.hides_elections);
        let nodes = (indexes.into_iter().zip(answers))
            .zip(&there)
            .filter_map(|(node, there)| there.then_some(node))
            .collect();
        let objects = self.objects.clone();
        let mut observation = Observation {
            now,
            objects,
            pods,
            nodes,
            seen: Seen::default(),
        };
        self.seen.update(&observation);
        observation.seen = self.seen.clone();
        observation
    }

    /// Whether the pod was not made yet, or was taken away.
    fn is_missing(&self, sim: &Simulation, ix: NodeIx) -> bool {
        sim.hosts[ix].incarnation == 0 || self.removed.contains(&ix)
    }

    fn pod(&self, sim: &Simulation, ix: NodeIx, index: PodIndex) -> PodView {
        let host = &sim.hosts[ix];
        let uid = PodUid(host.incarnation.to_string());
        let phase = match (sim.is_up(ix), self.is_missing(sim, ix)) {
            (true, _) => PodPhase::Running,
            (false, true) => PodPhase::Missing,
            (false, false) => PodPhase::Terminated,
        };
        let ended = (phase == PodPhase::Terminated).then(|| ProcessEnd {
            uid: uid.clone(),
            at: Moment(host.ended_us / 1000),
            proof: Proof::Terminated,
        });
        PodView {
            name: format!("sim-{index}"),
            uid,
            hostname: host
                .config
                .cluster_announce_hostname
                .clone()
                .unwrap_or_default(),
            phase,
            address: Some(address(sim, ix)),
            host: Some(format!("host-{ix}")),
            ended,
            volume_mounted: true,
            restart_for: Vec::new(),
        }
    }

    fn perform(&mut self, sim: &mut Simulation, step: &Step) -> Result<StepOutcome, String> {
        if let Step::ResetSoft { node } = step {
            let keys = sim.call_as(ClientKind::Operator, self.ix(node), &["DBSIZE"]);
            if keys != Some(ReplyValue::Integer(0)) {
                return Ok(StepOutcome::NotSent(format!("DBSIZE says {keys:?}")));
            }
        }
        let checked = Nevers::check_effect(&self.truth(sim), step);
        checked.map_err(|broken| broken.to_string())?;
        let outcome = self.do_step(sim, step);
        if outcome == StepOutcome::Done {
            let (truth, at) = (self.truth(sim), moment(sim));
            let taken = self.nevers.taken(&truth, step, at);
            taken.map_err(|broken| broken.to_string())?;
        }
        Ok(outcome)
    }

    fn do_step(&mut self, sim: &mut Simulation, step: &Step) -> StepOutcome {
        match step {
            Step::EnsureCommon => {
                self.objects.common = ObjectState::Current;
                StepOutcome::Done
            }
            Step::EnsureShard { shard, pods } => {
                let object = ShardObject {
                    pods: *pods,
                    state: ObjectState::Current,
                };
                self.objects.shards.insert(*shard, object);
                self.keep_pods(sim, *shard, *pods);
                StepOutcome::Done
            }
            Step::RemoveShard { shard } => {
                StepOutcome::Refused(format!("shard {shard}: nothing is removed here"))
            }
            Step::AddSlots { node, slots } => {
                let ranges = slots.ranges();
                let mut argv = vec!["CLUSTER".to_owned(), "ADDSLOTSRANGE".to_owned()];
                argv.extend(
                    ranges
                        .iter()
                        .flat_map(|r| [r.start().to_string(), r.end().to_string()]),
                );
                self.tell(sim, node, &argv)
            }
            Step::SetConfigEpoch { node, epoch } => self.tell(
                sim,
                node,
                &words(&["CLUSTER", "SET-CONFIG-EPOCH", &epoch.to_string()]),
            ),
            Step::Meet {
                node,
                peer,
                address,
            } => self.meet(sim, node, peer, address),
            Step::Forget { id, nodes } => self.forget_at_all(sim, *id, nodes),
            Step::ResetSoft { node } => self.tell(sim, node, &words(&["CLUSTER", "RESET", "SOFT"])),
            Step::BumpEpoch { node, above } => self.bump(sim, node, above.0),
            Step::Replicate { node, master } => self.tell(
                sim,
                node,
                &words(&["CLUSTER", "REPLICATE", master.as_str()]),
            ),
            Step::Failover {
                node,
                mode,
                master,
                epoch,
            } => {
                let how = match mode {
                    FailoverMode::Plain => "",
                    FailoverMode::Force => "FORCE",
                    FailoverMode::Takeover => "TAKEOVER",
                };
                let epoch = epoch.map(|epoch| epoch.to_string());
                let argv = match (how, &epoch) {
                    ("", _) => words(&["CLUSTER", "FAILOVER"]),
                    (_, None) => words(&["CLUSTER", "FAILOVER", how]),
                    (_, Some(epoch)) => {
                        words(&["SLOTKEEPER", "FAILOVER", how, master.as_str(), epoch])
                    }
                };
                self.tell(sim, node, &argv)
            }
            Step::EndWithholding { node, run_id } => {
                self.tell(sim, node, &words(&["SLOTKEEPER", "SERVE", run_id]))
            }
        }
    }

    /// What the platform does with a shard's object: pods come, and those beyond go with their disks.
    fn keep_pods(&mut self, sim: &mut Simulation, shard: u32, pods: u32) {
        for ix in 0..sim.hosts.len() {
            let index = self.index(ix);
            let missing = self.is_missing(sim, ix);
            if index.shard == shard && index.ordinal < pods && missing {
                self.removed.remove(&ix);
                sim.start(ix);
            } else if index.shard == shard && index.ordinal >= pods && !missing {
                self.removed.insert(ix);
                sim.kill(ix);
                sim.move_host(ix);
            }
        }
    }

    fn meet(
        &self,
        sim: &mut Simulation,
        node: &Target,
        peer: &Target,
        address: &Address,
    ) -> StepOutcome {
        let found = sim.host_at(&address.ip);
        if found.and_then(|ix| my_id(sim, ix)) != Some(peer.id) {
            return StepOutcome::NotSent(format!("{address} is not {}", peer.id));
        }
        let port = address.port.to_string();
        self.tell(sim, node, &words(&["CLUSTER", "MEET", &address.ip, &port]))
    }

    fn forget_at_all(&self, sim: &mut Simulation, id: NodeId, nodes: &[Target]) -> StepOutcome {
        let argv = words(&["CLUSTER", "FORGET", id.as_str()]);
        let mut worst = StepOutcome::Done;
        for node in nodes {
            match self.tell(sim, node, &argv) {
                StepOutcome::Refused(why) if why.contains("Unknown node") => {}
                StepOutcome::Done => {}
                other => worst = other,
            }
        }
        worst
    }

    fn bump(&self, sim: &mut Simulation, node: &Target, above: u64) -> StepOutcome {
        for _ in 0..64 {
            let told = self.tell(sim, node, &words(&["CLUSTER", "BUMPEPOCH"]));
            let ix = self.ix(node);
            let cluster = sim.hosts[ix]
                .engine
                .as_ref()
                .and_then(|engine| engine.cluster());
            let epoch = cluster.map(|cluster| cluster.my_config_epoch().0);
            if told != StepOutcome::Done || epoch.is_some_and(|epoch| epoch > above) {
                return told;
            }
        }
        StepOutcome::Refused(format!("its epoch stays at {above} or below"))
    }

    /// Sends a command to the node that is meant, if it is still that one.
    fn tell(&self, sim: &mut Simulation, node: &Target, argv: &[String]) -> StepOutcome {
        let ix = self.ix(node);
        if !sim.reaches(ClientKind::Operator, ix) {
            return StepOutcome::NotSent("it cannot be reached".to_owned());
        }
        if sim.hosts[ix].incarnation.to_string() != node.uid.0 {
            return StepOutcome::NotSent("the pod has been replaced".to_owned());
        }
        match my_id(sim, ix) {
            Some(id) if id == node.id => {}
            other => return StepOutcome::NotSent(format!("MYID says {other:?}")),
        }
        let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
        match sim.call_as(ClientKind::Operator, ix, &argv) {
            None => StepOutcome::Unknown("no reply".to_owned()),
            Some(ReplyValue::Error(text)) => {
                StepOutcome::Refused(String::from_utf8_lossy(&text).into_owned())
            }
            Some(_) => StepOutcome::Done,
        }
    }

    fn index(&self, ix: NodeIx) -> PodIndex {
        let pods = self.layout.pods_per_shard() as usize;
        // Simulated clusters have a handful of nodes.
        PodIndex::new((ix / pods) as u32, (ix % pods) as u32)
    }

    fn ix(&self, node: &Target) -> NodeIx {
        let PodIndex { shard, ordinal } = node.pod;
        (shard * self.layout.pods_per_shard() + ordinal) as usize
    }
}

/// The operator's clock is the virtual time.
fn moment(sim: &Simulation) -> Moment {
    Moment(1_700_000_000_000 + sim.now_us / 1000)
}

fn address(sim: &Simulation, ix: NodeIx) -> Address {
    Address {
        ip: sim.hosts[ix].ip.to_string(),
        port: PORT,
        bus_port: PORT + BUS,
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn my_id(sim: &mut Simulation, ix: NodeIx) -> Option<NodeId> {
    let reply = sim.call_as(ClientKind::Operator, ix, &["CLUSTER", "MYID"])?;
    NodeId::from_bytes(reply.text()?).ok()
}
