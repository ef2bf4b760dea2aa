//! The replies of CLUSTER commands, compared with Redis's form.

use super::*;
use crate::config::EndpointType;

#[test]
fn info_names_what_redis_names() {
    let mut network = Network::formed(3, 0);
    let info = network.request(0, ClusterRequest::Info);
    for line in [
        "cluster_state:ok",
        "cluster_slots_assigned:16384",
        "cluster_slots_ok:16384",
        "cluster_slots_pfail:0",
        "cluster_slots_fail:0",
        "cluster_known_nodes:3",
        "cluster_size:3",
        "cluster_stats_messages_meet_sent:2",
        "total_cluster_links_buffer_limit_exceeded:0",
    ] {
        assert!(info.contains(&format!("{line}\r\n")), "{line} in {info}");
    }
    assert!(
        !info.contains("auth-req"),
        "types that were never sent are not listed"
    );
}

#[test]
fn slots_lists_runs_with_their_nodes() {
    let mut network = Network::formed(2, 2);
    network.members[2].offset = 7;
    network.members[3].offset = 7;
    network.run(3000);
    let text = network.request(0, ClusterRequest::Slots);
    let node = |network: &Network, i: usize| {
        format!(
            "*4\r\n$8\r\n10.0.0.{}\r\n:{}\r\n$40\r\n{}\r\n*2\r\n$8\r\nhostname\r\n$14\r\nnode-{i}.example\r\n",
            i + 1,
            7000 + i,
            network.id(i)
        )
    };
    let expected = format!(
        "*2\r\n*4\r\n:0\r\n:8191\r\n{}{}*4\r\n:8192\r\n:16383\r\n{}{}",
        node(&network, 0),
        node(&network, 2),
        node(&network, 1),
        node(&network, 3)
    );
    assert_eq!(text, expected);
}

#[test]
fn clients_are_told_the_preferred_endpoint() {
    let mut network = Network::formed(2, 0);
    network.members[1].config.cluster_announce_hostname = None;
    for i in 0..2 {
        let config = network.members[i].config.clone();
        network.with_facts(i, |cluster, _, now| cluster.config_changed(&config, now));
    }
    network.run(3000);
    let ip_of = |i: usize| format!("10.0.0.{}", i + 1);
    let bulk = |text: &str| format!("${}\r\n{text}\r\n", text.len());
    let pair = |name: &str, value: &str| bulk(name) + &bulk(value);
    let host = "node-0.example";
    // What MOVED and SHARDS name, and in SLOTS the endpoint and what else is known.
    for (endpoint, named, in_slots) in [
        (
            EndpointType::Hostname,
            [host.to_owned(), "?".to_owned()],
            [
                (bulk(host), format!("*2\r\n{}", pair("ip", &ip_of(0)))),
                (bulk("?"), format!("*2\r\n{}", pair("ip", &ip_of(1)))),
            ],
        ),
        (
            EndpointType::Unknown,
            [String::new(), String::new()],
            [
                (
                    "$-1\r\n".to_owned(),
                    format!("*4\r\n{}{}", pair("ip", &ip_of(0)), pair("hostname", host)),
                ),
                (
                    "$-1\r\n".to_owned(),
                    format!("*2\r\n{}", pair("ip", &ip_of(1))),
                ),
            ],
        ),
        (
            EndpointType::Ip,
            [ip_of(0), ip_of(1)],
            [
                (bulk(&ip_of(0)), format!("*2\r\n{}", pair("hostname", host))),
                (bulk(&ip_of(1)), "*0\r\n".to_owned()),
            ],
        ),
    ] {
        network.members[0].config.cluster_preferred_endpoint_type = endpoint;
        let config = network.members[0].config.clone();
        network.with_facts(0, |cluster, _, now| cluster.config_changed(&config, now));
        let (slots, shards) = (
            network.request(0, ClusterRequest::Slots),
            network.request(0, ClusterRequest::Shards),
        );
        for i in 0..2 {
            let cluster = &network.members[0].cluster;
            let r = cluster.nodes.find(&network.id(i)).unwrap();
            let address = (named[i].as_str().into(), config_port(i));
            assert_eq!(cluster.redirect_address(r), address, "{endpoint:?}");
            let shown = pair("endpoint", &named[i]);
            assert!(shards.contains(&shown), "{endpoint:?}: {shards}");
            let id = network.id(i);
            let (first, others) = &in_slots[i];
            let shown = format!(
                "*4\r\n{first}:{}\r\n$40\r\n{id}\r\n{others}",
                config_port(i)
            );
            assert!(slots.contains(&shown), "{endpoint:?}: {shown} in {slots}");
        }
    }
}

fn config_port(i: usize) -> u16 {
    7000 + u16::try_from(i).unwrap()
}

#[test]
fn shards_and_links_have_their_maps() {
    let mut network = Network::formed(2, 1);
    let shards = network.request(0, ClusterRequest::Shards);
    assert!(
        shards.contains("$4\r\nrole\r\n$7\r\nreplica\r\n"),
        "{shards}"
    );
    assert!(
        shards.contains("$6\r\nhealth\r\n$7\r\nloading\r\n"),
        "{shards}"
    );
    let links = network.request(0, ClusterRequest::Links);
    assert!(
        links.starts_with("*4\r\n*12\r\n$9\r\ndirection\r\n"),
        "two each way: {links}"
    );
    let idle = "events\r\n$1\r\nr\r\n$21\r\nsend-buffer-allocated\r\n:0\r\n";
    assert_eq!(links.matches(idle).count(), 4);
    let cluster = &mut network.members[0].cluster;
    let (link, _) = cluster
        .links
        .iter()
        .find(|(_, link)| link.open)
        .expect("one");
    cluster.on_link_sent(link, 70, 100);
    let links = network.request(0, ClusterRequest::Links);
    let busy = "events\r\n$2\r\nrw\r\n$21\r\nsend-buffer-allocated\r\n:100\r\n\
                $16\r\nsend-buffer-used\r\n:70\r\n";
    assert_eq!(links.matches(busy).count(), 1, "{links}");
}

