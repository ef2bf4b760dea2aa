use k8s_openapi::api::core::v1::{
    Capabilities, Container, ContainerPort, EnvVar, EnvVarSource, HTTPGetAction,
    ObjectFieldSelector, Probe, SecurityContext, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::config_map::FILE;
use super::{BUS_PORT, CLIENT_PORT, CONTAINER, DATA_VOLUME, HEALTH_PORT, Maker};

/// Where the node keeps its files.
pub(super) const DATA_DIR: &str = "/data";
/// The volume with redis.conf.
pub(super) const CONFIG_VOLUME: &str = "config";
/// The volume with the password.
pub(super) const AUTH_VOLUME: &str = "auth";
/// The file in that volume.
pub(super) const PASSWORD: &str = "password";

const CONFIG_DIR: &str = "/etc/slotkeeper";
const AUTH_DIR: &str = "/etc/slotkeeper-auth";

/// The name of the port that the probes ask.
const HEALTH: &str = "metrics";

/// The node.
pub(super) fn container(maker: &Maker<'_>) -> Container {
    let spec = maker.spec();
    let ours = &maker.settings;
    // How often our own image is pulled says nothing about one that the user names.
    let (image, policy) = match &spec.image {
        Some(image) => (image, spec.image_pull_policy),
        None => (
            &ours.node_image,
            spec.image_pull_policy.or(ours.node_image_pull_policy),
        ),
    };
    Container {
        name: CONTAINER.to_owned(),
        image: Some(image.clone()),
        image_pull_policy: policy.map(|policy| format!("{policy:?}")),
        command: Some(command(maker)),
        env: Some(vec![
            variable("POD_IP", "status.podIP"),
            variable("POD_NAME", "metadata.name"),
        ]),
        ports: Some(vec![
            port("client", CLIENT_PORT),
            port("bus", BUS_PORT),
            port(HEALTH, HEALTH_PORT),
        ]),
        startup_probe: Some(startup()),
        liveness_probe: Some(liveness()),
        readiness_probe: Some(readiness()),
        resources: spec.resources.clone(),
        security_context: Some(security_context()),
        volume_mounts: Some(mounts(maker)),
        ..Container::default()
    }
}

/// The file that the password is in.
pub(super) fn password_file() -> String {
    format!("{AUTH_DIR}/{PASSWORD}")
}

/// What a pod alone knows is an argument, so that all of them share one redis.conf. The address is
/// announced since others must not guess it; the hostname is what the node is known by when its
/// address changes.
fn command(maker: &Maker<'_>) -> Vec<String> {
    let hostname = maker.names.fqdn("$(POD_NAME)");
    let config = format!("{CONFIG_DIR}/{FILE}");
    let words: [&str; 6] = [
        "slotkeeper-node",
        &config,
        "--cluster-announce-ip",
        "$(POD_IP)",
        "--cluster-announce-hostname",
        &hostname,
    ];
    words.map(str::to_owned).into()
}

/// Ends as soon as the process answers, which it does before it loads its data. Two minutes are for
/// machines that can hardly breathe.
fn startup() -> Probe {
    Probe {
        period_seconds: Some(1),
        timeout_seconds: Some(5),
        failure_threshold: Some(120),
        ..probe("/livez")
    }
}

/// A node that loads, syncs or is busy is alive: only one whose main loop has not turned for ten
/// seconds fails, and only after a minute of that is it killed. There is no hurry: long before, the
/// others have put a replica in its place. It gets no time to hand over, for it does not listen.
fn liveness() -> Probe {
    Probe {
        period_seconds: Some(10),
        timeout_seconds: Some(5),
        failure_threshold: Some(6),
        termination_grace_period_seconds: Some(10),
        ..probe("/livez")
    }
}

/// Clients that know no node yet shall soon be sent to a new one, and no longer to one that has
/// nothing to say; one slow answer does not count.
fn readiness() -> Probe {
    Probe {
        period_seconds: Some(2),
        timeout_seconds: Some(2),
        failure_threshold: Some(2),
        ..probe("/readyz")
    }
}

fn probe(path: &str) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::String(HEALTH.to_owned()),
            ..HTTPGetAction::default()
        }),
        ..Probe::default()
    }
}

/// As the restricted Pod Security Standard asks, and more: all that the node writes is in its
/// volume.
fn security_context() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        read_only_root_filesystem: Some(true),
        capabilities: Some(Capabilities {
            drop: Some(vec!["ALL".to_owned()]),
            add: None,
        }),
        ..SecurityContext::default()
    }
}

fn mounts(maker: &Maker<'_>) -> Vec<VolumeMount> {
    let mut mounts = vec![
        mount(DATA_VOLUME, DATA_DIR, false),
        mount(CONFIG_VOLUME, CONFIG_DIR, true),
    ];
    if maker.spec().auth.is_some() {
        mounts.push(mount(AUTH_VOLUME, AUTH_DIR, true));
    }
    mounts
}

fn mount(volume: &str, path: &str, read_only: bool) -> VolumeMount {
    VolumeMount {
        name: volume.to_owned(),
        mount_path: path.to_owned(),
        read_only: read_only.then_some(true),
        ..VolumeMount::default()
    }
}

fn port(name: &str, number: u16) -> ContainerPort {
    ContainerPort {
        name: Some(name.to_owned()),
        container_port: i32::from(number),
        protocol: Some("TCP".to_owned()),
        ..ContainerPort::default()
    }
}

fn variable(name: &str, field: &str) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value_from: Some(EnvVarSource {
            field_ref: Some(ObjectFieldSelector {
                field_path: field.to_owned(),
                api_version: None,
            }),
            ..EnvVarSource::default()
        }),
        value: None,
    }
}
