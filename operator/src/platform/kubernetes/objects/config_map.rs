//! The ConfigMap with redis.conf.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::container::{DATA_DIR, password_file};
use super::{BUS_PORT, CLIENT_PORT, HEALTH_PORT, RenderContext, SETTINGS_ANNOTATION};
use crate::platform::created::note;
use crate::platform::directives;

/// The file in the ConfigMap.
pub(super) const FILE: &str = "redis.conf";

/// Every address of the pod, IPv4 and IPv6; a missing family is not a failure.
const ANY_ADDRESS: &str = "* -::*";

/// The ConfigMap with redis.conf, the same for all nodes; what differs between pods is in the
/// arguments of their containers.
pub(super) fn config_map(context: &RenderContext<'_>) -> ConfigMap {
    let name = context.names.config_map();
    let settings = serde_json::to_string(context.settings).expect("settings are plain text");
    let mut annotations = note(context.cluster);
    annotations.insert(SETTINGS_ANNOTATION.to_owned(), settings);
    ConfigMap {
        metadata: ObjectMeta {
            annotations: Some(annotations),
            ..context.metadata(name, context.names.labels())
        },
        data: Some(BTreeMap::from([(FILE.to_owned(), redis_conf(context))])),
        ..ConfigMap::default()
    }
}

fn redis_conf(context: &RenderContext<'_>) -> String {
    let mut own = vec![
        ("bind", ANY_ADDRESS.to_owned()),
        ("port", CLIENT_PORT.to_string()),
        // Without a password, protected mode would accept only loopback connections, which is
        // useless in a pod. The manifest decides whether there is a password.
        ("protected-mode", "no".to_owned()),
        ("dir", DATA_DIR.to_owned()),
        ("cluster-port", BUS_PORT.to_string()),
        ("health-bind", ANY_ADDRESS.to_owned()),
        ("health-port", HEALTH_PORT.to_string()),
    ];
    if context.spec().auth.is_some() {
        // The password itself stays in its Secret.
        own.push(("password-file", password_file()));
    }
    directives::render(&own, context.spec())
}
