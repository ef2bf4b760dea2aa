//! Replication: the stream, its masters and its replicas.
