//! Whole cluster machines wired in memory, under a clock that the test moves.

mod busy;
mod chaos;
mod claims;
mod failover;
mod join;
mod links;
mod migration;
mod replies;
mod restart;
mod slots;
mod store;
mod votes;
mod waking;
mod withhold;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bytes::Bytes;
use slotkeeper_topology::{NodeId, Slot, SlotSet, even_split};

use super::{Cluster, ClusterEvent, Facts, Random};
use crate::config::Config;
use crate::io::{LinkEvent, LinkId, LinkOp, Peer, SessionId};
use crate::request::{ClusterRequest, Failover};
use crate::resp::Reply;
use crate::time::Now;

const TIMEOUT: u64 = 2000;
/// The type of FAILOVER_AUTH_ACK.
const VOTE: u8 = 6;

/// A node and what surrounds it.
struct Member {
    cluster: Cluster,
    config: Config,
    ip: IpAddr,
    up: bool,
    offset: u64,
    keys: BTreeSet<Slot>,
    complete: bool,
    started: u64,
    saved: String,
    /// nodes.conf cannot be stored.
    full: bool,
    /// A command takes long.
    busy: bool,
    /// A full sync comes to an end.
    syncs: bool,
    /// The reply that came later.
    answer: Option<Vec<u8>>,
    follows: Option<NodeId>,
    /// Everything in words, so that tests can look at the order: `save`, `follow`, `master`,
    /// `pause`, `resume`, `hold`, `release`, `lost`, `vote` for a vote and `send` for any other
    /// message.
    trace: Vec<&'static str>,
    log: Vec<String>,
    lost: SlotSet,
}

/// The network between them.
struct Network {
    members: Vec<Member>,
    now: Now,
    /// The other end of every link that is up.
    wires: BTreeMap<(usize, LinkId), (usize, LinkId)>,
    queue: VecDeque<(usize, LinkId, Arrival)>,
    /// Pairs that cannot reach each other.
    cut: BTreeSet<(usize, usize)>,
    /// What is dialled there hangs; else it is refused.
    hangs: bool,
    next_port: u16,
}

enum Arrival {
    Opened(SocketAddr),
    Bytes(Bytes),
    Closed,
}

fn config(i: usize) -> Config {
    Config {
        port: 7000 + u16::try_from(i).unwrap(),
        cluster_enabled: true,
        cluster_node_timeout: TIMEOUT,
        cluster_announce_hostname: Some(format!("node-{i}.example")),
        ..Config::default()
    }
}

fn member(i: usize, saved: Option<&str>, now: Now) -> Member {
    let config = config(i);
    let random = Random::new(1000 + i as u64);
    Member {
        cluster: Cluster::new(&config, saved, random, now).unwrap(),
        config,
        ip: Ipv4Addr::new(10, 0, 0, u8::try_from(i).unwrap() + 1).into(),
        up: true,
        offset: 0,
        keys: BTreeSet::new(),
        complete: true,
        started: now.mono_ms(),
        saved: String::new(),
        full: false,
        busy: false,
        syncs: true,
        answer: None,
        follows: None,
        trace: Vec::new(),
        log: Vec::new(),
        lost: SlotSet::new(),
    }
}

impl Network {
    fn new(count: usize) -> Network {
        let now = Now {
            unix_us: 1_700_000_000_000_000,
            mono_us: 5_000_000,
        };
        let mut network = Network {
            members: (0..count).map(|i| member(i, None, now)).collect(),
            now,
            wires: BTreeMap::new(),
            queue: VecDeque::new(),
            cut: BTreeSet::new(),
            hangs: false,
            next_port: 40_000,
        };
        (0..count).for_each(|i| network.drain(i));
        network
    }

    /// Masters with an even share of the slots, and after them one replica each.
    fn formed(masters: usize, replicas: usize) -> Network {
        let mut network = Network::new(masters + replicas);
        for (i, slots) in even_split(masters).into_iter().enumerate() {
            network.ok(i, ClusterRequest::AddSlots(slots.iter().collect()));
        }
        network.meet_all();
        for i in 0..replicas {
            let master = network.id(i % masters).to_string();
            network.ok(masters + i, ClusterRequest::Replicate(master));
        }
        network.run(5000);
        for i in 0..network.members.len() {
            assert!(network.members[i].cluster.state_ok(), "node {i} serves");
        }
        network
    }

    fn meet_all(&mut self) {
        for i in 1..self.members.len() {
            self.meet(0, i);
        }
        self.run(3000);
    }

    fn meet(&mut self, from: usize, to: usize) {
        let (ip, port) = (
            self.members[to].ip.to_string(),
            self.members[to].config.port,
        );
        self.ok(
            from,
            ClusterRequest::Meet {
                ip,
                port,
                bus_port: None,
            },
        );
    }

