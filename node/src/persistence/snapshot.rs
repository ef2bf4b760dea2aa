//! When a snapshot is made, and how far it has come. The walk hands out the data; this machine
//! says what to do with the file.

use bytes::Bytes;

use crate::config::SavePoint;
use crate::io::{DiskOp, SessionId};
use crate::time::Now;

/// How long the save points wait after a failed snapshot, in milliseconds.
const RETRY_MS: u64 = 5000;

/// What the node remembers of its snapshots.
#[derive(Debug)]
pub struct Snapshots {
    job: Option<Job>,
    scheduled: bool,
    /// Sessions that SAVE keeps waiting.
    waiting: Vec<SessionId>,
    /// Changes since the last snapshot that is in place.
    changes: u64,
    last_saved_unix: i64,
    last_saved_ms: u64,
    last_try_ms: u64,
    /// Why the last one failed, if it did.
    last_error: Option<String>,
    last_secs: Option<u64>,
    made: u64,
    failed: u64,
}

/// What INFO and the metrics say of snapshots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report<'a> {
    /// Changes since the last one that is in place.
    pub changes: u64,
    /// When that was put in place (or the process started), in unix seconds.
    pub last_saved_unix: i64,
    /// Why the last one failed; none if it did not, or none was tried.
    pub last_error: Option<&'a str>,
    /// How long the last one took, failed or not, in seconds.
    pub last_secs: Option<u64>,
    /// How long the present one has taken, in seconds.
    pub current_secs: Option<u64>,
    /// How many keys the present one has written, and how many there were when it began.
    pub current_keys: (u64, u64),
    /// How many were put in place by this process.
    pub made: u64,
    /// How many failed.
    pub failed: u64,
}

#[derive(Debug)]
struct Job {
    state: SnapshotState,
    started: Now,
    /// Changes that the file will hold.
    changes: u64,
    /// Keys that were written, and those that there were.
    keys: (u64, u64),
}

/// How far a snapshot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotState {
    /// The file is being opened.
    Opening,
    /// The file is open; the walk may start.
    Open,
    /// The walk writes it.
    Walking,
    /// It is being made durable.
    Committing,
}

/// How a snapshot ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Ended {
    /// Whose SAVE waited for it.
    pub waiting: Vec<SessionId>,
}

impl Snapshots {
    /// Nothing was saved by this process.
    #[must_use]
    pub fn new(now: Now) -> Snapshots {
        Snapshots {
            job: None,
            scheduled: false,
            waiting: Vec::new(),
            changes: 0,
            last_saved_unix: now.unix_ms() / 1000,
            last_saved_ms: now.mono_ms(),
            last_try_ms: 0,
            last_error: None,
            last_secs: None,
            made: 0,
            failed: 0,
        }
    }

    /// Counts changed keys.
    pub fn count(&mut self, changes: u64) {
        self.changes += changes;
    }

    /// The data set is as a file has it (it was just loaded).
    pub fn is_unchanged(&mut self) {
        self.changes = 0;
    }

    /// Changes since the last snapshot.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// How far the one in progress is.
    #[must_use]
    pub fn state(&self) -> Option<SnapshotState> {
        self.job.as_ref().map(|job| job.state)
    }

    /// Makes one as soon as it can begin. A session that waits for it is answered when it ends.
    pub fn schedule(&mut self, waiting: Option<SessionId>) {
        self.scheduled = true;
        self.waiting.extend(waiting);
    }

    /// Whether one begins now: it was asked for, a save point is reached, or the last one failed a
    /// while ago. Until one succeeds, writes are refused.
    #[must_use]
    pub fn is_due(&self, points: &[SavePoint], now: Now) -> bool {
        if self.job.is_some() {
            return false;
        }
        let elapsed = now.mono_ms().saturating_sub(self.last_saved_ms) / 1000;
        let reached = |point: &SavePoint| self.changes >= point.changes && elapsed > point.seconds;
        let wanted = match self.last_ok() {
            true => points.iter().any(reached),
            false => !points.is_empty() && now.mono_ms() > self.last_try_ms + RETRY_MS,
        };
        self.scheduled || wanted
    }

    /// Whether one was asked for and has not begun.
    #[must_use]
    pub fn is_scheduled(&self) -> bool {
        self.scheduled
    }

    /// Begins one. The walk may start when the file is [open](Self::opened).
    pub fn begin(&mut self, now: Now) -> DiskOp {
        self.scheduled = false;
        self.last_try_ms = now.mono_ms();
        let state = SnapshotState::Opening;
        self.job = Some(Job {
            state,
            started: now,
            changes: 0,
            keys: (0, 0),
        });
        DiskOp::SnapshotBegin
    }

    /// The file is open.
    pub fn opened(&mut self) {
        if let Some(job) = &mut self.job {
            job.state = SnapshotState::Open;
        }
    }

    /// The walk over so many keys starts at this moment.
    pub fn walking(&mut self, keys: u64) {
        let changes = self.changes;
        if let Some(job) = &mut self.job {
            job.state = SnapshotState::Walking;
            job.changes = changes;
            job.keys = (0, keys);
        }
    }

    /// The walk has written so many keys.
    pub fn wrote(&mut self, keys: u64) {
        if let Some(job) = &mut self.job {
            job.keys.0 = keys;
        }
    }

    /// The walk has handed everything out: the last bytes, and what to do then.
    pub fn walked(&mut self, rest: Bytes) -> [DiskOp; 2] {
        if let Some(job) = &mut self.job {
            job.state = SnapshotState::Committing;
        }
        [DiskOp::SnapshotWrite(rest), DiskOp::SnapshotCommit]
    }

