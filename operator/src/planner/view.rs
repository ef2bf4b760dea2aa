//! One pass's observation, combined: which node is in which pod, and who owns which slots.

use std::collections::{BTreeMap, BTreeSet};

use slotkeeper_topology::{Epoch, NodeId, NodeLine, SlotSet};

use crate::model::{
    Desired, Moment, NodeFacts, Observation, PodIndex, PodPhase, PodView, Seen, Target,
};

/// One pass's observation, combined: which node is in which pod, and who owns which slots.
pub struct View<'a> {
    /// What the manifest asks for.
    pub desired: &'a Desired,
    /// What was seen.
    pub observation: &'a Observation,
    /// The pod of every id that has one; an id without a pod is a stranger.
    pub indexes: BTreeMap<NodeId, PodIndex>,
    /// The masters that own slots, according to all answers: for each slot, the claim with the
    /// highest configuration epoch counts.
    pub owners: BTreeMap<NodeId, Owner>,
}

/// What a master owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Its slots; never empty.
    pub slots: SlotSet,
    /// Its configuration epoch.
    pub epoch: Epoch,
}

impl<'a> View<'a> {
    /// Combines the observation.
    #[must_use]
    pub fn new(desired: &'a Desired, observation: &'a Observation) -> View<'a> {
        View {
            desired,
            observation,
            indexes: observation.identities(),
            owners: owners(observation),
        }
    }

    /// When the pass began.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.observation.now
    }

    /// What earlier passes saw.
    #[must_use]
    pub fn seen(&self) -> &'a Seen {
        &self.observation.seen
    }

    /// A multiple of the node timeout, in milliseconds.
    #[must_use]
    pub fn node_timeouts(&self, times: u64) -> u64 {
        self.desired.node_timeout_ms.saturating_mul(times)
    }

    /// All that answered, in the order of their pods.
    pub fn answered(&self) -> impl Iterator<Item = (PodIndex, &'a NodeFacts)> {
        self.observation.answered()
    }

    /// What the node with that id answered, if it did.
    #[must_use]
    pub fn facts(&self, id: NodeId) -> Option<&'a NodeFacts> {
        let facts = self.observation.facts(*self.indexes.get(&id)?)?;
        (facts.id == id).then_some(facts)
    }

    /// The pod with that index.
    #[must_use]
    pub fn pod(&self, index: PodIndex) -> Option<&'a PodView> {
        self.observation.pods.get(&index)
    }

    /// The pods of a shard, desired or not.
    pub fn pods_of(&self, shard: u32) -> impl Iterator<Item = (PodIndex, &'a PodView)> {
        let pods = self
            .observation
            .pods
            .iter()
            .map(|(index, pod)| (*index, pod));
        pods.filter(move |(index, _)| index.shard == shard)
    }

    /// The node of a pod as the target of a step.
    #[must_use]
    pub fn target(&self, index: PodIndex, facts: &NodeFacts) -> Target {
        let uid = self
            .pod(index)
            .map(|pod| pod.uid.clone())
            .unwrap_or_default();
        Target {
            pod: index,
            uid,
            id: facts.id,
        }
    }

    /// The shard of an id, if it has a pod.
    #[must_use]
    pub fn shard_of(&self, id: NodeId) -> Option<u32> {
        self.indexes.get(&id).map(|index| index.shard)
    }

    /// The masters with slots among the nodes of a shard.
    #[must_use]
    pub fn owners_of(&self, shard: u32) -> Vec<NodeId> {
        let owners = self.owners.keys().copied();
        owners
            .filter(|id| self.shard_of(*id) == Some(shard))
            .collect()
    }

    /// The one master of a shard that owns slots, answers and serves.
    #[must_use]
    pub fn serving_owner_of(&self, shard: u32) -> Option<(PodIndex, &'a NodeFacts)> {
        let [id] = self.owners_of(shard)[..] else {
            return None;
        };
        let facts = self.facts(id).filter(|facts| serves(facts))?;
        Some((*self.indexes.get(&id)?, facts))
    }

    /// The answering nodes that say they replicate the master.
    pub fn replicas_of(&self, master: NodeId) -> impl Iterator<Item = (PodIndex, &'a NodeFacts)> {
        self.answered()
            .filter(move |(_, facts)| facts.master() == Some(master))
    }

    /// Whether the id will never return: the pod that its hostname names answers with another id,
    /// or that pod was removed for good.
    #[must_use]
    pub fn is_gone(&self, id: NodeId) -> bool {
        let Some(index) = self.indexes.get(&id) else {
            return false;
        };
        match self.observation.facts(*index) {
            Some(facts) => facts.id != id && self.pod(*index).is_some_and(|pod| pod.volume_mounted),
            None => self.is_taken_away(id, *index),
        }
    }

    /// Whether the manifest no longer wants the pod and the platform no longer runs it. The process
    /// of an owner of slots must also have ended.
    fn is_taken_away(&self, id: NodeId, index: PodIndex) -> bool {
        let kept = self.observation.objects.shards.get(&index.shard);
        let kept = kept.is_some_and(|object| index.ordinal < object.pods);
        let missing = self
            .pod(index)
            .is_none_or(|pod| pod.phase == PodPhase::Missing);
        let ended = self.seen().ended.contains_key(&id) || !self.owners.contains_key(&id);
        !self.desired.wants(index) && !kept && missing && ended
    }

    /// Every id that an answering node lists, except the made-up ids of handshakes.
    #[must_use]
    pub fn listed(&self) -> BTreeSet<NodeId> {
        self.lines().map(|line| line.id).collect()
    }

    /// Every line of every answering node, except those of a handshake.
    pub fn lines(&self) -> impl Iterator<Item = &'a NodeLine> {
        let lines = self.answered().flat_map(|(_, facts)| &facts.lines);
        lines.filter(|line| !line.flags.handshake)
    }

    /// The slot-owning masters that answer and list a node as a healthy replica of that master:
    /// only they would vote for it. A master that withholds itself votes as well; it sends no
    /// pings, so an earlier failure in its list means nothing.
    pub fn voters_for(&self, replica: NodeId, master: NodeId) -> impl Iterator<Item = NodeId> {
        self.voters().filter_map(move |(id, facts)| {
            let line = facts.line(replica)?;
            let linked = line.connected && !line.flags.handshake && !line.flags.no_addr;
            let well = sees(facts, replica) || facts.withholding && linked;
            (line.master == Some(master) && well).then_some(id)
        })
    }

    /// The slot-owning masters that answer and have a vote.
    pub fn voters(&self) -> impl Iterator<Item = (NodeId, &'a NodeFacts)> {
        self.owners.keys().filter_map(|id| {
            let facts = self.facts(*id)?;
            (facts.is_master() && !facts.loading).then_some((*id, facts))
        })
    }

    /// Whether that number of slot-owning masters is a majority.
    #[must_use]
    pub fn is_majority(&self, masters: usize) -> bool {
        2 * masters > self.owners.len()
    }

    /// The highest epoch that any answering node has heard of.
    #[must_use]
    pub fn highest_epoch(&self) -> Epoch {
        let heard = self
            .answered()
            .map(|(_, facts)| facts.cluster.current_epoch);
        let owned = self.lines().map(|line| line.config_epoch);
        heard.chain(owned).max().unwrap_or_default()
    }

    /// The vote within two node timeouts whose candidate was not seen to win yet, and until when it
    /// may be pending: asked for by this operator, or reported by the nodes.
    #[must_use]
    pub fn vote_in_flight(&self) -> Option<(NodeId, Moment)> {
        let Seen {
            votes, elections, ..
        } = self.seen();
        let asked = (votes.iter()).map(|(id, vote)| (*id, vote.succeeded, vote.asked_at));
        let told =
            (elections.iter()).map(|(id, election)| (*id, election.succeeded, election.since));
        asked
            .chain(told)
            .filter(|(_, succeeded, _)| !succeeded)
            .find_map(|(master, _, at)| Some((master, self.vote_ends(at)?)))
    }

    /// Until when the last vote against a master may be pending, won or not; none if there was none
    /// within two node timeouts.
    #[must_use]
    pub fn vote_against(&self, master: NodeId) -> Option<Moment> {
        let asked = (self.seen().votes.get(&master)).map(|vote| vote.asked_at);
        let told = (self.seen().elections.get(&master)).map(|election| election.since);
        self.vote_ends(asked.max(told)?)
    }

    fn vote_ends(&self, asked_at: Moment) -> Option<Moment> {
        let until = asked_at.after(self.node_timeouts(2));
        (self.now() < until).then_some(until)
    }

    /// The node that introduces newcomers. Of the nodes that know each other, the one with the most
    /// slots and then the most nodes around it; preferably a serving master. A node that withholds
    /// itself only if no other has as many slots, because it does not gossip about nodes that it
    /// meets.
    #[must_use]
    pub fn hub(&self) -> Option<(PodIndex, &'a NodeFacts)> {
        self.answered().max_by_key(|(index, facts)| {
            let friends = self.acquaintances(facts);
            let slots: usize = (friends.iter().chain([&facts.id]))
                .filter_map(|id| self.owners.get(id))
                .map(|owner| owner.slots.len())
                .sum();
            let steady = serves(facts) && self.owners.contains_key(&facts.id);
            let speaks = !facts.withholding;
            (
                slots,
                speaks,
                friends.len(),
                steady,
                std::cmp::Reverse(*index),
            )
        })
    }

    /// The answering nodes that know this one and that it knows.
    fn acquaintances(&self, facts: &NodeFacts) -> Vec<NodeId> {
        let knows = |a: &NodeFacts, b: &NodeFacts| a.peers().any(|line| line.id == b.id);
        let friends = self
            .answered()
            .filter(|(_, other)| knows(facts, other) && knows(other, facts));
        friends.map(|(_, other)| other.id).collect()
    }
}

