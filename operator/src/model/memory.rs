use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{FailoverMode, Loss, Moment, Seen, Vote};

/// What of [`Seen`] has to outlive the operator, in a form that can be stored: in the status, or
/// in a file. It is stored after `Seen::intend` and before the plan is performed; then no vote is
/// unknown to the next operator.
///
/// Whoever starts with none starts with `Seen::default()`: that delays take overs, and the cluster
/// could be formed a second time if every first node had lost its disk meanwhile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Memory {
    /// Whether the cluster has been formed.
    pub formed: bool,
    /// The last votes asked for.
    pub votes: Vec<StoredVote>,
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
    /// How.
    pub mode: FailoverMode,
    /// When, at the latest.
    pub asked_at: Moment,
}

impl From<&Seen> for Memory {
    fn from(seen: &Seen) -> Memory {
        let votes = seen.votes.iter().filter(|(_, vote)| !vote.succeeded);
        Memory {
            formed: seen.formed,
            votes: votes
                .map(|(master, vote)| StoredVote {
                    master: master.to_string(),
                    candidate: vote.candidate.to_string(),
                    shard: vote.shard,
                    mode: vote.mode,
                    asked_at: vote.asked_at,
                })
                .collect(),
            losses: seen.losses.clone(),
        }
    }
}

impl From<Memory> for Seen {
    /// A vote that cannot be read makes all of them unknown.
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
            votes_known: votes.is_some(),
            votes: votes.unwrap_or_default(),
            losses: memory.losses,
            ..Seen::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            losses: BTreeMap::from([(1, loss)]),
        }
    }

    #[test]
    fn what_is_stored_comes_back() {
        let text = serde_json::to_string(&memory()).unwrap();
        let seen = Seen::from(serde_json::from_str::<Memory>(&text).unwrap());
        assert!(seen.formed && seen.votes_known);
        assert_eq!(Memory::from(&seen), memory());
    }

    #[test]
    fn an_unreadable_vote_makes_all_unknown() {
        let mut memory = memory();
        memory.votes[0].candidate = "?".to_owned();
        let seen = Seen::from(memory);
        assert!(seen.formed && !seen.votes_known && seen.votes.is_empty());
    }
}
