//! Nodes that meet, join and are forgotten.

use super::*;

#[test]
fn six_nodes_that_one_meets_all_know_each_other() {
    let mut network = Network::new(6);
    network.meet_all();
    for i in 0..6 {
        let text = network.nodes_text(i);
        for other in 0..6 {
            let line = network.line(i, other);
            assert!(
                line.contains(&format!(
                    "10.0.0.{}:{}@1700{other}",
                    other + 1,
                    7000 + other
                )),
                "{text}"
            );
            assert!(line.contains(&format!(",node-{other}.example ")), "{text}");
            assert!(line.contains(" connected"), "{text}");
        }
        assert!(!text.contains("handshake"), "{text}");
    }
}

#[test]
fn a_meeting_of_nobody_is_given_up() {
    let mut network = Network::new(1);
    network.ok(
        0,
        ClusterRequest::Meet {
            ip: "10.9.9.9".to_owned(),
            port: 1,
            bus_port: None,
        },
    );
    network.run(500);
    assert!(network.nodes_text(0).contains(" handshake "));
    network.run(TIMEOUT + 500);
    assert!(!network.nodes_text(0).contains("handshake"));
}

#[test]
fn meeting_a_node_again_changes_nothing() {
    let mut network = Network::new(3);
    network.meet_all();
    network.meet(0, 1);
    network.meet(1, 0);
    network.run(3000);
    for i in 0..3 {
        assert_eq!(network.members[i].cluster.known_nodes(), 3);
    }
}

#[test]
fn masters_of_one_epoch_come_apart() {
    let network = Network::formed(5, 0);
    let mut epochs: Vec<_> = network
        .members
        .iter()
        .map(|m| m.cluster.nodes.me().config_epoch)
        .collect();
    epochs.sort_unstable();
    epochs.dedup();
    assert_eq!(epochs.len(), 5);
    for m in &network.members {
        assert_eq!(
            m.cluster.current_epoch(),
            network.members[0].cluster.current_epoch()
        );
    }
}

#[test]
fn a_forgotten_node_stays_away_for_a_minute() {
    let mut network = Network::new(3);
    network.meet_all();
    let gone = network.id(2).to_string();
    network.kill(2);
    for i in 0..2 {
        network.ok(i, ClusterRequest::Forget(gone.clone()));
    }
    network.run(5000);
    assert_eq!(network.members[0].cluster.known_nodes(), 2);
    network.restart(2);
    network.run(5000);
    assert_eq!(
        network.members[0].cluster.known_nodes(),
        2,
        "it still knows them; they do not"
    );
    network.ok(0, ClusterRequest::Forget(gone));
    let unknown = network.request(0, ClusterRequest::Forget("f".repeat(40)));
    assert!(unknown.starts_with("-ERR Unknown node "), "{unknown}");
}

#[test]
fn one_that_is_told_to_forget_tells_peers_that_know_the_extension() {
    let mut network = Network::new(3);
    network.meet_all();
    let gone = network.id(2).to_string();
    network.kill(2);
    network.ok(0, ClusterRequest::Forget(gone.clone()));
    network.run(3000);
    assert_eq!(network.members[1].cluster.known_nodes(), 2);
    // Who tells everybody tells this one as well.
    network.ok(1, ClusterRequest::Forget(gone));
}

#[test]
fn a_new_address_is_adopted_by_all() {
    let mut network = Network::formed(3, 1);
    network.kill(0);
    network.members[0].ip = "10.0.0.77".parse().unwrap();
    network.restart(0);
    network.run(3000);
    for i in 0..4 {
        let line = network.line(i, 0);
        assert!(line.contains(" 10.0.0.77:7000@17000,"), "node {i}: {line}");
        assert!(!line.contains("fail"), "{line}");
    }
    let follow = network.members[3]
        .trace
        .iter()
        .filter(|word| **word == "follow")
        .count();
    assert_eq!(follow, 2, "its replica follows it to the new address");
}

#[test]
fn a_changed_announcement_is_adopted_by_all() {
    let mut network = Network::new(3);
    network.meet_all();
    network.members[1].config.cluster_announce_ip = Some("10.0.0.2".to_owned());
    network.members[1].config.cluster_announce_port = 9999;
    network.members[1].config.cluster_announce_hostname = Some("other.example".to_owned());
    let config = network.members[1].config.clone();
    network.with_facts(1, |cluster, _, now| cluster.config_changed(&config, now));
    network.run(3000);
    for i in 0..3 {
        let line = network.line(i, 1);
        assert!(
            line.contains(" 10.0.0.2:9999@17001,other.example "),
            "node {i}: {line}"
        );
    }
}

#[test]
fn a_name_for_people_stands_in_files_and_logs_of_all_until_it_is_taken_back() {
    let mut network = Network::new(3);
    network.meet_all();
    network.run(3000);
    let announce = |network: &mut Network, name: Option<&str>| {
        network.members[1].config.cluster_announce_human_nodename = name.map(str::to_owned);
        let config = network.members[1].config.clone();
        network.with_facts(1, |cluster, _, now| cluster.config_changed(&config, now));
        network.run(3000);
    };
    announce(&mut network, Some("the-second"));
    let called = format!("{} (the-second)", network.id(1));
    for i in 0..3 {
        let saved = network.members[i].saved.clone();
        assert!(saved.contains(",nodename=the-second "), "node {i}: {saved}");
        let shown = network.line(i, 1);
        assert!(
            !shown.contains("the-second"),
            "CLUSTER NODES shows none: {shown}"
        );
        let again = super::super::nodes_conf::read(&saved, network.now).unwrap();
        let me = again.nodes.find(&network.id(1)).unwrap();
        assert_eq!(again.nodes[me].name(), called, "node {i}");
    }
    announce(&mut network, None);
    for member in &network.members {
        assert!(!member.saved.contains("nodename"), "{}", member.saved);
    }
}

#[test]
fn a_new_replica_is_known_to_all_at_once() {
    let mut network = Network::new(4);
    network.meet_all();
    network.run(TIMEOUT);
    let master = network.id(0).to_string();
    // No time passes: no PING is sent meanwhile.
    network.ok(3, ClusterRequest::Replicate(master.clone()));
    for i in 0..4 {
        let line = network.line(i, 3);
        assert!(
            line.contains(&format!("slave {master} ")),
            "node {i}: {line}"
        );
    }
}

#[test]
fn whoever_learns_of_slots_learns_of_their_epoch_with_them() {
    for (from, to) in [(0, 1), (1, 0)] {
        let mut network = Network::new(2);
        network.ok(0, ClusterRequest::AddSlots(vec![Slot::new(7).unwrap()]));
        network.ok(
            0,
            ClusterRequest::SetConfigEpoch(slotkeeper_topology::Epoch(9)),
        );
        network.meet(from, to);
        let mut told = false;
        for _ in 0..300 {
            network.run(1);
            let line = network.nodes_text(1);
            let owner = line.lines().find(|line| line.ends_with(" 7"));
            let Some(owner) = owner else { continue };
            told = true;
            assert!(owner.contains(" 9 connected 7"), "{owner}");
        }
        assert!(told, "the slot is heard of");
    }
}
