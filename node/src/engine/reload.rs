//! DEBUG RELOAD: the data set is saved, emptied, and loaded again.
//!
//! Writers wait from the request on, so that nothing is lost between what is saved and what is
//! loaded.

use super::parking::Parked;
use super::snapshot::Load;
use crate::engine::{Acted, Engine};
use crate::io::{DiskOp, Level, Output, SessionId};
use crate::replication::ReplId;
use crate::resp::Reply;
use crate::time::Now;

/// A reload under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reload {
    /// Who asked for it.
    pub(super) session: SessionId,
    options: Options,
}

#[derive(Clone, Copy, Debug, Default)]
struct Options {
    /// What the file has replaces keys that are there.
    merge: bool,
    keep: bool,
    as_it_is: bool,
}

impl Options {
    fn parse(words: &[&str]) -> Option<Options> {
        let mut options = Options::default();
        for word in words {
            match *word {
                "merge" => options.merge = true,
                "noflush" => options.keep = true,
                "nosave" => options.as_it_is = true,
                _ => return None,
            }
        }
        Some(options)
    }

    /// Whether the data set may be another one afterwards.
    fn may_change(self) -> bool {
        self.as_it_is || self.keep
    }
}

impl Engine {
    /// DEBUG RELOAD [MERGE] [NOFLUSH] [NOSAVE]: `Waiting` until it is loaded.
    pub(super) fn debug_reload(
        &mut self,
        words: &[&str],
        session: SessionId,
        now: Now,
        reply: &mut Reply,
    ) -> Acted {
        let refusal = match Options::parse(words) {
            None => "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.",
            Some(_) if self.in_exec() => "ERR DEBUG RELOAD cannot be part of a transaction",
            Some(_) if self.is_replica => "ERR DEBUG RELOAD is for masters",
            Some(_) if self.reload.is_some() => "ERR A reload is already in progress",
            Some(_) if !self.may_save() => "LOADING Redis is loading the dataset in memory",
            Some(options) => {
                self.reload = Some(Reload { session, options });
                self.pause.set_by_reload(true);
                self.park(session, Parked::Reply);
                if options.as_it_is {
                    self.load_again();
                } else {
                    self.replication.snapshots.schedule(Some(session));
                    self.begin_due_snapshot(now);
                }
                return Acted::Waiting;
            }
        };
        reply.error(refusal);
        Acted::Replied
    }

    /// The snapshot that a session waited for is in place: whether the session goes on to load it.
    pub(super) fn saved_for_reload(&mut self, session: SessionId) -> bool {
        let waits = self.reload.is_some_and(|reload| reload.session == session);
        if waits {
            self.load_again();
        }
        waits
    }

    /// The snapshot that a session waited for could not be made.
    pub(super) fn not_saved_for_reload(&mut self, session: SessionId) {
        if self.reload.is_some_and(|reload| reload.session == session) {
            self.end_reload();
        }
    }

    fn load_again(&mut self) {
        let Some(Reload { options, .. }) = self.reload else {
            return;
        };
        if options.may_change() {
            let id = ReplId::from_bits(self.random.bytes());
            self.replication.stream.start_anew(id);
            self.drop_all_replicas("DEBUG RELOAD replaces the data set");
        }
        if !options.keep {
            self.data.flush(None);
            self.data.drain_changes();
        }
        self.replication.load = Load::default();
        self.replication
            .load
            .keep_existing(options.keep && !options.merge);
        self.out(Output::Disk(DiskOp::Load));
    }

    /// The file was loaded, or could not be: then nothing of a data set is kept that is not whole.
    pub(super) fn reloaded(&mut self, result: Result<u64, &str>) {
        self.replication.load.end();
        let Some(Reload { session, options }) = self.reload else {
            return;
        };
        let reply = match result {
            Ok(keys) => {
                let text = format!("DB reloaded by DEBUG RELOAD: {keys} keys");
                self.log(Level::Warning, text);
                if !options.keep {
                    self.replication.snapshots.is_unchanged();
                }
                "+OK\r\n"
            }
            Err(reason) => {
                self.log(Level::Warning, format!("DEBUG RELOAD failed: {reason}"));
                if !options.keep {
                    self.data.flush(None);
                }
                "-ERR Error trying to load the RDB dump, check server logs.\r\n"
            }
        };
        self.data.drain_changes();
        self.end_reload();
        self.resume_with(session, reply.as_bytes().to_vec());
    }

    fn end_reload(&mut self) {
        self.reload = None;
        self.pause.set_by_reload(false);
        if !self.pause.any() {
            self.resume_paused();
        }
    }
}
