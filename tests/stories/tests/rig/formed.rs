//! A manifest is applied and becomes a cluster that serves, as kubectl and clients see it.

use std::time::Duration;

use redis::Commands;
use redis::cluster::ClusterClient;
use slotkeeper_stories::kubernetes::Story;
use slotkeeper_stories::local::PASSWORD;
use slotkeeper_stories::patience::within;

#[test]
fn a_manifest_becomes_a_cluster() {
    let story = Story::begin("formed");
    let cluster = story.apply(&[]);
    cluster.wait_until_ready();

    let nodes = cluster.node("0-0").say(&["CLUSTER", "NODES"]);
    for (shard, slots) in ["0-5461", "5462-10922", "10923-16383"].iter().enumerate() {
        let hostname = format!(
            "tour-{shard}-0.tour-nodes.{}.svc.cluster.local",
            story.namespace()
        );
        let master = nodes.lines().find(|line| line.contains(&hostname));
        let master = master.unwrap_or_else(|| panic!("no {hostname} in {nodes}"));
        assert!(master.ends_with(slots), "{master}");
        let id = master.split(' ').next().expect("a line begins with an id");
        let replica = nodes
            .lines()
            .find(|line| line.contains(&format!("slave {id}")));
        let replica = replica.unwrap_or_else(|| panic!("no replica of {id} in {nodes}"));
        assert!(replica.contains(&format!("tour-{shard}-1.")), "{replica}");
        assert_eq!(cluster.node(&format!("{shard}-0")).say(&["DBSIZE"]), "0");
    }
    let info = cluster.node("2-1").say(&["CLUSTER", "INFO"]);
    assert!(info.contains("cluster_state:ok"), "{info}");
    assert!(info.contains("cluster_slots_assigned:16384"), "{info}");
}

#[test]
fn kubectl_shows_its_columns_its_conditions_and_what_was_done() {
    let story = Story::begin("shown");
    let cluster = story.apply(&[]);
    cluster.wait_until_ready();

    let table = story.kubectl(&["get", "rdc", "tour"]);
    let (head, row) = table.split_once('\n').expect("a head and a row");
    let head: Vec<&str> = head.split_whitespace().collect();
    let row: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(
        head,
        [
            "NAME", "SHARDS", "REPLICAS", "READY", "NODES", "SLOTS", "PHASE", "AGE"
        ]
    );
    assert_eq!(
        row[..6],
        ["tour", "3", "1", "6/6", "16384", "Ready"],
        "{table}"
    );
    let waited = story.kubectl(&["wait", "--for=condition=Ready", "--timeout=10s", "rdc/tour"]);
    assert!(waited.contains("condition met"), "{waited}");
    let scale = ["get", "--raw"];
    let path = format!(
        "/apis/slotkeeper.dev/v1alpha1/namespaces/{}/redisclusters/tour/scale",
        story.namespace()
    );
    let scale = story.kubectl(&[scale[0], scale[1], &path]);
    assert!(scale.contains("slotkeeper.dev/cluster=tour"), "{scale}");

    // They are published behind the back of the passes.
    within(Duration::from_secs(30), "every act has its Event", || {
        let events = story.kubectl(&[
            "get",
            "events.events.k8s.io",
            "-o",
            "custom-columns=R:.reason",
        ]);
        let lacks = |reason: &&&str| !events.lines().any(|line| line == **reason);
        match ["SlotsAssigned", "NodeMet", "ReplicaAttached"]
            .iter()
            .find(lacks)
        {
            None => Ok(()),
            Some(reason) => Err(format!("no {reason} in {events}")),
        }
    });
}

#[test]
fn the_client_service_leads_into_the_cluster() {
    let story = Story::begin("served");
    let cluster = story.apply(&[]);
    cluster.wait_until_ready();

    let service = story.kubectl(&["get", "service", "tour", "-o", "jsonpath={.spec.clusterIP}"]);
    let servers = vec![format!("redis://{service}:6379")];
    let client = ClusterClient::builder(servers).password(PASSWORD).build();
    let client = client.expect("an address of this form is one");
    // A pod is Ready a moment before the Service leads to it.
    let mut connection = within(Duration::from_secs(30), "the Service answers", || {
        client.get_connection().map_err(|error| error.to_string())
    });
    for number in 0..300 {
        let key = format!("key:{number}");
        connection
            .set::<_, _, ()>(&key, number)
            .expect("it is written");
        let got: i32 = connection.get(&key).expect("it is read");
        assert_eq!(got, number);
    }
}
