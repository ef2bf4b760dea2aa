//! The rendered objects are valid objects of the Kubernetes API.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Service, ServiceAccount};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use slotkeeper_chart::chart;
use slotkeeper_chart::helm::install;
use slotkeeper_chart::manifests::{Object, objects};

#[test]
fn every_field_is_one_of_the_api() {
    let file = |name: &str| format!("-f={}/ci/{name}-values.yaml", chart().display());
    for values in [vec![], vec![file("namespaced")], vec![file("changed")]] {
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let objects = objects(&install(&values).manifest);
        assert!(!objects.is_empty());
        for object in objects {
            assert_eq!(as_the_api_reads_it(&object), object.value);
        }
    }
}

fn as_the_api_reads_it(object: &Object) -> Value {
    match object.kind() {
        "ClusterRole" => read_as::<ClusterRole>(object),
        "ClusterRoleBinding" => read_as::<ClusterRoleBinding>(object),
        "Deployment" => read_as::<Deployment>(object),
        "PodDisruptionBudget" => read_as::<PodDisruptionBudget>(object),
        "Role" => read_as::<Role>(object),
        "RoleBinding" => read_as::<RoleBinding>(object),
        "Service" => read_as::<Service>(object),
        "ServiceAccount" => read_as::<ServiceAccount>(object),
        // Not part of the Kubernetes API itself, or tested elsewhere.
        "ServiceMonitor" | "CustomResourceDefinition" => object.value.clone(),
        other => panic!("the chart has a {other}, which no test reads"),
    }
}

/// What comes back after the object was read as that type: a misspelt field does not.
fn read_as<T: DeserializeOwned + Serialize>(object: &Object) -> Value {
    let typed = serde_json::from_value::<T>(object.value.clone())
        .unwrap_or_else(|error| panic!("{}: {error}", object.template));
    serde_json::to_value(typed).expect("objects are JSON")
}
