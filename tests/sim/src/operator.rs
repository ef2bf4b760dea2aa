//! The operator in the simulator: its own `reconcile`, `observe` and `act`, over simulated pods and
//! connections. Its commands may be lost, delayed, refused or done twice. Every plan and every report
//! is held against the cluster as it is, before anything is done.

mod delivery;
mod memory;
mod network;
mod platform;
mod pods;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use slotkeeper::model::{
    Desired, Memory, Moment, ObjectState, Objects, Observation, Outcome, Plan, PlannedStep, Step,
    StepOutcome,
};
use slotkeeper::nevers::{self, Nevers, Truth};
use slotkeeper::platform::PlatformError;
use slotkeeper::reconcile::{Progress, Reconciler};
use slotkeeper::report::Report;
use slotkeeper_crds::{RedisCluster, RedisClusterStatus};
use slotkeeper_node::resp::{ReplyParser, ReplyValue, encode_command};
use slotkeeper_topology::SlotSet;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;

use crate::net::{ClientKind, NodeIx};
use crate::rng::Rng;
use crate::simulation::Simulation;
use delivery::{Delayed, Delivery, is_step};
pub use memory::{MemoryRead, StoreResult};
use network::{PipeId, SimNetwork};
use platform::SimPlatform;

/// How often the operator and the simulation take turns, in microseconds.
const ROUND_US: u64 = 2_000;
/// So many rounds no pass takes.
const ROUNDS_MOST: u32 = 100_000;
/// In a round the operator and the drivers of its connections go on until they wait for the network.
const POLLS: usize = 3;
const REQUEST_MAX: usize = 1 << 20;

/// An operator and its successors.
pub struct Operator {
    /// What it is to make true.
    pub manifest: RedisCluster,
    /// Every step that it took, for the report of a failure.
    pub history: Vec<String>,
    /// Whether steps may go wrong by themselves.
    pub step_faults: bool,
    /// Whether votes often do.
    pub vote_faults: bool,
    /// Whether the nodes tell nothing of elections, as a Redis.
    pub hides_elections: bool,
    /// After so many rounds of the next pass the operator ends, and its successor reads that.
    pub restart: Option<(u32, MemoryRead)>,
    /// What the manifest asked for at first: the hosts that there are.
    layout: Desired,
    objects: Objects,
    /// Pods that were taken away.
    removed: BTreeSet<NodeIx>,
    /// Whether all slots have been owned at one time.
    formed: bool,
    /// The slots that ever held a key.
    written: SlotSet,
    nevers: Nevers,
    rng: Rng,
    runtime: Rc<Runtime>,
    /// How far the clock of the runtime is, in microseconds of the simulation.
    clock_us: u64,
    network: SimNetwork,
    platform: SimPlatform,
    reconciler: Option<SimReconciler>,
    lines: BTreeMap<PipeId, Line>,
    /// Commands on their way: those that it waits for ...
    late: Vec<Delayed>,
    /// ... and those of which nothing was heard.
    overdue: Vec<Delayed>,
}

type SimReconciler = Reconciler<SimPlatform, SimNetwork>;

/// A connection of the operator on the side of the simulation.
struct Line {
    client: usize,
    ix: NodeIx,
    incarnation: u64,
    requests: ReplyParser,
}

/// A pass that goes on.
struct Pass {
    record: Rc<RefCell<Record>>,
    before: Truth,
    /// The cluster as it was when the plan was made.
    planned: Option<Truth>,
    /// How many steps have an outcome.
    performed: usize,
    /// What becomes of the present step, if it was sent.
    delivery: Option<Delivery>,
}

/// What a pass has told.
#[derive(Default)]
struct Record {
    planned: Option<(Observation, Plan)>,
    acted: Vec<(PlannedStep, StepOutcome)>,
    report: Option<Report>,
}

struct Recorder(Rc<RefCell<Record>>);

impl Progress for Recorder {
    fn planned(&mut self, observation: &Observation, plan: &Plan) {
        self.0.borrow_mut().planned = Some((observation.clone(), plan.clone()));
    }

