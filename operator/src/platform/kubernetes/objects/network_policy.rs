use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
    NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{BUS_PORT, CLIENT_PORT, HEALTH_PORT, Maker, matching};

/// Opens the bus to the cluster's own pods only: it knows no password, so whoever reaches it can
/// tell the nodes whatever it likes. Clients, probes and collectors of metrics may come from
/// anywhere, and the nodes may go anywhere. Policies add up and none takes back what another
/// allows, so whoever wants clients kept out switches this one off and writes his own.
pub(super) fn network_policy(maker: &Maker<'_>) -> NetworkPolicy {
    let pods = matching(maker.names.selects());
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
        metadata: maker.metadata(maker.names.network_policy(), maker.names.labels()),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(pods),
            policy_types: Some(vec!["Ingress".to_owned()]),
            ingress: Some(vec![from_anywhere, from_ourselves]),
            egress: None,
        }),
    }
}

/// By its number: not every network plugin knows the names of ports.
fn port(number: u16) -> NetworkPolicyPort {
    NetworkPolicyPort {
        port: Some(IntOrString::Int(i32::from(number))),
        protocol: Some("TCP".to_owned()),
        end_port: None,
    }
}
