//! The reply of CLUSTER NODES and its lines.

use crate::cluster::{Cluster, NodeRef};
use crate::resp::Reply;

impl Cluster {
    /// CLUSTER NODES.
    pub(in crate::cluster) fn reply_nodes(&self, reply: &mut Reply) {
        let text: String = self
            .nodes
            .refs()
            .into_iter()
            .map(|r| format!("{}\n", self.line_of(r)))
            .collect();
        reply.verbatim(&text);
    }

    /// CLUSTER REPLICAS: an array of such lines.
    pub(in crate::cluster) fn reply_replicas(&self, master: NodeRef, reply: &mut Reply) {
        let replicas = self.nodes.replicas_of(master);
        reply.array(replicas.len());
        for r in replicas {
            reply.bulk_display(self.line_of(r));
        }
    }

    /// CLUSTER LINKS.
    pub(in crate::cluster) fn reply_links(&self, reply: &mut Reply) {
        let known: Vec<_> = self
            .links
            .iter()
            .filter_map(|(_, link)| Some((link, link.node?)))
            .collect();
        reply.array(known.len());
        for (link, r) in known {
            reply.map(6);
            reply.bulk(b"direction");
            reply.bulk(if link.outbound { b"to" } else { b"from" });
            reply.bulk(b"node");
            reply.bulk(self.nodes[r].id.as_bytes());
            reply.bulk(b"create-time");
            reply.integer(link.created.unix);
            reply.bulk(b"events");
            reply.bulk(match (link.open, link.unsent) {
                (false, _) => b"w",
                (true, 0) => b"r",
                (true, _) => b"rw",
            });
            reply.bulk(b"send-buffer-allocated");
            reply.integer(link.allocated as i64);
            reply.bulk(b"send-buffer-used");
            reply.integer(link.unsent as i64);
        }
    }
}
