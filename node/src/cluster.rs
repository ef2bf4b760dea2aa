//! The cluster as this node sees it, and the bus it speaks: a pure machine.
//!
//! [`Cluster`] takes bus bytes, requests and the time, and gives back [`ClusterEvent`]s. It opens
//! no socket and reads no clock; chance comes from its seeded [`Random`]. Every entry point runs in
//! three steps: note the time and the facts, handle the one thing, then do what became due (elect,
//! judge the cluster's state, save nodes.conf). Sends of a call always come out after the
//! `SaveNodesConf` of the same call: nothing is promised that a crash could forget.

mod event;
mod node;
mod nodes;
mod random;
mod slots;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use slotkeeper_topology::{Epoch, NodeId, Slot, SlotSet};

pub use event::{ClusterEvent, Facts, NodeRef, Route};
use node::{Flags, Node};
use nodes::Nodes;
pub use random::Random;
use slots::Slots;

use crate::config::Config;
use crate::io::{Level, LinkEvent, LinkId, Peer};
use crate::request::ClusterRequest;
use crate::resp::Reply;
use crate::time::Now;

/// How often the regular work is done, in milliseconds.
const TICK_MS: u64 = 100;

/// Link ids of this machine: none that another room of the node gives.
const FIRST_LINK: u64 = 1 << 60;

/// The cluster, as this node sees it.
#[derive(Debug)]
pub struct Cluster {
    config: Config,
    random: Random,
    now: Now,
    nodes: Nodes,
    slots: Slots,
    next_link: u64,
    current_epoch: Epoch,
    last_vote_epoch: Epoch,
    state_ok: bool,
    withholding: bool,
    /// Nodes that CLUSTER FORGET named, until when (monotonic milliseconds) they stay unknown.
    forgotten: BTreeMap<NodeId, i64>,
    next_tick: u64,
    events: VecDeque<ClusterEvent>,
    sends: Vec<ClusterEvent>,
}

impl Cluster {
    /// A node that starts: from its nodes.conf, or anew with a random id.
    ///
    /// # Errors
    /// What is wrong with nodes.conf, in words for the log. The node must not start then.
    pub fn new(
        config: &Config,
        nodes_conf: Option<&str>,
        mut random: Random,
        now: Now,
    ) -> Result<Cluster, String> {
        let id = NodeId::from_random(random.id_bytes());
        let me = Node::new(id, Flags::MYSELF | Flags::MASTER, now);
        let _ = nodes_conf;
        Ok(Cluster {
            config: config.clone(),
            random,
            now,
            nodes: Nodes::new(me),
            slots: Slots::new(),
            next_link: FIRST_LINK,
            current_epoch: Epoch::ZERO,
            last_vote_epoch: Epoch::ZERO,
            state_ok: false,
            withholding: false,
            forgotten: BTreeMap::new(),
            next_tick: now.mono_ms(),
            events: VecDeque::new(),
            sends: Vec::new(),
        })
    }

    /// Another node has connected to the bus port; the id under which its events come.
    pub fn accept(&mut self, _peer: Peer, _now: Now) -> LinkId {
        self.next_link += 1;
        LinkId(self.next_link)
    }

    /// Something happened on a bus link.
    pub fn on_link(&mut self, _link: LinkId, _event: LinkEvent<'_>, _facts: &Facts<'_>, _now: Now) {
    }

    /// The regular work, and what has become due. Call it at [`Cluster::next_timer`], and whenever
    /// the replication offset has moved while [`Cluster::watches_offset`].
    pub fn on_timer(&mut self, _facts: &Facts<'_>, now: Now) {
        self.next_tick = now.mono_ms() + TICK_MS;
    }

    /// When [`Cluster::on_timer`] is due next, in monotonic milliseconds.
    #[must_use]
    pub fn next_timer(&self) -> u64 {
        self.next_tick
    }

