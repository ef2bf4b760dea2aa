//! Fields of INFO about what this node never does: exporters and dashboards read them, and what they
//! say is true.

/// Fields with their values.
pub(in crate::engine) type Constant = &'static [(&'static str, &'static str)];

/// There are no scripts and no functions.
pub(super) const SCRIPTS: Constant = &[
    ("used_memory_lua", "0"),
    ("used_memory_vm_eval", "0"),
    ("used_memory_lua_human", "0B"),
    ("used_memory_scripts_eval", "0"),
    ("number_of_cached_scripts", "0"),
    ("number_of_functions", "0"),
    ("number_of_libraries", "0"),
    ("used_memory_vm_functions", "0"),
    ("used_memory_vm_total", "0"),
    ("used_memory_vm_total_human", "0B"),
    ("used_memory_functions", "0"),
    ("used_memory_scripts", "0"),
    ("used_memory_scripts_human", "0B"),
];

/// Nothing forks, so nothing is copied on write.
pub(in crate::engine) const COPY_ON_WRITE: Constant = &[
    ("current_cow_peak", "0"),
    ("current_cow_size", "0"),
    ("current_cow_size_age", "0"),
];

/// There is no append-only file, and there are no modules. As Redis has it with `appendonly no`.
pub(in crate::engine) const NO_LOG: Constant = &[
    ("aof_enabled", "0"),
    ("aof_rewrite_in_progress", "0"),
    ("aof_rewrite_scheduled", "0"),
    ("aof_last_rewrite_time_sec", "-1"),
    ("aof_current_rewrite_time_sec", "-1"),
    ("aof_last_bgrewrite_status", "ok"),
    ("aof_rewrites", "0"),
    ("aof_rewrites_consecutive_failures", "0"),
    ("aof_last_write_status", "ok"),
    ("aof_last_cow_size", "0"),
    ("module_fork_in_progress", "0"),
    ("module_fork_last_cow_size", "0"),
];

/// There is one user, who may do everything: nobody is denied a command, a key or a channel.
pub(super) const ONE_USER: Constant = &[
    ("acl_access_denied_cmd", "0"),
    ("acl_access_denied_key", "0"),
    ("acl_access_denied_channel", "0"),
];

/// A writable replica keeps no list of keys that it has given a time to live itself; memory is not
/// defragmented key by key; and no client tracks keys.
pub(super) const NO_TRACKING: Constant = &[
    ("slave_expires_tracked_keys", "0"),
    ("active_defrag_hits", "0"),
    ("active_defrag_misses", "0"),
    ("active_defrag_key_hits", "0"),
    ("active_defrag_key_misses", "0"),
    ("total_active_defrag_time", "0"),
    ("current_active_defrag_time", "0"),
    ("tracking_total_keys", "0"),
    ("tracking_total_items", "0"),
    ("tracking_total_prefixes", "0"),
];

/// One thread reads and writes, and no client has a buffer for replies that would be resized.
pub(super) const NO_THREADS: Constant = &[
    ("io_threaded_reads_processed", "0"),
    ("io_threaded_writes_processed", "0"),
    ("reply_buffer_shrinks", "0"),
    ("reply_buffer_expands", "0"),
];
