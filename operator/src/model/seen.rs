//! What earlier passes saw and a single pass cannot see.

mod votes;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use slotkeeper_topology::NodeId;

use super::{
    Moment, NodeFacts, Observation, Outcome, PlannedStep, PodIndex, PodPhase, PodUid, ProcessEnd,
    Step, StepOutcome,
};

pub use votes::{ARRIVES_WITHIN_MS, Election, Vote};

/// What earlier passes saw and one pass cannot see: a bounded memory. Missing information may delay
/// a step, never permit one, so an empty memory is always a safe start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// The time of the first pass of this memory. Earlier votes are not remembered.
    pub started: Option<Moment>,
    /// Since when this memory contains every vote that had to be stored before it was asked for: as
    /// the loaded one says, from the beginning if the cluster was formed later, else the first pass.
    pub votes_since: Option<Moment>,
    /// Whether slots were ever seen assigned among nodes that know each other. It permits nothing;
    /// it only forbids forming the cluster again.
    pub formed: bool,
    /// The last known state of each node id.
    pub nodes: BTreeMap<NodeId, NodeMemory>,
    /// Since when the node of a pod has not answered; none while it does.
    pub silent: BTreeMap<PodIndex, Moment>,
    /// The proven end of the last process of a pod; none once a process runs again.
    pub ends: BTreeMap<PodIndex, ProcessEnd>,
    /// Since when it is proven that no process runs with an id.
    pub ended: BTreeMap<NodeId, Moment>,
    /// What an answering node (second) lists for an id that has ended (first).
    pub readings: BTreeMap<(NodeId, NodeId), Reading>,
    /// The last vote asked for, by the master to replace.
    pub votes: BTreeMap<NodeId, Vote>,
    /// The last election that the nodes reported, no matter who asked for it, by the master to
    /// replace.
    pub elections: BTreeMap<NodeId, Election>,
    /// Steps that were done or failed recently, by their text.
    pub attempts: BTreeMap<String, Attempt>,
    /// The last loss of data that a step made final, by shard.
    pub losses: BTreeMap<u32, Loss>,
    /// The message of an earlier operator about lost data.
    pub lost_before: Option<String>,
}

/// The last known state of a node id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeMemory {
    /// In which pod it was.
    pub pod: PodIndex,
    /// In which incarnation of the pod.
    pub uid: PodUid,
    /// In which process.
    pub run_id: String,
    /// When that process first answered, if an earlier one was seen before it.
    pub restarted_at: Option<Moment>,
    /// When it last answered, serving or not.
    pub answered_at: Moment,
    /// When it was last seen serving; the fields below are from then. None: it never was.
    pub served_at: Option<Moment>,
    /// Since when it has not been serving: silent, replaced, or withholding.
    pub down_since: Option<Moment>,
    /// The id of its replication history.
    pub replid: String,
    /// Its offset in that history.
    pub offset: u64,
    /// The number of keys that it had.
    pub keys: u64,
    /// Whether it was a master that owned slots.
    pub owned_slots: bool,
    /// When it was last in sync with a master.
    pub in_sync: Option<InSync>,
}

/// The last time that a replica was seen in sync.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InSync {
    /// The master.
    pub master: NodeId,
    /// The replica's history, which is the master's.
    pub replid: String,
    /// The replica's offset in it.
    pub offset: u64,
    /// When.
    pub at: Moment,
}

/// The first of two readings of an ended node in the CLUSTER NODES of another node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The time of the last pong, by the reader's clock.
    pub pong_received: i64,
    /// When the reading had arrived.
    pub from: Moment,
}

/// A step that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The number of failures in a row.
    pub failures: u32,
    /// It is not tried again before this time.
    pub held_until: Moment,
    /// The last error; none if it was done.
    pub error: Option<String>,
}

/// A loss of data that a step made final.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// When.
    pub at: Moment,
    /// What is lost, for people.
    pub what: String,
}

/// The first wait after a failure; it doubles with each further one.
const BACKOFF_FIRST_MS: u64 = 500;
/// The longest wait after a failure.
const BACKOFF_MOST_MS: u64 = 30_000;
/// How long entries are kept that no node lists any more.
const FORGET_AFTER_MS: u64 = 3_600_000;
/// The maximum number of remembered steps.
const ATTEMPTS_MOST: usize = 4_096;

