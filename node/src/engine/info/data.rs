//! INFO about the data: memory, keyspace.

use super::Fields;
use super::constant::SCRIPTS;
use crate::engine::Engine;

impl Engine {
    pub(super) fn info_memory(&self, fields: &mut Fields) {
        let memory = self.memory();
        let used = memory.total() as u64;
        let dataset = memory.dataset as u64;
        let data = self.data.stats().memory as u64;
        let peak = used.max(self.stats.peak_memory as u64);
        let usage = self.stopwatch.usage();
        let limit = self.config.maxmemory;
        let heap = self.data.heap_usage();
        // What there is of something, beside what it is for.
        let ratio = |whole: u64, part: u64| format!("{:.2}", whole as f64 / part.max(1) as f64);
        let more = |whole: u64, part: u64| whole.cast_signed() - part.cast_signed();
        let (held, resident) = (heap.held as u64, heap.resident as u64);
        fields.bytes("used_memory", used);
        fields.bytes("used_memory_rss", usage.resident);
        fields.bytes("used_memory_peak", peak);
        fields.percent("used_memory_peak_perc", used, peak);
        fields.field("used_memory_overhead", memory.overhead());
        fields.field("used_memory_startup", self.memory.startup);
        fields.field("used_memory_dataset", dataset);
        fields.percent("used_memory_dataset_perc", dataset, used);
        fields.field("allocator_allocated", data);
        fields.field("allocator_active", heap.held);
        fields.field("allocator_resident", heap.resident);
        fields.bytes("total_system_memory", usage.machine);
        fields.constant(SCRIPTS);
        fields.bytes("maxmemory", limit);
        fields.field("maxmemory_policy", self.config.maxmemory_policy.name());
        fields.field("allocator_frag_ratio", ratio(held, data));
        fields.field("allocator_frag_bytes", more(held, data));
        fields.field("allocator_rss_ratio", ratio(resident, held));
        fields.field("allocator_rss_bytes", more(resident, held));
        fields.field("rss_overhead_ratio", ratio(usage.resident, resident));
        fields.field("rss_overhead_bytes", more(usage.resident, resident));
        fields.field("mem_fragmentation_ratio", ratio(usage.resident, used));
        fields.field("mem_fragmentation_bytes", more(usage.resident, used));
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
        let (pending, freed) = self.data.freed_later();
        fields.field("lazyfree_pending_objects", pending);
        fields.field("lazyfreed_objects", freed);
    }

    pub(super) fn info_keyspace(&self, fields: &mut Fields) {
        for db in 0..self.data.databases() {
            let keys = self.data.len(db);
            if keys > 0 {
                // Releases before 7.4 say nothing of fields.
                let timed = match self.data.timed_hashes(db) {
                    0 => String::new(),
                    timed => format!(",subexpiry={timed}"),
                };
                fields.field(
                    &format!("db{db}"),
                    format_args!(
                        "keys={keys},expires={},avg_ttl={}{timed}",
                        self.data.expires(db),
                        self.data.avg_ttl(db)
                    ),
                );
            }
        }
    }
}
