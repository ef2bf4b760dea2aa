//! What a host does with what reaches it: its engine is asked, and what the engine wants is carried
//! out.

use std::net::SocketAddr;

use slotkeeper_node::config::Gate;
use slotkeeper_node::engine::{Engine, NoHeartbeat};
use slotkeeper_node::io::{
    DiskEvent, DiskOp, Level, LinkEvent, LinkId, LinkOp, Output, Peer, SessionId, SessionState,
    Unsent,
};
use slotkeeper_node::resp::Reply;
use slotkeeper_topology::SlotSet;

use super::{Event, Simulation};
use crate::disk::Done;
use crate::host::{ConnKind, PORT};
use crate::net::{ConnId, End, Endpoint, NodeIx, Party, Segment};

/// A connection request that was lost is sent again after so many microseconds.
const DIAL_AGAIN_US: u64 = 1_000_000;
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
        let Some(line) = host.sessions.get_mut(&id) else {
            return;
        };
        line.unsent = line.unsent.saturating_sub(bytes);
        let Some(engine) = &mut host.engine else {
            return;
        };
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
        let mut reply = Reply::new();
        let mut close = false;
        // Without input, too: what WAIT was parked for is answered now.
        while let Some(session) = self.hosts[ix].sessions.get_mut(&id)
            && !session.parked
            && !close
        {
            let Some(state) = self.execute_input(ix, id, &mut reply) else {
                return;
            };
            match state {
                SessionState::NeedInput => break,
                SessionState::MoreToDo => {}
                SessionState::Parked => self.park(ix, id),
                SessionState::Close => close = true,
            }
        }
        if let Some(session) = self.hosts[ix].sessions.get_mut(&id) {
            session.reply.extend_from_slice(&reply.bytes());
        }
        self.outputs(ix);
        self.push(ix, id, &[]);
        if close {
            self.close_session(ix, id);
        }
    }

    fn park(&mut self, ix: NodeIx, id: SessionId) {
        if let Some(session) = self.hosts[ix].sessions.get_mut(&id) {
            session.parked = true;
        }
    }

    /// Gives the node what a session has received; none when the process has ended. Where commands
    /// may take long, the node is out of its host meanwhile.
    fn execute_input(
        &mut self,
        ix: NodeIx,
        id: SessionId,
        reply: &mut Reply,
    ) -> Option<SessionState> {
        let now = self.hosts[ix].now(self.now_us);
        let host = &mut self.hosts[ix];
        let session = host.sessions.get_mut(&id)?;
        if host.config.enable_debug_command != Gate::Yes || self.busy.is_some() {
            let engine = host.engine.as_mut()?;
            let progress = engine.on_bytes(id, &session.input, now, reply, &mut NoHeartbeat);
            session.input.drain(..progress.consumed);
            return Some(progress.state);
        }
        let mut engine = host.engine.take()?;
        let mut input = std::mem::take(&mut session.input);
        let progress = self.execute_long(ix, &mut engine, id, &input, reply)?;
        self.end_long(ix, engine, now);
        input.drain(..progress.consumed);
        if let Some(session) = self.hosts[ix].sessions.get_mut(&id) {
            session.input = input;
        }
        Some(progress.state)
    }

    pub(super) fn push(&mut self, ix: NodeIx, id: SessionId, bytes: &[u8]) {
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
            Output::Disk(op) => self.disk_op(ix, op),
            Output::Log(_, level, text) => {
                self.hosts[ix].note_vote(&text);
                self.hosts[ix].note_election(&text);
                self.log(ix, level, &text);
            }
            Output::Reconfigure(_) => {}
            Output::Acquire { session, .. } => {
                let now = self.hosts[ix].now(self.now_us);
                if let Some(engine) = &mut self.hosts[ix].engine {
                    engine.on_acquired(session, Ok(()), now);
                }
            }
            Output::Exit(code) => {
                if code != 0 {
                    self.hosts[ix].gave_up = self.hosts[ix].log.last().cloned();
                }
                self.kill(ix);
            }
        }
    }

    fn disk_op(&mut self, ix: NodeIx, op: DiskOp) {
        if matches!(op, DiskOp::SnapshotCommit) {
            self.hosts[ix].disk.saving = self.held_slots(ix);
        }
        let event = match self.hosts[ix].disk.perform(op) {
            Done::NodesConf(true) => DiskEvent::NodesConfSaved,
            Done::NodesConf(false) => DiskEvent::NodesConfFailed("No space left on device"),
            Done::Rewritten(session) => DiskEvent::ConfigRewritten {
                session,
                result: Ok(()),
            },
            Done::Ordered => {
                let incarnation = self.hosts[ix].incarnation;
                return self.schedule(self.now_us + DISK_US, Event::Disk(ix, incarnation));
            }
            Done::Nothing => return,
        };
        let now = self.hosts[ix].now(self.now_us);
        if let Some(engine) = &mut self.hosts[ix].engine {
            engine.on_disk(event, now);
        }
    }

    /// The slots of which a node holds keys of clients.
    fn held_slots(&self, ix: NodeIx) -> SlotSet {
        let engine = self.hosts[ix].engine.as_ref();
        let is_held = |slot| engine.is_some_and(|engine| engine.keys_in_slot(slot) > 0);
        let mut held = SlotSet::new();
        self.written_slots()
            .iter()
            .filter(|slot| is_held(*slot))
            .for_each(|slot| {
                held.insert(slot);
            });
        held
    }

    pub(super) fn log(&mut self, ix: NodeIx, level: Level, text: &str) {
        let line = format!("{:>10.3} {ix} {level:?} {text}", self.now_us as f64 / 1e6);
        self.hosts[ix].log.push(line);
    }

    pub(super) fn link_op(&mut self, ix: NodeIx, link: LinkId, op: LinkOp) {
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
            LinkOp::OpenNamed { .. } => {
                // There are no names here.
                let at = self.now_us + self.net.delay_us();
                self.schedule(at, Event::Refused(ix, incarnation, link));
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
                    if let LinkId::Migrate(_) = link {
                        self.net.give_up(conn, end.other());
                    }
                    self.send(conn, end.other(), Segment::Close);
                }
            }
        }
    }

    /// A connection request of a node arrives.
    pub(super) fn accept_link(&mut self, dialer: NodeIx, link: LinkId, to: SocketAddr) {
        if let Some(local) = self.dial(dialer, link, to) {
            self.on_link(dialer, link, LinkEvent::Opened { local });
        }
    }

    /// A connection request reaches its target, or is refused; the address of the node that asked for
    /// it, if it is open. In a cut it is lost, and sent again as TCP does.
    pub(super) fn dial(
        &mut self,
        dialer: NodeIx,
        link: LinkId,
        to: SocketAddr,
    ) -> Option<SocketAddr> {
        if !self.hosts[dialer].dialing.remove(&link) {
            return None;
        }
        let incarnation = self.hosts[dialer].incarnation;
        let target = self.hosts.iter().position(|host| host.ip == to.ip());
        let reaches = |ix: &NodeIx| (self.net).reaches(Party::Node(dialer), Party::Node(*ix));
        let Some(target) = target.filter(reaches) else {
            self.hosts[dialer].dialing.insert(link);
            let again = Event::Accept {
                dialer,
                incarnation,
                link,
                to,
            };
            self.schedule(self.now_us + DIAL_AGAIN_US, again);
            return None;
        };
        if !self.is_up(target) {
            let at = self.now_us + self.net.delay_us();
            self.schedule(at, Event::Refused(dialer, incarnation, link));
            return None;
        }
        let (conn, local) = self.connect_nodes(dialer, link, target);
        if to.port() == PORT {
            self.accept_session(target, conn, local);
        } else {
            let peer = Peer {
                remote: local,
                local: to,
            };
            let now = self.hosts[target].now(self.now_us);
            let host = &mut self.hosts[target];
            if let Some(engine) = &mut host.engine {
                let accepted = engine.accept_bus(peer, now);
                host.add_link(accepted, conn, End::Listener);
            }
        }
        Some(local)
    }

    /// Opens the connection behind a link; the address of the node that asked for it.
    pub(super) fn connect_nodes(
        &mut self,
        dialer: NodeIx,
        link: LinkId,
        target: NodeIx,
    ) -> (ConnId, SocketAddr) {
        let conn = (self.net).connect(Endpoint::Node(dialer), Endpoint::Node(target));
        self.hosts[dialer].add_link(link, conn, End::Dialer);
        (conn, SocketAddr::new(self.hosts[dialer].ip, 40_000))
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
                host.add_session(id, conn);
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
