//! nodes.conf: read, checked and written.

use std::collections::BTreeSet;

use slotkeeper_topology::{Epoch, NodeFlags, NodeId, NodeLine, OpenSlot, Slot};

use super::node::{Flags, Moment, Node};
use super::nodes::Nodes;
use super::slots::Slots;
use super::{Cluster, Random};
use crate::config::is_human_nodename;
use crate::time::Now;

/// What nodes.conf holds, read and checked.
pub(super) struct Remembered {
    pub nodes: Nodes,
    pub slots: Slots,
    pub current_epoch: Epoch,
    pub last_vote_epoch: Epoch,
}

impl Remembered {
    /// What a node knows that has never run.
    pub fn of_new_node(random: &mut Random, now: Now) -> Remembered {
        let id = NodeId::from_random(random.bytes());
        let mut me = Node::new(id, Flags::MYSELF | Flags::MASTER, now);
        me.shard = Some(id);
        Remembered {
            nodes: Nodes::new(me),
            slots: Slots::new(),
            current_epoch: Epoch::ZERO,
            last_vote_epoch: Epoch::ZERO,
        }
    }
}

/// Reads nodes.conf as Redis 7.0, 7.2 or this node wrote it.
pub(super) fn read(text: &str, now: Now) -> Result<Remembered, String> {
    if !text.ends_with('\n') {
        return Err("nodes.conf is cut short: its last line has no end".to_owned());
    }
    let mut lines = Vec::new();
    let mut epochs = None;
    for (i, line) in text.lines().enumerate() {
        let at = |what: &str| format!("nodes.conf, line {}: {what}", i + 1);
        if line.trim().is_empty() {
            continue;
        }
        if epochs.is_some() {
            return Err(at("nothing may follow the vars"));
        }
        if let Some(vars) = line.strip_prefix("vars ") {
            epochs = Some(read_vars(vars).map_err(|what| at(&what))?);
        } else {
            let parsed = NodeLine::parse(line);
            lines.push(parsed.map_err(|field| at(&format!("{field} is missing or malformed")))?);
        }
    }
    let (current_epoch, last_vote_epoch) =
        epochs.ok_or("nodes.conf is cut short: the line of vars is missing")?;
    let mut remembered = build(&lines, now)?;
    let highest = remembered
        .nodes
        .iter()
        .map(|(_, n)| n.config_epoch)
        .fold(current_epoch, Epoch::max);
    remembered.current_epoch = highest;
    remembered.last_vote_epoch = last_vote_epoch;
    Ok(remembered)
}

fn read_vars(vars: &str) -> Result<(Epoch, Epoch), String> {
    let (mut current, mut voted) = (None, None);
    let words: Vec<&str> = vars.split_ascii_whitespace().collect();
    for pair in words.chunks(2) {
        let [name, value] = pair else {
            return Err("a variable without a value".to_owned());
        };
        let epoch = value
            .parse()
            .map(Epoch)
            .map_err(|_| format!("{name} is not a number"))?;
        match *name {
            "currentEpoch" => current = Some(epoch),
            "lastVoteEpoch" => voted = Some(epoch),
            _ => {}
        }
    }
    let missing = |name: &str| format!("{name} is missing");
    Ok((
        current.ok_or(missing("currentEpoch"))?,
        voted.ok_or(missing("lastVoteEpoch"))?,
    ))
}

fn build(lines: &[NodeLine], now: Now) -> Result<Remembered, String> {
    let mut mine = lines.iter().filter(|line| line.flags.myself);
    let (Some(me), None) = (mine.next(), mine.next()) else {
        return Err("nodes.conf does not name exactly one node as myself".to_owned());
    };
    let mut nodes = Nodes::new(node_of(me, now));
    let mut seen = BTreeSet::from([me.id]);
    for line in lines
        .iter()
        .filter(|line| !line.flags.myself && !line.flags.handshake)
    {
        if !seen.insert(line.id) {
            return Err(format!("nodes.conf names node {} twice", line.id));
        }
        if nodes.is_full() {
            return Err("nodes.conf names too many nodes".to_owned());
        }
        nodes.insert(node_of(line, now));
    }
    let mut slots = Slots::new();
    for line in lines.iter().filter(|line| !line.flags.handshake) {
        connect_line(&mut nodes, &mut slots, line)?;
    }
    let have_replicas = nodes.have_replicas();
    for r in nodes.refs() {
        let meant_to = nodes[r].votes() && have_replicas || !nodes.replicas_of(r).is_empty();
        nodes[r].flags.assign(Flags::MIGRATE_TO, meant_to);
    }
    let (current_epoch, last_vote_epoch) = (Epoch::ZERO, Epoch::ZERO);
    Ok(Remembered {
        nodes,
        slots,
        current_epoch,
        last_vote_epoch,
    })
}

