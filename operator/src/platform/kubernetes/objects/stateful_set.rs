//! The StatefulSet of a shard.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{
    StatefulSet, StatefulSetPersistentVolumeClaimRetentionPolicy, StatefulSetSpec,
    StatefulSetUpdateStrategy,
};
use k8s_openapi::api::core::v1::{
    ConfigMapVolumeSource, EmptyDirVolumeSource, KeyToPath, PersistentVolumeClaim,
    PersistentVolumeClaimSpec, PodSecurityContext, PodSpec, PodTemplateSpec, SeccompProfile,
    SecretVolumeSource, Volume, VolumeResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use slotkeeper_crds::{RedisClusterSpec, Storage};

use super::container::{AUTH_VOLUME, CONFIG_VOLUME, PASSWORD, container};
use super::scheduling::{affinity, spread};
use super::{DATA_VOLUME, RenderContext, matching};
use crate::platform::created::note;

/// The unprivileged user that the image runs as.
const USER: i64 = 65_532;

/// The default of `shutdown-timeout`: how long a master waits until its replicas have everything.
const SHUTDOWN_TIMEOUT_S: i64 = 10;
/// Then a replica takes over. It is asked again every five seconds, and one vote may fail.
const HAND_OVER_S: i64 = 30;
/// Then the data is saved, if there are save points.
const SAVE_S: i64 = 80;

/// The pods of a shard.
pub(super) fn stateful_set(context: &RenderContext<'_>, shard: u32, pods: u32) -> StatefulSet {
    let names = &context.names;
    let storage = context.spec().storage.as_ref();
    let spec = StatefulSetSpec {
        // No pod waits for another one: all have to run before any can be ready, and a bad pod must
        // not block the rest.
        pod_management_policy: Some("Parallel".to_owned()),
        // The operator decides when a pod is replaced, because it knows which one is the master.
        update_strategy: Some(StatefulSetUpdateStrategy {
            type_: Some("OnDelete".to_owned()),
            rolling_update: None,
        }),
        // Users roll back the manifest; the operator reads no old revisions.
        revision_history_limit: Some(1),
        replicas: Some(i32::try_from(pods).unwrap_or(i32::MAX)),
        service_name: Some(names.headless()),
        selector: matching(names.selects_shard(shard)),
        template: template(context, shard),
        volume_claim_templates: storage.map(|storage| vec![claim(storage)]),
        // Volumes outlive the cluster and its replicas: only people delete them.
        persistent_volume_claim_retention_policy: Some(
            StatefulSetPersistentVolumeClaimRetentionPolicy {
                when_deleted: Some("Retain".to_owned()),
                when_scaled: Some("Retain".to_owned()),
            },
        ),
        ..StatefulSetSpec::default()
    };
    StatefulSet {
        metadata: ObjectMeta {
            annotations: filled(&note(context.cluster)),
            ..context.metadata(names.shard(shard), names.shard_labels(shard))
        },
        spec: Some(spec),
        status: None,
    }
}

fn template(context: &RenderContext<'_>, shard: u32) -> PodTemplateSpec {
    let spec = context.spec();
    let mut labels = spec.pod_labels.clone();
    labels.extend(context.names.shard_labels(shard));
    PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(labels),
            annotations: filled(&spec.pod_annotations),
            ..ObjectMeta::default()
        }),
        spec: Some(pod(context, shard)),
    }
}

fn pod(context: &RenderContext<'_>, shard: u32) -> PodSpec {
    let spec = context.spec();
    let scheduling = spec.scheduling.clone().unwrap_or_default();
    let secrets = &spec.image_pull_secrets;
    PodSpec {
        containers: vec![container(context)],
        volumes: Some(volumes(context)),
        security_context: Some(security_context()),
        termination_grace_period_seconds: Some(grace_s(spec)),
        // A node uses neither the API server nor the Services that variables would name.
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        image_pull_secrets: (!secrets.is_empty()).then(|| secrets.clone()),
        affinity: Some(affinity(context, shard)),
        topology_spread_constraints: Some(spread(context)),
        node_selector: filled(&scheduling.node_selector),
        tolerations: (!scheduling.tolerations.is_empty()).then_some(scheduling.tolerations),
        priority_class_name: scheduling.priority_class_name,
        ..PodSpec::default()
    }
}

/// A master that is killed before a replica has taken over costs more than a pod that stops slowly.
/// The time is only used when it is needed.
fn grace_s(spec: &RedisClusterSpec) -> i64 {
    let given = spec.config.get("shutdown-timeout");
    let timeout = given.and_then(|seconds| seconds.parse::<u32>().ok());
    timeout.map_or(SHUTDOWN_TIMEOUT_S, i64::from) + HAND_OVER_S + SAVE_S
}

fn security_context() -> PodSecurityContext {
    PodSecurityContext {
        run_as_non_root: Some(true),
        run_as_user: Some(USER),
        run_as_group: Some(USER),
        fs_group: Some(USER),
        // Changes the ownership of a large volume only once.
        fs_group_change_policy: Some("OnRootMismatch".to_owned()),
        seccomp_profile: Some(SeccompProfile {
            type_: "RuntimeDefault".to_owned(),
            localhost_profile: None,
        }),
        ..PodSecurityContext::default()
    }
}

fn volumes(context: &RenderContext<'_>) -> Vec<Volume> {
    let mut volumes = vec![Volume {
        name: CONFIG_VOLUME.to_owned(),
        config_map: Some(ConfigMapVolumeSource {
            name: context.names.config_map(),
            ..ConfigMapVolumeSource::default()
        }),
        ..Volume::default()
    }];
    if let Some(auth) = &context.spec().auth {
        volumes.push(Volume {
            name: AUTH_VOLUME.to_owned(),
            secret: Some(SecretVolumeSource {
                secret_name: Some(auth.password_secret_ref.name.clone()),
                items: Some(vec![KeyToPath {
                    key: auth.password_secret_ref.key.clone(),
                    path: PASSWORD.to_owned(),
                    // Readable only for the group of the node.
                    mode: Some(0o440),
                }]),
                ..SecretVolumeSource::default()
            }),
            ..Volume::default()
        });
    }
    if context.spec().storage.is_none() {
        volumes.push(Volume {
            name: DATA_VOLUME.to_owned(),
            empty_dir: Some(EmptyDirVolumeSource::default()),
            ..Volume::default()
        });
    }
    volumes
}

/// Without labels: a StatefulSet cannot change its claim templates, and adds its selector's labels
/// itself.
fn claim(storage: &Storage) -> PersistentVolumeClaim {
    PersistentVolumeClaim {
        metadata: ObjectMeta {
            name: Some(DATA_VOLUME.to_owned()),
            ..ObjectMeta::default()
        },
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
            storage_class_name: storage.storage_class_name.clone(),
            resources: Some(VolumeResourceRequirements {
                requests: Some(BTreeMap::from([(
                    "storage".to_owned(),
                    storage.size.clone(),
                )])),
                limits: None,
            }),
            ..PersistentVolumeClaimSpec::default()
        }),
        status: None,
    }
}

/// An empty map is left out.
fn filled(map: &BTreeMap<String, String>) -> Option<BTreeMap<String, String>> {
    (!map.is_empty()).then(|| map.clone())
}
