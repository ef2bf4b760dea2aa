use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use slotkeeper_topology::{Epoch, NodeId};

use super::{
    FailoverMode, Moment, NodeFacts, Observation, Outcome, Phase, Place, Plan, PlannedStep, PodUid,
    ProcessEnd, Step, StepOutcome,
};

/// What earlier passes saw and one pass cannot: a bounded memory. What is missing in it may delay
/// a step, never permit one; so an empty one is always a safe start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// The first pass that this memory knows of. A vote asked for before is not remembered.
    pub started: Option<Moment>,
    /// Whether every vote is in here that was to be stored before it was asked for: a stored memory
    /// was read, or this one has seen the cluster before it was formed.
    pub votes_known: bool,
    /// Whether slots were ever seen assigned among nodes that know each other. It never permits
    /// anything: it only forbids to form again.
    pub formed: bool,
    /// What each node id last said.
    pub nodes: BTreeMap<NodeId, NodeMemory>,
    /// Since when the node of a place has not answered; none while it does.
    pub silent: BTreeMap<Place, Moment>,
    /// The proven end of the last process of a place; none once a process runs again.
    pub ends: BTreeMap<Place, ProcessEnd>,
    /// Since when it is proven that no process runs under an id.
    pub ended: BTreeMap<NodeId, Moment>,
    /// How an answering node (second) sees an id that has ended (first).
    pub readings: BTreeMap<(NodeId, NodeId), Reading>,
    /// The last vote asked for, by the master that was to be replaced.
    pub votes: BTreeMap<NodeId, Vote>,
    /// The last election that the nodes told of, whoever asked for it, by that master.
    pub elections: BTreeMap<NodeId, Stood>,
    /// Steps done or failed not long ago, by their text.
    pub attempts: BTreeMap<String, Attempt>,
    /// The last loss of data that a step of ours made final, by shard.
    pub losses: BTreeMap<u32, Loss>,
    /// What an earlier operator said of losses.
    pub lost_before: Option<String>,
}

/// What a node id last said while it served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeMemory {
    /// Where it was.
    pub place: Place,
    /// In which life of the pod.
    pub uid: PodUid,
    /// In which process.
    pub run_id: String,
    /// When that process first answered, if an earlier one was seen before it.
    pub restarted_at: Option<Moment>,
    /// When it last answered, serving or not.
    pub answered_at: Moment,
    /// When it was last seen to serve; what follows is as it was then. None: it never was.
    pub served_at: Option<Moment>,
    /// Since when it has not been serving: silent, replaced, or withholding.
    pub down_since: Option<Moment>,
    /// The id of the history that it had.
    pub replid: String,
    /// How far it was in it.
    pub offset: u64,
    /// How many keys it had.
    pub keys: u64,
    /// Whether it was a master that owned slots.
    pub owned_slots: bool,
    /// When it last had a complete link to a master.
    pub in_sync: Option<InSync>,
}

/// A complete link as it was last seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InSync {
    /// The master.
    pub master: NodeId,
    /// The replica's history, which is the master's.
    pub replid: String,
    /// How far the replica was in it.
    pub offset: u64,
    /// When.
    pub at: Moment,
}

/// The first of two readings of an ended node in the CLUSTER NODES of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The time of the last pong, by the reader's clock.
    pub pong_received: i64,
    /// When the reading had arrived.
    pub from: Moment,
}

/// A vote that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vote {
    /// The shard of the master.
    pub shard: u32,
    /// The replica that was told to fail over.
    pub candidate: NodeId,
    /// How.
    pub mode: FailoverMode,
    /// When, at the latest.
    pub asked_at: Moment,
    /// Whether the candidate was seen as a master with slots since.
    pub succeeded: bool,
}

/// An election that nodes told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stood {
    /// The replica that stood.
    pub candidate: NodeId,
    /// The epoch of the election.
    pub epoch: Epoch,
    /// When it began, at the latest.
    pub since: Moment,
    /// Whether the candidate was seen as a master with slots since.
    pub succeeded: bool,
}

/// A step that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// How often it failed in a row.
    pub failures: u32,
    /// Until when it is not tried again.
    pub held_until: Moment,
    /// The last error; none when it was done.
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
/// How long what nobody mentions any more is kept.
const FORGET_AFTER_MS: u64 = 3_600_000;
/// How many steps and votes are remembered.
const ATTEMPTS_MOST: usize = 4_096;

impl Seen {
    /// The memory after this pass. Pure: the observation's own `seen` is not looked at.
    pub fn update(&mut self, observation: &Observation) {
        self.started.get_or_insert(observation.now);
        self.note_places(observation);
        self.note_answers(observation);
        self.note_ids(observation);
        self.note_votes(observation);
        self.note_birth(observation);
        self.formed |= observation.answered().any(|(_, facts)| is_formed(facts));
        self.drop_old(observation);
    }

    /// Notes the votes of a plan before it is performed, so that one is remembered even when the
    /// operator ends while it asks.
    pub fn intend(&mut self, plan: &Plan, now: Moment) {
        for planned in &plan.steps {
            if let Step::Failover {
                node, mode, master, ..
            } = &planned.step
            {
                let vote = Vote {
                    shard: planned.shard.unwrap_or(node.place.shard),
                    candidate: node.id,
                    mode: *mode,
                    asked_at: now,
                    succeeded: false,
                };
                self.votes.insert(*master, vote);
            }
        }
    }

