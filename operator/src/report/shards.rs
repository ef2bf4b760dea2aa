//! `status.shards`, and the counts of served slots and ready nodes.

use slotkeeper_crds::{MemberStatus, Role, ShardStatus};
use slotkeeper_topology::NodeId;

use crate::model::{NodeFacts, PodIndex};
use crate::planner::{View, serves};

/// The status of each desired shard.
pub(super) fn statuses(view: &View<'_>) -> Vec<ShardStatus> {
    (0..view.desired.shards)
        .map(|shard| status(view, shard))
        .collect()
}

fn status(view: &View<'_>, shard: u32) -> ShardStatus {
    let owner = match view.owners_of(shard)[..] {
        [owner] => view.indexes.get(&owner).map(|index| (owner, *index)),
        _ => None,
    };
    let is_master = |index: PodIndex| owner.is_some_and(|(_, at)| at == index);
    let others = view
        .pods_of(shard)
        .map(|(index, _)| index)
        .filter(|index| !is_master(*index));
    ShardStatus {
        name: format!("{}-{shard}", view.desired.name),
        slots: owner
            .map(|(id, _)| view.owners[&id].slots.to_string())
            .unwrap_or_default(),
        master: owner.map(|(id, index)| member(view, index, Some(id))),
        replicas: others.map(|index| member(view, index, None)).collect(),
    }
}

fn member(view: &View<'_>, index: PodIndex, id: Option<NodeId>) -> MemberStatus {
    let pod = view.pod(index);
    let facts = view
        .observation
        .facts(index)
        .filter(|facts| id.is_none_or(|id| facts.id == id));
    let address = pod.and_then(|pod| pod.address.as_ref());
    let known = facts.map(|facts| facts.id).or(id);
    MemberStatus {
        pod: pod.map(|pod| pod.name.clone()).unwrap_or_default(),
        address: address.map(|address| format!("{}:{}", address.ip, address.port)),
        node_id: known.map(|id| id.to_string()),
        role: facts.map(role).unwrap_or_default(),
        link: facts.and_then(link).map(str::to_owned),
        offset: facts.map(|facts| i64::try_from(facts.replication.offset).unwrap_or(i64::MAX)),
    }
}

fn role(facts: &NodeFacts) -> Role {
    if facts.is_master() {
        Role::Master
    } else {
        Role::Replica
    }
}

fn link(facts: &NodeFacts) -> Option<&'static str> {
    let link = facts.replication.upstream.as_ref()?;
    Some(match (link.syncing, link.up) {
        (true, _) => "sync",
        (false, true) => "up",
        (false, false) => "down",
    })
}

/// The number of slots whose owner answered and serves.
pub(super) fn slots_served(view: &View<'_>) -> u16 {
    let owners = view
        .owners
        .iter()
        .filter(|(id, _)| view.facts(**id).is_some_and(serves));
    let slots: usize = owners.map(|(_, owner)| owner.slots.len()).sum();
    u16::try_from(slots).unwrap_or(u16::MAX)
}

/// The number of desired shards whose master answered and serves.
pub(super) fn served(view: &View<'_>) -> u32 {
    let shards = (0..view.desired.shards).filter(|shard| view.serving_owner_of(*shard).is_some());
    u32::try_from(shards.count()).unwrap_or(u32::MAX)
}

/// The number of desired nodes that are ready: a master that owns slots and serves, or a replica
/// whose link is up. Their view of other shards does not matter.
pub(super) fn ready_nodes(view: &View<'_>) -> usize {
    let wanted = view
        .answered()
        .filter(|(index, _)| view.desired.wants(*index));
    wanted.filter(|(_, facts)| is_ready(view, facts)).count()
}

pub(super) fn is_ready(view: &View<'_>, facts: &NodeFacts) -> bool {
    serves(facts) && (facts.link_up() || view.owners.contains_key(&facts.id) && facts.is_master())
}
