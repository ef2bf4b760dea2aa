//! The network: connections that deliver in order, late, or not at all.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::rng::Rng;

/// A node's number: its place among the hosts.
pub type NodeIx = usize;

/// Who has an end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Endpoint {
    /// A node.
    Node(NodeIx),
    /// A client.
    Client(ClientKind, usize),
}

/// Whose client it is: cuts tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClientKind {
    /// The scenario's own, which reaches every node at all times.
    Scenario,
    /// One that writes throughout the run.
    Writer,
    /// The operator.
    Operator,
}

/// Where a cut is made: everything of one party is cut at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Party {
    /// A node.
    Node(NodeIx),
    /// Clients.
    Clients(ClientKind),
}

impl From<Endpoint> for Party {
    fn from(endpoint: Endpoint) -> Party {
        match endpoint {
            Endpoint::Node(ix) => Party::Node(ix),
            Endpoint::Client(kind, _) => Party::Clients(kind),
        }
    }
}

/// The number of a connection; none is used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConnId(pub u64);

/// Which end: the one that connected, or the one that accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// It connected.
    Dialer,
    /// It accepted.
    Listener,
}

impl End {
    /// The other one.
    #[must_use]
    pub fn other(self) -> End {
        match self {
            End::Dialer => End::Listener,
            End::Listener => End::Dialer,
        }
    }
}

/// What travels.
#[derive(Clone, Debug)]
pub enum Segment {
    /// Bytes.
    Bytes(Vec<u8>),
    /// The end of the stream.
    Close,
}

/// A connection: both ends, and what is under way to each.
#[derive(Debug)]
pub struct Conn {
    /// The end that connected.
    pub dialer: Endpoint,
    /// The end that accepted.
    pub listener: Endpoint,
    to_dialer: VecDeque<(u64, Segment)>,
    to_listener: VecDeque<(u64, Segment)>,
}

impl Conn {
    /// Who holds that end.
    #[must_use]
    pub fn endpoint(&self, end: End) -> Endpoint {
        match end {
            End::Dialer => self.dialer,
            End::Listener => self.listener,
        }
    }

    fn queue(&mut self, to: End) -> &mut VecDeque<(u64, Segment)> {
        match to {
            End::Dialer => &mut self.to_dialer,
            End::Listener => &mut self.to_listener,
        }
    }
}

/// All connections, the cuts, and the delays.
#[derive(Debug)]
pub struct Net {
    conns: BTreeMap<ConnId, Conn>,
    next_conn: u64,
    /// What the first sends does not arrive at the second.
    cuts: BTreeSet<(Party, Party)>,
    /// What the first sends takes up to so many microseconds more to the second.
    slow: BTreeMap<(Party, Party), u64>,
    rng: Rng,
    /// The longest delay of a segment, in microseconds.
    pub max_delay_us: u64,
}

impl Net {
    /// A whole network.
    #[must_use]
    pub fn new(rng: Rng) -> Net {
        Net {
            conns: BTreeMap::new(),
            next_conn: 1,
            cuts: BTreeSet::new(),
            slow: BTreeMap::new(),
            rng,
            max_delay_us: 3_000,
        }
    }

    /// Opens a connection.
    pub fn connect(&mut self, dialer: Endpoint, listener: Endpoint) -> ConnId {
        let id = ConnId(self.next_conn);
        self.next_conn += 1;
        let (to_dialer, to_listener) = (VecDeque::new(), VecDeque::new());
        self.conns.insert(
            id,
            Conn {
                dialer,
                listener,
                to_dialer,
                to_listener,
            },
        );
        id
    }

    /// A connection that still exists.
    #[must_use]
    pub fn conn(&self, id: ConnId) -> Option<&Conn> {
        self.conns.get(&id)
    }

    /// How long a segment takes.
    pub fn delay_us(&mut self) -> u64 {
        100 + self.rng.below(self.max_delay_us.max(1))
    }

    /// Sends towards an end; the time at which it arrives, never before what was sent earlier.
    /// None when the connection is gone.
    pub fn send(&mut self, id: ConnId, to: End, segment: Segment, now_us: u64) -> Option<u64> {
        let conn = self.conns.get(&id)?;
        let way = (conn.endpoint(to.other()).into(), conn.endpoint(to).into());
        let more = self.slow.get(&way).map_or(0, |most| self.rng.below(*most));
        let at = now_us + self.delay_us() + more;
        let queue = self.conns.get_mut(&id)?.queue(to);
        let at = queue.back().map_or(at, |(last, _)| at.max(*last));
        queue.push_back((at, segment));
        Some(at)
    }

