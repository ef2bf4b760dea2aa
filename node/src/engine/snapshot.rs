//! RDB files: loading at the start, SAVE, BGSAVE, save points.

use super::follow::DataSet;
use super::follow::Loader;
use super::info::{COPY_ON_WRITE, Fields, NO_LOG};
use super::parking::Parked;
use super::sync::WalkTarget;
use crate::cluster::Cluster;
use crate::engine::{Acted, Engine};
use crate::io::{DiskEvent, DiskOp, Level, Output, SessionId};
use crate::persistence::rdb::{RdbItem, RdbReader, SECOND_ID};
use crate::persistence::snapshot::Report;
use crate::replication::ReplId;
use crate::replication::withhold::Held;
use crate::resp::Reply;
use crate::time::Now;

/// The answer to SAVE while there is no whole data set.
const INCOMPLETE: &str = "ERR The data set is incomplete until the sync with the master is done";

/// The data file on its way into the keyspace.
#[derive(Default)]
pub(super) struct Load {
    reader: RdbReader,
    loader: Loader,
    begun: bool,
    ended: bool,
    /// The keys up to here were paid for (`key-load-delay`).
    delayed: u64,
    id: Option<ReplId>,
    offset: Option<u64>,
    second: Option<(ReplId, u64)>,
}

impl Load {
    /// Whether a key that is there already is an error.
    pub(super) fn keep_existing(&mut self, keep: bool) {
        self.loader.keep_existing = keep;
    }

    /// Nothing more is taken up.
    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    /// Takes up a remark about the history of the data.
    fn remark(&mut self, name: &[u8], value: &[u8]) {
        let text = || std::str::from_utf8(value).unwrap_or_default();
        match name {
            b"repl-id" => self.id = ReplId::parse(value),
            b"repl-offset" => self.offset = text().parse().ok(),
            SECOND_ID => {
                self.second = text()
                    .split_once(':')
                    .and_then(|(id, end)| Some((ReplId::parse(id.as_bytes())?, end.parse().ok()?)));
            }
            _ => {}
        }
    }

    fn held(&self) -> Option<Held> {
        let (id, offset) = (self.id?, self.offset?);
        Some(Held {
            id,
            offset,
            second: self.second,
        })
    }
}

/// How long so many keys take longer by `key-load-delay` or `rdb-key-save-delay`, in microseconds.
pub(super) fn delay_us(keys: u64, delay: i64) -> u64 {
    match delay {
        ..0 => keys / delay.unsigned_abs(),
        _ => keys.saturating_mul(delay.unsigned_abs()),
    }
}

impl Engine {
    /// Whether the data file is still being loaded (or a full sync is being received).
    pub(super) fn is_loading(&self) -> bool {
        self.is_loading_file() || self.replication.following.is_receiving()
    }

    /// Whether the data file is still being loaded.
    pub(super) fn is_loading_file(&self) -> bool {
        !self.replication.load.ended
    }

    /// Whether the last snapshot failed and writes must be refused (MISCONF).
    pub(super) fn snapshots_fail(&self) -> bool {
        !self.replication.snapshots.last_ok() && !self.config.save.is_empty()
    }

    /// How many bytes of the data file are to be given at once.
    #[must_use]
    pub fn load_piece_bytes(&self) -> usize {
        self.config.loading_process_events_interval_bytes
    }

    /// How long the next piece of the data file is to wait, in milliseconds, so that each key takes
    /// `key-load-delay`. Told once for the keys that came.
    pub fn load_delay_ms(&mut self) -> u64 {
        let load = &mut self.replication.load;
        let keys = load.loader.keys - load.delayed;
        let millis = delay_us(keys, self.config.key_load_delay) / 1000;
        if millis > 0 {
            load.delayed = load.loader.keys;
        }
        millis
    }

    /// `LoadBytes`, `LoadEnd`, `LoadFailed`.
    pub(super) fn on_load(&mut self, event: DiskEvent<'_>, now: Now) {
        match event {
            // The rest of a file whose beginning was refused.
            _ if self.replication.load.ended => {}
            DiskEvent::LoadBytes(bytes) => {
                if let Err(reason) = self.load(bytes, now) {
                    self.give_up_loading(&reason);
                }
            }
            DiskEvent::LoadEnd => {
                let load = &self.replication.load;
                if self.reload.is_some() && !load.begun {
                    self.give_up_loading("there is no such file");
                } else if load.begun && !load.reader.is_done() {
                    self.give_up_loading("Unexpected end of the RDB data");
                } else {
                    self.file_loaded(now);
                }
            }
            DiskEvent::LoadFailed(reason) => self.give_up_loading(reason),
            _ => {}
        }
    }

