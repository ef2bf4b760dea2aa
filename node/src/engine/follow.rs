//! The node as a replica: its link to its master.

use std::net::SocketAddr;

use crate::engine::Engine;
use crate::io::{LinkEvent, LinkId};
use crate::time::Now;

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

impl Engine {
    /// Follows that master from now on (the cluster says so).
    pub(super) fn follow(&mut self, _master: SocketAddr, _now: Now) {}

    /// Is a master from now on.
    pub(super) fn stop_following(&mut self, _now: Now) {}

    /// The link to our master; none for a master.
    pub(super) fn master_link(&self) -> Option<MasterLink> {
        None
    }

    /// Something happened on the link to our master.
    pub(super) fn on_upstream_link(&mut self, _link: LinkId, _event: LinkEvent<'_>, _now: Now) {}
}
