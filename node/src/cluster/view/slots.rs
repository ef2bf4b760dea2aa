//! The reply of CLUSTER SLOTS.

use std::collections::BTreeMap;

use slotkeeper_topology::Slot;

use crate::cluster::{Cluster, NodeRef};
use crate::config::EndpointType;
use crate::resp::Reply;

impl Cluster {
    /// CLUSTER SLOTS: runs of slots with one owner, each with the owner and its replicas.
    pub(in crate::cluster) fn reply_slots(&self, reply: &mut Reply) {
        let runs = self.runs();
        let replicas = self.replicas_by_master();
        reply.array(runs.len());
        for (first, last, owner) in runs {
            let replicas = replicas.get(&owner).map_or(&[][..], Vec::as_slice);
            let shown: Vec<NodeRef> = replicas
                .iter()
                .copied()
                .filter(|&r| self.is_available(r))
                .collect();
            reply.array(3 + shown.len());
            reply.integer(i64::from(first.get()));
            reply.integer(i64::from(last.get()));
            self.put_node(owner, reply);
            shown.into_iter().for_each(|r| self.put_node(r, reply));
        }
    }

    fn runs(&self) -> Vec<(Slot, Slot, NodeRef)> {
        let mut runs: Vec<(Slot, Slot, NodeRef)> = Vec::new();
        for slot in Slot::all() {
            let Some(owner) = self.slots.owner(slot) else {
                continue;
            };
            match runs.last_mut() {
                Some((_, last, of)) if *of == owner && last.get() + 1 == slot.get() => *last = slot,
                _ => runs.push((slot, slot, owner)),
            }
        }
        runs
    }

    pub(super) fn replicas_by_master(&self) -> BTreeMap<NodeRef, Vec<NodeRef>> {
        let mut map: BTreeMap<NodeRef, Vec<NodeRef>> = BTreeMap::new();
        for (r, node) in self.nodes.iter() {
            if let Some(master) = node.master {
                map.entry(master).or_default().push(r);
            }
        }
        map
    }

    /// A replica that has data and is not failing.
    fn is_available(&self, r: NodeRef) -> bool {
        !self.nodes[r].failed() && self.nodes[r].repl_offset != 0
    }

    fn put_node(&self, r: NodeRef, reply: &mut Reply) {
        let node = &self.nodes[r];
        reply.array(4);
        let preferred = self.config.cluster_preferred_endpoint_type;
        match preferred {
            EndpointType::Unknown => reply.null(),
            EndpointType::Ip | EndpointType::Hostname => reply.bulk(self.endpoint(r).as_bytes()),
        }
        reply.integer(i64::from(node.port));
        reply.bulk(node.id.as_bytes());
        // What else is known of where it is.
        let ip = (preferred != EndpointType::Ip).then(|| node.ip_text());
        let hostname = (preferred != EndpointType::Hostname && !node.hostname.is_empty())
            .then_some(node.hostname.as_str());
        let others = [("ip", ip.as_deref()), ("hostname", hostname)];
        let known = others.iter().filter(|(_, value)| value.is_some());
        reply.map(known.count());
        for (name, value) in others {
            if let Some(value) = value {
                reply.bulk(name.as_bytes());
                reply.bulk(value.as_bytes());
            }
        }
    }
}
