//! A host whose node carries out a command that takes long: time goes on for everybody else, and the
//! heartbeat does what the shell does meanwhile.

use std::net::SocketAddr;
use std::time::Duration;

use slotkeeper_node::engine::{Engine, Heartbeat, Meanwhile};
use slotkeeper_node::io::{
    LinkEvent, LinkId, Output, Peer, Progress, SessionId, SessionState, Unsent,
};
use slotkeeper_node::resp::Reply;
use slotkeeper_node::time::Now;

use super::{Event, Simulation, WakeOrder};
use crate::host::ConnKind;
use crate::net::{ConnId, End, NodeIx, Party, Segment};

/// Serves one host while its node is busy. The engine is the caller's meanwhile.
struct VirtualHeartbeat<'a> {
    sim: &'a mut Simulation,
    ix: NodeIx,
}

impl Simulation {
    /// Executes input that may hold a command which takes long; none when the process has ended
    /// meanwhile. One node at a time is busy.
    pub(super) fn execute_long(
        &mut self,
        ix: NodeIx,
        engine: &mut Engine,
        session: SessionId,
        input: &[u8],
        reply: &mut Reply,
    ) -> Option<Progress> {
        let now = self.hosts[ix].now(self.now_us);
        self.busy = Some(ix);
        self.asleep.entry(ix).or_default();
        let mut heartbeat = VirtualHeartbeat { sim: self, ix };
        let progress = engine.on_bytes(session, input, now, reply, &mut heartbeat);
        let is_alive = self.busy.take() == Some(ix);
        is_alive.then_some(progress)
    }

    /// The node is back in its host since its command, which began then, is done: what had to wait for
    /// it comes now.
    pub(super) fn end_long(&mut self, ix: NodeIx, engine: Engine, began: Now) {
        let now = self.hosts[ix].now(self.now_us);
        let host = &mut self.hosts[ix];
        let engine = host.engine.insert(engine);
        if now != began {
            for (session, conn) in &host.sessions {
                engine.on_sent(*session, Unsent::of(conn.unsent), now);
            }
        }
        self.wake(ix, WakeOrder::Oldest);
    }
}

impl Heartbeat for VirtualHeartbeat<'_> {
    fn beat(&mut self, node: &mut Meanwhile<'_>, idle: Duration) -> Option<Now> {
        self.sim.run_for(idle.as_micros() as u64);
        if self.sim.busy != Some(self.ix) {
            return None;
        }
        let now = self.sim.hosts[self.ix].now(self.sim.now_us);
        node.begin(now);
        self.carry_out(node);
        let waiting = std::mem::take(self.sim.asleep.entry(self.ix).or_default());
        let mut kept = Vec::new();
        for event in waiting {
            kept.extend(self.serve(node, event));
            self.carry_out(node);
        }
        let waiting = self.sim.asleep.entry(self.ix).or_default();
        kept.append(waiting);
        *waiting = kept;
        Some(now)
    }
}

