//! Changes to single facts of a scenario.

use std::collections::BTreeMap;

use slotkeeper::model::{Amount, NodeFacts, PodPhase, Role, Silence, Upstream};
use slotkeeper_topology::{Epoch, NodeFlags, NodeId, NodeLine};

use crate::observed;
use crate::script;

pub fn phase(text: &str) -> PodPhase {
    match text {
        "missing" => PodPhase::Missing,
        "pending" => PodPhase::Pending,
        "running" => PodPhase::Running,
        "deleting" => PodPhase::Deleting,
        "terminated" => PodPhase::Terminated,
        "unknown" => PodPhase::Unknown,
        other => panic!("no such phase: {other}"),
    }
}

pub fn silence(text: &str) -> Silence {
    match text {
        "not-asked" => Silence::NotAsked,
        "no-address" => Silence::NoAddress,
        "refused" => Silence::Refused,
        "timeout" => Silence::TimedOut,
        "password" => Silence::WrongPassword,
        "loading" => Silence::Loading,
        "busy" => Silence::Busy,
        other => panic!("no such silence: {other}"),
    }
}

/// An amount in MiB, written with that unit.
pub fn amount(value: &str, unit: &str) -> Option<Amount> {
    let number: u64 = value.parse().expect("a number of MiB");
    Some(Amount {
        text: format!("{value}{unit}"),
        bytes: number << 20,
    })
}

pub fn fact(facts: &mut NodeFacts, name: &str, value: &str) {
    let number = || value.parse().expect("a number");
    match name {
        "keys" => facts.keys = number(),
        "offset" => facts.replication.offset = number(),
        "replid" => value.clone_into(&mut facts.replication.replid),
        "replid2-end" => facts.replication.replid2_end = Some(number()),
        "replid2" => facts.replication.replid2 = Some(value.to_owned()),
        "run" => value.clone_into(&mut facts.run_id),
        "withholding" => facts.withholding = value != "no",
        "loading" => facts.loading = value != "no",
        "saved" => facts.snapshots.last_saved_unix = number().cast_signed(),
        "snapshot" => {
            facts.snapshots.failing = value != "ok";
            facts.snapshots.error = (value != "ok").then(|| value.replace('-', " "));
        }
        "nodes-conf" => {
            facts.nodes_conf_error = (value != "ok").then(|| value.replace('-', " "));
        }
        "epoch" => facts.cluster.current_epoch = Epoch(number()),
        "link" => {
            facts.replication.role = Role::Replica;
            let link = facts
                .replication
                .upstream
                .get_or_insert_with(Upstream::default);
            (link.up, link.syncing) = (value == "up", value == "sync");
        }
        "master" => {
            facts.replication.role = Role::Master;
            facts.replication.upstream = None;
        }
        other => panic!("a node has no {other}"),
    }
}

pub fn line(facts: &mut NodeFacts, id: NodeId, fields: &BTreeMap<String, String>) {
    if fields.contains_key("drop") {
        facts.lines.retain(|line| line.id != id);
        return;
    }
    if !facts.lines.iter().any(|line| line.id == id) {
        let index = fields.get("at").expect("a new line needs at=SHARD-ORDINAL");
        facts.lines.push(observed::line(script::index(index), id));
    }
    let own = facts.id == id;
    let found = facts.lines.iter_mut().find(|line| line.id == id);
    let line = found.expect("it is there or was added");
    for (name, value) in fields {
        match name.as_str() {
            "at" => {}
            "slots" => line.slots = value.replace('+', " ").parse().expect("slots"),
            "epoch" => line.config_epoch = Epoch(value.parse().expect("an epoch")),
            "flags" => {
                line.flags = flags(value);
                line.flags.myself = own;
            }
            "of" => line.master = Some(observed::id(value)),
            "ip" => value.clone_into(&mut line.address.ip),
            "host" => line.address.hostname = value.replace('-', ""),
            "ping" => line.ping_sent = value.parse().expect("milliseconds"),
            "pong" => line.pong_received = value.parse().expect("milliseconds"),
            "link" => line.connected = value == "connected",
            other => panic!("a line has no {other}"),
        }
    }
    if line.flags.master {
        line.master = None;
    }
}

fn flags(text: &str) -> NodeFlags {
    let id = observed::id("00");
    let line = format!("{id} :0@0 {text} - 0 0 0 connected");
    NodeLine::parse(&line)
        .expect("flags as CLUSTER NODES has them")
        .flags
}

/// A line of CLUSTER NODES; ids may be shortened.
pub fn short_line(text: &str) -> NodeLine {
    let mut words: Vec<String> = text.split_ascii_whitespace().map(str::to_owned).collect();
    words[0] = observed::id(&words[0]).to_string();
    if words[3] != "-" {
        words[3] = observed::id(&words[3]).to_string();
    }
    NodeLine::parse(&words.join(" ")).expect("a line of CLUSTER NODES")
}