/// What a line says about other nodes, and its slots.
fn connect_line(nodes: &mut Nodes, slots: &mut Slots, line: &NodeLine) -> Result<(), String> {
    let find = |nodes: &Nodes, id: &NodeId| {
        nodes
            .find(id)
            .ok_or_else(|| format!("nodes.conf refers to node {id}, which it does not list"))
    };
    let r = find(nodes, &line.id)?;
    if let Some(master) = line.master {
        nodes[r].master = Some(find(nodes, &master)?);
    }
    for slot in line.slots.iter() {
        if slots.owner(slot).is_some() {
            return Err(format!("nodes.conf gives slot {slot} to two nodes"));
        }
        slots.assign(nodes, slot, Some(r));
    }
    if line.flags.myself {
        for open in &line.open_slots {
            match open {
                OpenSlot::Migrating { slot, to } => {
                    let to = find(nodes, to)?;
                    slots.set_migrating(r, *slot, Some(to));
                }
                OpenSlot::Importing { slot, from } => {
                    let from = find(nodes, from)?;
                    slots.set_importing(r, *slot, Some(from));
                }
            }
        }
    }
    Ok(())
}

fn node_of(line: &NodeLine, now: Now) -> Node {
    let mut flags = Flags::default();
    flags.assign(Flags::MYSELF, line.flags.myself);
    flags.assign(Flags::MASTER, line.flags.master);
    flags.assign(Flags::REPLICA, line.flags.slave);
    flags.assign(Flags::FAIL, line.flags.fail && !line.flags.myself);
    flags.assign(Flags::NO_ADDRESS, line.flags.no_addr);
    flags.assign(Flags::NO_FAILOVER, line.flags.no_failover);
    let mut node = Node::new(line.id, flags, now);
    node.ip = line.address.ip.parse().ok();
    node.port = line.address.port;
    node.bus_port = line.address.bus_port;
    node.hostname.clone_from(&line.address.hostname);
    if let Some(name) = line
        .address
        .aux("nodename")
        .filter(|n| is_human_nodename(n))
    {
        name.clone_into(&mut node.human_name);
    }
    node.shard = line.address.aux("shard-id").and_then(|id| id.parse().ok());
    node.config_epoch = line.config_epoch;
    // Old pings and pongs say nothing about now; that there were some does.
    node.ping_sent = (line.ping_sent != 0 && !line.flags.myself).then(|| Moment::of(now));
    node.pong_received = (line.pong_received != 0).then(|| Moment::of(now));
    if !line.flags.myself && node.ip.is_none() {
        node.flags.set(Flags::NO_ADDRESS);
    }
    node
}

impl Cluster {
    /// The text of nodes.conf.
    pub(super) fn nodes_conf(&self) -> String {
        let mut text = String::new();
        for (r, node) in self.nodes.iter().filter(|(_, n)| !n.in_handshake()) {
            let mut line = self.line_of(r);
            // A link is of the moment; it is no reason to write.
            line.connected = true;
            let aux = &mut line.address.aux;
            if let Some(shard) = node.shard {
                aux.push(("shard-id".to_owned(), shard.to_string()));
            }
            if !node.human_name.is_empty() {
                aux.push(("nodename".to_owned(), node.human_name.clone()));
            }
            text += &format!("{line}\n");
        }
        let (current, voted) = (self.current_epoch, self.last_vote_epoch);
        text + &format!("vars currentEpoch {current} lastVoteEpoch {voted}\n")
    }

