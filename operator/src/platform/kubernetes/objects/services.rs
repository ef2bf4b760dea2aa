use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{BUS_PORT, CLIENT_PORT, Maker};

/// The Service that gives every pod a name, and no more: nodes and clients talk to pods.
pub(super) fn headless(maker: &Maker<'_>) -> Service {
    let spec = ServiceSpec {
        cluster_ip: Some("None".to_owned()),
        // A node is met, synced and asked long before it is ready, and is ready only after that.
        publish_not_ready_addresses: Some(true),
        ports: Some(vec![port("client", CLIENT_PORT), port("bus", BUS_PORT)]),
        ..spec(maker)
    };
    service(maker, maker.names.headless(), spec)
}

/// The Service for clients: a first node to ask, which says where the others are.
pub(super) fn client(maker: &Maker<'_>) -> Service {
    let spec = ServiceSpec {
        type_: Some("ClusterIP".to_owned()),
        ports: Some(vec![port("client", CLIENT_PORT)]),
        ..spec(maker)
    };
    service(maker, maker.names.client(), spec)
}

fn service(maker: &Maker<'_>, name: String, spec: ServiceSpec) -> Service {
    Service {
        metadata: maker.metadata(name, maker.names.labels()),
        spec: Some(spec),
        status: None,
    }
}

fn spec(maker: &Maker<'_>) -> ServiceSpec {
    ServiceSpec {
        selector: Some(maker.names.selects()),
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
