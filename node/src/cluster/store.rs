//! What this node may do only once nodes.conf says it.
//!
//! Others rely on a vote, an epoch and a claim, and a client on its OK: none of them may be forgotten
//! in a crash. So an [`Act`] is first done on a copy of the cluster, and the text of that is written;
//! once it is stored, the act is done here and what it sends leaves. Where it cannot be stored, nothing
//! has happened: no vote, no claim, an error for the client. What is merely learned from others is
//! taken up at once and stored when it can be: after a crash it is learned again. Texts are written
//! one after the other, so that none overwrites what an act before it has promised.
//!
//! CLUSTER SETSLOT binds where it makes this node the owner of a slot, or a replica. A slot that it
//! opens, closes or gives away is stored within a tick, many in one text: in a crash before that it
//! keeps the slot as it was, under an epoch that the new owner's is above. Redis stores these without
//! fsync.

use std::collections::VecDeque;

use bytes::Bytes;
use slotkeeper_topology::{Epoch, NodeId, SlotSet};

use super::links::Links;
use super::node::Moment;
use super::{Cluster, ClusterEvent, Facts, Stats, Todo};
use crate::io::{Level, SessionId};
use crate::request::ClusterRequest;
use crate::resp::Reply;
use crate::time::Now;

/// How long after a failure it is tried again, in milliseconds.
const RETRY_MS: i64 = 1000;
/// How often the log is told that it still fails, in milliseconds.
const REMIND_MS: i64 = 60_000;

/// What binds this node.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Act {
    /// A vote for a candidate in an epoch.
    Vote { candidate: NodeId, epoch: Epoch },
    /// A new epoch in which votes are asked for.
    AskForVotes,
    /// The place of the master, after a won election.
    Claim,
    /// A new epoch, since the other master has ours.
    ResolveCollision(NodeId),
    /// Slots without an owner that hold keys here.
    Adopt(SlotSet),
    /// What a client asks for.
    Request(SessionId, ClusterRequest),
}

/// nodes.conf, and what waits for it.
#[derive(Debug, Default)]
pub(super) struct Store {
    /// Acts that wait for their turn.
    proposed: VecDeque<Act>,
    writing: Option<Writing>,
    /// What is stored; none on the first start.
    stored: Option<Bytes>,
    failing: Option<Failing>,
    failures: u64,
}

/// A text that is being written, and what may be done once it is stored.
#[derive(Debug)]
struct Writing {
    text: Bytes,
    act: Option<Act>,
}

/// The last text could not be stored.
#[derive(Debug)]
struct Failing {
    reason: String,
    tried: Moment,
    told: Moment,
}

impl Store {
    /// As it is at the start.
    pub fn new(stored: Option<&str>) -> Store {
        Store {
            stored: stored.map(|text| Bytes::copy_from_slice(text.as_bytes())),
            ..Store::default()
        }
    }

    /// Why nothing can be stored, as of the last attempt.
    pub fn error(&self) -> Option<&str> {
        self.failing.as_ref().map(|failing| failing.reason.as_str())
    }

    fn is_due(&self, now: Now) -> bool {
        (self.failing.as_ref()).is_none_or(|failing| failing.tried.until(now) >= RETRY_MS)
    }
}

impl Cluster {
    /// Does it once nodes.conf says so; not at all while nothing can be stored.
    pub(super) fn propose(&mut self, act: Act) {
        let writing = self.store.writing.as_ref();
        let waits = writing.is_some_and(|writing| writing.act.as_ref() == Some(&act));
        let possible = self.store.failing.is_none() || matches!(act, Act::Adopt(_));
        if possible && !waits && !self.store.proposed.contains(&act) {
            self.store.proposed.push_back(act);
        }
    }

    /// Why nothing can be stored, as of the last attempt; until it can, this node neither votes nor
    /// claims.
    #[must_use]
    pub fn store_error(&self) -> Option<&str> {
        self.store.error()
    }

    /// How often nodes.conf could not be stored.
    #[must_use]
    pub fn store_failures(&self) -> u64 {
        self.store.failures
    }

    /// The answer to [`ClusterEvent::SaveNodesConf`]: it is stored, or why not.
    pub fn on_stored(&mut self, result: Result<(), &str>, facts: &Facts<'_>, now: Now) {
        self.begin(facts, now);
        if let Some(Writing { text, act }) = self.store.writing.take() {
            match result {
                Ok(()) => {
                    self.store.stored = Some(text);
                    if self.store.failing.take().is_some() {
                        self.log(Level::Notice, "nodes.conf can be stored again");
                    }
                    if let Some(act) = act {
                        self.perform(act, facts);
                    }
                }
                Err(reason) => self.store_failed(reason, act),
            }
        }
        self.finish(facts);
    }

    /// Whether a request that made that of this node may be done before it is stored.
    pub(super) fn may_forget(&self, request: &ClusterRequest, changed: &Cluster) -> bool {
        let promises = |cluster: &Cluster| {
            let me = cluster.nodes.me();
            (cluster.current_epoch, me.config_epoch, me.master)
        };
        matches!(request, ClusterRequest::SetSlot(..))
            && promises(changed) == promises(self)
            && changed.nodes.me().slot_count <= self.nodes.me().slot_count
    }

    /// This process is about to end: stores what could have waited.
    pub fn store_rest(&mut self, facts: &Facts<'_>, now: Now) {
        self.begin(facts, now);
        self.store_soon();
        self.finish(facts);
    }

