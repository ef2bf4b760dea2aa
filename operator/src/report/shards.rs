use slotkeeper_crds::{MemberStatus, Role, ShardStatus};
use slotkeeper_topology::NodeId;

use crate::model::{NodeFacts, Place};
use crate::planner::{View, serves};

/// What each wanted shard looks like.
pub(super) fn statuses(view: &View<'_>) -> Vec<ShardStatus> {
    (0..view.desired.shards)
        .map(|shard| status(view, shard))
        .collect()
}

fn status(view: &View<'_>, shard: u32) -> ShardStatus {
    let owner = match view.owners_of(shard)[..] {
        [owner] => view.places.get(&owner).map(|place| (owner, *place)),
        _ => None,
    };
    let is_master = |place: Place| owner.is_some_and(|(_, at)| at == place);
    let others = view
        .pods_of(shard)
        .map(|(place, _)| place)
        .filter(|place| !is_master(*place));
    ShardStatus {
        name: format!("{}-{shard}", view.desired.name),
        slots: owner
            .map(|(id, _)| view.owners[&id].slots.to_string())
            .unwrap_or_default(),
        master: owner.map(|(id, place)| member(view, place, Some(id))),
        replicas: others.map(|place| member(view, place, None)).collect(),
    }
}

fn member(view: &View<'_>, place: Place, id: Option<NodeId>) -> MemberStatus {
    let pod = view.pod(place);
    let facts = view
        .observation
        .facts(place)
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

/// How many slots have an owner that answered and serves.
pub(super) fn slots_served(view: &View<'_>) -> u16 {
    let owners = view
        .owners
        .iter()
        .filter(|(id, _)| view.facts(**id).is_some_and(serves));
    let slots: usize = owners.map(|(_, owner)| owner.slots.len()).sum();
    u16::try_from(slots).unwrap_or(u16::MAX)
}

/// How many wanted shards have a master that answered and serves.
pub(super) fn served(view: &View<'_>) -> u32 {
    let shards = (0..view.desired.shards).filter(|shard| view.serving_owner_of(*shard).is_some());
    u32::try_from(shards.count()).unwrap_or(u32::MAX)
}

/// How many wanted nodes are ready: a master that owns slots and serves, a replica whose link is
/// up. What they think of other shards does not matter.
pub(super) fn ready_nodes(view: &View<'_>) -> usize {
    let wanted = view
        .answered()
        .filter(|(place, _)| view.desired.wants(*place));
    wanted.filter(|(_, facts)| is_ready(view, facts)).count()
}

pub(super) fn is_ready(view: &View<'_>, facts: &NodeFacts) -> bool {
    serves(facts) && (facts.link_up() || view.owners.contains_key(&facts.id) && facts.is_master())
}
