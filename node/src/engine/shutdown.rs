//! SHUTDOWN and the signals that ask for it.

use crate::engine::{Acted, Engine};
use crate::request::ShutdownRequest;
use crate::resp::Reply;
use crate::session::Session;
use crate::time::Now;

impl Engine {
    /// SHUTDOWN.
    pub(super) fn shutdown(
        &mut self,
        _request: ShutdownRequest,
        _session: &Session,
        _now: Now,
        _reply: &mut Reply,
    ) -> Acted {
        Acted::Replied
    }

    /// SIGTERM or SIGINT.
    pub(super) fn terminate(&mut self, _now: Now) {}

    /// Ten times a second.
    pub(super) fn shutdown_cron(&mut self, _now: Now) {}
}
