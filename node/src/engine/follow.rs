//! The node as a replica: its link to its master.

mod payload;

pub(super) use payload::Loader;

use std::net::SocketAddr;

use self::payload::Incoming;
use crate::data::WalkWait;
use crate::engine::Engine;
use crate::engine::sessions::STREAM;
use crate::io::{Level, LinkEvent, LinkId, Origin, Output};
use crate::replication::ReplId;
use crate::replication::upstream::{Settings, Step, Upstream, UpstreamEvent};
use crate::time::Now;

/// The memory for an unfinished command is given back if it took more than this, in bytes.
const UNFINISHED_KEPT: usize = 64 * 1024;

/// What the cluster, health and admission ask of the link to our master.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MasterLink {
    /// In sync and streaming.
    pub(super) up: bool,
    /// Since when it is down, in milliseconds of the monotonic scale; none while up, or when it
    /// never was up.
    pub(super) down_since: Option<u64>,
    /// No full sync was cut short: the data set is one that the master once had.
    pub(super) complete: bool,
}

/// What the keys of this node are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum DataSet {
    /// Nothing was ever loaded, received or written as a master.
    #[default]
    Fresh,
    /// The state of one moment of its history.
    Complete,
    /// What a full sync that did not end has left.
    Partial,
}

impl DataSet {
    pub(super) fn is_complete(self) -> bool {
        self == DataSet::Complete
    }
}

/// What the node remembers as a replica.
#[derive(Default)]
pub(super) struct Following {
    upstream: Option<Upstream>,
    data_set: DataSet,
    /// The full sync that is being received.
    incoming: Option<Incoming>,
    /// The beginning of a command of the stream whose end has not arrived.
    unfinished: Vec<u8>,
    /// What the walk lets the first command of `unfinished` wait for.
    pub(super) held: Option<WalkWait>,
    /// The master wants to hear our offset now.
    pub(super) ack_wanted: bool,
}

impl Following {
    /// The link to our master; none for a master.
    pub(super) fn upstream(&self) -> Option<&Upstream> {
        self.upstream.as_ref()
    }

    /// What is kept of the stream, or of a full sync, until it can be used, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.unfinished.capacity() + self.incoming.as_ref().map_or(0, Incoming::memory)
    }

    pub(super) fn data_set(&self) -> DataSet {
        self.data_set
    }

    pub(super) fn set_data_set(&mut self, data_set: DataSet) {
        self.data_set = data_set;
    }

    /// Whether the payload of a full sync is being received, and has replaced our keys.
    pub(super) fn is_receiving(&self) -> bool {
        self.incoming.as_ref().is_some_and(Incoming::has_begun)
    }
}

impl Engine {
    /// Follows that master from now on (the cluster says so).
    pub(super) fn follow(&mut self, master: SocketAddr, now: Now) {
        let settings = self.upstream_settings();
        if let Some(upstream) = &mut self.replication.following.upstream {
            upstream.set_settings(settings.clone());
            if upstream.master() == master {
                return;
            }
        }
        let was_master = self.replication.following.upstream.is_none();
        self.close_upstream(now);
        self.drop_all_replicas("this node follows another master now");
        if was_master {
            self.became_replica(now);
        }
        let text = format!("Following the master at {master}");
        self.log_of(Origin::Master, Level::Notice, text);
        self.replication.following.upstream = Some(Upstream::new(master, settings, now));
        if !self.is_loading() {
            self.upstream_cron(now);
        }
    }

    /// A master's own data set is complete by definition; an empty one shows nothing, though.
    fn became_replica(&mut self, now: Now) {
        self.replication.stream.keep(self.config.repl_backlog_size);
        let following = &mut self.replication.following;
        if following.data_set == DataSet::Fresh && !self.data.is_empty() {
            following.data_set = DataSet::Complete;
        }
        self.withholding_is_over("another node is the master of this shard now", now);
    }

