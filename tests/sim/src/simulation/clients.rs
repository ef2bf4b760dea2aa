//! Clients and their connections.

use std::net::SocketAddr;

use super::{Event, Simulation};
use crate::net::{ClientKind, ConnId, End, Endpoint, NodeIx, Party, Segment};

/// A client's end of a connection: what arrived, and whether it is still open.
#[derive(Debug)]
pub struct ClientConn {
    /// The connection.
    pub conn: ConnId,
    /// The node on the other side.
    pub node: NodeIx,
    /// Replies that were not taken yet.
    pub inbox: Vec<u8>,
    /// The node closed it, or died.
    pub closed: bool,
}

impl Simulation {
    /// Connects the scenario's own client to a node; none when its process is down.
    pub fn connect(&mut self, node: NodeIx) -> Option<usize> {
        self.connect_as(ClientKind::Scenario, node)
    }

    /// Connects a client to a node; none when its process is down. Where a cut separates them, the
    /// connection hangs: nothing is ever heard on it.
    pub fn connect_as(&mut self, kind: ClientKind, node: NodeIx) -> Option<usize> {
        if !self.is_up(node) {
            return None;
        }
        let client = self.next_client;
        self.next_client += 1;
        let endpoint = Endpoint::Client(kind, client);
        let conn = self.net.connect(endpoint, Endpoint::Node(node));
        let remote = SocketAddr::from(([10, 9, 9, 9], 1024));
        if self.reaches(kind, node) && self.busy == Some(node) {
            let waiting = self.asleep.entry(node).or_default();
            waiting.push(Event::Connect(node, conn, remote));
        } else if self.reaches(kind, node) && !self.accept_session(node, conn, remote) {
            return None;
        }
        let state = ClientConn {
            conn,
            node,
            inbox: Vec::new(),
            closed: false,
        };
        self.clients.insert(client, state);
        Some(client)
    }

    /// Whether no cut separates a client of that kind from a node.
    #[must_use]
    pub fn reaches(&self, kind: ClientKind, node: NodeIx) -> bool {
        (self.net).reaches(Party::Clients(kind), Party::Node(node))
    }

    /// A client's connection.
    #[must_use]
    pub fn client(&self, client: usize) -> Option<&ClientConn> {
        self.clients.get(&client)
    }

    /// Takes what has arrived for a client.
    pub fn take_inbox(&mut self, client: usize) -> Vec<u8> {
        self.clients
            .get_mut(&client)
            .map(|c| std::mem::take(&mut c.inbox))
            .unwrap_or_default()
    }

    /// Sends a client's bytes.
    pub fn client_send(&mut self, client: usize, bytes: &[u8]) {
        if let Some(conn) = self.clients.get(&client).map(|c| c.conn) {
            self.send(conn, End::Listener, Segment::Bytes(bytes.to_vec()));
        }
    }

    /// Closes a client's connection. A request that a cut holds back is not carried out later.
    pub fn disconnect(&mut self, client: usize) {
        if let Some(state) = self.clients.remove(&client) {
            self.net.give_up(state.conn, End::Listener);
            self.send(state.conn, End::Listener, Segment::Close);
        }
    }
}