impl VirtualHeartbeat<'_> {
    /// Gives the node an event, or gives it back where it must wait for the end of the command.
    fn serve(&mut self, node: &mut Meanwhile<'_>, event: Event) -> Option<Event> {
        match event {
            Event::Arrive(conn, end) => {
                let is_served = match self.sim.hosts[self.ix].conn_kinds.get(&(conn, end)) {
                    Some(&ConnKind::Link(link)) => node.takes(link),
                    Some(&ConnKind::Session(id)) => node.serves_clients() && node.serves(id),
                    None => false,
                };
                if !is_served {
                    return Some(event);
                }
                while let Some(segment) = self.sim.net.receive(conn, end, self.sim.now_us) {
                    self.arrive(node, conn, end, segment);
                }
            }
            Event::Connect(_, conn, remote) if node.serves_clients() => {
                self.accept_session(node, conn, remote);
            }
            Event::Refused(_, _, link) if node.takes(link) => {
                let reason = "Connection refused";
                node.on_link(link, LinkEvent::Closed { reason });
            }
            Event::Accept {
                dialer, link, to, ..
            } if dialer == self.ix && node.takes(link) => {
                if let Some(local) = self.sim.dial(dialer, link, to) {
                    node.on_link(link, LinkEvent::Opened { local });
                }
            }
            Event::Accept {
                dialer,
                incarnation,
                link,
                to,
            } if dialer != self.ix && node.takes(link) => {
                if self.sim.hosts[dialer].incarnation == incarnation {
                    self.accept_link(node, dialer, link, to);
                }
            }
            other => return Some(other),
        }
        None
    }

    fn arrive(&mut self, node: &mut Meanwhile<'_>, conn: ConnId, end: End, segment: Segment) {
        if let Segment::Bytes(bytes) = &segment {
            self.sim.note_arrival(conn, end.other(), bytes.len());
        }
        let kind = self.sim.hosts[self.ix]
            .conn_kinds
            .get(&(conn, end))
            .copied();
        match (kind, segment) {
            (Some(ConnKind::Link(link)), Segment::Bytes(bytes)) => {
                node.on_link(link, LinkEvent::Bytes(&bytes));
            }
            (Some(ConnKind::Session(id)), Segment::Bytes(bytes)) => {
                self.execute(node, id, &bytes);
            }
            (Some(ConnKind::Link(link)), Segment::Close) => {
                self.forget(conn, end);
                self.sim.hosts[self.ix].links.remove(&link);
                let reason = "Connection closed by peer";
                node.on_link(link, LinkEvent::Closed { reason });
                self.sim.net.drop_conn(conn);
            }
            (Some(ConnKind::Session(id)), Segment::Close) => {
                self.forget(conn, end);
                self.sim.hosts[self.ix].sessions.remove(&id);
                node.close(id);
                self.sim.net.drop_conn(conn);
            }
            (None, _) => {}
        }
    }

    fn forget(&mut self, conn: ConnId, end: End) {
        self.sim.hosts[self.ix].conn_kinds.remove(&(conn, end));
    }

    fn execute(&mut self, node: &mut Meanwhile<'_>, id: SessionId, bytes: &[u8]) {
        let Some(session) = self.sim.hosts[self.ix].sessions.get_mut(&id) else {
            return;
        };
        session.input.extend_from_slice(bytes);
        let mut reply = Reply::new();
        let progress = node.on_bytes(id, &session.input, &mut reply);
        session.input.drain(..progress.consumed);
        self.sim.push(self.ix, id, &reply.bytes());
        if progress.state == SessionState::Close {
            self.close_session(node, id);
        }
    }

    fn close_session(&mut self, node: &mut Meanwhile<'_>, id: SessionId) {
        if let Some(session) = self.sim.hosts[self.ix].sessions.remove(&id) {
            let (conn, end) = session.conn;
            self.sim.send(conn, end.other(), Segment::Close);
            self.forget(conn, end);
            node.close(id);
        }
    }

    fn accept_session(&mut self, node: &mut Meanwhile<'_>, conn: ConnId, remote: SocketAddr) {
        let local = self.sim.hosts[self.ix].data_address();
        match node.open(Peer { remote, local }) {
            Ok(id) => {
                let host = &mut self.sim.hosts[self.ix];
                host.add_session(id, conn);
            }
            Err(refusal) => {
                self.sim.send(conn, End::Dialer, Segment::Bytes(refusal));
                self.sim.send(conn, End::Dialer, Segment::Close);
            }
        }
    }

    /// Another node connects to the bus port.
    fn accept_link(
        &mut self,
        node: &mut Meanwhile<'_>,
        dialer: NodeIx,
        link: LinkId,
        to: SocketAddr,
    ) {
        let reaches = (self.sim.net).reaches(Party::Node(dialer), Party::Node(self.ix));
        if !self.sim.hosts[dialer].dialing.remove(&link) || !reaches {
            return;
        }
        let (conn, local) = self.sim.connect_nodes(dialer, link, self.ix);
        let peer = Peer {
            remote: local,
            local: to,
        };
        if let Some(accepted) = node.accept_bus(peer) {
            self.sim.hosts[self.ix].add_link(accepted, conn, End::Listener);
        }
        self.sim.on_link(dialer, link, LinkEvent::Opened { local });
    }

    fn carry_out(&mut self, node: &mut Meanwhile<'_>) {
        while let Some(output) = node.poll_output() {
            match output {
                Output::Link(link, op) => self.sim.link_op(self.ix, link, op),
                Output::Log(_, level, text) => {
                    self.sim.log(self.ix, level, &text);
                }
                Output::Close { session, .. } => self.close_session(node, session),
                // Nothing else comes out of a node without its keyspace.
                _ => {}
            }
        }
    }
}
