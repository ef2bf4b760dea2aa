//! Two clusters of the same name in two namespaces do not touch each other.

use slotkeeper_stories::kubernetes::Story;
use slotkeeper_stories::kubernetes::story::manifest;

#[test]
fn two_namespaces_are_two_worlds() {
    let story = Story::begin("two_clusters");
    let other = story.further_namespace("other");
    let one = story.apply(&[("replicasPerShard: 1", "replicasPerShard: 0")]);
    let text = manifest(&[("replicasPerShard: 1", "replicasPerShard: 0")]);
    let applied = story.try_apply(&other, &text);
    applied.unwrap_or_else(|error| panic!("{error}"));
    let two = story.cluster_in(&other, "tour");
    one.wait_until_ready();
    two.wait_until_ready();

    assert_eq!(one.node("0-0").say(&["-c", "SET", "hello", "one"]), "OK");
    assert_eq!(two.node("0-0").say(&["-c", "GET", "hello"]), "");
    for cluster in [&one, &two] {
        let nodes = cluster.node("1-0").say(&["CLUSTER", "NODES"]);
        assert_eq!(nodes.lines().count(), 3, "{nodes}");
    }
    let _ = story.kubectl(&["delete", "rdc", "tour", "--timeout=60s"]);
    two.wait_until_ready();
    let info = two.node("0-0").say(&["CLUSTER", "INFO"]);
    assert!(info.contains("cluster_state:ok"), "{info}");
}
