//! Which votes are given, and which are denied.

use super::*;
use crate::cluster::bus::{Body, FLAG_FORCE_ACK, Header, Kind, Message, decode, encode};
use crate::cluster::node::Flags;
use slotkeeper_topology::Epoch;

/// What a candidate asks for.
struct Request {
    candidate: usize,
    current_epoch: u64,
    config_epoch: u64,
    force: bool,
}

/// Three shards with two replicas each where no election comes by itself.
fn without_elections() -> Network {
    let mut network = Network::formed(3, 6);
    for i in 3..9 {
        network.members[i].config.cluster_replica_no_failover = true;
        let config = network.members[i].config.clone();
        network.with_facts(i, |cluster, _, now| cluster.config_changed(&config, now));
    }
    network.run(1000);
    network
}

/// The same; the first master is dead, and found failed.
fn network() -> Network {
    let mut network = without_elections();
    network.kill(0);
    network.run(TIMEOUT + 1000);
    assert!(network.line(1, 0).contains(" master,fail "));
    network
}

/// Asks node 1 for its vote; whether it gave it.
fn ask(network: &mut Network, request: &Request) -> bool {
    let slots = network.members[1]
        .cluster
        .nodes
        .find(&network.id(0))
        .unwrap();
    let slots = network.members[1].cluster.nodes[slots].slots.clone();
    let header = Header {
        kind: Kind::AuthRequest,
        port: 1,
        plain_port: 0,
        bus_port: 2,
        current_epoch: Epoch(request.current_epoch),
        config_epoch: Epoch(request.config_epoch),
        offset: 0,
        sender: network.id(request.candidate),
        slots: slots.as_bitmap(),
        master: Some(network.id(0)),
        ip: None,
        flags: Flags::REPLICA | Flags::MYSELF,
        state_fail: false,
        message_flags: [if request.force { FLAG_FORCE_ACK } else { 0 }, 0, 0],
    };
    let frame = encode(&Message {
        header,
        body: Body::Empty,
    });
    assert!(decode(&frame).is_ok());
    let before = network.members[1].cluster.stats.sent[usize::from(VOTE)];
    let peer = Peer {
        remote: "10.0.0.4:1".parse().unwrap(),
        local: "10.0.0.2:2".parse().unwrap(),
    };
    let link = network.members[1].cluster.accept(peer, network.now);
    network.with_facts(1, |cluster, facts, now| {
        cluster.on_link(link, LinkEvent::Bytes(&frame), facts, now);
    });
    network.members[1].cluster.stats.sent[usize::from(VOTE)] > before
}

fn epochs(network: &Network) -> (u64, u64) {
    let cluster = &network.members[1].cluster;
    let master = cluster.nodes.find(&network.id(0)).unwrap();
    (
        cluster.current_epoch().0,
        cluster.nodes[master].config_epoch.0,
    )
}

#[test]
fn one_vote_in_an_epoch_and_one_for_a_master_in_two_timeouts() {
    let mut network = network();
    let (current, config) = epochs(&network);
    let mut request = Request {
        candidate: 3,
        current_epoch: current + 1,
        config_epoch: config,
        force: false,
    };
    assert!(ask(&mut network, &request));
    assert!(!ask(&mut network, &request), "the same again");
    request.candidate = 6;
    assert!(!ask(&mut network, &request), "another one, same epoch");
    request.current_epoch += 1;
    assert!(
        !ask(&mut network, &request),
        "a new epoch, but the same master too soon"
    );
    network.run(TIMEOUT * 2);
    request.current_epoch += 1;
    assert!(ask(&mut network, &request));
}

#[test]
fn no_vote_from_the_past_or_against_a_newer_owner() {
    let mut network = network();
    let (current, config) = epochs(&network);
    let good = Request {
        candidate: 3,
        current_epoch: current + 1,
        config_epoch: config,
        force: false,
    };
    assert!(!ask(
        &mut network,
        &Request {
            current_epoch: current - 1,
            ..good
        }
    ));
    let old = network.members[1]
        .cluster
        .nodes
        .find(&network.id(0))
        .unwrap();
    network.members[1].cluster.nodes[old].config_epoch = Epoch(config + 5);
    assert!(!ask(&mut network, &good), "the slots have a newer owner");
    network.members[1].cluster.nodes[old].config_epoch = Epoch(config);
    assert!(ask(
        &mut network,
        &Request {
            current_epoch: current + 2,
            ..good
        }
    ));
}

