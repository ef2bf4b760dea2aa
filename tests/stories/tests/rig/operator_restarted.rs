//! The operator is killed while a cluster is being formed.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::ListParams;
use slotkeeper_stories::kubernetes::cluster::container_id;
use slotkeeper_stories::kubernetes::{OPERATOR_NAMESPACE, Story, kill_container};
use slotkeeper_stories::patience::until;

#[test]
fn another_one_forms_the_same_cluster() {
    let story = Story::alone("operator_restarted");
    let cluster = story.apply(&[]);
    until(Duration::from_secs(60), "the forming has begun", || {
        let given = |index: &str| {
            let node = cluster.find_pod(index).and_then(|pod| pod.status?.pod_ip);
            let slots = node.map(|ip| cluster.at(&ip).run(&["CLUSTER", "NODES"]));
            slots.is_some_and(|nodes| nodes.is_ok_and(|nodes| nodes.contains("0-5461")))
        };
        given("0-0")
    });
    let pods: Api<Pod> = story.api(OPERATOR_NAMESPACE);
    let pods = story.wait(pods.list(&ListParams::default()));
    for pod in pods.expect("the API server answers") {
        kill_container(&container_id(&pod));
    }

    cluster.wait_until_ready();
    let nodes = cluster.node("0-0").say(&["CLUSTER", "NODES"]);
    for slots in ["0-5461", "5462-10922", "10923-16383"] {
        assert!(nodes.lines().any(|line| line.ends_with(slots)), "{nodes}");
    }
    assert_eq!(nodes.lines().count(), 6, "{nodes}");
}
