//! What the operator observes of the model, and the truth for the checker.

use std::sync::LazyLock;

use slotkeeper::model::{
    Address, ClusterInfo, Desired, Moment, NodeFacts, NodeView, ObjectState, Objects, Observation,
    PodIndex, PodPhase, PodUid, PodView, ProcessEnd, Proof, Replication, Role, ShardObject,
    Silence, Snapshots, Upstream,
};
use slotkeeper::nevers::{TrueNode, Truth};
use slotkeeper_topology::{Epoch, NodeAddress, NodeFlags, NodeId, NodeLine, SlotSet, even_split};

use crate::cluster::{Member, ModelCluster};
use crate::node::{Mask, Node, TableEntry};

/// The slots of each mask, by number of shards.
static SLOTS: LazyLock<Vec<Vec<SlotSet>>> = LazyLock::new(|| {
    let union = |parts: &[SlotSet], mask: usize| {
        (parts.iter().enumerate())
            .filter(|(shard, _)| mask & (1 << shard) != 0)
            .fold(SlotSet::new(), |all, (_, part)| all.union(part))
    };
    (0..=5)
        .map(|shards| {
            let parts = even_split(shards);
            (0..1usize << shards)
                .map(|mask| union(&parts, mask))
                .collect()
        })
        .collect()
});

pub fn slots(shards: u32, mask: Mask) -> SlotSet {
    SLOTS[shards as usize][usize::from(mask)].clone()
}

pub fn address(ip: u32) -> Address {
    Address {
        ip: format!("ip{ip}"),
        port: 6379,
        bus_port: 16379,
    }
}

pub fn hostname(index: PodIndex) -> String {
    format!("demo-{index}.demo")
}

impl ModelCluster {
    pub fn observe(&self, desired: &Desired) -> Observation {
        let objects = Objects {
            common: if self.common {
                ObjectState::Current
            } else {
                ObjectState::Missing
            },
            shards: (self.objects.iter())
                .map(|(shard, pods)| {
                    (
                        *shard,
                        ShardObject {
                            pods: *pods,
                            state: ObjectState::Current,
                        },
                    )
                })
                .collect(),
            refused: None,
        };
        let mut observation = Observation {
            now: Moment(self.now),
            objects,
            ..Observation::default()
        };
        let nothing = Member::default();
        let known = self
            .members
            .iter()
            .filter(|(_, member)| member.uid != 0)
            .map(|(index, _)| *index);
        for index in desired.pod_indexes().chain(known) {
            let member = self.members.get(&index).unwrap_or(&nothing);
            observation.pods.insert(index, pod(index, member));
            observation.nodes.insert(index, self.view(member));
        }
        observation
    }

    fn view(&self, member: &Member) -> NodeView {
        match &member.process {
            _ if member.uid == 0 => NodeView::Silent(Silence::NotAsked),
            _ if member.cut || member.hidden => NodeView::Silent(Silence::TimedOut),
            None => NodeView::Silent(Silence::Refused),
            Some(node) => NodeView::Answered(Box::new(self.facts(node))),
        }
    }

    fn facts(&self, node: &Node) -> NodeFacts {
        let mut lines = vec![NodeLine {
            flags: flags(true, node.master, false, false, false),
            pong_received: 0,
            ..self.line(
                node.id,
                &TableEntry {
                    slots: node.slots,
                    epoch: node.epoch,
                    ..node.as_table_entry(0)
                },
            )
        }];
        lines.extend(node.table.iter().map(|(id, known)| {
            let line = self.line(*id, known);
            // It sends no PING, but it keeps its links.
            let linked = node.withholding && self.peer(node.pod, *id).is_some();
            NodeLine {
                connected: line.connected || linked,
                ..line
            }
        }));
        NodeFacts {
            id: node.id,
            run_id: node.run.to_string(),
            read_at: Moment(self.now + 10),
            lines,
            cluster: ClusterInfo {
                state_ok: true,
                current_epoch: Epoch(node.current_epoch),
                my_epoch: Epoch(node.epoch),
            },
            replication: Replication {
                role: if node.master.is_some() {
                    Role::Replica
                } else {
                    Role::Master
                },
                replid: node.data.replid.to_string(),
                replid2: (node.data.replid2 != 0).then(|| node.data.replid2.to_string()),
                // In the model, a restart does not rename a history.
                replid2_end: None,
                offset: node.data.offset,
                upstream: node.master.map(|_| Upstream {
                    host: String::new(),
                    port: 6379,
                    up: node.link.up,
                    syncing: node.link.syncing.is_some(),
                }),
            },
            keys: node.data.key_count(),
            loading: false,
            snapshots: Snapshots::default(),
            nodes_conf_error: None,
            withholding: node.withholding,
            // As Redis, which does not report them.
            candidacies: None,
        }
    }

