//! When a master that withholds itself may serve again.

use crate::model::{FailoverMode, NodeFacts, PodIndex, Step, WaitReason};

use super::super::{Draft, View};
use super::{Master, vote};

/// How a member compares with the master that withholds itself.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    NotNewer,
    Newer,
    Undecided,
}

/// Ends the withholding of a master if every other member of its shard answers and none is newer.
/// False otherwise.
pub(super) fn end(view: &View<'_>, draft: &mut Draft<'_>, master: Master) -> bool {
    let Some(facts) = view.facts(master.id) else {
        return false;
    };
    if facts.loading || !all_answer(view, master) {
        return false;
    }
    let mut members = view.answered().filter(|(index, member)| {
        let same = index.shard == master.pod.shard || member.master() == Some(master.id);
        same && member.id != master.id
    });
    if members.any(|(_, member)| verdict(facts, member) != Verdict::NotNewer) {
        return false;
    }
    let shard = Some(master.pod.shard);
    // A vote that is still pending would elect a second master while this one takes writes.
    let vote = view.vote_against(master.id);
    if let Some(until) = vote.or_else(|| vote::unheard_of(view, master.id, FailoverMode::Force)) {
        draft.wait(
            shard,
            WaitReason::VotePending { master: master.id },
            Some(until),
        );
        return true;
    }
    let node = view.target(master.pod, facts);
    let step = Step::EndWithholding {
        node,
        run_id: facts.run_id.clone(),
    };
    let why = "every member of the shard answers and none is newer";
    draft.step_with_loss(shard, step, why, loss(view, master, facts));
    true
}

fn all_answer(view: &View<'_>, master: Master) -> bool {
    let shard = master.pod.shard;
    let wanted = view
        .desired
        .pod_indexes()
        .filter(|index| index.shard == shard);
    let mut indexes = view.pods_of(shard).map(|(index, _)| index).chain(wanted);
    let answers = |index: PodIndex| view.observation.facts(index).is_some_and(|f| !f.loading);
    // Its replicas in pods of other shards, and strangers, are known from the lines of other nodes.
    let mut followers = view.lines().filter(|line| line.master == Some(master.id));
    indexes.all(answers)
        && followers.all(|line| view.facts(line.id).is_some() || view.is_gone(line.id))
}

fn verdict(master: &NodeFacts, member: &NodeFacts) -> Verdict {
    let (mine, its) = (&master.replication, &member.replication);
    if member.keys == 0 {
        return Verdict::NotNewer;
    }
    // A master that starts from its data file draws a new replication id, and keeps the old one as
    // the second.
    let old_name = mine.replid2.as_ref() == Some(&its.replid);
    match its.replid == mine.replid {
        true if its.offset <= mine.offset => Verdict::NotNewer,
        true => Verdict::Newer,
        false if its.replid2.as_ref() == Some(&mine.replid) => Verdict::Newer,
        false if old_name && mine.replid2_end.is_some_and(|end| its.offset < end) => {
            Verdict::NotNewer
        }
        false => Verdict::Undecided,
    }
}

/// What is lost when a master without keys serves again: everything, unless it had no keys when it
/// was last seen and a replica with its history has none either.
fn loss(view: &View<'_>, master: Master, facts: &NodeFacts) -> Option<String> {
    let memory = view
        .seen()
        .nodes
        .get(&master.id)
        .filter(|memory| memory.served_at.is_some());
    let had = memory.map(|memory| memory.keys);
    let survived = view.answered().any(|(_, member)| {
        memory.is_some_and(|memory| member.replication.replid == memory.replid)
            && member.id != master.id
    });
    if facts.keys > 0 || had == Some(0) && survived {
        return None;
    }
    let had = had.map_or_else(
        || "an unknown number of".to_owned(),
        |keys| keys.to_string(),
    );
    Some(format!(
        "no member of the shard holds a key any more; it had {had} keys when last seen"
    ))
}
