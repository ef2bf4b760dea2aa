//! What a person would type: commands sent to a node, and a cluster formed by hand.

use slotkeeper_node::resp::{ReplyParser, ReplyValue, encode_command};
use slotkeeper_topology::{NodeId, NodeLine, even_split, parse_nodes, render_nodes};

use crate::net::{ClientKind, NodeIx};
use crate::simulation::Simulation;

/// How long a command may take before the caller gives up, in microseconds.
const PATIENCE_US: u64 = 2_000_000;
/// The same for many commands at once.
const MANY_PATIENCE_US: u64 = 20_000_000;
const REPLY_MAX: usize = 64 * 1024 * 1024;

impl Simulation {
    /// Sends one command over a connection of its own and runs the simulation until the reply is there;
    /// none when the node is down, closes, or does not answer in time.
    pub fn call(&mut self, node: NodeIx, argv: &[&str]) -> Option<ReplyValue> {
        self.call_as(ClientKind::Scenario, node, argv)
    }

    /// The same as somebody from whom the node may be cut off.
    pub fn call_as(&mut self, kind: ClientKind, node: NodeIx, argv: &[&str]) -> Option<ReplyValue> {
        let client = self.connect_as(kind, node)?;
        let mut request = Vec::new();
        encode_command(&mut request, argv);
        self.client_send(client, &request);
        let mut parser = ReplyParser::new(REPLY_MAX);
        let deadline = self.now_us + PATIENCE_US;
        let mut reply = None;
        while reply.is_none() && self.now_us < deadline {
            self.run_for(1_000);
            parser.feed(&self.take_inbox(client));
            reply = parser.next().ok()?;
            if reply.is_none() && self.client(client).is_none_or(|state| state.closed) {
                break;
            }
        }
        self.disconnect(client);
        reply
    }

    /// Sends commands over one connection, all at once, and waits for the replies.
    ///
    /// # Errors
    /// When not all of them come.
    pub(crate) fn ask(
        &mut self,
        node: NodeIx,
        requests: &[Vec<String>],
    ) -> Result<Vec<ReplyValue>, String> {
        let client = self.connect(node).ok_or(format!("node {node} is down"))?;
        let mut bytes = Vec::new();
        requests
            .iter()
            .for_each(|request| encode_command(&mut bytes, request));
        self.client_send(client, &bytes);
        let mut parser = ReplyParser::new(REPLY_MAX);
        let mut replies = Vec::new();
        let deadline = self.now_us + MANY_PATIENCE_US;
        while replies.len() < requests.len() && self.now_us < deadline {
            self.run_for(1_000);
            parser.feed(&self.take_inbox(client));
            while let Ok(Some(reply)) = parser.next() {
                replies.push(reply);
            }
        }
        self.disconnect(client);
        match replies.len() == requests.len() {
            true => Ok(replies),
            false => Err(format!("node {node} does not answer every question")),
        }
    }

    /// A number of INFO; none if the node does not answer, or not with such a field.
    pub fn number(&mut self, node: NodeIx, field: &str) -> Option<i64> {
        let reply = self.call(node, &["INFO", "everything"])?;
        let text = String::from_utf8_lossy(reply.text()?).into_owned();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        line?.trim().parse().ok()
    }

    /// As [`Simulation::call`], for a command that must succeed.
    ///
    /// # Panics
    /// When it does not: the script, or the node, is wrong.
    pub fn must(&mut self, node: NodeIx, argv: &[&str]) -> String {
        match self.call(node, argv) {
            Some(ReplyValue::Integer(number)) => number.to_string(),
            Some(reply) => match reply.text() {
                Some(text) => String::from_utf8_lossy(text).into_owned(),
                None => panic!("{argv:?} at node {node}: {reply:?}"),
            },
            None => panic!("{argv:?} at node {node}: no reply"),
        }
    }

