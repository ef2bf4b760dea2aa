//! The RedisCluster custom resource: its types, schema and validation rules.
