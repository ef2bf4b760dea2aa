//! The cluster as it is, whatever anybody believes: what the operator's steps are held against.

use slotkeeper::model::PodIndex;
use slotkeeper::nevers::{TrueNode, Truth};
use slotkeeper_node::engine::Engine;
use slotkeeper_topology::{SlotSet, parse_nodes};

use crate::host::Host;
use crate::simulation::Simulation;

impl Simulation {
    /// The nodes at their places: those that run, and those that may return from their disks. Written
    /// to is here what holds a key now.
    #[must_use]
    pub fn truth(&self, indexes: &[PodIndex]) -> Truth {
        let written = self.written_slots();
        let nodes: Vec<TrueNode> = (self.hosts.iter().zip(indexes))
            .filter_map(|(host, index)| match &host.engine {
                Some(engine) => running(engine, *index, &written),
                None => stopped(host, *index),
            })
            .collect();
        let owned = (nodes.iter().filter(|node| node.running))
            .fold(SlotSet::new(), |all, node| all.union(&node.slots));
        let met = (self.hosts.iter())
            .filter_map(|host| host.engine.as_ref()?.cluster())
            .any(|cluster| cluster.health().knows_a_peer);
        Truth {
            formed: owned == SlotSet::full() && (met || indexes.len() == 1),
            written: (nodes.iter()).fold(SlotSet::new(), |all, node| all.union(&node.keys)),
            nodes,
            ..Truth::default()
        }
    }
}

fn running(engine: &Engine, index: PodIndex, written: &SlotSet) -> Option<TrueNode> {
    let cluster = engine.cluster()?;
    let mut keys = SlotSet::new();
    for slot in written.iter().filter(|slot| engine.keys_in_slot(*slot) > 0) {
        keys.insert(slot);
    }
    let master = cluster.my_master().map(|master| cluster.id_of(master));
    let complete = engine.is_complete();
    Some(TrueNode {
        pod: index,
        id: cluster.my_id(),
        running: true,
        master,
        slots: cluster.my_slots().clone(),
        epoch: cluster.my_config_epoch().0,
        keys,
        complete,
        synced_with: master.filter(|_| complete),
        withholding: cluster.is_withholding(),
    })
}

/// What nodes.conf says of the node itself, and what its data file holds.
fn stopped(host: &Host, index: PodIndex) -> Option<TrueNode> {
    let text = String::from_utf8_lossy(host.disk.nodes_conf.as_ref()?);
    let lines: String = (text.lines())
        .filter(|line| !line.starts_with("vars ") && !line.starts_with('#'))
        .map(|line| format!("{line}\n"))
        .collect();
    let lines = parse_nodes(&lines).expect("a node's own nodes.conf can be read");
    let me = lines.into_iter().find(|line| line.flags.myself)?;
    Some(TrueNode {
        pod: index,
        id: me.id,
        running: false,
        master: me.master,
        slots: me.slots,
        epoch: me.config_epoch.0,
        keys: host.disk.saved.clone(),
        complete: false,
        synced_with: None,
        withholding: false,
    })
}
