//! The cluster as this node sees it, and the bus it speaks: a pure machine.
//!
//! [`Cluster`] takes bus bytes, requests and the time, and gives back [`ClusterEvent`]s. It opens
//! no socket and reads no clock; chance comes from its seeded [`Random`]. Every entry point runs in
//! three steps: note the time and the facts, handle the one thing, then do what became due (elect,
//! judge the cluster's state, save nodes.conf). Sends of a call always come out after the
//! `SaveNodesConf` of the same call: nothing is promised that a crash could forget.

mod bus;
mod busy;
mod election;
mod epochs;
mod event;
mod failure;
mod handshake;
mod links;
mod manual;
mod migration;
mod node;
mod nodes;
mod nodes_conf;
mod ownership;
mod ping;
mod receive;
mod requests;
mod send;
mod slots;
mod state;
mod store;
#[cfg(test)]
mod tests;
mod view;
mod votes;
mod waking;

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};

use election::Election;
pub use event::{ClusterEvent, Facts, NodeRef, Route};
use links::Links;
use manual::Manual;
use migration::Migration;
use node::Flags;
use nodes::Nodes;
use slotkeeper_topology::{Epoch, NodeId, Slot, SlotSet};
use slots::Slots;
use state::State;
use store::{Act, Store};
pub use view::{ClusterHealth, MessageCount};
use waking::Waking;

use crate::config::Config;
use crate::io::{Level, LinkEvent, LinkId, Origin, Peer, SessionId};
pub use crate::random::Random;
use crate::request::ClusterRequest;
use crate::resp::Reply;
use crate::time::Now;

/// How often the regular work is done, in milliseconds.
const TICK_MS: u64 = 100;

/// The cluster, as this node sees it.
#[derive(Debug)]
pub struct Cluster {
    config: Config,
    random: Random,
    /// The moment of the current call.
    now: Now,
    nodes: Nodes,
    slots: Slots,
    links: Links,
    /// The origin of what is logged in the current call.
    origin: Origin,
    store: Store,
    current_epoch: Epoch,
    last_vote_epoch: Epoch,
    state: State,
    election: Election,
    manual: Manual,
    migration: Migration,
    /// A master that has slept, while it does not know whether it was replaced.
    waking: Option<Waking>,
    withholding: bool,
    /// This node has told everybody that it failed, since a replica has newer data.
    declared_failed: bool,
    /// While it withholds, others have told it that the majority found it failed: it votes then.
    found_failed: bool,
    /// A replica that was a master or of another shard, and has not been in sync with its master
    /// since: what it holds is another history.
    unsynced: bool,
    /// The own address comes from nodes.conf; the next message of another node may correct it.
    own_ip_unconfirmed: bool,
    /// Nodes that CLUSTER FORGET named, until when (monotonic milliseconds) they stay unknown.
    forgotten: BTreeMap<NodeId, i64>,
    stats: Stats,
    /// DEBUG DROP-CLUSTER-PACKET-FILTER.
    dropped_kind: i64,
    ticks: u64,
    next_tick: u64,
    gossip_round: u64,
    todo: Todo,
    events: VecDeque<ClusterEvent>,
    /// What the current call sends.
    sends: Vec<ClusterEvent>,
}

/// Messages by type, as [`bus::KINDS`] numbers them.
#[derive(Debug, Default)]
struct Stats {
    sent: [u64; bus::KINDS.len()],
    received: [u64; bus::KINDS.len()],
}

/// What became due in a call and is done once at its end.
#[derive(Debug, Default)]
struct Todo {
    manual: bool,
    failover: bool,
    update_state: bool,
    save: bool,
    /// At the next tick is soon enough.
    save_soon: bool,
}

impl Cluster {
    /// A node that starts: from its nodes.conf, or new with a random id.
    ///
    /// # Errors
    /// What is wrong with nodes.conf, in words for the log. The node must not start then.
    pub fn new(
        config: &Config,
        nodes_conf: Option<&str>,
        mut random: Random,
        now: Now,
    ) -> Result<Cluster, String> {
        let nodes_conf = nodes_conf.filter(|text| !text.is_empty());
        let remembered = match nodes_conf {
            Some(text) => nodes_conf::read(text, now)?,
            None => nodes_conf::Remembered::of_new_node(&mut random, now),
        };
        let mut cluster = Cluster {
            config: config.clone(),
            random,
            now,
            nodes: remembered.nodes,
            slots: remembered.slots,
            links: Links::new(),
            origin: Origin::Node,
            store: Store::new(nodes_conf),
            current_epoch: remembered.current_epoch,
            last_vote_epoch: remembered.last_vote_epoch,
            state: State::default(),
            election: Election::default(),
            manual: Manual::default(),
            migration: Migration::default(),
            waking: None,
            withholding: false,
            declared_failed: false,
            dropped_kind: -1,
            found_failed: false,
            unsynced: false,
            own_ip_unconfirmed: config.cluster_announce_ip.is_none(),
            forgotten: BTreeMap::new(),
            stats: Stats::default(),
            ticks: 0,
            next_tick: now.mono_ms(),
            gossip_round: 0,
            todo: Todo {
                save: nodes_conf.is_none(),
                ..Todo::default()
            },
            events: VecDeque::new(),
            sends: Vec::new(),
        };
        cluster.apply_config();
        if let Some(master) = cluster.nodes.me().master {
            cluster.follow(master);
        }
        cluster.update_state();
        cluster.flush();
        Ok(cluster)
    }

