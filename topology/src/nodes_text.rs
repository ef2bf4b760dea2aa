//! The text of CLUSTER NODES and nodes.conf.

use std::fmt;

use thiserror::Error;

use crate::{Epoch, NodeId, Slot, SlotSet};

/// One line of CLUSTER NODES or nodes.conf (Redis command reference, CLUSTER NODES,
/// "Serialization format").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeLine {
    /// The id of the node.
    pub id: NodeId,
    /// The address that the answering node has for it.
    pub address: NodeAddress,
    /// What the answering node knows about it.
    pub flags: NodeFlags,
    /// The master of a replica, if the answering node knows it.
    pub master: Option<NodeId>,
    /// Unix time in milliseconds of the oldest ping that waits for a pong; 0 for none.
    pub ping_sent: i64,
    /// Unix time in milliseconds of the last pong; 0 for never.
    pub pong_received: i64,
    /// Its configuration epoch, or that of its master.
    pub config_epoch: Epoch,
    /// Whether the link on the cluster bus is up.
    pub connected: bool,
    /// The slots that it owns.
    pub slots: SlotSet,
    /// Slots in migration; only the answering node names its own.
    pub open_slots: Vec<OpenSlot>,
}

/// A slot that is being migrated to or from the node of its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenSlot {
    /// `[slot->-id]`: this node hands the slot to `to`.
    Migrating {
        /// The slot.
        slot: Slot,
        /// The node that imports it.
        to: NodeId,
    },
    /// `[slot-<-id]`: this node takes the slot from `from`.
    Importing {
        /// The slot.
        slot: Slot,
        /// The node that still owns it.
        from: NodeId,
    },
}

/// `ip:port@cport[,hostname[,name=value]...]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeAddress {
    /// The address as text; empty while a node does not know its own address.
    pub ip: String,
    /// The port for clients.
    pub port: u16,
    /// The port of the cluster bus.
    pub bus_port: u16,
    /// The announced hostname; empty for none.
    pub hostname: String,
    /// Further fields of nodes.conf since 7.2, such as `shard-id`, in their order.
    pub aux: Vec<(String, String)>,
}

impl NodeAddress {
    /// The value of an auxiliary field.
    #[must_use]
    pub fn aux(&self, name: &str) -> Option<&str> {
        self.aux
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }
}

/// The flags column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one word of the flags column"
)]
pub struct NodeFlags {
    /// The node that answers.
    pub myself: bool,
    /// A primary, as Redis spells it.
    pub master: bool,
    /// A replica, as Redis spells it.
    pub slave: bool,
    /// Suspected by the answering node (PFAIL).
    pub fail_suspected: bool,
    /// Failed by agreement of the majority (FAIL).
    pub fail: bool,
    /// Met, and not yet answered with its true id.
    pub handshake: bool,
    /// Without a known address.
    pub no_addr: bool,
    /// A replica that never starts an election.
    pub no_failover: bool,
}

/// Each flag with its word, in the order in which Redis writes them.
const WORDS: [&str; 8] = [
    "myself",
    "master",
    "slave",
    "fail?",
    "fail",
    "handshake",
    "noaddr",
    "nofailover",
];

impl NodeFlags {
    fn as_array(self) -> [bool; 8] {
        let NodeFlags {
            myself,
            master,
            slave,
            fail_suspected,
            fail,
            handshake,
            no_addr,
            no_failover,
        } = self;
        [
            myself,
            master,
            slave,
            fail_suspected,
            fail,
            handshake,
            no_addr,
            no_failover,
        ]
    }

    fn parse(text: &str) -> Option<NodeFlags> {
        let mut flags = NodeFlags::default();
        for word in text.split(',').filter(|word| *word != "noflags") {
            let flag = match word {
                "myself" => &mut flags.myself,
                "master" => &mut flags.master,
                "slave" => &mut flags.slave,
                "fail?" => &mut flags.fail_suspected,
                "fail" => &mut flags.fail,
                "handshake" => &mut flags.handshake,
                "noaddr" => &mut flags.no_addr,
                "nofailover" => &mut flags.no_failover,
                _ => return None,
            };
            *flag = true;
        }
        Some(flags)
    }
}

impl fmt::Display for NodeFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = (WORDS.iter().zip(self.as_array()))
            .filter_map(|(word, set)| set.then_some(*word))
            .collect();
        f.write_str(if words.is_empty() { "noflags" } else { "" })?;
        f.write_str(&words.join(","))
    }
}

/// The text is not that of CLUSTER NODES.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("line {line} of CLUSTER NODES: {field} is missing or malformed")]
pub struct InvalidNodesText {
    /// The line, from 1.
    pub line: usize,
    /// What could not be read.
    pub field: &'static str,
}

/// Reads the reply of CLUSTER NODES: one node a line.
///
/// # Errors
/// Names the first line and field that cannot be read.
pub fn parse_nodes(text: &str) -> Result<Vec<NodeLine>, InvalidNodesText> {
    (text.lines().enumerate())
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(i, line)| {
            NodeLine::parse(line).map_err(|field| InvalidNodesText { line: i + 1, field })
        })
        .collect()
}