    /// It is in place.
    pub fn saved(&mut self, now: Now) -> Ended {
        if let Some(job) = self.job.take() {
            self.changes -= job.changes.min(self.changes);
            self.last_secs = Some(job.secs(now));
        }
        self.last_saved_unix = now.unix_ms() / 1000;
        self.last_saved_ms = now.mono_ms();
        self.last_error = None;
        self.made += 1;
        self.ended()
    }

    /// It could not be made.
    pub fn failed(&mut self, reason: &str, now: Now) -> Ended {
        if let Some(job) = self.job.take() {
            self.last_secs = Some(job.secs(now));
        }
        self.last_error = Some(reason.to_owned());
        self.failed += 1;
        self.ended()
    }

    /// It is given up for something else, which says nothing about the disk.
    pub fn aborted(&mut self) -> Ended {
        self.job = None;
        self.ended()
    }

    fn ended(&mut self) -> Ended {
        // A SAVE that came while the file was being written waits for the next one.
        let waiting = if self.scheduled {
            Vec::new()
        } else {
            std::mem::take(&mut self.waiting)
        };
        Ended { waiting }
    }

    /// When the last one was put in place (or the process started), in unix seconds.
    #[must_use]
    pub fn last_saved_unix(&self) -> i64 {
        self.last_saved_unix
    }

    /// Whether the last one succeeded, or none was tried.
    #[must_use]
    pub fn last_ok(&self) -> bool {
        self.last_error.is_none()
    }

    /// What there is to be said of them.
    #[must_use]
    pub fn report(&self, now: Now) -> Report<'_> {
        Report {
            changes: self.changes,
            last_saved_unix: self.last_saved_unix,
            last_error: self.last_error.as_deref(),
            last_secs: self.last_secs,
            current_secs: self.job.as_ref().map(|job| job.secs(now)),
            current_keys: self.job.as_ref().map_or((0, 0), |job| job.keys),
            made: self.made,
            failed: self.failed,
        }
    }
}

impl Job {
    fn secs(&self, now: Now) -> u64 {
        now.mono_ms().saturating_sub(self.started.mono_ms()) / 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Now {
        let mono_us = secs * 1_000_000;
        Now {
            unix_us: mono_us.cast_signed() + 7_000_000,
            mono_us,
        }
    }

    const POINTS: [SavePoint; 2] = [
        SavePoint {
            seconds: 100,
            changes: 1,
        },
        SavePoint {
            seconds: 10,
            changes: 50,
        },
    ];

    #[test]
    fn a_save_point_needs_its_changes_and_its_time() {
        let mut snapshots = Snapshots::new(at(0));
        assert!(!snapshots.is_due(&POINTS, at(1000)));
        snapshots.count(49);
        assert!(!snapshots.is_due(&POINTS, at(100)));
        assert!(snapshots.is_due(&POINTS, at(101)));
        snapshots.count(1);
        assert!(snapshots.is_due(&POINTS, at(11)));
        assert!(!snapshots.is_due(&[], at(1000)));
    }

    #[test]
    fn counts_what_the_file_does_not_hold() {
        let mut snapshots = Snapshots::new(at(0));
        snapshots.count(10);
        assert!(matches!(snapshots.begin(at(1)), DiskOp::SnapshotBegin));
        snapshots.count(3);
        snapshots.opened();
        snapshots.walking(1);
        snapshots.count(4);
        assert!(!snapshots.is_due(&POINTS, at(1000)), "one at a time");
        snapshots.walked(Bytes::new());
        snapshots.saved(at(5));
        assert_eq!((snapshots.changes(), snapshots.last_saved_unix()), (4, 12));
    }

    #[test]
    fn a_failed_one_keeps_its_changes_and_is_tried_again() {
        let mut snapshots = Snapshots::new(at(0));
        snapshots.count(10);
        snapshots.begin(at(200));
        snapshots.opened();
        snapshots.failed("no room", at(203));
        let report = snapshots.report(at(204));
        assert_eq!(report.last_error, Some("no room"));
        assert_eq!((report.changes, report.failed, report.made), (10, 1, 0));
        assert_eq!((report.last_secs, report.current_secs), (Some(3), None));
        assert_eq!(report.last_saved_unix, 7, "that of the start");
        assert!(!snapshots.is_due(&POINTS, at(205)));
        assert!(snapshots.is_due(&POINTS, at(206)));
        snapshots.schedule(None);
        assert!(snapshots.is_due(&POINTS, at(201)), "unless it is asked for");
    }

    #[test]
    fn a_failed_one_is_tried_again_whatever_the_save_points_say() {
        let mut snapshots = Snapshots::new(at(0));
        snapshots.begin(at(1));
        snapshots.failed("no room", at(2));
        assert!(!snapshots.is_due(&POINTS, at(6)));
        assert!(snapshots.is_due(&POINTS, at(7)));
        assert!(!snapshots.is_due(&[], at(7)), "nothing is refused");
    }

    #[test]
    fn one_that_is_given_up_is_no_failure() {
        let mut snapshots = Snapshots::new(at(0));
        snapshots.count(10);
        snapshots.begin(at(200));
        snapshots.aborted();
        assert!(snapshots.last_ok());
        assert_eq!(snapshots.report(at(201)).changes, 10);
    }

    #[test]
    fn who_asks_during_one_waits_for_the_next() {
        let mut snapshots = Snapshots::new(at(0));
        snapshots.begin(at(1));
        snapshots.schedule(Some(SessionId::new(4, 0)));
        assert_eq!(snapshots.saved(at(2)), Ended { waiting: vec![] });
        assert!(snapshots.is_due(&[], at(2)));
        snapshots.begin(at(2));
        assert_eq!(
            snapshots.saved(at(3)),
            Ended {
                waiting: vec![SessionId::new(4, 0)]
            }
        );
    }
}
