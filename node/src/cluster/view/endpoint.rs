//! How clients are told to reach a node.

use std::borrow::Cow;

use crate::cluster::{Cluster, NodeRef};
use crate::config::EndpointType;

impl Cluster {
    /// What `cluster-preferred-endpoint-type` chooses of a node, as Redis shows it: `?` for a node without
    /// a host name, nothing for an endpoint that is unknown.
    pub(super) fn endpoint(&self, r: NodeRef) -> Cow<'_, str> {
        let node = &self.nodes[r];
        match self.config.cluster_preferred_endpoint_type {
            EndpointType::Ip => node.ip_text().into(),
            EndpointType::Hostname if node.hostname.is_empty() => "?".into(),
            EndpointType::Hostname => node.hostname.as_str().into(),
            EndpointType::Unknown => "".into(),
        }
    }

    /// The address that MOVED and ASK name: the endpoint, and the port for clients.
    #[must_use]
    pub fn redirect_address(&self, node: NodeRef) -> (Cow<'_, str>, u16) {
        (self.endpoint(node), self.nodes[node].port)
    }
}