#[test]
fn refusals_are_those_of_redis() {
    let mut network = Network::formed(2, 1);
    let (me, master, replica) = (
        network.id(0).to_string(),
        network.id(0).to_string(),
        network.id(2).to_string(),
    );
    let nobody = "f".repeat(40);
    let cases = [
        (
            0,
            ClusterRequest::Forget(me.clone()),
            "I tried hard but I can't forget myself...".to_owned(),
        ),
        (
            2,
            ClusterRequest::Forget(master.clone()),
            "Can't forget my master!".to_owned(),
        ),
        (
            0,
            ClusterRequest::Forget(nobody.clone()),
            format!("Unknown node {nobody}"),
        ),
        (
            0,
            ClusterRequest::Replicate(me),
            "Can't replicate myself".to_owned(),
        ),
        (
            1,
            ClusterRequest::Replicate(replica.clone()),
            "I can only replicate a master, not a replica.".to_owned(),
        ),
        (
            1,
            ClusterRequest::Replicate(master),
            "To set a master the node must be empty and without assigned slots.".to_owned(),
        ),
        (
            0,
            ClusterRequest::Replicas(replica),
            "The specified node is not a master".to_owned(),
        ),
        (
            0,
            ClusterRequest::SetConfigEpoch(slotkeeper_topology::Epoch(3)),
            "The user can assign a config epoch only when the node does not know any other node."
                .to_owned(),
        ),
        (
            0,
            ClusterRequest::Meet {
                ip: "x".to_owned(),
                port: 1,
                bus_port: None,
            },
            "Invalid node address specified: x:1".to_owned(),
        ),
    ];
    for (i, request, text) in cases {
        assert_eq!(network.request(i, request), format!("-ERR {text}\r\n"));
    }
}

#[test]
fn epochs_are_bumped_and_set() {
    let mut network = Network::new(1);
    network.ok(
        0,
        ClusterRequest::SetConfigEpoch(slotkeeper_topology::Epoch(3)),
    );
    let again = network.request(
        0,
        ClusterRequest::SetConfigEpoch(slotkeeper_topology::Epoch(4)),
    );
    assert_eq!(again, "-ERR Node config epoch is already non-zero\r\n");
    assert_eq!(
        network.request(0, ClusterRequest::BumpEpoch),
        "+STILL 3\r\n"
    );
    let mut network = Network::formed(2, 0);
    let low = (0..2)
        .min_by_key(|&i| network.members[i].cluster.nodes.me().config_epoch)
        .unwrap();
    let high = network.members[low].cluster.current_epoch();
    let text = network.request(low, ClusterRequest::BumpEpoch);
    assert_eq!(text, format!("+BUMPED {}\r\n", high.next()));
}

#[test]
fn reset_forgets_everything_and_hard_even_who_one_is() {
    let mut network = Network::formed(2, 1);
    let id = network.id(2);
    network.members[2].keys.insert(Slot::new(1).unwrap());
    network.ok(2, ClusterRequest::Reset { hard: false });
    assert!(
        network.members[2]
            .trace
            .ends_with(&["save", "master", "flush"])
    );
    assert_eq!(
        (network.id(2), network.members[2].cluster.known_nodes()),
        (id, 1)
    );
    network.members[1].keys.insert(Slot::new(16000).unwrap());
    let refused = network.request(1, ClusterRequest::Reset { hard: true });
    assert_eq!(
        refused,
        "-ERR CLUSTER RESET can't be called with master nodes containing keys\r\n"
    );
    network.members[2].keys.clear();
    network.ok(2, ClusterRequest::Reset { hard: true });
    assert_ne!(network.id(2), id);
    assert!(network.members[2].saved.starts_with(network.id(2).as_str()));
}

#[test]
fn a_replica_of_no_one_is_an_empty_master_with_a_shard_of_its_own() {
    let mut network = Network::formed(2, 1);
    let shard = network.members[2].cluster.my_shard();
    network.members[2].keys.insert(Slot::new(1).unwrap());
    network.ok(2, ClusterRequest::ReplicateNoOne);
    let trace = &network.members[2].trace;
    let done: Vec<&str> = (trace.iter().copied())
        .filter(|word| *word != "send")
        .collect();
    assert!(done.ends_with(&["save", "master", "flush"]), "{done:?}");
    assert_ne!(network.members[2].cluster.my_shard(), shard);
    network.run(3000);
    for i in 0..3 {
        let line = network.line(i, 2);
        assert!(line.contains("master - "), "node {i}: {line}");
    }
    network.members[2].trace.clear();
    network.ok(2, ClusterRequest::ReplicateNoOne);
    assert!(
        !network.members[2].trace.contains(&"flush"),
        "a master stays as it is"
    );
    let master = network.id(1).to_string();
    network.members[2].keys.clear();
    network.ok(2, ClusterRequest::Replicate(master));
}

#[test]
fn failure_reports_are_counted() {
    let mut network = Network::formed(5, 0);
    let gone = network.id(4).to_string();
    network.kill(4);
    network.run(TIMEOUT * 2);
    let count = network.request(0, ClusterRequest::CountFailureReports(gone));
    assert!([":2\r\n", ":3\r\n"].contains(&count.as_str()), "{count}");
}
