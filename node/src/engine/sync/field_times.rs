//! Replicas that cannot hold fields that expire get nothing as long as there are any: neither the data
//! without the times, nor a stream that they do not understand. The others get the data as they read
//! them, and no payload of DUMP that they do not read.

use crate::engine::Engine;
use crate::io::{Level, Origin, SessionId};
use crate::persistence::rdb::Format;
use crate::replication::field_times::TimesReader;
use crate::replication::master::Replica;
use crate::time::Now;

/// How much of a key is shown, in bytes.
const SHOWN_MAX: usize = 200;

impl Engine {
    /// Why a replica that asks for a sync gets none; none if it does.
    pub(super) fn refuses_field_times(&mut self, id: SessionId, now: Now) -> Option<String> {
        if !self.data.has_timed_hashes() || takes_field_times(self.replica_record(id, now)) {
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
        let cannot = replicas.filter(|(_, replica): &(_, &Replica)| !takes_field_times(replica));
        for session in cannot.map(|(id, _)| id).collect::<Vec<_>>() {
            let why = self.field_times_text();
            self.drop_replica(session, &why);
        }
    }

    /// As what a full sync for these replicas is written. They all read it the same way.
    pub(super) fn format_for(&self, readers: &[SessionId]) -> Format {
        if !self.data.has_timed_hashes() {
            return Format::Plain;
        }
        let replicas = &self.replication.replicas;
        let first = readers.first().and_then(|id| replicas.of(*id));
        match first.and_then(|replica| replica.field_times) {
            Some(TimesReader::Valkey) => Format::Valkey,
            _ => Format::Redis,
        }
    }

    /// Of the replicas that wait for a full sync, those that read it as the first one does; the others
    /// get the next one.
    pub(super) fn alike(&self, mut waiting: Vec<SessionId>) -> Vec<SessionId> {
        let format = self.format_for(&waiting);
        waiting.retain(|id| self.format_for(&[*id]) == format);
        waiting
    }

    /// Closes the links of replicas that do not read what this turn has restored: they come back for a
    /// full sync.
    pub(super) fn drop_those_that_cannot_restore(&mut self) {
        let offset = self.replication.stream.offset();
        for version in self.replication.foreign_dumps.settle(offset) {
            let replicas = self.replication.replicas.attached();
            let cannot = replicas.filter(|(_, replica): &(_, &Replica)| {
                replica
                    .field_times
                    .is_some_and(|reader| !reader.reads_dump(version))
            });
            for session in cannot.map(|(id, _)| id).collect::<Vec<_>>() {
                let why =
                    format!("it does not read the payload of version {version} that was restored");
                self.drop_replica(session, &why);
            }
        }
    }

    /// Whether a replica can carry out what the stream has from this offset on.
    pub(super) fn may_continue(&mut self, id: SessionId, from: i64, now: Now) -> bool {
        let reader = self.replica_record(id, now).field_times;
        self.replication.foreign_dumps.permit(from, reader)
    }

    fn field_times_text(&self) -> String {
        let key = self.data.some_timed_hash().unwrap_or_default();
        let rest = if key.len() > SHOWN_MAX { "..." } else { "" };
        let shown = key[..key.len().min(SHOWN_MAX)].escape_ascii();
        format!("fields of the key '{shown}{rest}' expire, which it does not say that it can hold")
    }
}

/// Whether a replica may get what it asks for where fields of hashes expire: a file says what is in it.
fn takes_field_times(replica: &Replica) -> bool {
    replica.field_times.is_some() || replica.payload_only
}
