//! Replicas that cannot hold fields that expire get nothing as long as there are any: neither the data
//! without the times, nor a stream that they do not understand.

use crate::engine::Engine;
use crate::io::{Level, Origin, SessionId};
use crate::replication::master::Replica;
use crate::time::Now;

/// How much of a key is shown, in bytes.
const SHOWN_MAX: usize = 200;

impl Engine {
    /// Why a replica that asks for a sync gets none; none if it does.
    pub(super) fn refuses_field_times(&mut self, id: SessionId, now: Now) -> Option<String> {
        if !self.data.has_timed_hashes() || self.replica_record(id, now).takes_field_times() {
            return None;
        }
        let (name, why) = (self.replica_name(id, now), self.field_times_text());
        let text = format!("Replica {name} gets no synchronization: {why}");
        self.log_of(Origin::Replicas, Level::Warning, text);
        Some(format!("ERR {why}"))
    }

    /// Closes the links of replicas that cannot hold what there is now.
    pub(super) fn drop_those_without_field_times(&mut self) {
        if !self.data.has_timed_hashes() {
            return;
        }
        let replicas = self.replication.replicas.attached();
        let cannot = replicas.filter(|(_, replica): &(_, &Replica)| !replica.takes_field_times());
        for session in cannot.map(|(id, _)| id).collect::<Vec<_>>() {
            let why = self.field_times_text();
            self.drop_replica(session, &why);
        }
    }

    fn field_times_text(&self) -> String {
        let key = self.data.some_timed_hash().unwrap_or_default();
        let rest = if key.len() > SHOWN_MAX { "..." } else { "" };
        let shown = key[..key.len().min(SHOWN_MAX)].escape_ascii();
        format!("fields of the key '{shown}{rest}' expire, which it does not say that it can hold")
    }
}