    /// Carries out a CLUSTER request and writes the reply. COUNTKEYSINSLOT and GETKEYSINSLOT are
    /// the engine's.
    pub fn request(
        &mut self,
        _request: ClusterRequest,
        _facts: &Facts<'_>,
        _now: Now,
        _reply: &mut Reply,
    ) {
    }

    /// What the engine must do next, in order; drain it after every call.
    pub fn poll_event(&mut self) -> Option<ClusterEvent> {
        self.events.pop_front()
    }

    /// Takes up what CONFIG SET changed.
    pub fn config_changed(&mut self, config: &Config, _now: Now) {
        self.config = config.clone();
    }

    /// After the data file was loaded: the slots that hold keys. A key in a slot that nobody owns
    /// makes this master its owner; one in a slot of somebody else marks it as importing, so that
    /// no key is lost unseen.
    pub fn adopt_loaded_slots(&mut self, _with_keys: &SlotSet, _now: Now) {}

    /// Where a slot is served: one look-up.
    #[inline]
    #[must_use]
    pub fn route(&self, slot: Slot) -> Route {
        self.slots.route(slot)
    }

    /// The address that MOVED and ASK name: ip (empty while unknown) and client port.
    #[must_use]
    pub fn redirect_address(&self, node: NodeRef) -> (String, u16) {
        (self.nodes[node].ip_text(), self.nodes[node].port)
    }

    /// Whether the cluster serves (`cluster_state:ok`); otherwise CLUSTERDOWN, but for reads when
    /// `cluster-allow-reads-when-down`.
    #[inline]
    #[must_use]
    pub fn state_ok(&self) -> bool {
        self.state_ok
    }

    /// Whether this node is a master.
    #[must_use]
    pub fn is_master(&self) -> bool {
        self.nodes.me().is_master()
    }

    /// The master that this node replicates: READONLY clients may read its slots here.
    #[inline]
    #[must_use]
    pub fn my_master(&self) -> Option<NodeRef> {
        self.nodes.me().master
    }

    /// The own id.
    #[must_use]
    pub fn my_id(&self) -> NodeId {
        self.nodes.me().id
    }

    /// The id of a node.
    #[must_use]
    pub fn id_of(&self, node: NodeRef) -> NodeId {
        self.nodes[node].id
    }

    /// The slots that this node owns.
    #[must_use]
    pub fn my_slots(&self) -> &SlotSet {
        &self.nodes.me().slots
    }

    /// The replicas of this node: id and client address, where it is known.
    #[must_use]
    pub fn replicas_of_me(&self) -> Vec<(NodeId, Option<SocketAddr>)> {
        (self.nodes.replicas_of(self.nodes.my_ref()).into_iter())
            .map(|r| (self.nodes[r].id, self.nodes[r].client_address()))
            .collect()
    }

    /// A master in the middle of a planned hand-over: it must send its replicas nothing that moves
    /// the offset, such as its regular PING.
    #[must_use]
    pub fn hand_over_in_progress(&self) -> bool {
        false
    }

    /// A replica that waits until it has applied all that its paused master has written: call
    /// [`Cluster::on_timer`] as soon as the offset moves.
    #[must_use]
    pub fn watches_offset(&self) -> bool {
        false
    }

    /// From the start until the node has shown itself current: it reads the bus, votes and keeps
    /// its links, but sends no PING and no PONG except in answer to a MEET, so that others may find
    /// it failed.
    pub fn set_withholding(&mut self, withholding: bool) {
        self.withholding = withholding;
    }

    /// Whether it withholds.
    #[must_use]
    pub fn is_withholding(&self) -> bool {
        self.withholding
    }

    /// Broadcasts FAIL about itself: a replica has newer data and shall be elected.
    pub fn declare_self_failed(&mut self, _now: Now) {}

    fn log(&mut self, level: Level, text: impl Into<String>) {
        self.events.push_back(ClusterEvent::Log(level, text.into()));
    }
}