    /// What has arrived at an end by now, unless a cut holds it back.
    pub fn receive(&mut self, id: ConnId, at: End, now_us: u64) -> Option<Segment> {
        let conn = self.conns.get(&id)?;
        let (from, to) = (conn.endpoint(at.other()), conn.endpoint(at));
        if !self.hears(to.into(), from.into()) {
            return None;
        }
        let queue = self.conns.get_mut(&id)?.queue(at);
        if queue.front().is_none_or(|(arrival, _)| *arrival > now_us) {
            return None;
        }
        queue.pop_front().map(|(_, segment)| segment)
    }

    /// Who sends to an end gives up: what a cut holds back never arrives.
    pub fn give_up(&mut self, id: ConnId, to: End) {
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        let (from, at) = (conn.endpoint(to.other()), conn.endpoint(to));
        if self.cuts.contains(&(from.into(), at.into())) {
            conn.queue(to).clear();
        }
    }

    /// How many bytes are under way to an end.
    #[must_use]
    pub fn under_way(&self, id: ConnId, to: End) -> usize {
        let Some(conn) = self.conns.get(&id) else {
            return 0;
        };
        let queue = match to {
            End::Dialer => &conn.to_dialer,
            End::Listener => &conn.to_listener,
        };
        let len = |(_, segment): &(u64, Segment)| match segment {
            Segment::Bytes(bytes) => bytes.len(),
            Segment::Close => 0,
        };
        queue.iter().map(len).sum()
    }

    /// Of what is under way to an end only the first `keep` bytes arrive, and they do so now.
    pub fn truncate(&mut self, id: ConnId, to: End, mut keep: usize, now_us: u64) {
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        let queue = conn.queue(to);
        for (arrival, segment) in queue.iter_mut() {
            *arrival = now_us;
            if let Segment::Bytes(bytes) = segment {
                bytes.truncate(keep);
                keep -= bytes.len();
            }
        }
        queue.retain(|(_, segment)| matches!(segment, Segment::Bytes(bytes) if !bytes.is_empty()));
    }

    /// Forgets a connection, with all that is under way.
    pub fn drop_conn(&mut self, id: ConnId) {
        self.conns.remove(&id);
    }

    /// The connections of a node, with the end that it holds.
    #[must_use]
    pub fn of(&self, endpoint: Endpoint) -> Vec<(ConnId, End)> {
        let ends = |conn: &Conn| {
            let dialer = (conn.dialer == endpoint).then_some(End::Dialer);
            let listener = (conn.listener == endpoint).then_some(End::Listener);
            dialer.into_iter().chain(listener)
        };
        self.conns
            .iter()
            .flat_map(|(id, conn)| ends(conn).map(|end| (*id, end)))
            .collect()
    }

    /// Whether what one sends arrives at the other.
    #[must_use]
    pub fn hears(&self, to: Party, from: Party) -> bool {
        !self.cuts.contains(&(from, to))
    }

    /// Whether two hear each other: without that, no connection is made.
    #[must_use]
    pub fn reaches(&self, a: Party, b: Party) -> bool {
        self.hears(a, b) && self.hears(b, a)
    }

    /// From now on, what one sends does not arrive at the other; it waits on its way.
    pub fn silence(&mut self, from: Party, to: Party) {
        self.cuts.insert((from, to));
    }

    /// From now on, what one sends takes up to so many microseconds more to the other.
    pub fn slow_down(&mut self, from: Party, to: Party, most_us: u64) {
        self.slow.insert((from, to), most_us);
    }

    /// Separates two from each other.
    pub fn cut(&mut self, a: Party, b: Party) {
        self.silence(a, b);
        self.silence(b, a);
    }

    /// Separates the nodes of `side` from all others of `count`.
    pub fn partition(&mut self, side: &[NodeIx], count: usize) {
        for &a in side {
            for b in (0..count).filter(|b| !side.contains(b)) {
                self.cut(Party::Node(a), Party::Node(b));
            }
        }
    }

    /// Joins everything again; the connections that may have segments waiting.
    pub fn heal(&mut self) -> Vec<ConnId> {
        self.cuts.clear();
        self.slow.clear();
        self.conns.keys().copied().collect()
    }
}