    fn assessed(&mut self, report: &Report) {
        self.0.borrow_mut().report = Some(report.clone());
    }

    fn acted(&mut self, step: &PlannedStep, outcome: &StepOutcome) {
        (self.0.borrow_mut().acted).push((step.clone(), outcome.clone()));
    }

    fn reported(&mut self, _: Option<&RedisClusterStatus>, _: &RedisClusterStatus) {}
}

impl Pass {
    /// The step that is being performed.
    fn step(&self) -> Option<Step> {
        let record = self.record.borrow();
        let (_, plan) = record.planned.as_ref()?;
        plan.steps
            .get(self.performed)
            .map(|planned| planned.step.clone())
    }
}

impl Operator {
    /// One that has seen nothing.
    ///
    /// # Panics
    /// When the system has nothing left for a runtime.
    #[must_use]
    pub fn new(manifest: RedisCluster, mut rng: Rng) -> Operator {
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime without sockets needs nothing of the system");
        let platform = SimPlatform::default();
        platform.store(|store| store.seed(rng.fork()));
        let objects = Objects {
            common: ObjectState::Missing,
            ..Default::default()
        };
        Operator {
            layout: Desired::from(&manifest),
            manifest,
            history: Vec::new(),
            step_faults: false,
            vote_faults: false,
            hides_elections: false,
            restart: None,
            objects,
            removed: BTreeSet::new(),
            formed: false,
            written: SlotSet::new(),
            nevers: Nevers::default(),
            rng,
            runtime: Rc::new(runtime),
            clock_us: 0,
            network: SimNetwork::default(),
            platform,
            reconciler: None,
            lines: BTreeMap::new(),
            late: Vec::new(),
            overdue: Vec::new(),
        }
    }

    /// What the manifest asks for now.
    #[must_use]
    pub fn desired(&self) -> Desired {
        Desired::from(&self.manifest)
    }

    fn begin(&self, status: Option<RedisClusterStatus>, memory: Option<Memory>) -> SimReconciler {
        let (network, platform) = (self.network.clone(), self.platform.clone());
        Reconciler::over(network, platform, status, memory, Arc::new(Notify::new()))
    }

    /// One pass; the plan that it made and tried, if the operator has not ended before.
    ///
    /// # Errors
    /// What it must never do, and was about to do or to say.
    pub fn pass(&mut self, sim: &mut Simulation) -> Result<Option<Plan>, String> {
        self.deliver_overdue(sim)?;
        if self.step_faults && self.rng.one_in(32) {
            self.restart = Some((self.rng.below(40) as u32, MemoryRead::Latest));
        }
        let record = Rc::new(RefCell::new(Record::default()));
        let mut pass = Pass {
            record: record.clone(),
            before: self.truth(sim),
            planned: None,
            performed: 0,
            delivery: None,
        };
        self.platform.set_survey(self.survey(sim));
        let mut reconciler = (self.reconciler.take()).unwrap_or_else(|| self.begin(None, None));
        let (runtime, manifest) = (self.runtime.clone(), self.manifest.clone());
        let ended = runtime.block_on(async {
            let mut recorder = Recorder(record);
            let running = pin!(reconciler.pass(&manifest, &mut recorder));
            self.run(sim, &mut pass, running).await
        })?;
        if let Some(result) = ended {
            self.reconciler = Some(reconciler);
            self.check_end(&pass, &result)?;
            return Ok(pass.record.take().planned.map(|(_, plan)| plan));
        }
        drop(reconciler);
        self.end_within(sim, &pass);
        let at = sim.now_us as f64 / 1e6;
        self.history
            .push(format!("{at:>10.3} the operator ends within a pass"));
        let (_, reads) = self.restart.take().unwrap_or((0, MemoryRead::Latest));
        self.succeed(reads);
        Ok(None)
    }

