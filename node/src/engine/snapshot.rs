//! RDB files: loading at the start, SAVE, BGSAVE, save points.

use crate::engine::{Acted, Engine};
use crate::io::DiskEvent;
use crate::resp::Reply;
use crate::session::Session;
use crate::time::Now;

impl Engine {
    /// Whether the data file is still being loaded (or a full sync is being received).
    pub(super) fn is_loading(&self) -> bool {
        false
    }

    /// Whether the last snapshot failed and writes must be refused (MISCONF).
    pub(super) fn snapshots_fail(&self) -> bool {
        false
    }

    /// `LoadBytes`, `LoadEnd`, `LoadFailed`.
    pub(super) fn on_load(&mut self, _event: DiskEvent<'_>, _now: Now) {}

    /// `SnapshotWritten`, `SnapshotSaved`, `SnapshotFailed`.
    pub(super) fn on_snapshot(&mut self, _event: DiskEvent<'_>, _now: Now) {}

    /// SAVE: `Waiting` until the file is in place.
    pub(super) fn save(&mut self, _session: &Session, _now: Now, _reply: &mut Reply) -> Acted {
        Acted::Replied
    }

    /// BGSAVE.
    pub(super) fn background_save(&mut self, _schedule: bool, _now: Now, _reply: &mut Reply) {}

    /// LASTSAVE.
    pub(super) fn last_save(&self, _reply: &mut Reply) {}

    /// So many changes were committed (for the save points).
    pub(super) fn count_changes(&mut self, _changes: u64) {}

    /// Ten times a second.
    pub(super) fn snapshot_cron(&mut self, _now: Now) {}

    /// INFO persistence, without its heading.
    pub(super) fn info_persistence(&self, _now: Now, _out: &mut String) {}
}
