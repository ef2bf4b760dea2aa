//! The reply of CLUSTER SHARDS.

use slotkeeper_topology::NodeId;

use crate::cluster::{Cluster, NodeRef};
use crate::resp::Reply;

impl Cluster {
    /// CLUSTER SHARDS: every master with its slots and its replicas.
    pub(in crate::cluster) fn reply_shards(&self, reply: &mut Reply) {
        let replicas = self.replicas_by_master();
        let known = |r: &NodeRef| !self.nodes[*r].in_handshake();
        let masters: Vec<NodeRef> = (self.nodes.iter())
            .filter(|(r, n)| n.is_master() && known(r))
            .map(|(r, _)| r)
            .collect();
        reply.array(masters.len());
        for master in masters {
            reply.map(2);
            reply.bulk(b"slots");
            let ranges = self.nodes[master].slots.ranges();
            reply.array(ranges.len() * 2);
            for range in ranges {
                reply.integer(i64::from(range.start().get()));
                reply.integer(i64::from(range.end().get()));
            }
            reply.bulk(b"nodes");
            let members = replicas.get(&master).map_or(&[][..], Vec::as_slice);
            reply.array(1 + members.len());
            self.put_member(master, reply);
            members.iter().for_each(|&r| self.put_member(r, reply));
        }
    }

    fn put_member(&self, r: NodeRef, reply: &mut Reply) {
        let node = &self.nodes[r];
        let text = |reply: &mut Reply, name: &str, value: &str| {
            reply.bulk(name.as_bytes());
            reply.bulk(value.as_bytes());
        };
        let number = |reply: &mut Reply, name: &str, value: u64| {
            reply.bulk(name.as_bytes());
            reply.integer(value.cast_signed());
        };
        reply.map(7 + usize::from(!node.hostname.is_empty()));
        text(reply, "id", node.id.as_str());
        number(reply, "port", node.port.into());
        text(reply, "ip", &node.ip_text());
        text(reply, "endpoint", &self.endpoint(r));
        if !node.hostname.is_empty() {
            text(reply, "hostname", &node.hostname);
        }
        text(
            reply,
            "role",
            if node.is_replica() {
                "replica"
            } else {
                "master"
            },
        );
        number(reply, "replication-offset", node.repl_offset);
        text(reply, "health", self.health_word(r));
    }

    fn health_word(&self, r: NodeRef) -> &'static str {
        let node = &self.nodes[r];
        if node.failed() || node.suspected() {
            "fail"
        } else if node.is_replica() && node.repl_offset == 0 {
            "loading"
        } else {
            "online"
        }
    }

    /// The shard of a node: what it announced; else that of its master; else, as for nodes before
    /// Redis 7.2, the id of the master itself, which all of the shard share.
    pub(in crate::cluster) fn shard_of(&self, r: NodeRef) -> NodeId {
        let master = self.nodes[r].master.unwrap_or(r);
        let node = &self.nodes[master];
        node.shard.or(self.nodes[r].shard).unwrap_or(node.id)
    }
}
