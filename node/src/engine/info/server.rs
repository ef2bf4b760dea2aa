//! INFO about the process: server, clients, stats, cpu, commandstats, errorstats.

use super::Fields;
use super::constant::{NO_THREADS, NO_TRACKING, ONE_USER};
use crate::command::all_commands;
use crate::engine::Engine;
use crate::engine::auth::REDIS_VERSION;
use crate::time::Now;

impl Engine {
    pub(super) fn info_server(&self, now: Now, fields: &mut Fields) {
        let uptime = now.mono_us.saturating_sub(self.started.mono_us) / 1_000_000;
        let run_id = String::from_utf8_lossy(&self.boot.run_id).into_owned();
        fields.field("redis_version", REDIS_VERSION);
        fields.field("redis_git_sha1", "00000000");
        fields.field("redis_git_dirty", 0);
        fields.field("redis_build_id", 0);
        fields.field("slotkeeper_version", env!("CARGO_PKG_VERSION"));
        fields.field("redis_mode", self.mode_name());
        fields.field("os", &self.boot.os);
        fields.field("arch_bits", usize::BITS);
        fields.field("monotonic_clock", "POSIX clock_gettime");
        fields.field("multiplexing_api", "epoll");
        fields.field("process_id", self.boot.pid);
        fields.field("process_supervised", "no");
        fields.field("run_id", run_id);
        fields.field("tcp_port", self.config.port);
        fields.field("server_time_usec", now.unix_us);
        fields.field("uptime_in_seconds", uptime);
        fields.field("uptime_in_days", uptime / 86_400);
        fields.field("hz", self.config.hz);
        fields.field("configured_hz", self.config.hz);
        fields.field("lru_clock", (now.unix_ms() / 1000) & 0xff_ffff);
        fields.field("executable", &self.boot.executable);
        fields.field(
            "config_file",
            self.boot.config_file.as_deref().unwrap_or_default(),
        );
        fields.field("io_threads_active", 0);
        if self.config.port != 0 {
            let addresses = self.config.bind.iter();
            let addresses: String = addresses
                .map(|address| format!(",bind={address}"))
                .collect();
            let port = self.config.port;
            let listener = format_args!("name=tcp{addresses},port={port}");
            fields.field("listener0", listener);
        }
        let zone = self.config.availability_zone.as_deref();
        fields.field("availability_zone", zone.unwrap_or_default());
    }

    pub(super) fn info_clients(&self, fields: &mut Fields) {
        let links = self
            .cluster
            .as_ref()
            .map_or(0, |cluster| cluster.known_nodes().saturating_sub(1) * 2);
        fields.field("connected_clients", self.sessions.len());
        fields.field("cluster_connections", links);
        fields.field("maxclients", self.config.maxclients);
        let (input, output) = self.sessions.recent_buffers();
        fields.field("client_recent_max_input_buffer", input);
        fields.field("client_recent_max_output_buffer", output);
        fields.field("blocked_clients", self.parking.len());
        fields.field("tracking_clients", 0);
        fields.field("clients_in_timeout_table", self.parking.deadlines());
        let (keys, on_nokey) = self.data.awaited_keys();
        fields.field("total_blocking_keys", keys);
        fields.field("total_blocking_keys_on_nokey", on_nokey);
    }