/// Whether a node serves: it neither loads nor withholds itself.
#[must_use]
pub fn serves(facts: &NodeFacts) -> bool {
    !facts.loading && !facts.withholding
}

/// Whether the node lists the other as a healthy member of the cluster.
#[must_use]
pub fn sees(facts: &NodeFacts, id: NodeId) -> bool {
    facts.line(id).is_some_and(|line| {
        let flags = line.flags;
        let ill = flags.fail || flags.fail_suspected || flags.handshake || flags.no_addr;
        line.connected && !ill
    })
}

fn owners(observation: &Observation) -> BTreeMap<NodeId, Owner> {
    let mut claims: Vec<(NodeId, Owner)> = claims(observation).into_iter().collect();
    claims.sort_by_key(|(id, claim)| (std::cmp::Reverse(claim.epoch), *id));
    let mut taken = SlotSet::new();
    let mut owners = BTreeMap::new();
    for (id, Owner { slots, epoch }) in claims {
        let slots = slots.difference(&taken);
        if !slots.is_empty() {
            taken = taken.union(&slots);
            owners.insert(id, Owner { slots, epoch });
        }
    }
    owners
}

/// What each id claims: its own answer if there is one, else the lines with its highest epoch.
fn claims(observation: &Observation) -> BTreeMap<NodeId, Owner> {
    let mut claims: BTreeMap<NodeId, Owner> = BTreeMap::new();
    let own: BTreeMap<NodeId, &NodeFacts> = observation
        .answered()
        .map(|(_, facts)| (facts.id, facts))
        .collect();
    for line in observation.answered().flat_map(|(_, facts)| &facts.lines) {
        let hearsay = own.contains_key(&line.id) && !line.flags.myself;
        if hearsay || line.slots.is_empty() || !line.flags.master {
            continue;
        }
        let epoch = line.config_epoch;
        match claims.get_mut(&line.id) {
            Some(claim) if claim.epoch > epoch || claim.slots == line.slots => {
                claim.epoch = claim.epoch.max(epoch);
            }
            Some(claim) if claim.epoch == epoch => claim.slots = claim.slots.union(&line.slots),
            _ => {
                claims.insert(
                    line.id,
                    Owner {
                        slots: line.slots.clone(),
                        epoch,
                    },
                );
            }
        }
    }
    claims
}
