//! A master that restarts holds back until it has shown itself current.

use crate::engine::Engine;
use crate::io::{LinkEvent, LinkId};
use crate::resp::Reply;
use crate::time::Now;

impl Engine {
    /// Whether the node withholds: keyed commands, PSYNC and SYNC get -LOADING.
    pub(super) fn is_withholding(&self) -> bool {
        false
    }

    /// The data file is loaded: decides whether to withhold, and starts asking.
    pub(super) fn start_withholding(&mut self, _now: Now) {}

    /// SLOTKEEPER SERVE.
    pub(super) fn end_withholding(&mut self, _run_id: &[u8], _now: Now, _reply: &mut Reply) {}

    /// Something happened on an enquiry's link.
    pub(super) fn on_enquiry_link(&mut self, _link: LinkId, _event: LinkEvent<'_>, _now: Now) {}

    /// Ten times a second.
    pub(super) fn withhold_cron(&mut self, _now: Now) {}
}