    pub(super) fn info_stats(&self, now: Now, fields: &mut Fields) {
        let stats = &self.stats;
        let data = self.data.stats();
        let kilobytes = |bytes: u64| format!("{:.2}", bytes as f64 / 1024.0);
        fields.field("total_connections_received", stats.connections);
        fields.field("total_commands_processed", stats.commands);
        fields.field("instantaneous_ops_per_sec", stats.commands_per_second());
        let (clients, replication) = (&stats.clients, &stats.replication);
        fields.field("total_net_input_bytes", clients.input);
        fields.field("total_net_output_bytes", clients.output);
        fields.field("total_net_repl_input_bytes", replication.input);
        fields.field("total_net_repl_output_bytes", replication.output);
        fields.field(
            "instantaneous_input_kbps",
            kilobytes(clients.input_per_second()),
        );
        fields.field(
            "instantaneous_output_kbps",
            kilobytes(clients.output_per_second()),
        );
        fields.field(
            "instantaneous_input_repl_kbps",
            kilobytes(replication.input_per_second()),
        );
        fields.field(
            "instantaneous_output_repl_kbps",
            kilobytes(replication.output_per_second()),
        );
        fields.field("rejected_connections", stats.rejected_connections);
        fields.field("sync_full", stats.sync_full);
        fields.field("sync_partial_ok", stats.sync_partial_ok);
        fields.field("sync_partial_err", stats.sync_partial_err);
        fields.field("expired_subkeys", data.expired_fields);
        fields.field("expired_keys", data.expired);
        let stale = stats.expired_stale * 100.0;
        fields.field("expired_stale_perc", format_args!("{stale:.2}"));
        fields.field(
            "expired_time_cap_reached_count",
            stats.expire_cycle_cap_reached,
        );
        let cycles_ms = stats.expire_cycle_nanos / 1_000_000;
        fields.field("expire_cycle_cpu_milliseconds", cycles_ms);
        fields.field("evicted_keys", stats.evicted_keys);
        fields.field("evicted_clients", stats.evicted_clients);
        let (total, current) = self.eviction.exceeded_ms(now);
        fields.field("total_eviction_exceeded_time", total);
        fields.field("current_eviction_exceeded_time", current);
        fields.field("keyspace_hits", data.hits);
        fields.field("keyspace_misses", data.misses);
        fields.field("pubsub_channels", 0);
        fields.field("pubsub_patterns", 0);
        fields.field("pubsubshard_channels", 0);
        fields.field("latest_fork_usec", 0);
        fields.field("total_forks", 0);
        fields.field("migrate_cached_sockets", self.migrations.connections());
        fields.constant(NO_TRACKING);
        fields.field("slotkeeper_slots_lost_keys", stats.slots_lost_keys);
        fields.field(
            "slotkeeper_sync_held_ms_total",
            self.replication.holding.total,
        );
        fields.field("slotkeeper_sync_slow_replicas", stats.sync_slow_replicas);
        fields.field("unexpected_error_replies", stats.unexpected_errors);
        fields.field("total_error_replies", stats.errors);
        fields.field("dump_payload_sanitizations", stats.restored);
        let (calls, before) = (self.stopwatch.calls(), stats.calls_before);
        fields.field("total_reads_processed", calls.reads - before.reads);
        fields.field("total_writes_processed", calls.writes - before.writes);
        fields.constant(NO_THREADS);
        fields.field("acl_access_denied_auth", stats.errors_of("WRONGPASS"));
        fields.constant(ONE_USER);
        fields.field("eventloop_cycles", calls.turns - before.turns);
        fields.field("eventloop_duration_sum", calls.turns_us - before.turns_us);
        fields.field("eventloop_duration_cmd_sum", stats.commands_micros());
        let (per_second, micros) = stats.turns();
        fields.field("instantaneous_eventloop_cycles_per_sec", per_second);
        fields.field("instantaneous_eventloop_duration_usec", micros);
        fields.field(
            "client_query_buffer_limit_disconnections",
            stats.query_limit_closed,
        );
        fields.field(
            "client_output_buffer_limit_disconnections",
            stats.output_limit_closed,
        );
    }

    pub(super) fn info_cluster(&self, fields: &mut Fields) {
        fields.field("cluster_enabled", u8::from(self.config.cluster_enabled));
        if let Some(cluster) = &self.cluster {
            let error = cluster.store_error();
            let status = if error.is_none() { "ok" } else { "err" };
            fields.field("slotkeeper_nodes_conf_status", status);
            fields.field("slotkeeper_nodes_conf_error", error.unwrap_or_default());
        }
    }

    pub(super) fn info_cpu(&self, fields: &mut Fields) {
        let usage = self.stopwatch.usage();
        let seconds = |micros: u64| format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
        fields.field("used_cpu_sys", seconds(usage.system_us));
        fields.field("used_cpu_user", seconds(usage.user_us));
        fields.field("used_cpu_sys_children", "0.000000");
        fields.field("used_cpu_user_children", "0.000000");
        fields.field("used_cpu_sys_main_thread", seconds(usage.main_system_us));
        fields.field("used_cpu_user_main_thread", seconds(usage.main_user_us));
    }

    pub(super) fn info_commands(&self, fields: &mut Fields) {
        for (id, stats) in self.stats.used_commands() {
            let name = format!("cmdstat_{}", all_commands()[id].spec.name);
            let per_call = stats.micros() as f64 / (stats.calls.max(1)) as f64;
            fields.field(
                &name,
                format_args!(
                    "calls={},usec={},usec_per_call={per_call:.2},rejected_calls={},\
                     failed_calls={}",
                    stats.calls,
                    stats.micros(),
                    stats.rejected,
                    stats.failed
                ),
            );
        }
    }

    /// The percentiles of latency-tracking-info-percentiles, in microseconds.
    pub(super) fn info_latencies(&self, fields: &mut Fields) {
        for (id, histogram) in self.stats.histograms() {
            let shown = self
                .config
                .latency_tracking_percentiles
                .iter()
                .map(|percentile| {
                    let percent = percentile.percent();
                    let micros = histogram.percentile(percent) as f64 / 1000.0;
                    format!("p{percent}={micros:.3}")
                });
            let shown: Vec<String> = shown.collect();
            let name = all_commands()[id].spec.name;
            fields.field(&format!("latency_percentiles_usec_{name}"), shown.join(","));
        }
    }

    pub(super) fn info_errors(&self, fields: &mut Fields) {
        for (code, count) in self.stats.error_codes() {
            fields.field(&format!("errorstat_{code}"), format_args!("count={count}"));
        }
    }
}