impl Seen {
    /// Updates the memory with a pass. Pure; the observation's own `seen` is ignored.
    pub fn update(&mut self, observation: &Observation) {
        self.started.get_or_insert(observation.now);
        self.note_pods(observation);
        self.note_answers(observation);
        self.note_ids(observation);
        self.note_votes(observation);
        self.note_birth(observation);
        self.formed |= observation.answered().any(|(_, facts)| is_formed(facts));
        self.drop_old(observation);
    }

    /// Notes the outcomes of the steps.
    pub fn learn(&mut self, outcome: &Outcome, now: Moment) {
        for (planned, result) in &outcome.results {
            self.learn_vote(&planned.step, result, now);
            self.learn_attempt(&planned.step, result, now);
            self.learn_loss(planned, result, now);
        }
    }

    /// The attempt that holds the step back, if one does.
    #[must_use]
    pub fn held_back(&self, step: &Step, now: Moment) -> Option<&Attempt> {
        let attempt = self.attempts.get(&step.to_string())?;
        (attempt.held_until > now).then_some(attempt)
    }

    /// The cluster is not formed yet if every running process says so.
    fn note_birth(&mut self, observation: &Observation) {
        let unborn = observation
            .pods
            .iter()
            .all(|(index, pod)| match observation.facts(*index) {
                Some(facts) => !is_formed(facts),
                None => matches!(pod.phase, PodPhase::Missing | PodPhase::Pending),
            });
        let unborn = unborn && self.ends.is_empty();
        if unborn && !self.formed && !observation.pods.is_empty() {
            self.votes_since = Some(Moment(0));
        }
        self.votes_since.get_or_insert(observation.now);
    }

    fn note_pods(&mut self, observation: &Observation) {
        for (index, pod) in &observation.pods {
            if observation.facts(*index).is_some() {
                self.silent.remove(index);
            } else {
                self.silent.entry(*index).or_insert(observation.now);
            }
            match &pod.ended {
                Some(end) => {
                    let known = self.ends.entry(*index).or_insert_with(|| end.clone());
                    if known.uid != end.uid {
                        *known = end.clone();
                    }
                }
                None if pod.phase.may_run() => {
                    self.ends.remove(index);
                }
                None => {}
            }
        }
    }

    fn note_answers(&mut self, observation: &Observation) {
        for (index, facts) in observation.answered() {
            let uid = observation
                .pods
                .get(&index)
                .map(|pod| pod.uid.clone())
                .unwrap_or_default();
            let before = self.nodes.remove(&facts.id);
            let memory = NodeMemory::of(index, uid, facts, before, observation.now);
            self.nodes.insert(facts.id, memory);
        }
        let answered: BTreeSet<NodeId> = observation.answered().map(|(_, f)| f.id).collect();
        for (id, memory) in &mut self.nodes {
            if !answered.contains(id) {
                memory.down_since.get_or_insert(observation.now);
            }
        }
    }

    /// Notes which ids have ended, and what other nodes list for them.
    fn note_ids(&mut self, observation: &Observation) {
        let indexes = observation.identities();
        for (id, index) in &indexes {
            match observation.facts(*index) {
                Some(facts) if facts.id == *id => {
                    self.ended.remove(id);
                }
                Some(_) => {
                    self.ended.entry(*id).or_insert(observation.now);
                }
                None => match self.ends.get(index) {
                    Some(end) => {
                        self.ended.entry(*id).or_insert(end.at);
                    }
                    None => {
                        self.ended.remove(id);
                    }
                },
            }
        }
        self.ended.retain(|id, _| indexes.contains_key(id));
        self.note_readings(observation);
    }

    fn note_readings(&mut self, observation: &Observation) {
        let Seen {
            ended, readings, ..
        } = self;
        readings.retain(|(id, _), _| ended.contains_key(id));
        for (_, facts) in observation.answered() {
            for line in facts.lines.iter().filter(|line| line.id != facts.id) {
                let key = (line.id, facts.id);
                let Some(end) = ended.get(&line.id) else {
                    continue;
                };
                if line.ping_sent == 0 || observation.now <= *end {
                    readings.remove(&key);
                    continue;
                }
                let reading = Reading {
                    pong_received: line.pong_received,
                    from: facts.read_at,
                };
                let known = readings.entry(key).or_insert(reading);
                if known.pong_received != reading.pong_received {
                    *known = reading;
                }
            }
        }
    }

