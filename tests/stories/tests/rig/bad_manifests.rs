//! A manifest that cannot work is refused: by the API server if its rules can tell, else in the
//! status.

use std::time::Duration;

use slotkeeper_stories::kubernetes::Story;
use slotkeeper_stories::kubernetes::story::manifest;
use slotkeeper_stories::patience::within;

#[test]
fn the_api_server_refuses_them_with_the_messages_promised() {
    let story = Story::begin("bad_manifests");
    let refused = |changes: &[(&str, &str)], message: &str| {
        let error = story.try_apply(story.namespace(), &manifest(changes));
        let error = error.expect_err(message);
        assert!(error.contains(message), "{error} does not say {message:?}");
    };
    refused(&[("shards: 3", "shards: 0")], "spec.shards");
    refused(&[("shards: 3", "shards: 1001")], "spec.shards");
    refused(
        &[("replicasPerShard: 1", "replicasPerShard: 6")],
        "spec.replicasPerShard",
    );
    refused(
        &[(
            "name: tour\n",
            "name: a23456789-123456789-123456789-123456789-1\n",
        )],
        "metadata.name must have at most 40 characters",
    );
    refused(
        &[("maxmemory: 256mb", "port: \"7000\"")],
        "port is set by the operator: the operator decides where a node listens",
    );
    refused(
        &[("maxmemory: 256mb", "requirepass: secret")],
        "requirepass is set by the operator: use spec.auth.passwordSecretRef",
    );
    refused(
        &[(
            "cluster-node-timeout: \"15000\"",
            "cluster-node-timeout: soon",
        )],
        "cluster-node-timeout must be a number of milliseconds from 100 to 9999999",
    );
    refused(
        &[("maxmemory: 256mb", "Max_Memory: 256mb")],
        "names of directives contain only lower-case letters, digits and hyphens",
    );

    let cluster = story.apply(&[]);
    refused(
        &[("shards: 3", "shards: 4")],
        "shards cannot be changed yet",
    );
    refused(
        &[("  auth:\n", "  storage:\n    size: 1Gi\n  auth:\n")],
        "storage cannot be changed",
    );
    cluster.wait_until_ready();
}

#[test]
fn what_only_a_node_can_tell_is_told_by_the_status_and_nothing_is_changed() {
    let story = Story::begin("told");
    let cluster = story.apply(&[]);
    cluster.wait_until_ready();
    let _ = story.apply(&[("maxmemory: 256mb", "maxmemory: much")]);
    let says = |message: &str| {
        within(Duration::from_secs(30), message, || {
            let ready = cluster.condition("Ready");
            let told = ready.starts_with("False/ManifestRefused") && ready.contains(message);
            if told { Ok(()) } else { Err(ready) }
        });
    };
    says("maxmemory much: argument must be a memory value");
    let has = |directive: &str| cluster.node("0-0").say(&["CONFIG", "GET", directive]);
    assert_eq!(has("maxmemory"), "maxmemory\n268435456");

    // The next one that works is applied, to nodes that run.
    let _ = story.apply(&[("maxmemory: 256mb", "maxmemory: 128mb")]);
    cluster.wait_until_ready();
    within(
        Duration::from_secs(30),
        "the nodes have it",
        || match has("maxmemory").as_str() {
            "maxmemory\n134217728" => Ok(()),
            other => Err(other.to_owned()),
        },
    );
}

#[test]
fn a_password_that_is_not_there_is_waited_for() {
    let story = Story::begin("no_secret");
    let whole = manifest(&[]);
    let (secret, cluster_alone) = whole.split_once("---\n").expect("two documents");
    let applied = story.try_apply(story.namespace(), cluster_alone);
    applied.unwrap_or_else(|error| panic!("{error}"));
    let cluster = story.cluster("tour");
    within(Duration::from_secs(30), "the status says so", || {
        let ready = cluster.condition("Ready");
        let told = ready.contains("there is no Secret tour-password");
        if told { Ok(()) } else { Err(ready) }
    });
    assert!(cluster.pods().is_empty());

    let applied = story.try_apply(story.namespace(), secret);
    applied.unwrap_or_else(|error| panic!("{error}"));
    cluster.wait_until_ready();
}