#[test]
fn no_vote_against_a_living_master_unless_forced() {
    let mut network = network();
    network.restart(0);
    network.run(TIMEOUT * 4);
    assert!(!network.line(1, 0).contains("fail"));
    let (current, config) = epochs(&network);
    let mut request = Request {
        candidate: 3,
        current_epoch: current + 1,
        config_epoch: config,
        force: false,
    };
    assert!(!ask(&mut network, &request));
    request.force = true;
    assert!(ask(&mut network, &request));
}

/// The same, where none can be won either: only one master is left.
fn leaderless() -> Network {
    let mut network = without_elections();
    network.kill(0);
    network.kill(1);
    network
}

#[test]
fn force_is_refused_while_an_election_for_the_master_may_be_under_way() {
    let mut network = leaderless();
    assert_eq!(network.failover(3, Failover::Force), "+OK\r\n");
    let first = network.id(3).to_string();
    let refused = |reply: String| {
        assert!(reply.starts_with(&format!("-INPROG {first} ")), "{reply}");
    };
    refused(network.failover(3, Failover::Force));
    network.run(200);
    refused(network.failover(3, Failover::Force));
    // A replica of the same master has heard of it, too.
    refused(network.failover(6, Failover::Force));
    // That of another master may stand.
    assert_eq!(network.failover(4, Failover::Force), "+OK\r\n");
    network.run(TIMEOUT * 2);
    assert_eq!(network.failover(6, Failover::Force), "+OK\r\n");
}

#[test]
fn every_node_tells_who_stands_for_election_and_since_when() {
    let mut network = leaderless();
    let told = |network: &mut Network, i: usize| -> Vec<String> {
        let info = network.request(i, ClusterRequest::Info);
        let lines = info.lines().filter(|line| line.contains("slotkeeper_"));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(told(&mut network, 2), ["slotkeeper_elections:0"]);
    network.failover(3, Failover::Force);
    network.run(200);
    let epoch = network.members[3].cluster.current_epoch();
    let line = format!(
        "slotkeeper_election0:master={},candidate={},epoch={epoch},age_ms=",
        network.id(0),
        network.id(3)
    );
    // The candidate, a voter, and a replica that has no say.
    for i in [3, 2, 8] {
        let lines = told(&mut network, i);
        assert_eq!(lines[0], "slotkeeper_elections:1", "node {i}");
        let age = lines[1].strip_prefix(&line).expect("the election");
        assert!(age.parse::<u64>().unwrap() <= 200, "node {i}: {age}");
    }
    network.run(TIMEOUT * 4);
    assert_eq!(told(&mut network, 2), ["slotkeeper_elections:0"]);
}

#[test]
fn a_failover_that_was_decided_before_something_changed_changes_nothing() {
    let mut network = leaderless();
    let (old, master) = (network.members[3].cluster.current_epoch(), network.id(0));
    let from = |network: &mut Network, i, master: NodeId, epoch| {
        let how = Failover::Force;
        let master = master.to_string();
        network.request(i, ClusterRequest::FailoverFrom { how, master, epoch })
    };
    let other = network.id(1);
    let reply = from(&mut network, 3, other, old);
    assert!(
        reply.starts_with("-OUTDATED this node is no replica of "),
        "{reply}"
    );
    assert_eq!(from(&mut network, 3, master, old), "+OK\r\n");
    network.run(TIMEOUT * 3);
    // The first election has ended without a winner, and its epoch stays.
    let reply = from(&mut network, 6, master, old);
    assert!(
        reply.starts_with("-OUTDATED the current epoch is "),
        "{reply}"
    );
    let now = network.members[6].cluster.current_epoch();
    assert_eq!(from(&mut network, 6, master, now), "+OK\r\n");
}
