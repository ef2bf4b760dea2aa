//! The Services of a cluster: a headless one for the pods, one for clients.

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{BUS_PORT, CLIENT_PORT, RenderContext};

/// The Service that gives every pod a DNS name, and nothing more: nodes and clients connect to
/// pods.
pub(super) fn headless(context: &RenderContext<'_>) -> Service {
    let spec = ServiceSpec {
        cluster_ip: Some("None".to_owned()),
        // A node must be reachable to join and sync, which it has to do before it is ready.
        publish_not_ready_addresses: Some(true),
        ports: Some(vec![port("client", CLIENT_PORT), port("bus", BUS_PORT)]),
        ..spec(context)
    };
    service(context, context.names.headless(), spec)
}

/// The Service for clients: a first node to connect to, which names the others.
pub(super) fn client(context: &RenderContext<'_>) -> Service {
    let spec = ServiceSpec {
        type_: Some("ClusterIP".to_owned()),
        ports: Some(vec![port("client", CLIENT_PORT)]),
        ..spec(context)
    };
    service(context, context.names.client(), spec)
}

fn service(context: &RenderContext<'_>, name: String, spec: ServiceSpec) -> Service {
    Service {
        metadata: context.metadata(name, context.names.labels()),
        spec: Some(spec),
        status: None,
    }
}

fn spec(context: &RenderContext<'_>) -> ServiceSpec {
    ServiceSpec {
        selector: Some(context.names.selects()),
        ..ServiceSpec::default()
    }
}

fn port(name: &str, number: u16) -> ServicePort {
    ServicePort {
        name: Some(name.to_owned()),
        port: i32::from(number),
        target_port: Some(IntOrString::String(name.to_owned())),
        protocol: Some("TCP".to_owned()),
        ..ServicePort::default()
    }
}
