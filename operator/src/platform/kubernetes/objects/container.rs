//! The container of a node: command, ports, probes, mounts.

use k8s_openapi::api::core::v1::{
    Capabilities, Container, ContainerPort, EnvVar, EnvVarSource, HTTPGetAction,
    ObjectFieldSelector, Probe, SecurityContext, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::config_map::FILE;
use super::{BUS_PORT, CLIENT_PORT, CONTAINER, DATA_VOLUME, HEALTH_PORT, RenderContext};

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

/// The name of the port for probes.
const HEALTH: &str = "metrics";

/// The container of the node.
pub(super) fn container(context: &RenderContext<'_>) -> Container {
    let spec = context.spec();
    let ours = &context.settings;
    // The pull policy of our own image does not apply to an image that the user names.
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
        command: Some(command(context)),
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
        volume_mounts: Some(mounts(context)),
        ..Container::default()
    }
}

/// The file with the password.
pub(super) fn password_file() -> String {
    format!("{AUTH_DIR}/{PASSWORD}")
}

/// What only the pod knows is an argument, so all pods share one redis.conf. The address is
/// announced so that others need not guess it; the hostname identifies the node when its address
/// changes.
fn command(context: &RenderContext<'_>) -> Vec<String> {
    let hostname = context.names.fqdn("$(POD_NAME)");
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

/// Succeeds as soon as the process answers, which it does before it loads its data. Two minutes are
/// for overloaded hosts.
fn startup() -> Probe {
    Probe {
        period_seconds: Some(1),
        timeout_seconds: Some(5),
        failure_threshold: Some(120),
        ..probe("/livez")
    }
}

/// A node that loads, syncs or is busy is alive. The probe fails only if the main loop has not run
/// for ten seconds, and the node is killed only after a minute of that. There is no hurry, because
/// a replica has taken over long before. It gets no time to hand over, because it would not react.
fn liveness() -> Probe {
    Probe {
        period_seconds: Some(10),
        timeout_seconds: Some(5),
        failure_threshold: Some(6),
        termination_grace_period_seconds: Some(10),
        ..probe("/livez")
    }
}

/// New clients are soon sent to a node that became ready, and no longer to one that is not; one
/// slow answer does not count.
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

/// As the restricted Pod Security Standard requires, and stricter: the node writes only to its
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

fn mounts(context: &RenderContext<'_>) -> Vec<VolumeMount> {
    let mut mounts = vec![
        mount(DATA_VOLUME, DATA_DIR, false),
        mount(CONFIG_VOLUME, CONFIG_DIR, true),
    ];
    if context.spec().auth.is_some() {
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
