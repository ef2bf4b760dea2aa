use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::container::{DATA_DIR, password_file};
use super::{BUS_PORT, CLIENT_PORT, HEALTH_PORT, Maker, SETTINGS_ANNOTATION};
use crate::platform::directives;

/// The file in it.
pub(super) const FILE: &str = "redis.conf";

/// Every address that the pod has, of either family; one that it lacks is no failure.
const ANY_ADDRESS: &str = "* -::*";

/// The ConfigMap with redis.conf, the same for all nodes: what differs from pod to pod stands in
/// the arguments of its container.
pub(super) fn config_map(maker: &Maker<'_>) -> ConfigMap {
    let name = maker.names.config_map();
    let settings = serde_json::to_string(maker.settings).expect("settings are plain text");
    let settings = (SETTINGS_ANNOTATION.to_owned(), settings);
    ConfigMap {
        metadata: ObjectMeta {
            annotations: Some(BTreeMap::from([settings])),
            ..maker.metadata(name, maker.names.labels())
        },
        data: Some(BTreeMap::from([(FILE.to_owned(), redis_conf(maker))])),
        ..ConfigMap::default()
    }
}

fn redis_conf(maker: &Maker<'_>) -> String {
    let mut own = vec![
        ("bind", ANY_ADDRESS.to_owned()),
        ("port", CLIENT_PORT.to_string()),
        // Protected mode lets nobody in but the machine itself while there is no password, which
        // in a pod is nobody at all. Whether there is one is the manifest's to say.
        ("protected-mode", "no".to_owned()),
        ("dir", DATA_DIR.to_owned()),
        ("cluster-port", BUS_PORT.to_string()),
        ("health-bind", ANY_ADDRESS.to_owned()),
        ("health-port", HEALTH_PORT.to_string()),
    ];
    if maker.spec().auth.is_some() {
        // The password itself stays in its Secret.
        own.push(("password-file", password_file()));
    }
    directives::render(&own, &maker.spec().config)
}
