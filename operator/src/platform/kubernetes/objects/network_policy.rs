//! The NetworkPolicy of a cluster.

use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
    NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{BUS_PORT, CLIENT_PORT, HEALTH_PORT, RenderContext, matching};

/// Allows only the cluster's own pods to reach the bus, which has no authentication. Clients,
/// probes and metrics collectors may connect from anywhere, and the nodes may connect to anywhere.
/// Policies are additive, so to restrict clients, turn this one off and write your own.
pub(super) fn network_policy(context: &RenderContext<'_>) -> NetworkPolicy {
    let pods = matching(context.names.selects());
    let own = NetworkPolicyPeer {
        pod_selector: Some(pods.clone()),
        ..NetworkPolicyPeer::default()
    };
    let from_anywhere = NetworkPolicyIngressRule {
        ports: Some(vec![port(CLIENT_PORT), port(HEALTH_PORT)]),
        from: None,
    };
    let from_ourselves = NetworkPolicyIngressRule {
        ports: Some(vec![port(BUS_PORT)]),
        from: Some(vec![own]),
    };
    NetworkPolicy {
        metadata: context.metadata(context.names.network_policy(), context.names.labels()),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(pods),
            policy_types: Some(vec!["Ingress".to_owned()]),
            ingress: Some(vec![from_anywhere, from_ourselves]),
            egress: None,
        }),
    }
}

/// By number: not every network plugin supports named ports.
fn port(number: u16) -> NetworkPolicyPort {
    NetworkPolicyPort {
        port: Some(IntOrString::Int(i32::from(number))),
        protocol: Some("TCP".to_owned()),
        end_port: None,
    }
}