    /// Is a master from now on.
    pub(super) fn stop_following(&mut self, now: Now) {
        if self.is_loading_file() {
            return;
        }
        self.close_upstream(now);
        self.replication.following.upstream = None;
        self.drop_all_replicas("this node is a master now, its history has a new id");
        let id = ReplId::from_bits(self.random.bytes());
        let (old, offset) = (
            self.replication.stream.id(),
            self.replication.stream.offset(),
        );
        self.replication
            .stream
            .promote(id, self.config.repl_backlog_size);
        let end = offset + 1;
        self.log(
            Level::Warning,
            format!(
                "Setting secondary replication ID to {old}, valid up to offset: {end}. New \
                 replication ID is {id}"
            ),
        );
        if self.replication.following.data_set == DataSet::Partial {
            let text = "This node is a master now although its data set is incomplete";
            self.log(Level::Warning, text);
        }
        self.replication.following.data_set = DataSet::Complete;
    }

    fn close_upstream(&mut self, now: Now) {
        if let Some(upstream) = &mut self.replication.following.upstream {
            upstream.close(now);
        }
        self.drain_upstream();
        self.forget_unfinished();
    }

    /// What has not been received to its end is worth nothing without its link.
    fn forget_unfinished(&mut self) {
        self.replication.following.unfinished = Vec::new();
        self.drop_restoring(STREAM);
        self.replication.following.held = None;
        if self
            .replication
            .following
            .incoming
            .take()
            .is_some_and(|sync| sync.has_begun())
        {
            self.log_of(
                Origin::Master,
                Level::Warning,
                "The full sync was cut short: the data set is incomplete",
            );
        }
    }

    fn upstream_settings(&self) -> Settings {
        let config = &self.config;
        let port = match config.cluster_announce_port {
            0 => config.port,
            port => port,
        };
        Settings {
            user: config.masteruser.clone(),
            password: config.masterauth.clone(),
            listening_port: port,
            announced_ip: config.cluster_announce_ip.clone(),
            timeout_ms: config.repl_timeout * 1000,
            from: config.bind_source_addr,
        }
    }

    /// The link to our master; none for a master.
    pub(super) fn master_link(&self) -> Option<MasterLink> {
        let following = &self.replication.following;
        following.upstream.as_ref().map(|upstream| MasterLink {
            up: upstream.is_up(),
            down_since: upstream.down_since(),
            complete: following.data_set.is_complete(),
        })
    }

    /// Ten times a second.
    pub(super) fn upstream_cron(&mut self, now: Now) {
        if self.is_loading_file() || self.replication.following.upstream.is_none() {
            return;
        }
        let settings = self.upstream_settings();
        let offset = self.replication.stream.offset();
        let next_link = self.replication.upstream_link();
        if let Some(upstream) = &mut self.replication.following.upstream {
            upstream.set_settings(settings);
            upstream.on_timer(offset, next_link, now);
        }
        self.after_upstream();
    }

    /// CLIENT KILL has named the link to our master.
    pub(super) fn kill_upstream(&mut self, now: Now) {
        if let Some(upstream) = &mut self.replication.following.upstream {
            upstream.kill(now);
        }
        self.after_upstream();
    }

    /// Carries out what the link wants, and drops what a lost link leaves behind.
    fn after_upstream(&mut self) {
        self.drain_upstream();
        let following = &self.replication.following;
        let needed = |upstream: &Upstream| upstream.is_up() || upstream.is_syncing();
        if !following.upstream.as_ref().is_some_and(needed) {
            self.forget_unfinished();
        }
    }

    fn drain_upstream(&mut self) {
        while let Some(event) = self
            .replication
            .following
            .upstream
            .as_mut()
            .and_then(Upstream::poll_event)
        {
            match event {
                UpstreamEvent::Link(link, op) => self.out(Output::Link(link, op)),
                UpstreamEvent::Log(level, text) => self.log_of(Origin::Master, level, text),
            }
        }
    }

    /// Something happened on the link to our master.
    pub(super) fn on_upstream_link(&mut self, link: LinkId, event: LinkEvent<'_>, now: Now) {
        let Some(upstream) = &mut self.replication.following.upstream else {
            return;
        };
        if !upstream.owns(link) {
            return;
        }
        upstream.on_link(&event, now);
        if let LinkEvent::Bytes(mut input) = event {
            self.stats.replication.input += input.len() as u64;
            while let Some(step) = self.next_upstream_step(&mut input, now) {
                self.drain_upstream();
                self.on_upstream_step(step, &mut input, now);
            }
        }
        self.after_upstream();
    }

