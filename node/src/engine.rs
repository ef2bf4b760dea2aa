//! The engine: wires commands, cluster, replication and persistence into one machine.