    fn drop_old(&mut self, observation: &Observation) {
        let now = observation.now;
        let listed: BTreeSet<NodeId> = observation
            .answered()
            .flat_map(|(_, f)| f.lines.iter().map(|line| line.id))
            .collect();
        self.nodes.retain(|id, memory| {
            listed.contains(id) || now.since(memory.answered_at) < FORGET_AFTER_MS
        });
        self.votes
            .retain(|_, vote| now.since(vote.asked_at) < FORGET_AFTER_MS);
        self.elections
            .retain(|_, election| now.since(election.since) < FORGET_AFTER_MS);
        self.silent
            .retain(|index, _| observation.pods.contains_key(index));
        self.ends
            .retain(|index, _| observation.pods.contains_key(index));
        self.attempts
            .retain(|_, attempt| now.since(attempt.held_until) < BACKOFF_MOST_MS);
        while self.attempts.len() > ATTEMPTS_MOST {
            self.attempts.pop_first();
        }
    }

    fn learn_attempt(&mut self, step: &Step, result: &StepOutcome, now: Moment) {
        let key = step.to_string();
        let failures = match result {
            StepOutcome::Done => 0,
            _ => self
                .attempts
                .get(&key)
                .map_or(0, |attempt| attempt.failures)
                .saturating_add(1),
        };
        let hold_ms = match failures {
            0 => step.settle_ms(),
            _ => BACKOFF_MOST_MS.min(BACKOFF_FIRST_MS << (failures - 1).min(10)),
        };
        let error = result.error().map(str::to_owned);
        self.attempts.insert(
            key,
            Attempt {
                failures,
                held_until: now.after(hold_ms),
                error,
            },
        );
    }

    fn learn_loss(&mut self, planned: &PlannedStep, result: &StepOutcome, now: Moment) {
        if let (Some(what), Some(shard), true) =
            (&planned.loss, planned.shard, result.may_have_happened())
        {
            self.losses.insert(
                shard,
                Loss {
                    at: now,
                    what: what.clone(),
                },
            );
        }
    }
}

impl NodeMemory {
    /// The memory of a node after it answered. While it withholds itself or loads, it does not
    /// serve, and its earlier state is kept.
    fn of(
        index: PodIndex,
        uid: PodUid,
        facts: &NodeFacts,
        before: Option<NodeMemory>,
        now: Moment,
    ) -> NodeMemory {
        let serving = !facts.withholding && !facts.loading;
        let mut memory = before.unwrap_or_else(|| NodeMemory {
            pod: index,
            uid: uid.clone(),
            run_id: facts.run_id.clone(),
            restarted_at: None,
            answered_at: now,
            served_at: None,
            down_since: None,
            replid: String::new(),
            offset: 0,
            keys: 0,
            owned_slots: false,
            in_sync: None,
        });
        memory.pod = index;
        memory.uid = uid;
        if memory.run_id != facts.run_id {
            memory.run_id.clone_from(&facts.run_id);
            memory.restarted_at = Some(now);
        }
        memory.answered_at = now;
        if !serving {
            memory.down_since.get_or_insert(now);
            return memory;
        }
        memory.down_since = None;
        memory.served_at = Some(now);
        memory.replid.clone_from(&facts.replication.replid);
        memory.offset = facts.replication.offset;
        memory.keys = facts.keys;
        memory.owned_slots = facts.is_master() && !facts.myself().slots.is_empty();
        if let (Some(master), true) = (facts.master(), facts.link_up()) {
            memory.in_sync = Some(InSync {
                master,
                replid: facts.replication.replid.clone(),
                offset: facts.replication.offset,
                at: now,
            });
        }
        memory
    }
}

/// Whether the node is part of a formed cluster: it knows others and some node owns slots, or it
/// owns all slots itself.
fn is_formed(facts: &NodeFacts) -> bool {
    let some = facts.lines.iter().any(|line| !line.slots.is_empty());
    let all = facts.myself().slots.len() == usize::from(slotkeeper_topology::SLOT_COUNT);
    (facts.peers().next().is_some() && some) || all
}