    fn next_upstream_step<'a>(&mut self, input: &mut &'a [u8], now: Now) -> Option<Step<'a>> {
        let history = match self.replication.following.data_set {
            DataSet::Complete => Some((
                self.replication.stream.id(),
                self.replication.stream.offset() + 1,
            )),
            DataSet::Fresh | DataSet::Partial => None,
        };
        self.replication
            .following
            .upstream
            .as_mut()?
            .next_step(input, history, now)
    }

    fn on_upstream_step(&mut self, step: Step<'_>, input: &mut &[u8], now: Now) {
        match step {
            Step::FullSync { id, offset } => {
                self.replication.following.incoming = Some(Incoming::new(id, offset));
            }
            Step::Payload(bytes) => {
                let fed = match self.receive_payload(bytes, now) {
                    Ok(fed) => fed,
                    Err(reason) => return self.fail_upstream(&reason, now),
                };
                let upstream = self.replication.following.upstream.as_mut();
                let step = upstream
                    .and_then(|upstream| upstream.payload_fed(input, fed.consumed, fed.done, now));
                if let Some(step) = step {
                    self.on_upstream_step(step, input, now);
                }
            }
            Step::Synced => self.synced(now),
            Step::Continue { id } => {
                if let Some(id) = id {
                    self.replication.stream.renamed(id);
                }
                self.acknowledge(now);
            }
            Step::Stream(bytes) => self.on_stream(bytes, now),
        }
    }

    fn fail_upstream(&mut self, reason: &str, now: Now) {
        if let Some(upstream) = &mut self.replication.following.upstream {
            upstream.fail(reason, now);
        }
    }

    /// The payload is complete: this is the master's data set at that offset.
    fn synced(&mut self, now: Now) {
        let Some(incoming) = self.replication.following.incoming.take() else {
            return;
        };
        self.replication.stream.keep(self.config.repl_backlog_size);
        self.replication
            .stream
            .adopt(incoming.id(), None, incoming.offset());
        self.invariants.forget_history();
        self.replication.following.data_set = DataSet::Complete;
        self.stats.loaded = incoming.loaded();
        let keys = self.stats.loaded.keys;
        self.replication.snapshots.count(keys);
        self.log(
            Level::Notice,
            format!("The data set is received: {keys} keys"),
        );
        self.acknowledge(now);
    }

    fn acknowledge(&mut self, now: Now) {
        let offset = self.replication.stream.offset();
        if let Some(upstream) = &mut self.replication.following.upstream {
            upstream.acknowledge(offset, now);
        }
    }

    /// Goes on with the stream that a walk held.
    pub(super) fn resume_stream(&mut self, now: Now) {
        self.replication.following.held = None;
        self.on_stream(&[], now);
        self.after_upstream();
    }

    /// Executes the commands of the stream that are complete, and passes them on as they are.
    fn on_stream(&mut self, bytes: &[u8], now: Now) {
        let mut unfinished = std::mem::take(&mut self.replication.following.unfinished);
        let held = !unfinished.is_empty();
        if held {
            unfinished.extend_from_slice(bytes);
        }
        let input = if held { &unfinished[..] } else { bytes };
        let consumed = match self.apply_stream(input, now) {
            Ok(consumed) => consumed,
            Err(reason) => {
                self.log(
                    Level::Warning,
                    format!("The master's stream cannot be followed: {reason}"),
                );
                return self.fail_upstream(&reason, now);
            }
        };
        self.replication.stream.relay(&input[..consumed]);
        if held {
            unfinished.drain(..consumed);
            if unfinished.is_empty() && unfinished.capacity() > UNFINISHED_KEPT {
                unfinished = Vec::new();
            }
        } else {
            unfinished.extend_from_slice(&bytes[consumed..]);
        }
        self.replication.following.unfinished = unfinished;
        if consumed > 0 {
            self.offset_moved(now);
        }
        if std::mem::take(&mut self.replication.following.ack_wanted) {
            self.acknowledge(now);
        }
    }
}
