//! Observations to start a scenario from.

use std::collections::BTreeMap;

use slotkeeper::model::{
    Address, ClusterInfo, Desired, Moment, NodeFacts, NodeView, ObjectState, Objects, Observation,
    PodIndex, PodPhase, PodUid, PodView, Replication, Role, ShardObject, Snapshots, Upstream,
};
use slotkeeper_topology::{Epoch, NodeAddress, NodeFlags, NodeId, NodeLine, SlotSet};

/// The id that starts with these hexadecimal digits; zeros follow.
pub fn id(text: &str) -> NodeId {
    format!("{text:0<40}")
        .parse()
        .expect("a node id is hexadecimal")
}

/// The first id of the node of a pod: two digits for the shard, two for the ordinal.
pub fn first_id(index: PodIndex) -> NodeId {
    id(&format!("{:02x}{:02x}", index.shard, index.ordinal))
}

pub fn address(index: PodIndex) -> Address {
    let ip = format!("10.0.{}.{}", index.shard, index.ordinal + 1);
    Address {
        ip,
        port: 6379,
        bus_port: 16379,
    }
}

pub fn hostname(index: PodIndex) -> String {
    format!("demo-{index}.demo")
}

/// Running objects and pods, each with a new node that knows no other.
pub fn fresh(desired: &Desired) -> Observation {
    let object = ShardObject {
        pods: desired.pods_per_shard(),
        state: ObjectState::Current,
    };
    let objects = Objects {
        common: ObjectState::Current,
        shards: (0..desired.shards)
            .map(|shard| (shard, object.clone()))
            .collect(),
        refused: None,
    };
    let pods = desired
        .pod_indexes()
        .map(|index| (index, pod(index)))
        .collect();
    let lone = |index| {
        (
            index,
            NodeView::Answered(Box::new(lone(index, first_id(index)))),
        )
    };
    let nodes = desired.pod_indexes().map(lone).collect();
    Observation {
        now: Moment(100_000),
        objects,
        pods,
        nodes,
        ..Observation::default()
    }
}

/// The formed cluster: the master of each shard is its pod 0, every replica is in sync.
pub fn healthy(desired: &Desired) -> Observation {
    let mut observation = fresh(desired);
    let lines: Vec<NodeLine> = desired
        .pod_indexes()
        .map(|index| formed_line(desired, index))
        .collect();
    let epoch = Epoch(u64::from(desired.shards));
    for (index, view) in &mut observation.nodes {
        let NodeView::Answered(facts) = view else {
            continue;
        };
        facts.lines.clone_from(&lines);
        facts.cluster = ClusterInfo {
            state_ok: true,
            current_epoch: epoch,
            ..facts.cluster
        };
        facts.keys = 10;
        facts.replication.replid = format!("history{}", index.shard);
        facts.replication.offset = 1000;
        if index.ordinal > 0 {
            let master = address(PodIndex::new(index.shard, 0));
            facts.replication.role = Role::Replica;
            facts.replication.upstream = Some(Upstream {
                host: master.ip,
                port: master.port,
                up: true,
                syncing: false,
            });
        }
        mark_myself(facts);
    }
    observation
}

/// Makes the line of the node's own id its own.
pub fn mark_myself(facts: &mut NodeFacts) {
    for line in &mut facts.lines {
        line.flags.myself = line.id == facts.id;
        if line.flags.myself {
            (line.ping_sent, line.pong_received) = (0, 0);
        }
    }
}

pub fn lone(index: PodIndex, id: NodeId) -> NodeFacts {
    let mut line = line(index, id);
    line.flags.myself = true;
    line.pong_received = 0;
    NodeFacts {
        id,
        run_id: "run1".to_owned(),
        read_at: Moment(100_010),
        lines: vec![line],
        cluster: ClusterInfo::default(),
        replication: Replication {
            replid: format!("own{index}"),
            ..Replication::default()
        },
        keys: 0,
        loading: false,
        snapshots: Snapshots::default(),
        nodes_conf_error: None,
        withholding: false,
        candidacies: None,
    }
}

/// The line of a master without slots.
pub fn line(index: PodIndex, id: NodeId) -> NodeLine {
    let at = address(index);
    NodeLine {
        id,
        address: NodeAddress {
            ip: at.ip,
            port: at.port,
            bus_port: at.bus_port,
            hostname: hostname(index),
            aux: Vec::new(),
        },
        flags: NodeFlags {
            master: true,
            ..NodeFlags::default()
        },
        master: None,
        ping_sent: 0,
        pong_received: 99_000,
        config_epoch: Epoch::ZERO,
        connected: true,
        slots: SlotSet::new(),
        open_slots: Vec::new(),
    }
}

fn formed_line(desired: &Desired, index: PodIndex) -> NodeLine {
    let mut line = line(index, first_id(index));
    line.config_epoch = Epoch(u64::from(index.shard) + 1);
    if index.ordinal == 0 {
        line.slots = desired.layout()[index.shard as usize].clone();
    } else {
        line.flags = NodeFlags {
            slave: true,
            ..NodeFlags::default()
        };
        line.master = Some(first_id(PodIndex::new(index.shard, 0)));
    }
    line
}

pub fn pod(index: PodIndex) -> PodView {
    PodView {
        name: format!("demo-{index}"),
        uid: PodUid("1".to_owned()),
        hostname: hostname(index),
        phase: PodPhase::Running,
        address: Some(address(index)),
        host: Some(format!("host{}", index.ordinal)),
        ended: None,
        volume_mounted: true,
        memory_limit: None,
        restart_for: Vec::new(),
    }
}

/// The words of a line as `name=value`; a bare word is its own value.
pub fn fields(words: &[&str]) -> BTreeMap<String, String> {
    let pair = |word: &&str| match word.split_once('=') {
        Some((name, value)) => (name.to_owned(), value.to_owned()),
        None => ((*word).to_owned(), (*word).to_owned()),
    };
    words.iter().map(pair).collect()
}
