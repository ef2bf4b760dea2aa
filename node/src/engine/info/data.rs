//! INFO about the data: memory, keyspace.

use super::Fields;
use crate::engine::Engine;

impl Engine {
    pub(super) fn info_memory(&self, fields: &mut Fields) {
        let memory = self.memory();
        let used = memory.total() as u64;
        let dataset = memory.dataset as u64;
        let peak = used.max(self.stats.peak_memory as u64);
        let usage = self.stopwatch.usage();
        let limit = self.config.maxmemory;
        let heap = self.data.heap_usage();
        let ratio = |resident: u64| {
            if used == 0 {
                0.0
            } else {
                resident as f64 / used as f64
            }
        };
        fields.bytes("used_memory", used);
        fields.bytes("used_memory_rss", usage.resident);
        fields.bytes("used_memory_peak", peak);
        fields.percent("used_memory_peak_perc", used, peak);
        fields.field("used_memory_overhead", memory.overhead());
        fields.field("used_memory_startup", self.memory.startup);
        fields.field("used_memory_dataset", dataset);
        fields.percent("used_memory_dataset_perc", dataset, used);
        fields.field("allocator_allocated", dataset);
        fields.field("allocator_active", heap.held);
        fields.field("allocator_resident", heap.resident);
        fields.bytes("total_system_memory", usage.machine);
        fields.bytes("maxmemory", limit);
        fields.field("maxmemory_policy", self.config.maxmemory_policy.name());
        fields.field(
            "mem_fragmentation_ratio",
            format_args!("{:.2}", ratio(usage.resident)),
        );
        fields.field(
            "mem_fragmentation_bytes",
            usage.resident.saturating_sub(used),
        );
        fields.field("mem_not_counted_for_evict", memory.not_counted);
        fields.field("mem_replication_backlog", memory.backlog);
        fields.field(
            "mem_total_replication_buffers",
            memory.backlog + memory.replicas,
        );
        fields.field("mem_clients_slaves", memory.replicas);
        fields.field("mem_clients_normal", memory.clients);
        fields.field("mem_cluster_links", memory.links);
        fields.field("mem_aof_buffer", 0);
        fields.field("slotkeeper_mem_walk", memory.walk);
        fields.field("mem_allocator", "system");
        fields.field("active_defrag_running", 0);
        fields.field("lazyfree_pending_objects", 0);
        fields.field("lazyfreed_objects", 0);
    }

    pub(super) fn info_keyspace(&self, fields: &mut Fields) {
        for db in 0..self.data.databases() {
            let keys = self.data.len(db);
            if keys > 0 {
                fields.field(
                    &format!("db{db}"),
                    format_args!(
                        "keys={keys},expires={},avg_ttl={}",
                        self.data.expires(db),
                        self.data.avg_ttl(db)
                    ),
                );
            }
        }
    }
}