    fn give_up_loading(&mut self, reason: &str) {
        if self.reload.is_some() {
            self.reloaded(Err(reason));
            return;
        }
        let (dir, file) = (&self.config.dir, &self.config.dbfilename);
        let text = format!("Fatal error loading the DB from {dir}/{file}: {reason}. Exiting.");
        self.log(Level::Warning, text);
        self.out(Output::Exit(1));
    }

    fn load(&mut self, bytes: &[u8], now: Now) -> Result<(), String> {
        // After a reload they expire as they would have without it.
        let drop_expired = self.starts_as_master() && self.reload.is_none();
        let limits = self.config.limits();
        let mut load = std::mem::take(&mut self.replication.load);
        load.begun = true;
        self.data.begin(now, false);
        let (mut reader, mut loader) = (
            std::mem::take(&mut load.reader),
            std::mem::take(&mut load.loader),
        );
        let data = &mut self.data;
        let fed = reader.feed(bytes, &mut |item| {
            if let RdbItem::Aux { name, value } = &item {
                load.remark(name, value);
            }
            loader.put(data, item, drop_expired, limits, now)
        });
        (load.reader, load.loader) = (reader, loader);
        self.replication.load = load;
        let fed = fed.map_err(|error| error.to_string())?;
        if fed.consumed < bytes.len() {
            return Err("More data follow the end of the RDB file".to_owned());
        }
        Ok(())
    }

    /// Whether this node starts as a master: nodes.conf says so, or there is no cluster.
    fn starts_as_master(&self) -> bool {
        self.cluster.as_deref().is_none_or(Cluster::is_master)
    }

    /// The whole file is in the keyspace, or there is none.
    fn file_loaded(&mut self, now: Now) {
        self.stats.loaded = self.replication.load.loader.loaded();
        if self.reload.is_some() {
            self.reloaded(Ok(self.replication.load.loader.keys));
            return;
        }
        let load = &mut self.replication.load;
        load.ended = true;
        let (begun, keys, held) = (load.begun, load.loader.keys, load.held());
        if begun {
            let secs = (now.mono_us - self.started.mono_us) as f64 / 1e6;
            self.log(
                Level::Notice,
                format!("DB loaded from disk: {secs:.3} seconds, {keys} keys"),
            );
            self.replication.following.set_data_set(DataSet::Complete);
        }
        self.replication.held = held;
        self.replication.snapshots.is_unchanged();
        let master = self.starts_as_master();
        if let Some(held) = held {
            self.replication
                .stream
                .adopt(held.id, held.second, held.offset);
            if master {
                let id = ReplId::from_bits(self.random.bytes());
                self.replication
                    .stream
                    .promote(id, self.config.repl_backlog_size);
            }
        }
        self.start_withholding(now);
        self.upstream_cron(now);
    }

    /// `SnapshotWritten`, `SnapshotSaved`, `SnapshotFailed`.
    pub(super) fn on_snapshot(&mut self, event: DiskEvent<'_>, now: Now) {
        use crate::persistence::snapshot::SnapshotState;
        match event {
            DiskEvent::SnapshotWritten(len) => match self.replication.snapshots.state() {
                Some(SnapshotState::Opening) => self.replication.snapshots.opened(),
                _ => self.walk_written(&WalkTarget::Snapshot, len),
            },
            DiskEvent::SnapshotSaved => {
                let ended = self.replication.snapshots.saved(now);
                self.log(Level::Notice, "DB saved on disk");
                for session in ended.waiting {
                    if !self.saved_for_reload(session) {
                        self.resume_with(session, b"+OK\r\n".to_vec());
                    }
                }
                self.snapshot_ended(true);
            }
            DiskEvent::SnapshotFailed(reason) => {
                self.stop_walk_to(&WalkTarget::Snapshot);
                let ended = self.replication.snapshots.failed(reason, now);
                self.log(Level::Warning, format!("Error saving DB on disk: {reason}"));
                for session in ended.waiting {
                    self.not_saved_for_reload(session);
                    self.resume_with(
                        session,
                        b"-ERR the snapshot failed, see the log\r\n".to_vec(),
                    );
                }
                self.snapshot_ended(false);
            }
            _ => {}
        }
    }

