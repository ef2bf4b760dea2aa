//! What `/metrics` answers: the text format of Prometheus. The numbers are the engine's own, which
//! INFO shows as well; a registry beside them, as client libraries have it, would be a second copy.

use std::fmt::{Display, Write};

use crate::command::all_commands;
use crate::engine::Engine;
use crate::replication::master::Replica;
use crate::time::Now;

/// The text under construction.
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        writeln!(
            self.0,
            "# HELP slotkeeper_{name} {help}\n# TYPE slotkeeper_{name} {kind}"
        )
        .expect("a string takes all text");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &dyn Display)], value: impl Display) {
        let labels: Vec<String> = labels
            .iter()
            .map(|(name, value)| label(name, value))
            .collect();
        let labels = match labels.is_empty() {
            true => String::new(),
            false => format!("{{{}}}", labels.join(",")),
        };
        writeln!(self.0, "slotkeeper_{name}{labels} {value}").expect("a string takes all text");
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, "gauge", help);
        self.sample(name, &[], value);
    }

    fn counter(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, "counter", help);
        self.sample(name, &[], value);
    }
}

impl Engine {
    /// What `/metrics` answers: Prometheus text.
    #[must_use]
    pub fn metrics(&self, now: Now) -> String {
        let mut text = Text(String::with_capacity(8192));
        self.server_metrics(now, &mut text);
        self.data_metrics(&mut text);
        self.snapshot_metrics(now, &mut text);
        self.replication_metrics(now, &mut text);
        self.cluster_metrics(&mut text);
        self.command_metrics(&mut text);
        text.0
    }

    fn server_metrics(&self, now: Now, text: &mut Text) {
        let uptime = now.mono_us.saturating_sub(self.started.mono_us) / 1_000_000;
        text.gauge("uptime_seconds", "Seconds since the start.", uptime);
        text.gauge(
            "ready",
            "Whether /readyz answers 200.",
            flag(self.health(now).ready.is_ok()),
        );
        text.gauge(
            "loading",
            "Whether a data file or a full sync is being loaded.",
            flag(self.is_loading()),
        );
        text.gauge(
            "holding",
            "Whether the node was asleep and holds commands until it knows whether it was replaced.",
            flag(self.pause.by_sleep()),
        );
        text.counter(
            "sleeps_total",
            "How often the node was asleep for more than half of the node timeout.",
            self.sleep.count,
        );
        let withholding = flag(self.is_withholding());
        text.gauge(
            "withholding",
            "Whether the node withholds its data after a restart.",
            withholding,
        );
        text.gauge(
            "connected_clients",
            "Client connections.",
            self.sessions.len(),
        );
        text.gauge(
            "blocked_clients",
            "Client connections that are blocked or paused.",
            self.parking.len(),
        );
        let stats = &self.stats;
        text.counter(
            "connections_total",
            "Accepted connections.",
            stats.connections,
        );
        let rejected = stats.rejected_connections;
        text.counter(
            "rejected_connections_total",
            "Refused connections.",
            rejected,
        );
        text.counter(
            "evicted_keys_total",
            "Keys removed for maxmemory.",
            stats.evicted_keys,
        );
        text.counter(
            "evicted_clients_total",
            "Clients closed for maxmemory-clients.",
            stats.evicted_clients,
        );
        text.counter(
            "clients_beyond_limit_total",
            "Clients closed for client-query-buffer-limit or client-output-buffer-limit.",
            stats.query_limit_closed + stats.output_limit_closed,
        );
        text.counter("commands_total", "Executed commands.", stats.commands);
        text.counter("error_replies_total", "Error replies.", stats.errors);
        text.counter(
            "input_bytes_total",
            "Bytes of requests.",
            stats.clients.input,
        );
        text.counter(
            "output_bytes_total",
            "Bytes of replies.",
            stats.clients.output,
        );
        text.counter(
            "replication_input_bytes_total",
            "Bytes received from the master.",
            stats.replication.input,
        );
        text.counter(
            "replication_output_bytes_total",
            "Bytes sent to replicas.",
            stats.replication.output,
        );
    }

    fn data_metrics(&self, text: &mut Text) {
        let stats = self.data.stats();
        text.gauge("memory_bytes", "Bytes taken by the data.", stats.memory);
        let memory = self.memory();
        text.gauge(
            "memory_used_bytes",
            "Bytes used by the node, as used_memory in INFO.",
            memory.total(),
        );
        text.gauge(
            "memory_clients_bytes",
            "Bytes held for clients.",
            memory.clients,
        );
        text.gauge(
            "memory_replication_bytes",
            "Bytes of the replication backlog and of output for replicas.",
            memory.backlog + memory.replicas,
        );
        text.gauge(
            "memory_limit_bytes",
            "maxmemory; 0: none.",
            self.config.maxmemory,
        );
        text.counter(
            "keyspace_hits_total",
            "Lookups that found their key.",
            stats.hits,
        );
        text.counter(
            "keyspace_misses_total",
            "Lookups that did not find their key.",
            stats.misses,
        );
        text.counter(
            "expired_keys_total",
            "Keys removed because they had expired.",
            stats.expired,
        );
        text.family("keys", "gauge", "Keys by database.");
        for db in (0..self.data.databases()).filter(|&db| db == 0 || self.data.len(db) > 0) {
            text.sample("keys", &[("db", &db)], self.data.len(db));
        }
    }

