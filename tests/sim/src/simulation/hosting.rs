//! What a host does with what reaches it: its engine is asked, and what the engine wants is carried
//! out.

use std::net::SocketAddr;

use slotkeeper_node::engine::{Engine, NoHeartbeat};
use slotkeeper_node::io::{
    LinkEvent, LinkId, LinkOp, Output, Peer, SessionId, SessionState, Unsent,
};
use slotkeeper_node::resp::Reply;

use super::{Event, Simulation};
use crate::host::{ConnKind, DiskAnswer, PORT, SessionConn};
use crate::net::{ConnId, End, Endpoint, NodeIx, Party, Segment};

/// How long the disk takes, in microseconds.
const DISK_US: u64 = 500;

impl Simulation {
    /// Tells the sender's engine that bytes of a session have left.
    pub(super) fn note_arrival(&mut self, conn: ConnId, sender: End, bytes: usize) {
        let Some(Endpoint::Node(ix)) = self.net.conn(conn).map(|c| c.endpoint(sender)) else {
            return;
        };
        let Some(&ConnKind::Session(id)) = self.hosts[ix].conn_kinds.get(&(conn, sender)) else {
            return;
        };
        let now = self.hosts[ix].now(self.now_us);
        let host = &mut self.hosts[ix];
        let (Some(line), Some(engine)) = (host.sessions.get_mut(&id), &mut host.engine) else {
            return;
        };
        line.unsent = line.unsent.saturating_sub(bytes);
        engine.on_sent(id, Unsent::of(line.unsent), now);
        let incarnation = host.incarnation;
        self.schedule(self.now_us, Event::Turn(ix, incarnation));
    }

    /// A node's end of a connection is gone.
    pub(super) fn close_at(&mut self, conn: ConnId, end: End, reason: &str) {
        let Some(Endpoint::Node(ix)) = self.net.conn(conn).map(|c| c.endpoint(end)) else {
            return;
        };
        match self.hosts[ix].conn_kinds.remove(&(conn, end)) {
            Some(ConnKind::Link(link)) => {
                self.hosts[ix].links.remove(&link);
                self.on_link(ix, link, LinkEvent::Closed { reason });
            }
            Some(ConnKind::Session(session)) => self.end_session(ix, session),
            None => {}
        }
    }

    fn end_session(&mut self, ix: NodeIx, session: SessionId) {
        let now = self.hosts[ix].now(self.now_us);
        let host = &mut self.hosts[ix];
        if let (Some(_), Some(engine)) = (host.sessions.remove(&session), &mut host.engine) {
            engine.close(session, now);
            self.after(ix);
        }
    }

    pub(super) fn on_link(&mut self, ix: NodeIx, link: LinkId, event: LinkEvent<'_>) {
        let now = self.hosts[ix].now(self.now_us);
        if let Some(engine) = &mut self.hosts[ix].engine {
            engine.on_link(link, event, now);
            self.after(ix);
        }
    }

    pub(super) fn on_input(&mut self, ix: NodeIx, session: SessionId, bytes: &[u8]) {
        if let Some(line) = self.hosts[ix].sessions.get_mut(&session) {
            line.input.extend_from_slice(bytes);
            self.execute(ix, session);
            self.after(ix);
        }
    }

    /// Executes what a session has received, as far as it may.
    fn execute(&mut self, ix: NodeIx, id: SessionId) {
        let now = self.hosts[ix].now(self.now_us);
        let mut reply = Reply::new();
        let mut close = false;
        let host = &mut self.hosts[ix];
        let (Some(line), Some(engine)) = (host.sessions.get_mut(&id), &mut host.engine) else {
            return;
        };
        // Without input, too: what WAIT was parked for is answered now.
        while !line.parked && !close {
            let progress = engine.on_bytes(id, &line.input, now, &mut reply, &mut NoHeartbeat);
            line.input.drain(..progress.consumed);
            match progress.state {
                SessionState::NeedInput => break,
                SessionState::MoreToDo => {}
                SessionState::Parked => line.parked = true,
                SessionState::Close => close = true,
            }
        }
        line.reply.extend_from_slice(reply.bytes());
        self.outputs(ix);
        self.push(ix, id, &[]);
        if close {
            self.close_session(ix, id);
        }
    }

    fn push(&mut self, ix: NodeIx, id: SessionId, bytes: &[u8]) {
        let Some(line) = self.hosts[ix].sessions.get_mut(&id) else {
            return;
        };
        let mut reply = std::mem::take(&mut line.reply);
        reply.extend_from_slice(bytes);
        if !reply.is_empty() {
            let bytes = reply;
            line.unsent += bytes.len();
            let (conn, end) = line.conn;
            self.send(conn, end.other(), Segment::Bytes(bytes));
        }
    }

    fn close_session(&mut self, ix: NodeIx, id: SessionId) {
        if let Some((conn, end)) = self.hosts[ix].sessions.get(&id).map(|line| line.conn) {
            self.send(conn, end.other(), Segment::Close);
            self.hosts[ix].conn_kinds.remove(&(conn, end));
            self.end_session(ix, id);
        }
    }

    /// The end of a turn: replicas are fed, outputs carried out, the next timer set.
    pub(super) fn after(&mut self, ix: NodeIx) {
        self.outputs(ix);
        let now = self.hosts[ix].now(self.now_us);
        let Some(engine) = &mut self.hosts[ix].engine else {
            return;
        };
        let more = engine.on_turn(now);
        self.outputs(ix);
        let host = &mut self.hosts[ix];
        let Some(engine) = &host.engine else { return };
        let incarnation = host.incarnation;
        let at = engine
            .next_timer()
            .saturating_mul(1000)
            .max(self.now_us + 1000);
        if at < host.timer_at {
            host.timer_at = at;
            self.schedule(at, Event::Timer(ix, incarnation));
        }
        if more {
            self.schedule(self.now_us + 50, Event::Turn(ix, incarnation));
        }
    }

