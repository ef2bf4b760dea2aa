use crate::model::{Address, NodeFacts, Place, Step, Target};

use super::{Draft, View};

/// How many nodes are told of new addresses in one pass beyond the hub's own.
const REPAIRS_MOST: usize = 64;

/// Tells nodes where others are that moved: a MEET at the new address makes a node that knows the
/// peer's id adopt it. First between the hub and everybody, the rest by gossip; what gossip leaves
/// is told one by one.
pub(super) fn apply(view: &View<'_>, draft: &mut Draft<'_>) {
    let Some((hub, _)) = view.hub() else { return };
    let wrong: Vec<Repair> = view
        .answered()
        .flat_map(|(place, facts)| repairs(view, place, facts))
        .collect();
    let (of_hub, others): (Vec<Repair>, Vec<Repair>) =
        wrong.into_iter().partition(|repair| repair.involves(hub));
    let chosen = if of_hub.is_empty() { others } else { of_hub };
    for Repair {
        node,
        peer,
        address,
        known,
    } in chosen.into_iter().take(REPAIRS_MOST)
    {
        let why = format!("it believes {} to be at {known}", peer.place);
        draft.step(
            Some(peer.place.shard),
            Step::Meet {
                node,
                peer,
                address,
            },
            why,
        );
    }
}

struct Repair {
    node: Target,
    peer: Target,
    address: Address,
    known: String,
}

impl Repair {
    fn involves(&self, place: Place) -> bool {
        self.node.place == place || self.peer.place == place
    }
}

/// The peers that the node believes to be where they are not. Only a peer that answered at its
/// address in this pass counts.
fn repairs(view: &View<'_>, place: Place, facts: &NodeFacts) -> Vec<Repair> {
    let mut repairs = Vec::new();
    for line in facts.peers() {
        let Some(peer) = view.facts(line.id) else {
            continue;
        };
        let Some(peer_place) = view.places.get(&line.id) else {
            continue;
        };
        let Some(address) = view.pod(*peer_place).and_then(|pod| pod.address.clone()) else {
            continue;
        };
        let known = Address {
            ip: line.address.ip.clone(),
            port: line.address.port,
            bus_port: line.address.bus_port,
        };
        let under_way = facts.lines.iter().any(|l| {
            l.flags.handshake && l.address.ip == address.ip && l.address.port == address.port
        });
        if (known != address || line.flags.no_addr) && !under_way {
            repairs.push(Repair {
                node: view.target(place, facts),
                peer: view.target(*peer_place, peer),
                address,
                known: if line.flags.no_addr {
                    "no address".to_owned()
                } else {
                    known.to_string()
                },
            });
        }
    }
    repairs
}