    fn line(&self, id: NodeId, known: &TableEntry) -> NodeLine {
        let Address { ip, port, bus_port } = address(known.ip);
        let slots = if known.master.is_none() {
            known.slots
        } else {
            0
        };
        NodeLine {
            id,
            address: NodeAddress {
                ip,
                port,
                bus_port,
                hostname: hostname(known.pod),
                aux: Vec::new(),
            },
            flags: flags(
                false,
                known.master,
                known.suspected,
                known.failed,
                known.no_addr,
            ),
            master: known.master,
            ping_sent: i64::try_from(known.ping_sent).expect("a time"),
            pong_received: i64::try_from(known.pong).expect("a time"),
            config_epoch: Epoch(known.epoch),
            connected: known.ping_sent == 0 && known.pong != 0,
            slots: self::slots(self.shards, slots),
            open_slots: Vec::new(),
        }
    }

    pub fn truth(&self) -> Truth {
        let nodes = self.members.values().filter_map(|member| {
            let node = member.process.as_ref().or(member.disk.as_ref())?;
            Some(TrueNode {
                pod: node.pod,
                id: node.id,
                running: member.process.is_some(),
                master: node.master,
                slots: slots(self.shards, node.slots),
                epoch: node.epoch,
                keys: slots(self.shards, node.data.key_mask()),
                complete: node.data.complete && node.link.syncing.is_none(),
                synced_with: node.data.synced_with,
                withholding: node.withholding,
            })
        });
        Truth {
            nodes: nodes.collect(),
            formed: self.formed,
            written: slots(self.shards, self.written),
            node_timeout_ms: self.node_timeout,
            pods: self.objects.clone(),
        }
    }
}

fn flags(
    myself: bool,
    master: Option<NodeId>,
    fail_suspected: bool,
    fail: bool,
    no_addr: bool,
) -> NodeFlags {
    NodeFlags {
        myself,
        master: master.is_none(),
        slave: master.is_some(),
        fail_suspected: fail_suspected && !fail,
        fail,
        no_addr,
        ..NodeFlags::default()
    }
}

fn pod(index: PodIndex, member: &Member) -> PodView {
    let unreachable = member.cut || member.hidden;
    let phase = match &member.process {
        _ if member.uid == 0 => PodPhase::Missing,
        _ if unreachable => PodPhase::Unknown,
        Some(_) if member.leaves_at.is_some() => PodPhase::Deleting,
        Some(_) => PodPhase::Running,
        None => PodPhase::Terminated,
    };
    let proven = member.process.is_none() && !(unreachable && member.uid != 0);
    PodView {
        name: format!("demo-{index}"),
        uid: PodUid(if member.uid == 0 {
            String::new()
        } else {
            member.uid.to_string()
        }),
        hostname: hostname(index),
        phase,
        address: (member.uid != 0).then(|| address(member.ip)),
        host: None,
        ended: member.ended.filter(|_| proven).map(|(uid, at)| ProcessEnd {
            uid: PodUid(uid.to_string()),
            at: Moment(at),
            proof: if member.uid == 0 {
                Proof::PodGone
            } else {
                Proof::Terminated
            },
        }),
        volume_mounted: true,
        memory_limit: None,
        restart_for: Vec::new(),
    }
}
