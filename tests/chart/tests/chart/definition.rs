//! The CustomResourceDefinition that the chart installs.

use std::fs;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use slotkeeper_chart::helm::install;
use slotkeeper_chart::manifests::{Object, objects};
use slotkeeper_chart::{chart, root};

#[test]
fn the_copy_in_the_chart_is_fresh() {
    let [copy, generated] = [
        chart().join("files/rediscluster.yaml"),
        root().join("crds/rediscluster.yaml"),
    ]
    .map(|path| fs::read(path).unwrap());
    assert!(copy == generated, "stale: `make generate` copies it");
}

#[test]
fn is_that_copy_with_the_marks_of_the_release() {
    let mut definition = installed(&[]).unwrap();
    let labels = definition.metadata.labels.take().unwrap();
    assert_eq!(labels["app.kubernetes.io/managed-by"], "Helm");
    let annotations = definition.metadata.annotations.take().unwrap();
    assert_eq!(annotations["helm.sh/resource-policy"], "keep");

    let copy = fs::read_to_string(chart().join("files/rediscluster.yaml")).unwrap();
    let copy: CustomResourceDefinition = serde_norway::from_str(&copy).unwrap();
    assert!(definition == copy, "helm rendered another definition");
}

#[test]
fn goes_with_the_release_only_if_told_to() {
    let definition = installed(&["--set=crds.keep=false"]).unwrap();
    assert_eq!(definition.metadata.annotations, None);
}

#[test]
fn is_left_to_others_if_told_to() {
    assert!(installed(&["--set=crds.install=false"]).is_none());
}

fn installed(values: &[&str]) -> Option<CustomResourceDefinition> {
    let objects = objects(&install(values).manifest);
    let mut definitions = objects
        .into_iter()
        .filter(|object| object.kind() == "CustomResourceDefinition");
    let Object { value, .. } = definitions.next()?;
    assert!(definitions.next().is_none());
    Some(serde_json::from_value(value).expect("a definition"))
}
