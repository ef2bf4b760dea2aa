//! Directives whose value is one of a few words.

use super::directive::Kind;
use crate::io::Level;

/// `loglevel`.
pub(super) const LOG_LEVEL: Kind = Kind::Word(
    &["debug", "verbose", "notice", "warning"],
    |c| place(&LEVELS, c.loglevel),
    |c, i| c.loglevel = LEVELS[i],
);

/// `propagation-error-behavior`.
pub(super) const PROPAGATION_ERRORS: Kind = Kind::Word(
    &["ignore", "panic", "panic-on-replicas"],
    |c| place(&ERRORS, c.propagation_error_behavior),
    |c, i| c.propagation_error_behavior = ERRORS[i],
);

/// `cluster-preferred-endpoint-type`.
pub(super) const ENDPOINT_TYPE: Kind = Kind::Word(
    &["ip", "hostname", "unknown-endpoint"],
    |c| place(&ENDPOINTS, c.cluster_preferred_endpoint_type),
    |c, i| c.cluster_preferred_endpoint_type = ENDPOINTS[i],
);

/// `enable-debug-command`.
pub(super) const DEBUG_COMMAND: Kind = Kind::Word(
    GATE_WORDS,
    |c| place(&GATES, c.enable_debug_command),
    |c, i| c.enable_debug_command = GATES[i],
);

/// `enable-protected-configs`.
pub(super) const PROTECTED_CONFIGS: Kind = Kind::Word(
    GATE_WORDS,
    |c| place(&GATES, c.enable_protected_configs),
    |c, i| c.enable_protected_configs = GATES[i],
);

const LEVELS: [Level; 4] = [Level::Debug, Level::Verbose, Level::Notice, Level::Warning];
const GATE_WORDS: &[&str] = &["no", "yes", "local"];
const GATES: [Gate; 3] = [Gate::No, Gate::Yes, Gate::Local];
const ERRORS: [PropagationErrors; 3] = [
    PropagationErrors::Ignore,
    PropagationErrors::Panic,
    PropagationErrors::PanicOnReplicas,
];
const ENDPOINTS: [EndpointType; 3] = [
    EndpointType::Ip,
    EndpointType::Hostname,
    EndpointType::Unknown,
];

fn place<T: Copy + PartialEq>(values: &[T], value: T) -> usize {
    let found = values.iter().position(|known| *known == value);
    found.expect("the list has every value of its type")
}

/// Who may use a dangerous command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// No client.
    No,
    /// Every client.
    Yes,
    /// Clients on this machine.
    Local,
}

impl Gate {
    /// Whether a client may pass, which is on this machine or not.
    #[must_use]
    pub fn admits(self, local: bool) -> bool {
        match self {
            Gate::No => false,
            Gate::Yes => true,
            Gate::Local => local,
        }
    }
}

/// `propagation-error-behavior`. Only replicas repeat what others have executed, so the last two are
/// the same here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PropagationErrors {
    /// It counts the error, says so, and goes on.
    Ignore,
    /// It ends.
    Panic,
    /// It ends.
    PanicOnReplicas,
}

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