    /// Lets the operator and the simulation take turns until the pass is done; none when the operator
    /// ends before.
    async fn run(
        &mut self,
        sim: &mut Simulation,
        pass: &mut Pass,
        mut running: Pin<&mut impl Future<Output = Result<Duration, PlatformError>>>,
    ) -> Result<Option<Result<Duration, PlatformError>>, String> {
        for round in 0..ROUNDS_MOST {
            tokio::time::advance(Duration::from_micros(sim.now_us - self.clock_us)).await;
            self.clock_us = sim.now_us;
            self.network.set_now(moment(sim));
            self.platform.set_uids(self.uids(sim));
            for _ in 0..POLLS {
                let polled =
                    std::future::poll_fn(|context| Poll::Ready(running.as_mut().poll(context)));
                let polled = polled.await;
                self.watch(sim, pass)?;
                if let Poll::Ready(result) = polled {
                    return Ok(Some(result));
                }
                tokio::task::yield_now().await;
            }
            if self.restart.is_some_and(|(after, _)| round >= after) {
                return Ok(None);
            }
            self.exchange(sim, pass)?;
            sim.run_for(ROUND_US);
        }
        Err("a pass does not end".to_owned())
    }

    /// Holds what the pass has told against the cluster as it is.
    fn watch(&mut self, sim: &Simulation, pass: &mut Pass) -> Result<(), String> {
        let record = pass.record.clone();
        let record = record.borrow();
        if let (None, Some((observation, plan))) = (&pass.planned, &record.planned) {
            let after = self.truth(sim);
            self.check_plan([&pass.before, &after], observation, plan)?;
            pass.planned = Some(after);
        }
        for (planned, outcome) in &record.acted[pass.performed..] {
            let at = sim.now_us as f64 / 1e6;
            self.history.push(format!(
                "{at:>10.3} {}: {} -> {outcome:?}",
                planned.rule, planned.step
            ));
            if *outcome == StepOutcome::Done {
                self.taken(sim, &planned.step)?;
            }
            (pass.performed, pass.delivery) = (pass.performed + 1, None);
        }
        Ok(())
    }

