//! A converged cluster causes no writes to the API server, and `plan` has nothing to do.

use std::process::Command;
use std::time::Duration;

use slotkeeper_stories::kubernetes::{Story, run};
use slotkeeper_stories::patience::within;
use slotkeeper_stories::readme::root;

#[test]
fn a_converged_cluster_is_not_written_to() {
    let story = Story::alone("idle");
    let cluster = story.apply(&[]);
    cluster.wait_until_ready();
    let versions = || {
        let kinds = "rdc,statefulsets,services,configmaps,poddisruptionbudgets,networkpolicies";
        let path = "jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.resourceVersion}{\"\\n\"}{end}";
        story.kubectl(&["get", kinds, "-o", path])
    };
    // Controllers of Kubernetes write a last status of their own.
    let before = within(
        Duration::from_secs(60),
        "everybody has come to rest",
        || {
            let before = versions();
            std::thread::sleep(Duration::from_secs(3));
            if versions() == before {
                Ok(before)
            } else {
                Err("not yet".to_owned())
            }
        },
    );
    std::thread::sleep(Duration::from_secs(20));
    assert_eq!(versions(), before);
}

#[test]
fn plan_tells_what_would_be_done_and_does_nothing() {
    let story = Story::begin("planned");
    let example = root().join("examples/rediscluster.yaml");
    let plan = || {
        let program = slotkeeper_stories::server::binary("slotkeeper");
        let mut command = Command::new(program);
        command
            .args(["plan", "--namespace", story.namespace(), "-f"])
            .arg(&example);
        run(&mut command).unwrap_or_else(|error| panic!("{error}"))
    };
    let first = plan();
    assert!(
        first.contains("3 shards of 2 nodes, not applied yet"),
        "{first}"
    );
    assert!(
        first.contains("would: objects: ensure shard 2 has 2 pods"),
        "{first}"
    );
    let nothing = story.kubectl(&["get", "statefulsets,rdc", "-o", "name"]);
    assert_eq!(nothing, "");

    let cluster = story.apply(&[]);
    cluster.wait_until_ready();
    let converged = plan();
    assert!(converged.ends_with("nothing to do\n"), "{converged}");
}