    /// Another node has connected to the bus port; the id under which its events come.
    pub fn accept(&mut self, peer: Peer, now: Now) -> LinkId {
        self.now = now;
        let link = self.accept_link(peer, now);
        self.flush();
        link
    }

    /// Something happened on a bus link.
    pub fn on_link(&mut self, link: LinkId, event: LinkEvent<'_>, facts: &Facts<'_>, now: Now) {
        self.begin(facts, now);
        self.origin = Origin::Members;
        self.link_event(link, &event, Some(facts));
        self.finish(facts);
        self.origin = Origin::Node;
    }

    /// How much waits to be sent on a link, and how much memory holds it, in bytes.
    pub fn on_link_sent(&mut self, link: LinkId, unsent: usize, allocated: usize) {
        self.links.note_unsent(link, unsent, allocated);
    }

    /// The regular work, and what has become due. Call it at [`Cluster::next_timer`], and whenever
    /// the replication offset has moved while [`Cluster::watches_offset`].
    pub fn on_timer(&mut self, facts: &Facts<'_>, now: Now) {
        self.begin(facts, now);
        if now.mono_ms() >= self.next_tick {
            self.next_tick = now.mono_ms() + TICK_MS;
            self.tick();
        }
        self.todo.manual = true;
        self.todo.failover = true;
        self.finish(facts);
    }

    /// When [`Cluster::on_timer`] is due next, in monotonic milliseconds.
    #[must_use]
    pub fn next_timer(&self) -> u64 {
        let stores = self.store.error().is_none();
        let election = (self.election.due().filter(|_| stores))
            .map_or(u64::MAX, |at| at.max(0).cast_unsigned());
        let now = self.now.mono_ms();
        self.next_tick.min(election.max(now + 1))
    }

    /// Carries out a CLUSTER request and writes the reply; true when the reply comes later instead,
    /// as a [`ClusterEvent::Answer`], since nodes.conf is to be stored first. Without a session, as
    /// in a transaction, no reply can come later: there such a request is refused. COUNTKEYSINSLOT
    /// and GETKEYSINSLOT are the engine's.
    pub fn request(
        &mut self,
        request: ClusterRequest,
        session: Option<SessionId>,
        facts: &Facts<'_>,
        now: Now,
        reply: &mut Reply,
    ) -> bool {
        self.begin(facts, now);
        let waits = self.take_request(request, session, facts, reply);
        self.finish(facts);
        waits
    }

    /// What the engine must do next, in order; drain it after every call.
    pub fn poll_event(&mut self) -> Option<ClusterEvent> {
        self.events.pop_front()
    }

    /// Takes up what CONFIG SET changed.
    pub fn config_changed(&mut self, config: &Config, now: Now) {
        self.now = now;
        self.config = config.clone();
        if self.apply_config() {
            self.announce();
        }
        self.todo.update_state = true;
        self.flush();
    }

    /// After the data file was loaded: the slots that hold keys. A key in a slot without an owner
    /// makes this master its owner; one in a slot of another node marks it as importing, so that
    /// no key is lost unseen.
    pub fn adopt_loaded_slots(&mut self, with_keys: &SlotSet, facts: &Facts<'_>, now: Now) {
        self.begin(facts, now);
        if self.nodes.me().is_master() && !with_keys.is_empty() {
            self.propose(Act::Adopt(with_keys.clone()));
        }
        self.todo.update_state = true;
        self.finish(facts);
    }

    fn begin(&mut self, facts: &Facts<'_>, now: Now) {
        self.now = now;
        self.nodes.me_mut().repl_offset = facts.repl_offset;
        self.unsynced &= !facts.master_link_up;
    }

    /// Does what became due, then lets everything out: the save first, then the messages.
    fn finish(&mut self, facts: &Facts<'_>) {
        // Its own steps come as seldom as they can: no message makes more of them.
        let origin = std::mem::replace(&mut self.origin, Origin::Node);
        if std::mem::take(&mut self.todo.manual) {
            self.drive_manual_failover(facts);
        }
        // A step of an election may make the next one due at once, but never many.
        for _ in 0..3 {
            if std::mem::take(&mut self.todo.failover) {
                self.drive_election(facts);
            }
        }
        self.judge_waking();
        self.origin = origin;
        self.flush_with(Some(facts));
    }

