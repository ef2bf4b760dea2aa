//! What of `Seen` is stored, to survive a restart of the operator.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use slotkeeper_crds::RedisClusterStatus;
use slotkeeper_topology::SlotSet;

use super::{FailoverMode, Loss, Moment, Seen, Vote};

/// The part of [`Seen`] that must survive a restart of the operator, in a form that can be stored.
/// It is stored after `Seen::intend` and before the plan is performed. A vote that could not be
/// stored is only asked for if the nodes themselves will report it
/// ([`Plan::hold_unstored`](super::Plan)). So no vote is unknown to the next operator.
///
/// An operator without a stored memory starts with the status (`Seen::from_status`) and what the
/// nodes report. If they do not report votes, take overs are delayed. If there is no status either,
/// the cluster could be formed a second time if every first node had lost its disk meanwhile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Memory {
    /// Whether the cluster has been formed.
    pub formed: bool,
    /// The last votes asked for.
    pub votes: Vec<StoredVote>,
    /// Earlier votes may be missing: the operator that began this memory had none. From the
    /// beginning on, if it is not said.
    pub votes_since: Option<Moment>,
    /// The last loss of each shard.
    pub losses: BTreeMap<u32, Loss>,
}

/// A vote that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredVote {
    /// The master that was to be replaced.
    pub master: String,
    /// The replica that was told to fail over.
    pub candidate: String,
    /// The shard.
    pub shard: u32,
    /// The mode of the failover.
    pub mode: FailoverMode,
    /// When, at the latest.
    pub asked_at: Moment,
}

impl From<&Seen> for Memory {
    fn from(seen: &Seen) -> Memory {
        Memory {
            formed: seen.formed,
            votes: (seen.votes.iter())
                .map(|(master, vote)| StoredVote {
                    master: master.to_string(),
                    candidate: vote.candidate.to_string(),
                    shard: vote.shard,
                    mode: vote.mode,
                    asked_at: vote.asked_at,
                })
                .collect(),
            votes_since: seen.votes_since,
            losses: seen.losses.clone(),
        }
    }
}

impl From<Memory> for Seen {
    /// An unreadable vote makes all of them unknown.
    fn from(memory: Memory) -> Seen {
        let read = |stored: &StoredVote| {
            let vote = Vote {
                shard: stored.shard,
                candidate: stored.candidate.parse().ok()?,
                mode: stored.mode,
                asked_at: stored.asked_at,
                succeeded: false,
            };
            Some((stored.master.parse().ok()?, vote))
        };
        let votes: Option<BTreeMap<_, _>> = memory.votes.iter().map(read).collect();
        Seen {
            formed: memory.formed,
            votes_since: votes
                .is_some()
                .then(|| memory.votes_since.unwrap_or(Moment(0))),
            votes: votes.unwrap_or_default(),
            losses: memory.losses,
            ..Seen::default()
        }
    }
}

impl Seen {
    /// The memory that the published status gives to an operator without a stored one: that the
    /// cluster was formed, and that data was lost. The status knows no votes.
    #[must_use]
    pub fn from_status(status: &RedisClusterStatus) -> Seen {
        let lost = status
            .conditions
            .iter()
            .find(|c| c.type_ == "DataLost" && c.status == "True");
        Seen {
            formed: was_formed(status),
            lost_before: lost.map(|condition| condition.message.clone()),
            ..Seen::default()
        }
    }
}

/// Slots of only some shards do not prove it: forming may have been interrupted.
fn was_formed(status: &RedisClusterStatus) -> bool {
    let slots = status
        .shards
        .iter()
        .filter_map(|shard| shard.slots.parse::<SlotSet>().ok());
    let owned = slots.fold(SlotSet::new(), |all, slots| all.union(&slots));
    let phase = status.phase.as_deref().unwrap_or_default();
    owned == SlotSet::full() || ["Ready", "Degraded", "Outage"].contains(&phase)
}

#[cfg(test)]
mod tests {
    use slotkeeper_crds::ShardStatus;

    use super::*;

    #[test]
    fn a_status_of_a_formed_cluster_forbids_to_form_again() {
        let status = |slots: &str, phase: &str| RedisClusterStatus {
            shards: vec![ShardStatus {
                slots: slots.to_owned(),
                ..Default::default()
            }],
            phase: Some(phase.to_owned()),
            ..Default::default()
        };
        assert!(Seen::from_status(&status("0-16383", "Paused")).formed);
        assert!(Seen::from_status(&status("", "Outage")).formed);
        assert!(!Seen::from_status(&status("0-5461", "Forming")).formed);
        assert_eq!(Seen::from_status(&status("", "Ready")).votes_since, None);
    }

    fn memory() -> Memory {
        let vote = StoredVote {
            master: "a".repeat(40),
            candidate: "b".repeat(40),
            shard: 1,
            mode: FailoverMode::Force,
            asked_at: Moment(5),
        };
        let loss = Loss {
            at: Moment(7),
            what: "keys".to_owned(),
        };
        Memory {
            formed: true,
            votes: vec![vote],
            votes_since: Some(Moment(3)),
            losses: BTreeMap::from([(1, loss)]),
        }
    }

    #[test]
    fn what_is_stored_comes_back() {
        let text = serde_json::to_string(&memory()).unwrap();
        let seen = Seen::from(serde_json::from_str::<Memory>(&text).unwrap());
        assert!(seen.formed);
        assert_eq!(Memory::from(&seen), memory());
    }

    #[test]
    fn an_unreadable_vote_makes_all_unknown() {
        let mut memory = memory();
        memory.votes[0].candidate = "?".to_owned();
        let seen = Seen::from(memory);
        assert!(seen.formed && seen.votes.is_empty());
        assert_eq!(seen.votes_since, None);
    }

    #[test]
    fn a_memory_of_before_votes_were_dated_lacks_none() {
        let seen = Seen::from(serde_json::from_str::<Memory>(r#"{"votes": []}"#).unwrap());
        assert_eq!(seen.votes_since, Some(Moment(0)));
    }
}