    /// SAVE: `Waiting` until the file is in place.
    pub(super) fn save(&mut self, id: SessionId, now: Now, reply: &mut Reply) -> Acted {
        if self.replication.snapshots.state().is_some() {
            reply.error("ERR Background save already in progress");
            return Acted::Replied;
        }
        if !self.may_save() {
            reply.error(INCOMPLETE);
            return Acted::Replied;
        }
        self.park(id, Parked::Reply);
        self.replication.snapshots.schedule(Some(id));
        self.begin_due_snapshot(now);
        Acted::Waiting
    }

    /// BGSAVE.
    pub(super) fn background_save(&mut self, schedule: bool, now: Now, reply: &mut Reply) {
        let in_progress = self.replication.snapshots.state().is_some();
        if in_progress && !schedule {
            reply.error("ERR Background save already in progress");
            return;
        }
        if !self.may_save() {
            reply.error(INCOMPLETE);
            return;
        }
        self.replication.snapshots.schedule(None);
        self.begin_due_snapshot(now);
        if in_progress {
            reply.simple("Background saving scheduled");
        } else {
            reply.simple("Background saving started");
        }
    }

    /// LASTSAVE.
    pub(super) fn last_save(&self, reply: &mut Reply) {
        reply.integer(self.replication.snapshots.last_saved_unix());
    }

    /// Counts committed changes (for the save points).
    pub(super) fn count_changes(&mut self, changes: u64) {
        self.replication.snapshots.count(changes);
    }

    /// Ten times a second.
    pub(super) fn snapshot_cron(&mut self, now: Now) {
        self.begin_due_snapshot(now);
    }

    /// Half a data set must not replace the file of a whole one.
    pub(super) fn may_save(&self) -> bool {
        !self.is_loading() && self.replication.following.data_set() != DataSet::Partial
    }

    pub(super) fn begin_due_snapshot(&mut self, now: Now) {
        let due = self.replication.snapshots.is_due(&self.config.save, now);
        if !due || !self.may_save() {
            return;
        }
        if !self.replication.snapshots.is_scheduled() {
            let changes = self.replication.snapshots.changes();
            self.log(
                Level::Notice,
                format!("{changes} changes since the last snapshot. Saving..."),
            );
        }
        let op = self.replication.snapshots.begin(now);
        self.out(Output::Disk(op));
    }

    /// Throws away the snapshot that is being made, if any.
    pub(super) fn abort_snapshot(&mut self) {
        if self.replication.snapshots.state().is_some() {
            self.stop_walk_to(&WalkTarget::Snapshot);
            self.replication.snapshots.aborted();
            self.out(Output::Disk(DiskOp::SnapshotAbort));
        }
    }

    /// INFO persistence, without its heading.
    pub(super) fn info_persistence(&self, now: Now, fields: &mut Fields) {
        let Report {
            changes,
            last_saved_unix,
            last_error,
            last_secs,
            current_secs,
            current_keys: (saved, keys),
            made,
            failed,
        } = self.replication.snapshots.report(now);
        let status = if last_error.is_none() { "ok" } else { "err" };
        let secs = |secs: Option<u64>| secs.map_or(-1, u64::cast_signed);
        fields.field("loading", u8::from(self.is_loading()));
        fields.field("async_loading", 0);
        let progress = saved as f64 * 100.0 / keys.max(1) as f64;
        fields.constant(COPY_ON_WRITE);
        fields.field("current_fork_perc", format_args!("{progress:.2}"));
        fields.field("current_save_keys_processed", saved);
        fields.field("current_save_keys_total", keys);
        fields.field("rdb_changes_since_last_save", changes);
        fields.field("rdb_bgsave_in_progress", u8::from(current_secs.is_some()));
        fields.field("rdb_last_save_time", last_saved_unix);
        fields.field("rdb_last_bgsave_status", status);
        fields.field("rdb_last_bgsave_time_sec", secs(last_secs));
        fields.field("rdb_current_bgsave_time_sec", secs(current_secs));
        fields.field("rdb_saves", made);
        fields.field("rdb_last_cow_size", 0);
        fields.field("rdb_last_load_keys_expired", self.stats.loaded.expired);
        fields.field("rdb_last_load_keys_loaded", self.stats.loaded.keys);
        fields.field("slotkeeper_snapshot_failures", failed);
        fields.field("slotkeeper_snapshot_error", last_error.unwrap_or_default());
        fields.constant(NO_LOG);
    }
}