    fn outputs(&mut self, ix: NodeIx) {
        while let Some(output) = self.hosts[ix].engine.as_mut().and_then(Engine::poll_output) {
            self.carry_out(ix, output);
        }
    }

    fn carry_out(&mut self, ix: NodeIx, output: Output) {
        let incarnation = self.hosts[ix].incarnation;
        match output {
            Output::Push(session, bytes) => self.push(ix, session, &bytes),
            Output::Resume(session) => {
                if let Some(line) = self.hosts[ix].sessions.get_mut(&session) {
                    line.parked = false;
                    self.execute(ix, session);
                }
            }
            Output::Close { session, .. } => self.close_session(ix, session),
            Output::Link(link, op) => self.link_op(ix, link, op),
            Output::Disk(op) => {
                let answer = self.hosts[ix].disk.perform(op);
                if let Some(answer @ DiskAnswer::NodesConf(_)) = answer {
                    let now = self.hosts[ix].now(self.now_us);
                    if let Some(engine) = &mut self.hosts[ix].engine {
                        engine.on_disk(answer.as_event(), now);
                    }
                } else if let Some(answer) = answer {
                    self.schedule(self.now_us + DISK_US, Event::Disk(ix, incarnation, answer));
                }
            }
            Output::Log(_, level, text) => {
                self.hosts[ix].note_vote(&text);
                let line = format!("{:>10.3} {ix} {level:?} {text}", self.now_us as f64 / 1e6);
                self.hosts[ix].log.push(line);
            }
            Output::Reconfigure(_) => {}
            Output::Acquire { session, .. } => {
                let now = self.hosts[ix].now(self.now_us);
                if let Some(engine) = &mut self.hosts[ix].engine {
                    engine.on_acquired(session, Ok(()), now);
                }
            }
            Output::Exit(_) => self.kill(ix),
        }
    }

    fn link_op(&mut self, ix: NodeIx, link: LinkId, op: LinkOp) {
        let incarnation = self.hosts[ix].incarnation;
        match op {
            LinkOp::Open { to, .. } => {
                self.hosts[ix].dialing.insert(link);
                let at = self.now_us + self.net.delay_us();
                self.schedule(
                    at,
                    Event::Accept {
                        dialer: ix,
                        incarnation,
                        link,
                        to,
                    },
                );
            }
            LinkOp::Send(bytes) => {
                if let Some(&(conn, end)) = self.hosts[ix].links.get(&link) {
                    self.send(conn, end.other(), Segment::Bytes(bytes.to_vec()));
                }
            }
            LinkOp::Close => {
                self.hosts[ix].dialing.remove(&link);
                if let Some((conn, end)) = self.hosts[ix].links.remove(&link) {
                    self.hosts[ix].conn_kinds.remove(&(conn, end));
                    self.send(conn, end.other(), Segment::Close);
                }
            }
        }
    }

    /// A connection request reaches its target, is refused, or hangs in a cut.
    pub(super) fn accept_link(&mut self, dialer: NodeIx, link: LinkId, to: SocketAddr) {
        if !self.hosts[dialer].dialing.remove(&link) {
            return;
        }
        let incarnation = self.hosts[dialer].incarnation;
        let target = self.hosts.iter().position(|host| host.ip == to.ip());
        let reaches = |ix: &NodeIx| (self.net).reaches(Party::Node(dialer), Party::Node(*ix));
        let Some(target) = target.filter(reaches) else {
            return;
        };
        if !self.is_up(target) {
            let at = self.now_us + self.net.delay_us();
            self.schedule(at, Event::Refused(dialer, incarnation, link));
            return;
        }
        let conn = self
            .net
            .connect(Endpoint::Node(dialer), Endpoint::Node(target));
        let local = SocketAddr::new(self.hosts[dialer].ip, 40_000);
        self.hosts[dialer].links.insert(link, (conn, End::Dialer));
        self.hosts[dialer]
            .conn_kinds
            .insert((conn, End::Dialer), ConnKind::Link(link));
        if to.port() == PORT {
            self.accept_session(target, conn, local);
        } else {
            let peer = Peer {
                remote: local,
                local: to,
            };
            let now = self.hosts[target].now(self.now_us);
            let host = &mut self.hosts[target];
            let engine = host
                .engine
                .as_mut()
                .expect("the target is up, as checked above");
            let accepted = engine.accept_bus(peer, now);
            host.links.insert(accepted, (conn, End::Listener));
            host.conn_kinds
                .insert((conn, End::Listener), ConnKind::Link(accepted));
        }
        self.on_link(dialer, link, LinkEvent::Opened { local });
    }

    pub(super) fn accept_session(&mut self, ix: NodeIx, conn: ConnId, remote: SocketAddr) -> bool {
        let now = self.hosts[ix].now(self.now_us);
        let host = &mut self.hosts[ix];
        let peer = Peer {
            remote,
            local: host.data_address(),
        };
        let Some(engine) = &mut host.engine else {
            return false;
        };
        match engine.open(peer, now) {
            Ok(id) => {
                let conn = (conn, End::Listener);
                let line = SessionConn {
                    conn,
                    input: Vec::new(),
                    parked: false,
                    unsent: 0,
                    reply: Vec::new(),
                };
                host.sessions.insert(id, line);
                host.conn_kinds.insert(conn, ConnKind::Session(id));
                true
            }
            Err(refusal) => {
                self.send(conn, End::Dialer, Segment::Bytes(refusal));
                self.send(conn, End::Dialer, Segment::Close);
                false
            }
        }
    }
}
