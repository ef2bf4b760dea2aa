//! The network: connections that deliver in order, late, or not at all.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::rng::Rng;

/// A node's place in the world.
pub type NodeIx = usize;

/// Who holds an end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holder {
    /// A node.
    Node(NodeIx),
    /// A client.
    Client(Caller, usize),
}

/// Whose client it is: cuts tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Caller {
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
    Callers(Caller),
}

impl From<Holder> for Party {
    fn from(holder: Holder) -> Party {
        match holder {
            Holder::Node(ix) => Party::Node(ix),
            Holder::Client(caller, _) => Party::Callers(caller),
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
pub enum Parcel {
    /// Bytes.
    Bytes(Vec<u8>),
    /// The end of the stream.
    Close,
}

/// A connection: both ends, and what is under way to each.
#[derive(Debug)]
pub struct Conn {
    /// The end that connected.
    pub dialer: Holder,
    /// The end that accepted.
    pub listener: Holder,
    to_dialer: VecDeque<(u64, Parcel)>,
    to_listener: VecDeque<(u64, Parcel)>,
}

impl Conn {
    /// Who holds that end.
    #[must_use]
    pub fn holder(&self, end: End) -> Holder {
        match end {
            End::Dialer => self.dialer,
            End::Listener => self.listener,
        }
    }

    fn lane(&mut self, to: End) -> &mut VecDeque<(u64, Parcel)> {
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
    rng: Rng,
    /// The longest delay of a parcel, in microseconds.
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
            rng,
            max_delay_us: 3_000,
        }
    }

    /// Opens a connection.
    pub fn connect(&mut self, dialer: Holder, listener: Holder) -> ConnId {
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

    /// How long a parcel takes.
    pub fn delay_us(&mut self) -> u64 {
        100 + self.rng.below(self.max_delay_us.max(1))
    }

    /// Sends towards an end; the time at which it arrives, never before what was sent earlier.
    /// None when the connection is gone.
    pub fn send(&mut self, id: ConnId, to: End, parcel: Parcel, now_us: u64) -> Option<u64> {
        let at = now_us + self.delay_us();
        let lane = self.conns.get_mut(&id)?.lane(to);
        let at = lane.back().map_or(at, |(last, _)| at.max(*last));
        lane.push_back((at, parcel));
        Some(at)
    }

    /// What has arrived at an end by now, unless a cut holds it back.
    pub fn receive(&mut self, id: ConnId, at: End, now_us: u64) -> Option<Parcel> {
        let conn = self.conns.get(&id)?;
        let (from, to) = (conn.holder(at.other()), conn.holder(at));
        if !self.hears(to.into(), from.into()) {
            return None;
        }
        let lane = self.conns.get_mut(&id)?.lane(at);
        if lane.front().is_none_or(|(arrival, _)| *arrival > now_us) {
            return None;
        }
        lane.pop_front().map(|(_, parcel)| parcel)
    }

    /// Who sends to an end gives up: what a cut holds back never arrives.
    pub fn give_up(&mut self, id: ConnId, to: End) {
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        let (from, at) = (conn.holder(to.other()), conn.holder(to));
        if self.cuts.contains(&(from.into(), at.into())) {
            conn.lane(to).clear();
        }
    }

    /// Forgets a connection, with all that is under way.
    pub fn drop_conn(&mut self, id: ConnId) {
        self.conns.remove(&id);
    }

    /// The connections of a node, with the end that it holds.
    #[must_use]
    pub fn of(&self, holder: Holder) -> Vec<(ConnId, End)> {
        let ends = |conn: &Conn| {
            let dialer = (conn.dialer == holder).then_some(End::Dialer);
            let listener = (conn.listener == holder).then_some(End::Listener);
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

    /// Joins everything again; the connections that may have parcels waiting.
    pub fn heal(&mut self) -> Vec<ConnId> {
        self.cuts.clear();
        self.conns.keys().copied().collect()
    }
}
