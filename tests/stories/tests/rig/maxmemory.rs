//! `maxmemory` follows the memory limit of each pod where the cluster was created with that default. A
//! cluster that an earlier operator has created keeps what it has.

use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::DeleteParams;
use slotkeeper_stories::kubernetes::story::manifest;
use slotkeeper_stories::kubernetes::{Cluster, Story};
use slotkeeper_stories::patience::{until, within};

const MINUTE: Duration = Duration::from_secs(60);
const PERCENT_ANNOTATION: &str = "slotkeeper.dev/default-maxmemory-percent";

/// Applies a cluster of one shard whose manifest does not say `maxmemory`. `more` is a line of its
/// spec.
fn apply<'a>(story: &'a Story, name: &str, megabytes: u64, more: &str) -> Cluster<'a> {
    let limits =
        format!("{more}  resources:\n    limits:\n      memory: {megabytes}Mi\n  config:\n");
    let text = manifest(&[
        ("name: tour\n", &format!("name: {name}\n")),
        ("shards: 3\n", "shards: 1\n"),
        ("    maxmemory: 256mb\n", ""),
        ("  config:\n", &limits),
    ]);
    let applied = story.try_apply(story.namespace(), &text);
    applied.unwrap_or_else(|error| panic!("{error}"));
    story.cluster(name)
}

/// Waits until the node has that `maxmemory`.
fn wait_for(cluster: &Cluster<'_>, index: &str, bytes: u64) {
    let node = cluster.node(index);
    let what = format!("{index} has a maxmemory of {bytes}");
    within(MINUTE, &what, || {
        let said = node.run(&["CONFIG", "GET", "maxmemory"])?;
        match said.lines().last() == Some(&bytes.to_string()) {
            true => Ok(()),
            false => Err(said),
        }
    });
}

/// Lets a paused cluster have an object as an operator made it that knew of no such default, and
/// waits until the operator has seen it.
fn pretend_it_is_old(story: &Story, cluster: &Cluster<'_>, other: &str) {
    let uid = cluster.object().metadata.uid.expect("it was created");
    let text = format!(
        "apiVersion: v1\n\
         kind: ConfigMap\n\
         metadata:\n  \
           name: earlier-config\n  \
           labels: {{slotkeeper.dev/cluster: earlier, app.kubernetes.io/managed-by: slotkeeper}}\n  \
           ownerReferences:\n  \
           - apiVersion: slotkeeper.dev/v1alpha1\n    \
             kind: RedisCluster\n    \
             name: earlier\n    \
             uid: {uid}\n    \
             controller: true\n"
    );
    let applied = story.try_apply(story.namespace(), &text);
    applied.unwrap_or_else(|error| panic!("{error}"));
    // It learns of both in their order: what it makes again after the other was deleted shows it.
    let maps: Api<ConfigMap> = story.api(story.namespace());
    let deleted = story.wait(maps.delete(other, &DeleteParams::default()));
    deleted.expect("a ConfigMap can be deleted");
    until(MINUTE, "the other ConfigMap is made again", || {
        story
            .wait(maps.get_opt(other))
            .is_ok_and(|map| map.is_some())
    });
}

#[test]
fn it_follows_the_limit_of_each_pod_and_is_left_alone_where_it_was_made_before() {
    let story = Story::begin("maxmemory");
    let earlier = apply(&story, "earlier", 128, "  paused: true\n");
    let new = apply(&story, "new", 128, "");
    new.wait_until_ready();
    for index in ["0-0", "0-1"] {
        wait_for(&new, index, 107_374_182);
    }
    pretend_it_is_old(&story, &earlier, "new-config");
    let earlier = apply(&story, "earlier", 128, "");

    let new = apply(&story, "new", 256, "");
    new.wait_until_ready();
    let replica = new.replica_of(0);
    let uid = new.pod(&replica).metadata.uid;
    new.delete_pod(&replica, &DeleteParams::default());
    until(MINUTE, "there is another pod with an address", || {
        new.find_pod(&replica).is_some_and(|pod| {
            let address = pod.status.and_then(|status| status.pod_ip);
            pod.metadata.uid != uid && address.is_some()
        })
    });
    new.wait_until_ready();
    wait_for(&new, &replica, 214_748_364);
    wait_for(&new, &new.master_of(0), 107_374_182);

    earlier.wait_until_ready();
    wait_for(&earlier, "0-0", 0);
    let noted = |name: &str| {
        let objects = ["get", "configmaps,statefulsets", "-o", "yaml", "-l"];
        let label = format!("slotkeeper.dev/cluster={name}");
        let text = story.kubectl(&[&objects[..], &[&label]].concat());
        text.matches(PERCENT_ANNOTATION).count()
    };
    assert_eq!(noted("earlier"), 0);
    assert!(noted("new") >= 2);
}