    /// The node's id.
    pub fn id_of(&mut self, node: NodeIx) -> NodeId {
        self.must(node, &["CLUSTER", "MYID"])
            .parse()
            .expect("CLUSTER MYID is a node id")
    }

    /// The master that a node follows by its own word.
    #[must_use]
    pub fn master_of(&self, node: NodeIx) -> Option<NodeIx> {
        let cluster = |ix: NodeIx| self.hosts[ix].engine.as_ref()?.cluster();
        let mine = cluster(node)?;
        let id = mine.id_of(mine.my_master()?);
        (0..self.hosts.len()).find(|&ix| cluster(ix).is_some_and(|other| other.my_id() == id))
    }

    /// CLUSTER NODES as the node has it; none when it does not answer.
    pub fn view(&mut self, node: NodeIx) -> Option<Vec<NodeLine>> {
        let reply = self.call(node, &["CLUSTER", "NODES"])?;
        let text = String::from_utf8_lossy(reply.text()?).into_owned();
        Some(parse_nodes(&text).expect("a node's own CLUSTER NODES can be read"))
    }

    /// CLUSTER NODES of every node that answers, for the report of a failure.
    pub fn views(&mut self) -> String {
        let count = self.hosts.len();
        let of = |(ix, view): (NodeIx, Option<Vec<NodeLine>>)| {
            let text = view.map(|lines| render_nodes(&lines)).unwrap_or_default();
            format!("node {ix}\n{text}")
        };
        (0..count).map(|ix| (ix, self.view(ix))).map(of).collect()
    }

    /// Forms a cluster as the hand procedure does: the first node meets the others, the first
    /// `masters` share the slots evenly, and the rest become replicas in turn.
    ///
    /// # Panics
    /// When it does not come up within a virtual minute.
    pub fn form(&mut self, masters: usize) {
        let count = self.hosts.len();
        (0..count).for_each(|ix| self.start(ix));
        for ix in 1..count {
            let ip = self.hosts[ix].ip.to_string();
            self.must(0, &["CLUSTER", "MEET", &ip, "6379"]);
        }
        self.until("every node knows every other", |sim| {
            (0..count).all(|ix| {
                let view = sim.view(ix).unwrap_or_default();
                view.len() == count && view.iter().all(|n| !n.flags.handshake && n.connected)
            })
        });
        for (ix, slots) in even_split(masters).iter().enumerate() {
            let range = slots.ranges().remove(0);
            let (first, last) = (range.start().to_string(), range.end().to_string());
            self.must(ix, &["CLUSTER", "ADDSLOTSRANGE", &first, &last]);
        }
        for ix in masters..count {
            let master = self.id_of(ix % masters).to_string();
            // The replica may not have heard yet that this one is a master with slots.
            self.until("REPLICATE is accepted", |sim| {
                let reply = sim.call(ix, &["CLUSTER", "REPLICATE", &master]);
                reply == Some(ReplyValue::Simple(b"OK".to_vec()))
            });
        }
        self.until("the cluster serves and every view agrees", |sim| {
            sim.disagreement().is_none()
        });
    }

    /// Runs until something holds.
    ///
    /// # Panics
    /// When it does not hold within a virtual minute.
    pub fn until(&mut self, what: &str, mut holds: impl FnMut(&mut Simulation) -> bool) {
        let deadline = self.now_us + 60_000_000;
        while !holds(self) {
            assert!(
                self.now_us < deadline,
                "not within a minute: {what}\n{}",
                self.report()
            );
            self.run_for(100_000);
        }
    }

    /// The last lines of every log, for the report of a failure.
    #[must_use]
    pub fn report(&self) -> String {
        let mut lines: Vec<&String> = (self.hosts.iter())
            .flat_map(|host| host.log.iter().rev().take(40))
            .collect();
        lines.sort();
        lines.iter().map(|line| format!("{line}\n")).collect()
    }
}

/// The words of a command.
pub(crate) fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}