    fn replication_metrics(&self, now: Now, text: &mut Text) {
        text.gauge(
            "is_master",
            "Whether the node is a master.",
            flag(!self.is_replica),
        );
        let offset = self.replication.offset();
        text.gauge(
            "replication_offset",
            "The node's offset in the stream.",
            offset,
        );
        if let Some(link) = self.master_link() {
            text.gauge(
                "master_link_up",
                "Whether the link to the master is up.",
                flag(link.up),
            );
        }
        text.counter(
            "sync_held_seconds_total",
            "How long full syncs have made writers wait.",
            self.replication.holding.total as f64 / 1000.0,
        );
        text.counter(
            "sync_slow_replicas_total",
            "Replicas dropped because their full sync made writers wait for too long.",
            self.stats.sync_slow_replicas,
        );
        text.counter(
            "unexpected_error_replies_total",
            "Errors in the stream of the master, or in answers to replicas.",
            self.stats.unexpected_errors,
        );
        let replicas = &self.replication.replicas;
        text.gauge(
            "connected_replicas",
            "Replicas of this node.",
            replicas.count(),
        );
        let address = |replica: &Replica| format!("{}:{}", replica.ip, replica.port);
        text.family(
            "replica_offset",
            "gauge",
            "The offset that a replica has confirmed.",
        );
        for (_, replica) in replicas.attached() {
            let labels: [(&str, &dyn Display); 1] = [("replica", &address(replica))];
            text.sample("replica_offset", &labels, replica.acked);
        }
        text.family(
            "replica_lag_seconds",
            "gauge",
            "Seconds since the last message of a replica.",
        );
        for (_, replica) in replicas.attached() {
            let labels: [(&str, &dyn Display); 1] = [("replica", &address(replica))];
            let lag = replica.lag_secs(now.mono_ms());
            text.sample("replica_lag_seconds", &labels, lag);
        }
    }

    fn snapshot_metrics(&self, now: Now, text: &mut Text) {
        let report = self.replication.snapshots.report(now);
        text.gauge(
            "snapshot_ok",
            "Whether the last snapshot succeeded, or none was tried. 0: see stop-writes-on-bgsave-error.",
            flag(report.last_error.is_none()),
        );
        text.gauge(
            "snapshot_last_success_timestamp_seconds",
            "When a snapshot last succeeded, or the node started.",
            report.last_saved_unix,
        );
        text.gauge(
            "snapshot_unsaved_changes",
            "Changes since the last successful snapshot.",
            report.changes,
        );
        if let Some(secs) = report.last_secs {
            text.gauge(
                "snapshot_last_duration_seconds",
                "How long the last snapshot took.",
                secs,
            );
        }
        text.gauge(
            "snapshot_in_progress",
            "Whether a snapshot is in progress.",
            flag(report.current_secs.is_some()),
        );
        text.counter("snapshots_total", "Snapshots made.", report.made);
        text.counter(
            "snapshot_failures_total",
            "Snapshots that failed.",
            report.failed,
        );
    }

    fn cluster_metrics(&self, text: &mut Text) {
        let Some(cluster) = &self.cluster else {
            return;
        };
        let health = cluster.health();
        text.gauge(
            "cluster_state_ok",
            "Whether the cluster state is ok.",
            flag(health.serving),
        );
        text.gauge(
            "cluster_slots_assigned",
            "Slots with an owner.",
            cluster.assigned_slots(),
        );
        text.gauge(
            "cluster_slots_owned",
            "Slots of this node.",
            health.own_slots,
        );
        text.gauge("cluster_known_nodes", "Known nodes.", cluster.known_nodes());
        text.gauge(
            "cluster_link_memory_bytes",
            "Bytes held for links of the cluster bus.",
            cluster.links_memory(),
        );
        text.gauge("cluster_size", "Masters that own slots.", cluster.size());
        text.gauge(
            "cluster_current_epoch",
            "The current epoch.",
            cluster.current_epoch(),
        );
        text.gauge(
            "nodes_conf_stored",
            "Whether nodes.conf could be stored when that was last tried; else the node does not vote.",
            flag(cluster.store_error().is_none()),
        );
        text.counter(
            "nodes_conf_failures_total",
            "How often nodes.conf could not be stored.",
            cluster.store_failures(),
        );
        text.family(
            "cluster_messages_total",
            "counter",
            "Bus messages by type and direction.",
        );
        for count in cluster.message_counts() {
            for (direction, number) in [("sent", count.sent), ("received", count.received)] {
                let labels: [(&str, &dyn Display); 2] =
                    [("type", &count.kind), ("direction", &direction)];
                text.sample("cluster_messages_total", &labels, number);
            }
        }
    }

    fn command_metrics(&self, text: &mut Text) {
        text.family(
            "command_calls_total",
            "counter",
            "Executed commands by name.",
        );
        for (id, stats) in self.stats.used_commands() {
            let name = all_commands()[id].spec.name;
            text.sample("command_calls_total", &[("command", &name)], stats.calls);
        }
        text.family(
            "command_seconds_total",
            "counter",
            "Time spent in commands by name.",
        );
        for (id, stats) in self.stats.used_commands() {
            let name = all_commands()[id].spec.name;
            let seconds = stats.micros() as f64 / 1e6;
            text.sample("command_seconds_total", &[("command", &name)], seconds);
        }
    }
}

fn flag(on: bool) -> u8 {
    u8::from(on)
}

/// A label as the format has it: what stands in the value, a client may have chosen.
fn label(name: &str, value: &dyn Display) -> String {
    let value = value.to_string();
    let value = value.replace('\\', r"\\").replace('"', "\\\"");
    format!("{name}=\"{}\"", value.replace('\n', r"\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_a_label_stays_within_its_quotes() {
        let mut text = Text(String::new());
        text.sample("a", &[("b", &"c\" } 1\n\\"), ("d", &5)], 7);
        assert_eq!(text.0, "slotkeeper_a{b=\"c\\\" } 1\\n\\\\\",d=\"5\"} 7\n");
    }
}
