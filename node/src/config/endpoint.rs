//! What clients are told to connect to.

use super::directive::Kind;

const NAMES: &[&str] = &["ip", "hostname", "unknown-endpoint"];
const ALL: [EndpointType; 3] = [
    EndpointType::Ip,
    EndpointType::Hostname,
    EndpointType::Unknown,
];

/// The values of `cluster-preferred-endpoint-type`.
pub(super) const PREFERRED: Kind = Kind::Word(
    NAMES,
    |c| c.cluster_preferred_endpoint_type as usize,
    |c, i| c.cluster_preferred_endpoint_type = ALL[i],
);

/// `cluster-preferred-endpoint-type`: how MOVED, ASK, CLUSTER SLOTS and CLUSTER SHARDS name a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointType {
    /// By its IP address.
    Ip,
    /// By the host name that it announces.
    Hostname,
    /// Not at all: clients stay at the address that they have, and take the port alone.
    Unknown,
}
