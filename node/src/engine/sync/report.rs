//! INFO replication and ROLE.

use crate::engine::Engine;
use crate::replication::ReplId;
use crate::resp::Reply;
use crate::time::Now;

impl Engine {
    /// INFO replication, without its heading.
    pub(in crate::engine) fn info_replication(&self, now: Now, out: &mut String) {
        let mut line = |name: &str, value: &dyn std::fmt::Display| {
            out.push_str(&format!("{name}:{value}\r\n"));
        };
        let following = self.replication.following.upstream();
        line(
            "role",
            &if following.is_some() {
                "slave"
            } else {
                "master"
            },
        );
        if let Some(upstream) = following {
            let offset = self.replication.stream.offset();
            let link = if upstream.is_up() { "up" } else { "down" };
            let idle = (now.mono_ms() - upstream.heard_at()) / 1000;
            line("master_host", &upstream.master().ip());
            line("master_port", &upstream.master().port());
            line("master_link_status", &link);
            line(
                "master_last_io_seconds_ago",
                &if upstream.is_up() { idle as i64 } else { -1 },
            );
            line("master_sync_in_progress", &i32::from(upstream.is_syncing()));
            line("slave_read_repl_offset", &offset);
            line("slave_repl_offset", &offset);
            if upstream.is_syncing() {
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
            if !upstream.is_up() {
                let since = upstream
                    .down_since()
                    .map_or(-1, |since| ((now.mono_ms() - since) / 1000).cast_signed());
                line("master_link_down_since_seconds", &since);
            }
            line("slave_priority", &self.config.replica_priority);
            line("slave_read_only", &i32::from(self.config.replica_read_only));
            line("replica_announced", &1);
        }
        line("connected_slaves", &self.replication.replicas.count());
        if self.config.min_replicas_to_write > 0 {
            let good = self.replication.good_replicas(&self.config, now);
            line("min_slaves_good_slaves", &good);
        }
        self.replication.replicas.info(now.mono_ms(), out);
        self.info_history(out);
    }

    fn info_history(&self, out: &mut String) {
        let stream = &self.replication.stream;
        let (second, end) = match stream.second() {
            Some((id, end)) => (id, end.cast_signed()),
            None => (ReplId::NONE, -1),
        };
        let kept = stream.kept();
        let mut line = |name: &str, value: &dyn std::fmt::Display| {
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
        line("slotkeeper_withholding", &i32::from(self.is_withholding()));
        let complete = self.replication.following.data_set().is_complete();
        line("slotkeeper_dataset_complete", &i32::from(complete));
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