    /// The cluster may change while the nodes answer. A plan is broken only if it was so before and
    /// after.
    fn check_plan(
        &mut self,
        [before, after]: [&Truth; 2],
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

    /// The pass is done.
    fn check_end(
        &mut self,
        pass: &Pass,
        result: &Result<Duration, PlatformError>,
    ) -> Result<(), String> {
        let works = self
            .platform
            .store(|store| store.result == StoreResult::Works);
        if let (Err(error), true) = (result, works) {
            return Err(format!("the pass fails: {error}"));
        }
        let record = pass.record.borrow();
        let results = record.acted.clone();
        self.nevers.learn(&Outcome { results });
        let (Some((observation, _)), Some(report)) = (&record.planned, &record.report) else {
            return Err("a pass ends without a plan and a report".to_owned());
        };
        let check = |truth| nevers::check_report(truth, observation, report);
        let after = pass.planned.as_ref().unwrap_or(&pass.before);
        check(&pass.before)
            .or_else(|_| check(after))
            .map_err(|broken| broken.to_string())
    }

    /// The operator ends within a pass: its connections break, and steps that it has not sent are not
    /// sent any more.
    fn end_within(&mut self, sim: &mut Simulation, pass: &Pass) {
        let record = pass.record.borrow();
        let mut results = record.acted.clone();
        let steps = record.planned.iter().flat_map(|(_, plan)| &plan.steps);
        for (nth, planned) in steps.enumerate().skip(pass.performed) {
            let why = "the operator has ended".to_owned();
            let outcome = match nth == pass.performed && pass.delivery.is_some() {
                true => StepOutcome::Unknown(why),
                false => StepOutcome::NotSent(why),
            };
            results.push((planned.clone(), outcome));
        }
        self.nevers.learn(&Outcome { results });
        self.late.clear();
        self.platform.take_request();
        for id in self.lines.keys().copied().collect::<Vec<_>>() {
            self.break_line(sim, id);
        }
    }

    /// Carries what the operator sends to the nodes, and what they answer to it.
    fn exchange(&mut self, sim: &mut Simulation, pass: &mut Pass) -> Result<(), String> {
        for (id, address) in self.network.take_dialed() {
            // What a cut separates, or nobody has, hangs.
            let target = sim.host_at(&address.ip);
            if let Some(ix) = target.filter(|ix| sim.reaches(ClientKind::Operator, *ix)) {
                self.dial(sim, id, ix);
            }
        }
        self.answer_platform(sim, pass)?;
        self.deliver_late(sim)?;
        for id in self.lines.keys().copied().collect::<Vec<_>>() {
            if self.network.take_dropped(id) {
                self.break_line(sim, id);
                continue;
            }
            let written = self.network.take_output(id);
            self.forward(sim, pass, id, &written)?;
            let Some(line) = self.lines.get(&id) else {
                continue;
            };
            let mut answered = sim.take_inbox(line.client);
            if self.hides_elections {
                hide_elections(&mut answered);
            }
            self.network.feed(id, &answered);
            if sim.client(line.client).is_none_or(|client| client.closed) {
                self.break_line(sim, id);
            }
        }
        Ok(())
    }

    fn dial(&mut self, sim: &mut Simulation, id: PipeId, ix: NodeIx) {
        let Some(client) = sim.connect_as(ClientKind::Operator, ix) else {
            self.network.refuse(id);
            return;
        };
        let line = Line {
            client,
            ix,
            incarnation: sim.hosts[ix].incarnation,
            requests: ReplyParser::new(REQUEST_MAX),
        };
        self.lines.insert(id, line);
        self.network.open(id);
    }

    /// Sends questions on, and steps as their delivery goes.
    fn forward(
        &mut self,
        sim: &mut Simulation,
        pass: &mut Pass,
        id: PipeId,
        written: &[u8],
    ) -> Result<(), String> {
        let Some(line) = self.lines.get_mut(&id) else {
            return Ok(());
        };
        line.requests.feed(written);
        let (client, mut requests) = (line.client, Vec::new());
        while let Ok(Some(request)) = line.requests.next() {
            requests.push(words_of(&request));
        }
        for argv in requests {
            if is_step(&argv) {
                self.deliver(sim, pass, id, argv)?;
            } else {
                let mut bytes = Vec::new();
                encode_command(&mut bytes, &argv);
                sim.client_send(client, &bytes);
            }
        }
        Ok(())
    }

    /// A connection breaks.
    fn break_line(&mut self, sim: &mut Simulation, id: PipeId) {
        if let Some(line) = self.lines.remove(&id) {
            sim.disconnect(line.client);
        }
        self.network.end(id);
    }

    fn truth(&mut self, sim: &Simulation) -> Truth {
        let indexes: Vec<_> = self.layout.pod_indexes().collect();
        let truth = sim.truth(&indexes);
        self.formed |= truth.formed;
        self.written = self.written.union(&truth.written);
        let shards = self.objects.shards.iter();
        Truth {
            formed: self.formed,
            written: self.written.clone(),
            node_timeout_ms: self.desired().node_timeout_ms,
            pods: shards
                .map(|(shard, object)| (*shard, object.pods))
                .collect(),
            nodes: truth.nodes,
        }
    }
}

/// The operator's clock is the virtual time.
fn moment(sim: &Simulation) -> Moment {
    Moment(1_700_000_000_000 + sim.now_us / 1000)
}

/// The words of a command, which has the form of a reply.
fn words_of(request: &ReplyValue) -> Vec<String> {
    let ReplyValue::Array(words) = request else {
        return Vec::new();
    };
    let text = |word: &ReplyValue| String::from_utf8_lossy(word.text().unwrap_or_default()).into();
    words.iter().map(text).collect()
}

/// CLUSTER INFO as a Redis gives it: the field is another one, which nobody reads.
fn hide_elections(answered: &mut [u8]) {
    const FIELD: &[u8] = b"slotkeeper_election";
    let places: Vec<usize> = (answered.windows(FIELD.len()).enumerate())
        .filter_map(|(at, window)| (window == FIELD).then_some(at))
        .collect();
    for at in places {
        answered[at] = b'x';
    }
}