    /// Takes back the votes of steps that are not performed after all.
    pub fn withdraw(&mut self, held: &[PlannedStep]) {
        for planned in held {
            if let Step::Failover { master, .. } = &planned.step {
                self.votes.remove(master);
            }
        }
    }

    /// Notes what became of the steps.
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

    /// A cluster is not formed yet when every process that runs says so.
    fn note_birth(&mut self, observation: &Observation) {
        let unborn = observation
            .pods
            .iter()
            .all(|(place, pod)| match observation.facts(*place) {
                Some(facts) => !is_formed(facts),
                None => matches!(pod.phase, Phase::Missing | Phase::Pending),
            });
        let unborn = unborn && self.ends.is_empty();
        self.votes_known |= unborn && !self.formed && !observation.pods.is_empty();
    }

    fn note_places(&mut self, observation: &Observation) {
        for (place, pod) in &observation.pods {
            if observation.facts(*place).is_some() {
                self.silent.remove(place);
            } else {
                self.silent.entry(*place).or_insert(observation.now);
            }
            match &pod.ended {
                Some(end) => {
                    let known = self.ends.entry(*place).or_insert_with(|| end.clone());
                    if known.uid != end.uid {
                        *known = end.clone();
                    }
                }
                None if pod.phase.may_run() => {
                    self.ends.remove(place);
                }
                None => {}
            }
        }
    }

    fn note_answers(&mut self, observation: &Observation) {
        for (place, facts) in observation.answered() {
            let uid = observation
                .pods
                .get(&place)
                .map(|pod| pod.uid.clone())
                .unwrap_or_default();
            let before = self.nodes.remove(&facts.id);
            let memory = NodeMemory::of(place, uid, facts, before, observation.now);
            self.nodes.insert(facts.id, memory);
        }
        let answered: BTreeSet<NodeId> = observation.answered().map(|(_, f)| f.id).collect();
        for (id, memory) in &mut self.nodes {
            if !answered.contains(id) {
                memory.down_since.get_or_insert(observation.now);
            }
        }
    }

    /// Ends of ids, and how others see an id that has ended.
    fn note_ids(&mut self, observation: &Observation) {
        let places = observation.identities();
        for (id, place) in &places {
            match observation.facts(*place) {
                Some(facts) if facts.id == *id => {
                    self.ended.remove(id);
                }
                Some(_) => {
                    self.ended.entry(*id).or_insert(observation.now);
                }
                None => match self.ends.get(place) {
                    Some(end) => {
                        self.ended.entry(*id).or_insert(end.at);
                    }
                    None => {
                        self.ended.remove(id);
                    }
                },
            }
        }
        self.ended.retain(|id, _| places.contains_key(id));
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

    fn note_votes(&mut self, observation: &Observation) {
        let told = observation
            .answered()
            .filter_map(|(_, facts)| facts.candidacies.as_ref());
        for told in told.flatten() {
            let stood = Stood {
                candidate: told.candidate,
                epoch: told.epoch,
                since: told.since,
                succeeded: false,
            };
            let known = self.elections.entry(told.master).or_insert(stood);
            match known.epoch.cmp(&told.epoch) {
                Ordering::Less => *known = stood,
                Ordering::Equal => known.since = known.since.max(told.since),
                Ordering::Greater => {}
            }
        }
        let owner = |id: NodeId| {
            observation.answered().any(|(_, facts)| {
                facts.id == id && facts.is_master() && !facts.myself().slots.is_empty()
            })
        };
        for vote in self.votes.values_mut() {
            vote.succeeded |= owner(vote.candidate);
        }
        for stood in self.elections.values_mut() {
            stood.succeeded |= owner(stood.candidate);
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
            .retain(|_, stood| now.since(stood.since) < FORGET_AFTER_MS);
        self.silent
            .retain(|place, _| observation.pods.contains_key(place));
        self.ends
            .retain(|place, _| observation.pods.contains_key(place));
        self.attempts
            .retain(|_, attempt| now.since(attempt.held_until) < BACKOFF_MOST_MS);
        while self.attempts.len() > ATTEMPTS_MOST {
            self.attempts.pop_first();
        }
    }

    fn learn_vote(&mut self, step: &Step, result: &StepOutcome, now: Moment) {
        let Step::Failover { node, master, .. } = step else {
            return;
        };
        let Some(vote) = self.votes.get_mut(master) else {
            return;
        };
        if vote.candidate != node.id {
            return;
        }
        if result.may_have_happened() {
            vote.asked_at = now;
        } else {
            // Nobody was asked for a vote, so nothing is in flight.
            self.votes.remove(master);
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
    /// What is remembered of a node after it answered. While it withholds or loads it does not
    /// serve, and what it had before counts.
    fn of(
        place: Place,
        uid: PodUid,
        facts: &NodeFacts,
        before: Option<NodeMemory>,
        now: Moment,
    ) -> NodeMemory {
        let serving = !facts.withholding && !facts.loading;
        let mut memory = before.unwrap_or_else(|| NodeMemory {
            place,
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
        memory.place = place;
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

/// Whether the node is part of a formed cluster: it knows others and somebody owns slots, or it
/// owns all of them.
fn is_formed(facts: &NodeFacts) -> bool {
    let some = facts.lines.iter().any(|line| !line.slots.is_empty());
    let all = facts.myself().slots.len() == usize::from(slotkeeper_topology::SLOT_COUNT);
    (facts.peers().next().is_some() && some) || all
}
