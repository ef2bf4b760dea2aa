//! INFO replication and ROLE.

use std::fmt::Display;

use crate::engine::Engine;
use crate::replication::ReplId;
use crate::replication::upstream::Upstream;
use crate::resp::Reply;
use crate::time::Now;

impl Engine {
    /// INFO replication, without its heading.
    pub(in crate::engine) fn info_replication(&self, now: Now, out: &mut String) {
        if self.is_replica {
            out.push_str("role:slave\r\n");
            self.info_following(now, out);
        } else {
            out.push_str("role:master\r\n");
        }
        let mut line = |name: &str, value: usize| out.push_str(&format!("{name}:{value}\r\n"));
        line("connected_slaves", self.replication.replicas.count());
        if self.config.min_replicas_to_write > 0 {
            let good = self.replication.good_replicas(&self.config, now);
            line("min_slaves_good_slaves", good);
        }
        for (number, (_, replica)) in self.replication.replicas.attached().enumerate() {
            out.push_str(&format!(
                "slave{number}:ip={},port={},state={},offset={},lag={}\r\n",
                replica.ip,
                replica.port,
                replica.state_name(),
                replica.acked,
                replica.lag_secs(now.mono_ms()),
            ));
        }
        self.info_history(out);
    }

    fn info_following(&self, now: Now, out: &mut String) {
        let mut line = |name: &str, value: &dyn Display| {
            out.push_str(&format!("{name}:{value}\r\n"));
        };
        let upstream = self.replication.following.upstream();
        let offset = self.replication.stream.offset();
        let up = upstream.is_some_and(Upstream::is_up);
        let seconds = |since: u64| ((now.mono_ms() - since) / 1000).cast_signed();
        let idle = upstream.map_or(-1, |upstream| seconds(upstream.heard_at()));
        let address = upstream.map(Upstream::master);
        line(
            "master_host",
            &address.map_or(String::new(), |master| master.ip().to_string()),
        );
        line("master_port", &address.map_or(0, |master| master.port()));
        line("master_link_status", &if up { "up" } else { "down" });
        line("master_last_io_seconds_ago", &if up { idle } else { -1 });
        let syncing = upstream.filter(|upstream| upstream.is_syncing());
        line("master_sync_in_progress", &i32::from(syncing.is_some()));
        line("slave_read_repl_offset", &offset);
        line("slave_repl_offset", &offset);
        if let Some(upstream) = syncing {
            let (read, total) = upstream.payload_progress();
            line(
                "master_sync_total_bytes",
                &total.map_or(-1, u64::cast_signed),
            );
            line("master_sync_read_bytes", &read);
            let left = total.map_or(-1, |total| (total - read).cast_signed());
            line("master_sync_left_bytes", &left);
            line("master_sync_last_io_seconds_ago", &idle);
        }
        if !up {
            let since = upstream.and_then(Upstream::down_since).map_or(-1, seconds);
            line("master_link_down_since_seconds", &since);
        }
        line("slave_priority", &self.config.replica_priority);
        line("slave_read_only", &i32::from(self.config.replica_read_only));
        line("replica_announced", &1);
    }

    fn info_history(&self, out: &mut String) {
        let stream = &self.replication.stream;
        let (second, end) = match stream.second() {
            Some((id, end)) => (id, end.cast_signed()),
            None => (ReplId::NONE, -1),
        };
        let kept = stream.kept();
        let mut line = |name: &str, value: &dyn Display| {
            out.push_str(&format!("{name}:{value}\r\n"));
        };
        line("master_failover_state", &"no-failover");
        line("master_replid", &stream.id());
        line("master_replid2", &second);
        line("master_repl_offset", &stream.offset());
        line("second_repl_offset", &end);
        line("repl_backlog_active", &i32::from(kept.is_some()));
        line("repl_backlog_size", &self.config.repl_backlog_size);
        line(
            "repl_backlog_first_byte_offset",
            &kept.map_or(0, |kept| kept.first),
        );
        line("repl_backlog_histlen", &kept.map_or(0, |kept| kept.len));
        let complete = !self.is_replica || self.replication.following.data_set().is_complete();
        line("slotkeeper_dataset_complete", &i32::from(complete));
        let holding = if self.is_syncing() {
            self.replication.holding.sync
        } else {
            0
        };
        line("slotkeeper_sync_held_ms", &holding);
    }

    /// ROLE.
    pub(in crate::engine) fn role(&self, _now: Now, reply: &mut Reply) {
        let offset = self.replication.stream.offset().cast_signed();
        if let Some(upstream) = self.replication.following.upstream() {
            reply.array(5);
            reply.bulk(b"slave");
            reply.bulk_display(upstream.master().ip());
            reply.integer(i64::from(upstream.master().port()));
            reply.bulk(upstream.state_name().as_bytes());
            reply.integer(if upstream.is_up() { offset } else { -1 });
            return;
        }
        reply.array(3);
        reply.bulk(b"master");
        reply.integer(offset);
        reply.array(self.replication.replicas.count());
        for (_, replica) in self.replication.replicas.attached() {
            reply.array(3);
            reply.bulk(replica.ip.as_bytes());
            reply.bulk_display(replica.port);
            reply.bulk_display(replica.acked);
        }
    }
}