    /// A node as a line of CLUSTER NODES.
    pub(super) fn line_of(&self, r: super::NodeRef) -> NodeLine {
        let node = &self.nodes[r];
        let me = r == self.nodes.my_ref();
        let epoch_of = node.master.map_or(node, |master| &self.nodes[master]);
        let unix = |moment: Option<Moment>| moment.map_or(0, |moment| moment.unix);
        NodeLine {
            id: node.id,
            address: slotkeeper_topology::NodeAddress {
                ip: node.ip_text(),
                port: node.port,
                bus_port: node.bus_port,
                hostname: node.hostname.clone(),
                aux: Vec::new(),
            },
            flags: flag_words(node.flags),
            master: node.master.map(|master| self.nodes[master].id),
            ping_sent: unix(node.ping_sent),
            pong_received: unix(node.pong_received),
            config_epoch: epoch_of.config_epoch,
            connected: me || self.linked(r),
            slots: node.slots.clone(),
            open_slots: if me { self.open_slots() } else { Vec::new() },
        }
    }

    fn open_slots(&self) -> Vec<OpenSlot> {
        let id = |&r: &super::NodeRef| self.nodes[r].id;
        let migrating = self.slots.migrating().iter();
        let migrating = migrating.map(|(&slot, r)| (slot, OpenSlot::Migrating { slot, to: id(r) }));
        let importing = self.slots.importing().iter();
        let importing =
            importing.map(|(&slot, r)| (slot, OpenSlot::Importing { slot, from: id(r) }));
        let mut open: Vec<(Slot, OpenSlot)> = migrating.chain(importing).collect();
        open.sort_by_key(|(slot, _)| *slot);
        open.into_iter().map(|(_, open)| open).collect()
    }
}

fn flag_words(flags: Flags) -> NodeFlags {
    NodeFlags {
        myself: flags.has(Flags::MYSELF),
        master: flags.has(Flags::MASTER),
        slave: flags.has(Flags::REPLICA),
        fail_suspected: flags.has(Flags::PFAIL),
        fail: flags.has(Flags::FAIL),
        handshake: flags.has(Flags::HANDSHAKE),
        no_addr: flags.has(Flags::NO_ADDRESS),
        no_failover: flags.has(Flags::NO_FAILOVER),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "9826404928e11633827c286090986d3b8b9b1b76";
    const B: &str = "d3846fcaa667656781857b46b93c99340d5a3163";

    fn file() -> String {
        format!(
            "{A} 127.0.0.1:21213@31253,node-3.example myself,master - 0 17 4 connected 0-5461 [3->-{B}]\n\
             {B} 127.0.0.1:21211@31251,,tls-port=0,shard-id={A} slave {A} 17 17 0 connected\n\
             vars currentEpoch 4 lastVoteEpoch 3\n"
        )
    }

    #[test]
    fn reads_what_redis_wrote() {
        let read = read(&file(), Now::default()).unwrap();
        let me = read.nodes.me();
        assert_eq!(
            (me.id.as_str(), me.slot_count, me.hostname.as_str()),
            (A, 5462, "node-3.example")
        );
        assert_eq!(
            (read.current_epoch, read.last_vote_epoch),
            (Epoch(4), Epoch(3))
        );
        let b = read.nodes.find(&B.parse().unwrap()).unwrap();
        assert_eq!(read.nodes[b].master, Some(read.nodes.my_ref()));
        assert_eq!(read.nodes[b].shard, Some(A.parse().unwrap()));
        assert_eq!(
            read.slots.route("3".parse().unwrap()),
            super::super::Route::Migrating(b)
        );
    }

    #[test]
    fn a_file_that_is_cut_short_is_refused_wherever_it_ends() {
        let file = file();
        for end in 1..file.len() {
            assert!(read(&file[..end], Now::default()).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn says_what_is_wrong() {
        let wrong = |text: &str| read(text, Now::default()).err().unwrap();
        assert!(wrong(&file().replace("myself,", "")).contains("exactly one node as myself"));
        assert!(wrong(&file().replace(" 0-5461", " 5-2")).contains("line 1: slots"));
        assert!(wrong(&file().replace("lastVoteEpoch 3", "")).contains("lastVoteEpoch is missing"));
        let stranger = file().replace(&format!("slave {A}"), &format!("slave {}", "0".repeat(40)));
        assert!(wrong(&stranger).contains("does not list"));
        assert!(wrong(&file().replace(&format!("{B} 127"), &format!("{A} 127"))).contains("twice"));
    }
}
