//! CONFIG GET, SET, REWRITE and RESETSTAT.

use super::actions::is_local;
use super::parking::Parked;
use crate::config::Changes;
use crate::engine::{Acted, Engine};
use crate::io::{Denied, DiskOp, Level, Output, SessionId};
use crate::request::ConfigRequest;
use crate::resp::Reply;
use crate::time::Now;

/// A CONFIG SET that waits for what it needs of the machine.
#[derive(Debug)]
pub(super) struct Wanted {
    pairs: Vec<(Vec<u8>, Vec<u8>)>,
    local: bool,
}

impl Engine {
    pub(super) fn config_request(
        &mut self,
        request: ConfigRequest,
        id: SessionId,
        now: Now,
        reply: &mut Reply,
    ) -> Acted {
        match request {
            ConfigRequest::Get(patterns) => {
                let found = self.config.get(&patterns);
                reply.map(found.len());
                for (name, value) in found {
                    reply.bulk(name.as_bytes());
                    reply.bulk(&value);
                }
            }
            ConfigRequest::Set(pairs) => return self.config_set(pairs, id, now, reply),
            ConfigRequest::ResetStat => {
                self.stats.reset(self.stopwatch.calls());
                self.slot_stats.reset();
                self.data.reset_stats();
                self.eviction = Default::default();
                reply.ok();
            }
            ConfigRequest::Rewrite => return self.config_rewrite(id, reply),
        }
        Acted::Replied
    }

    /// CONFIG SET: all of it or nothing. What needs something of the machine waits for that.
    fn config_set(
        &mut self,
        pairs: Vec<(Vec<u8>, Vec<u8>)>,
        id: SessionId,
        now: Now,
        reply: &mut Reply,
    ) -> Acted {
        let local = is_local(self.sessions.at(id));
        let mut config = self.config.clone();
        let changes = match config.set_all(&pairs, local) {
            Ok(changes) => changes,
            Err(refused) => {
                reply.error(&refused);
                return Acted::Replied;
            }
        };
        let Some(needs) = changes.needs(&config) else {
            self.config = config;
            self.carry_out_changes(&changes, now);
            reply.ok();
            return Acted::Replied;
        };
        if self.in_exec() {
            reply.error("ERR CONFIG SET waits for the system here: not inside a transaction");
            return Acted::Replied;
        }
        let wanted = Wanted { pairs, local };
        self.wanted.insert(id, wanted);
        self.park(id, Parked::Reply);
        self.out(Output::Acquire { session: id, needs });
        Acted::Waiting
    }

    /// The machine gives what a CONFIG SET needs, or does not.
    pub fn on_acquired(&mut self, session: SessionId, result: Result<(), Denied>, now: Now) {
        let Some(Wanted { pairs, local }) = self.wanted.remove(&session) else {
            return;
        };
        let denied = |denied: Denied| Changes::denied(denied.directive, &denied.reason);
        let set = result
            .map_err(denied)
            .and_then(|()| self.config.set_all(&pairs, local));
        let mut reply = Reply::new();
        match set {
            Ok(changes) => {
                self.carry_out_changes(&changes, now);
                reply.ok();
            }
            Err(refused) => reply.error(&refused),
        }
        self.resume_with(session, reply);
    }

    fn carry_out_changes(&mut self, changes: &Changes, now: Now) {
        for change in changes.reconfigure(&self.config) {
            self.out(Output::Reconfigure(change));
        }
        if let Some(text) = changes.not_kept(&self.config) {
            self.log(Level::Warning, text);
        }
        self.config_changed(now);
    }

    fn config_rewrite(&mut self, id: SessionId, reply: &mut Reply) -> Acted {
        if self.boot.config_file.is_none() {
            reply.error("ERR The server is running without a config file");
            return Acted::Replied;
        }
        if self.in_exec() {
            reply.error("ERR CONFIG REWRITE waits for the file: not inside a transaction");
            return Acted::Replied;
        }
        let text = (self.config).rewrite(self.boot.config_text.as_deref().unwrap_or_default());
        self.out(Output::Disk(DiskOp::RewriteConfig { session: id, text }));
        self.park(id, Parked::Reply);
        Acted::Waiting
    }

    /// The configuration file was rewritten, or not.
    pub(super) fn config_rewritten(&mut self, session: SessionId, result: Result<(), &str>) {
        let mut reply = Reply::new();
        match result {
            Ok(()) => reply.ok(),
            Err(why) => reply.error(&format!("ERR Rewriting config file: {why}")),
        }
        self.resume_with(session, reply);
    }
}