    fn flush(&mut self) {
        self.flush_with(None);
    }

    fn flush_with(&mut self, facts: Option<&Facts<'_>>) {
        if std::mem::take(&mut self.todo.update_state) {
            self.update_state();
        }
        self.store_next(facts);
        self.events.extend(self.sends.drain(..));
    }

    /// Tells everybody at once what has changed; a PING, since addresses are learnt from those.
    fn announce(&mut self) {
        for r in self.nodes.refs() {
            if self.nodes.is_peer(r) && self.nodes[r].ping_sent.is_none() {
                self.ping(r);
            }
        }
    }

    /// What this node announces about itself, out of the configuration; whether that changed.
    fn apply_config(&mut self) -> bool {
        let config = &self.config;
        let or = |announced: u16, own: u16| if announced == 0 { own } else { announced };
        let port = or(config.cluster_announce_port, config.port);
        let bus_port = or(config.cluster_announce_bus_port, config.bus_port());
        let text = |announced: &Option<String>| announced.clone().unwrap_or_default();
        let hostname = text(&config.cluster_announce_hostname);
        let human_name = text(&config.cluster_announce_human_nodename);
        let no_failover = config.cluster_replica_no_failover;
        let ip = self.announced_ip();
        let me = self.nodes.me_mut();
        let before = (
            me.ip,
            me.port,
            me.bus_port,
            me.flags,
            std::mem::replace(&mut me.hostname, hostname),
            std::mem::replace(&mut me.human_name, human_name),
        );
        me.ip = ip.or(me.ip);
        me.port = port;
        me.bus_port = bus_port;
        me.flags.assign(Flags::NO_FAILOVER, no_failover);
        let names = (me.hostname.clone(), me.human_name.clone());
        let after = (me.ip, me.port, me.bus_port, me.flags, names.0, names.1);
        let changed = before != after;
        self.todo.save |= changed;
        changed
    }

    /// `cluster-announce-ip`, if it is an address.
    fn announced_ip(&self) -> Option<IpAddr> {
        self.config
            .cluster_announce_ip
            .as_ref()
            .and_then(|ip| ip.parse().ok())
    }

    /// Where a slot is served: one look-up.
    #[inline]
    #[must_use]
    pub fn route(&self, slot: Slot) -> Route {
        self.slots.route(slot)
    }

    /// Another number than before if the route of any slot has changed.
    #[must_use]
    pub fn route_changes(&self) -> u64 {
        self.slots.changes()
    }

    /// Whether the cluster serves (`cluster_state:ok`); otherwise CLUSTERDOWN, but for reads when
    /// `cluster-allow-reads-when-down`.
    #[inline]
    #[must_use]
    pub fn state_ok(&self) -> bool {
        self.state.ok
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

    /// The configuration epoch under which this node owns its slots.
    #[must_use]
    pub fn my_config_epoch(&self) -> Epoch {
        self.nodes.me().config_epoch
    }

    /// The slots that this node owns.
    #[must_use]
    pub fn my_slots(&self) -> &SlotSet {
        &self.nodes.me().slots
    }

    /// The slots that this node's shard owns.
    #[must_use]
    pub fn slots_of_shard(&self) -> &SlotSet {
        let me = self.nodes.my_ref();
        let master = self.nodes.master_of(me).unwrap_or(me);
        &self.nodes[master].slots
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
        self.manual.ends.is_some() && self.nodes.me().is_master()
    }

    /// A replica that waits until it has applied all that its paused master has written: call
    /// [`Cluster::on_timer`] as soon as the offset moves.
    #[must_use]
    pub fn watches_offset(&self) -> bool {
        self.waits_for_stream()
    }

    /// From the start until the node has shown itself current: it reads the bus, votes and keeps
    /// its links, but sends no PONG except in answer to a MEET, and each node one PING to learn who
    /// owns its slots now, so that others may find it failed. Becoming a replica ends it, too.
    pub fn set_withholding(&mut self, withholding: bool) {
        if withholding {
            self.withholding = true;
        } else {
            self.speak_again();
            self.flush();
        }
    }

    /// Whether it withholds.
    #[must_use]
    pub fn is_withholding(&self) -> bool {
        self.withholding
    }

    /// Broadcasts FAIL about itself: a replica has newer data and is to be elected. Links that
    /// open later are told, too.
    pub fn declare_self_failed(&mut self, now: Now) {
        self.now = now;
        self.fail_self();
        self.flush();
    }

    fn log(&mut self, level: Level, text: impl Into<String>) {
        self.log_of(self.origin, level, text);
    }

    fn log_of(&mut self, origin: Origin, level: Level, text: impl Into<String>) {
        self.events
            .push_back(ClusterEvent::Log(origin, level, text.into()));
    }
}