    fn id(&self, i: usize) -> NodeId {
        self.members[i].cluster.my_id()
    }

    fn with_facts<T>(
        &mut self,
        i: usize,
        call: impl FnOnce(&mut Cluster, &Facts<'_>, Now) -> T,
    ) -> T {
        let result = self.call(i, call);
        self.drain(i);
        result
    }

    fn call<T>(&mut self, i: usize, call: impl FnOnce(&mut Cluster, &Facts<'_>, Now) -> T) -> T {
        let now = self.now;
        let master = self.members[i].follows;
        let up = |id| self.members.iter().any(|m| m.up && m.cluster.my_id() == id);
        let master_link_up = self.members[i].syncs && master.is_some_and(up);
        let m = &mut self.members[i];
        let keys = &m.keys;
        let facts = Facts {
            repl_offset: m.offset,
            master_link_up,
            master_link_down_since: None,
            dataset_complete: m.complete,
            has_keys: !keys.is_empty(),
            slot_has_keys: &|slot| keys.contains(&slot),
            started: m.started,
        };
        call(&mut m.cluster, &facts, now)
    }

    fn request(&mut self, i: usize, request: ClusterRequest) -> String {
        let mut reply = Reply::new();
        let waits = self.with_facts(i, |cluster, facts, now| {
            cluster.request(request, Some(SessionId::new(1, 0)), facts, now, &mut reply)
        });
        self.deliver();
        let answer = self.members[i].answer.take();
        assert_eq!(answer.is_some(), waits);
        String::from_utf8(answer.unwrap_or_else(|| reply.take())).unwrap()
    }

    fn ok(&mut self, i: usize, request: ClusterRequest) {
        assert_eq!(self.request(i, request), "+OK\r\n");
    }

    /// CONFIG SET on every node.
    fn configure(&mut self, change: impl Fn(&mut Config)) {
        let now = self.now;
        for i in 0..self.members.len() {
            let member = &mut self.members[i];
            change(&mut member.config);
            member.cluster.config_changed(&member.config, now);
            self.drain(i);
        }
    }

    fn failover(&mut self, i: usize, how: Failover) -> String {
        self.request(i, ClusterRequest::Failover(how))
    }

    fn drain(&mut self, i: usize) {
        while let Some(event) = self.members[i].cluster.poll_event() {
            let m = &mut self.members[i];
            let word = match event {
                ClusterEvent::Link(link, op) => {
                    if let LinkOp::Send(bytes) = &op {
                        m.trace
                            .push(if bytes[13] == VOTE { "vote" } else { "send" });
                    }
                    self.link_op(i, link, op);
                    continue;
                }
                ClusterEvent::Log(_, _, text) => {
                    m.log.push(text);
                    continue;
                }
                ClusterEvent::SaveNodesConf(text) => {
                    self.save(i, &text);
                    continue;
                }
                ClusterEvent::Answer(_, reply) => {
                    m.answer = Some(reply);
                    continue;
                }
                ClusterEvent::Failed(..) => continue,
                ClusterEvent::CannotStart(_) => "end",
                ClusterEvent::FollowMaster { id, .. } => {
                    m.follows = Some(id);
                    "follow"
                }
                ClusterEvent::BecomeMaster => {
                    m.follows = None;
                    "master"
                }
                ClusterEvent::SlotsLost(slots) => {
                    m.keys.retain(|&slot| !slots.contains(slot));
                    m.lost = m.lost.union(&slots);
                    "lost"
                }
                ClusterEvent::PauseWrites { .. } => "pause",
                ClusterEvent::ResumeWrites => "resume",
                ClusterEvent::HoldKeys => "hold",
                ClusterEvent::ReleaseKeys => "release",
                ClusterEvent::FlushData => "flush",
                ClusterEvent::Publish { .. } => "publish",
            };
            m.trace.push(word);
        }
    }

    /// Stores nodes.conf, if the disk has room, and says so before anything else is done.
    fn save(&mut self, i: usize, text: &[u8]) {
        let m = &mut self.members[i];
        let result = match m.full {
            true => Err("No space left on device"),
            false => Ok(()),
        };
        m.trace.push(if m.full { "full" } else { "save" });
        if result.is_ok() {
            m.saved = String::from_utf8(text.to_vec()).unwrap();
        }
        self.call(i, |cluster, facts, now| {
            cluster.on_stored(result, facts, now);
        });
    }

    fn link_op(&mut self, i: usize, link: LinkId, op: LinkOp) {
        match op {
            LinkOp::Open { to, .. } => self.open(i, link, to),
            LinkOp::OpenNamed { host, .. } => panic!("the bus does not know {host}"),
            LinkOp::Send(bytes) => {
                if let Some(&(to, far)) = self.wires.get(&(i, link)) {
                    self.queue.push_back((to, far, Arrival::Bytes(bytes)));
                }
            }
            LinkOp::Close => self.hang_up(i, link),
        }
    }

    fn open(&mut self, i: usize, link: LinkId, to: SocketAddr) {
        let listens = |m: &Member| m.up && m.ip == to.ip() && m.config.bus_port() == to.port();
        let target = self.members.iter().position(listens);
        let reachable = target.filter(|&t| !self.is_cut(i, t));
        let Some(t) = reachable else {
            if !self.hangs {
                self.queue.push_back((i, link, Arrival::Closed));
            }
            return;
        };
        self.next_port += 1;
        let local = SocketAddr::new(self.members[i].ip, self.next_port);
        let far = self.members[t].cluster.accept(
            Peer {
                remote: local,
                local: to,
            },
            self.now,
        );
        self.wires.insert((i, link), (t, far));
        self.wires.insert((t, far), (i, link));
        self.queue.push_back((i, link, Arrival::Opened(local)));
    }

    fn hang_up(&mut self, i: usize, link: LinkId) {
        if let Some(far) = self.wires.remove(&(i, link)) {
            self.wires.remove(&far);
            self.queue.push_back((far.0, far.1, Arrival::Closed));
        }
    }

    fn is_cut(&self, a: usize, b: usize) -> bool {
        self.cut.contains(&(a, b)) || self.cut.contains(&(b, a))
    }

    fn deliver(&mut self) {
        while let Some((i, link, arrival)) = self.queue.pop_front() {
            if !self.members[i].up {
                continue;
            }
            let busy = self.members[i].busy;
            self.with_facts(i, |cluster, facts, now| {
                let event = match &arrival {
                    Arrival::Opened(local) => LinkEvent::Opened { local: *local },
                    Arrival::Bytes(bytes) => LinkEvent::Bytes(bytes),
                    Arrival::Closed => LinkEvent::Closed {
                        reason: "Connection refused",
                    },
                };
                match busy {
                    true => cluster.on_link_while_busy(link, event, now),
                    false => cluster.on_link(link, event, facts, now),
                }
            });
        }
    }

    fn run(&mut self, ms: u64) {
        let end = self.now.mono_ms() + ms;
        self.deliver();
        while self.now.mono_ms() < end {
            self.now.mono_us += 10_000;
            self.now.unix_us += 10_000;
            for i in 0..self.members.len() {
                let m = &self.members[i];
                let busy = m.busy;
                if m.up && m.cluster.next_timer() <= self.now.mono_ms() {
                    self.with_facts(i, |cluster, facts, now| match busy {
                        true => cluster.on_timer_while_busy(now),
                        false => cluster.on_timer(facts, now),
                    });
                    self.deliver();
                }
            }
        }
    }

    /// Runs until it is so, at most that long.
    fn run_until(&mut self, ms: u64, mut so: impl FnMut(&Network) -> bool) {
        for _ in 0..ms / 10 {
            if so(self) {
                return;
            }
            self.run(10);
        }
        panic!("not within {ms} ms");
    }

    fn kill(&mut self, i: usize) {
        self.members[i].up = false;
        self.sever(|a, b| a == i || b == i);
    }

    /// Cuts the network between two groups.
    fn partition(&mut self, side: &[usize]) {
        for a in 0..self.members.len() {
            for &b in side {
                if !side.contains(&a) {
                    self.cut.insert((a, b));
                }
            }
        }
        let cut = self.cut.clone();
        self.sever(|a, b| cut.contains(&(a, b)) || cut.contains(&(b, a)));
    }

    fn sever(&mut self, concerns: impl Fn(usize, usize) -> bool) {
        let ends: Vec<_> = (self.wires.iter())
            .filter(|(a, b)| concerns(a.0, b.0))
            .map(|(a, _)| *a)
            .collect();
        for (i, link) in ends {
            self.wires.remove(&(i, link));
            self.queue.push_back((i, link, Arrival::Closed));
        }
        self.deliver();
    }

    /// Starts a killed node again with the nodes.conf that it saved.
    fn restart(&mut self, i: usize) {
        let saved = self.members[i].saved.clone();
        let (ip, offset) = (self.members[i].ip, self.members[i].offset);
        let mut fresh = member(i, Some(&saved), self.now);
        fresh.saved = saved;
        fresh.ip = ip;
        fresh.offset = offset;
        self.members[i] = fresh;
        self.drain(i);
    }

    fn nodes_text(&mut self, i: usize) -> String {
        self.request(i, ClusterRequest::Nodes)
    }

    /// The line about one node in the view of another.
    fn line(&mut self, viewer: usize, about: usize) -> String {
        let id = self.id(about).to_string();
        let text = self.nodes_text(viewer);
        text.lines()
            .find(|line| line.starts_with(&id))
            .unwrap_or_default()
            .to_owned()
    }

    fn is_master(&self, i: usize) -> bool {
        self.members[i].cluster.is_master()
    }
}
