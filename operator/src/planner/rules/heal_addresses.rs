//! Rule: tell nodes the new addresses of others.

use crate::model::{Address, NodeFacts, PodIndex, Step, Target};

use super::{Draft, View};

/// The maximum number of repairs in one pass.
const REPAIRS_MOST: usize = 64;

/// Tells nodes the new addresses of others: MEET at the new address makes a node that knows the
/// peer's id adopt it. First between the hub and all others; gossip spreads the rest, and what it
/// leaves is repaired one by one.
pub(super) fn apply(view: &View<'_>, draft: &mut Draft<'_>) {
    let Some((hub, _)) = view.hub() else { return };
    let wrong: Vec<Repair> = view
        .answered()
        .flat_map(|(index, facts)| repairs(view, index, facts))
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
        let why = format!("it has the address {known} for {}", peer.pod);
        draft.step(
            Some(peer.pod.shard),
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
    fn involves(&self, index: PodIndex) -> bool {
        self.node.pod == index || self.peer.pod == index
    }
}

/// The peers for which the node has a wrong address. Only peers that answered at their address in
/// this pass count.
fn repairs(view: &View<'_>, index: PodIndex, facts: &NodeFacts) -> Vec<Repair> {
    let mut repairs = Vec::new();
    for line in facts.peers() {
        let Some(peer) = view.facts(line.id) else {
            continue;
        };
        let Some(peer_index) = view.indexes.get(&line.id) else {
            continue;
        };
        let Some(address) = view.pod(*peer_index).and_then(|pod| pod.address.clone()) else {
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
                node: view.target(index, facts),
                peer: view.target(*peer_index, peer),
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