    /// Stores what could wait until now.
    pub(super) fn store_soon(&mut self) {
        self.todo.save |= std::mem::take(&mut self.todo.save_soon);
    }

    /// Writes what is due next. Without facts no act can be tried on a copy.
    pub(super) fn store_next(&mut self, facts: Option<&Facts<'_>>) {
        if self.store.writing.is_some() || !self.store.is_due(self.now) {
            return;
        }
        if let Some(facts) = facts
            && let Some(act) = self.store.proposed.pop_front()
        {
            let mut copy = self.copy();
            copy.perform(act.clone(), facts);
            self.write(copy.nodes_conf(), Some(act));
        } else if self.todo.save {
            self.todo.save = false;
            let text = self.nodes_conf();
            let known = self.store.stored.as_deref() == Some(text.as_bytes());
            if !known || self.store.failing.is_some() {
                self.write(text, None);
            }
        }
    }

    fn write(&mut self, text: String, act: Option<Act>) {
        let text = Bytes::from(text);
        self.events
            .push_back(ClusterEvent::SaveNodesConf(text.clone()));
        self.store.writing = Some(Writing { text, act });
    }

    /// Goes on trying.
    pub(super) fn retry_store(&mut self) {
        self.todo.save |= self.store.failing.is_some();
    }

    fn store_failed(&mut self, reason: &str, act: Option<Act>) {
        self.store.failures += 1;
        if self.store.stored.is_none() {
            self.events
                .push_back(ClusterEvent::CannotStart(reason.to_owned()));
            return;
        }
        let now = Moment::of(self.now);
        let told = self.store.failing.take().map(|failing| failing.told);
        let told = told.filter(|told| told.until(self.now) < REMIND_MS);
        if told.is_none() {
            let text = format!(
                "Can't store nodes.conf: {reason}. Until that is possible this node does not vote, \
                 is not elected and takes no change of the cluster from clients."
            );
            self.log(Level::Warning, text);
        }
        self.store.failing = Some(Failing {
            reason: reason.to_owned(),
            tried: now,
            told: told.unwrap_or(now),
        });
        self.todo.save = true;
        let proposed = std::mem::take(&mut self.store.proposed);
        for act in act.into_iter().chain(proposed) {
            self.give_up(act);
        }
    }

    /// An act that cannot be stored. Elections and collisions are seen again at the next look.
    fn give_up(&mut self, act: Act) {
        match act {
            Act::Request(session, _) => {
                let mut reply = Reply::new();
                if let Err(why) = self.may_change() {
                    reply.error(&why);
                }
                self.answer(session, reply);
            }
            // Nothing comes back to these: they wait until it can be stored.
            Act::Adopt(_) => self.store.proposed.push_back(act),
            Act::Vote { candidate, epoch } => {
                let text = format!(
                    "Failover auth denied to {candidate}: a vote in epoch {epoch} cannot be stored"
                );
                self.log(Level::Warning, text);
            }
            Act::AskForVotes | Act::Claim | Act::ResolveCollision(_) => {}
        }
    }

    /// Whether a client's change could be stored, as of the last attempt; else the reply's text.
    pub(super) fn may_change(&self) -> Result<(), String> {
        match self.store.error() {
            None => Ok(()),
            Some(why) => Err(format!(
                "ERR error saving the cluster node config: {why}; nothing was changed"
            )),
        }
    }

    fn answer(&mut self, session: SessionId, mut reply: Reply) {
        self.events
            .push_back(ClusterEvent::Answer(session, reply.take()));
    }

    /// Does it, here or on a copy. What it rests on may have changed since it was proposed.
    fn perform(&mut self, act: Act, facts: &Facts<'_>) {
        match act {
            Act::Vote { candidate, epoch } => self.vote(&candidate, epoch),
            Act::AskForVotes => self.ask_for_votes(),
            Act::Claim => self.claim(),
            Act::ResolveCollision(other) => self.take_another_epoch(&other),
            Act::Adopt(slots) => self.adopt_slots(&slots),
            Act::Request(session, request) => {
                let mut reply = Reply::new();
                self.dispatch(request, facts, &mut reply);
                self.answer(session, reply);
            }
        }
    }

    /// A cluster in the same state, without links and with nothing to do: what is done on it has
    /// no effect outside.
    pub(super) fn copy(&self) -> Cluster {
        Cluster {
            config: self.config.clone(),
            random: self.random.clone(),
            now: self.now,
            nodes: self.nodes.clone(),
            slots: self.slots.clone(),
            links: Links::new(),
            origin: self.origin,
            store: Store::default(),
            current_epoch: self.current_epoch,
            last_vote_epoch: self.last_vote_epoch,
            state: self.state.clone(),
            election: self.election.clone(),
            manual: self.manual.clone(),
            migration: self.migration.clone(),
            withholding: self.withholding,
            waking: None,
            declared_failed: self.declared_failed,
            found_failed: self.found_failed,
            unsynced: self.unsynced,
            own_ip_unconfirmed: self.own_ip_unconfirmed,
            forgotten: self.forgotten.clone(),
            stats: Stats::default(),
            dropped_kind: self.dropped_kind,
            ticks: self.ticks,
            next_tick: self.next_tick,
            gossip_round: self.gossip_round,
            todo: Todo::default(),
            events: VecDeque::new(),
            sends: Vec::new(),
        }
    }
}