/// Renders lines as CLUSTER NODES has them, each ended by a newline.
#[must_use]
pub fn render_nodes(lines: &[NodeLine]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

impl NodeLine {
    /// Reads one line.
    ///
    /// # Errors
    /// The name of the field that is missing or malformed.
    pub fn parse(line: &str) -> Result<NodeLine, &'static str> {
        let mut words = line.split_ascii_whitespace();
        let mut next = |field| words.next().ok_or(field);
        let id = next("id")?.parse().map_err(|_| "id")?;
        let address = NodeAddress::parse(next("address")?).ok_or("address")?;
        let flags = NodeFlags::parse(next("flags")?).ok_or("flags")?;
        let master = match next("master")? {
            "-" => None,
            id => Some(id.parse().map_err(|_| "master")?),
        };
        let ping_sent = next("ping-sent")?.parse().map_err(|_| "ping-sent")?;
        let pong_received = next("pong-recv")?.parse().map_err(|_| "pong-recv")?;
        let config_epoch = Epoch(next("config-epoch")?.parse().map_err(|_| "config-epoch")?);
        let connected = match next("link-state")? {
            "connected" => true,
            "disconnected" => false,
            _ => return Err("link-state"),
        };
        let (mut slots, mut open_slots) = (SlotSet::new(), Vec::new());
        for word in words {
            if word.starts_with('[') {
                open_slots.push(OpenSlot::parse(word).ok_or("open slot")?);
            } else {
                slots = slots.union(&word.parse().map_err(|_| "slots")?);
            }
        }
        Ok(NodeLine {
            id,
            address,
            flags,
            master,
            ping_sent,
            pong_received,
            config_epoch,
            connected,
            slots,
            open_slots,
        })
    }
}

impl fmt::Display for NodeLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NodeLine {
            id,
            address,
            flags,
            ping_sent,
            pong_received,
            config_epoch,
            ..
        } = self;
        let master = self.master.as_ref().map_or("-", NodeId::as_str);
        let link = if self.connected {
            "connected"
        } else {
            "disconnected"
        };
        write!(
            f,
            "{id} {address} {flags} {master} {ping_sent} {pong_received} {config_epoch} "
        )?;
        f.write_str(link)?;
        if !self.slots.is_empty() {
            write!(f, " {}", self.slots)?;
        }
        self.open_slots
            .iter()
            .try_for_each(|open| write!(f, " {open}"))
    }
}

impl OpenSlot {
    fn parse(word: &str) -> Option<OpenSlot> {
        let inner = word.strip_prefix('[')?.strip_suffix(']')?;
        if let Some((slot, id)) = inner.split_once("->-") {
            return Some(OpenSlot::Migrating {
                slot: slot.parse().ok()?,
                to: id.parse().ok()?,
            });
        }
        let (slot, id) = inner.split_once("-<-")?;
        Some(OpenSlot::Importing {
            slot: slot.parse().ok()?,
            from: id.parse().ok()?,
        })
    }
}

impl fmt::Display for OpenSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenSlot::Migrating { slot, to } => write!(f, "[{slot}->-{to}]"),
            OpenSlot::Importing { slot, from } => write!(f, "[{slot}-<-{from}]"),
        }
    }
}

impl NodeAddress {
    fn parse(word: &str) -> Option<NodeAddress> {
        let mut parts = word.split(',');
        let (address, bus_port) = parts.next()?.split_once('@')?;
        // The last colon: an IPv6 address has colons of its own.
        let (ip, port) = address.rsplit_once(':')?;
        Some(NodeAddress {
            ip: ip.to_owned(),
            port: port.parse().ok()?,
            bus_port: bus_port.parse().ok()?,
            hostname: parts.next().unwrap_or_default().to_owned(),
            aux: parts
                .map(|part| {
                    part.split_once('=')
                        .map(|(n, v)| (n.to_owned(), v.to_owned()))
                })
                .collect::<Option<_>>()?,
        })
    }
}

impl fmt::Display for NodeAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NodeAddress {
            ip,
            port,
            bus_port,
            hostname,
            aux,
        } = self;
        write!(f, "{ip}:{port}@{bus_port}")?;
        if !hostname.is_empty() || !aux.is_empty() {
            write!(f, ",{hostname}")?;
        }
        aux.iter()
            .try_for_each(|(name, value)| write!(f, ",{name}={value}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "07c37dfeb235213a872192d90877d0cd55635b91";
    const B: &str = "67ed2db8d677e59ec4a4cefb06858cf2a1a89fa1";

    #[test]
    fn lines_round_trip() {
        let text = [
            format!("{A} 127.0.0.1:30004@31004,host.example slave {B} 0 14262383 4 connected\n"),
            format!("{B} 127.0.0.1:30002@31002 myself,master - 0 0 2 connected 5461-10922\n"),
            format!("{B} :0@0 master,noaddr - 0 0 2 disconnected 1 [1->-{A}] [7-<-{A}]\n"),
            format!("{A} ::1:6379@16379,,shard-id={B} master,fail? - 9 0 2 disconnected\n"),
            format!("{A} 10.0.0.1:1@2 noflags - 0 0 0 connected\n"),
        ]
        .concat();
        let lines = parse_nodes(&text).unwrap();
        assert_eq!(render_nodes(&lines), text);
        assert_eq!(lines[0].address.hostname, "host.example");
        assert_eq!(lines[3].address.aux("shard-id"), Some(B));
        assert_eq!(lines[3].address.ip, "::1");
    }

    #[test]
    fn names_the_field_that_is_wrong() {
        let wrong = |text: &str| parse_nodes(text).unwrap_err();
        let line = format!("{A} 127.0.0.1:1@2 master - 0 0 1 connected 5-2");
        assert_eq!(
            wrong(&line),
            InvalidNodesText {
                line: 1,
                field: "slots"
            }
        );
        assert_eq!(wrong(&line.replace("master", "mistress")).field, "flags");
        assert_eq!(wrong(&line.replace("@2", "")).field, "address");
        assert_eq!(wrong(A).field, "address");
    }
}
