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
fn without_elections() -> World {
    let mut world = World::formed(3, 6);
    for i in 3..9 {
        world.members[i].config.cluster_replica_no_failover = true;
        let config = world.members[i].config.clone();
        world.with_facts(i, |cluster, _, now| cluster.config_changed(&config, now));
    }
    world.run(1000);
    world
}

/// The same; the first master is dead, and found failed.
fn world() -> World {
    let mut world = without_elections();
    world.kill(0);
    world.run(TIMEOUT + 1000);
    assert!(world.line(1, 0).contains(" master,fail "));
    world
}

/// Asks node 1 for its vote; whether it gave it.
fn ask(world: &mut World, request: &Request) -> bool {
    let slots = world.members[1].cluster.nodes.find(&world.id(0)).unwrap();
    let slots = world.members[1].cluster.nodes[slots].slots.clone();
    let header = Header {
        kind: Kind::AuthRequest,
        port: 1,
        plain_port: 0,
        bus_port: 2,
        current_epoch: Epoch(request.current_epoch),
        config_epoch: Epoch(request.config_epoch),
        offset: 0,
        sender: world.id(request.candidate),
        slots: slots.as_bitmap(),
        master: Some(world.id(0)),
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
    let before = world.members[1].cluster.stats.sent[usize::from(VOTE)];
    let peer = Peer {
        remote: "10.0.0.4:1".parse().unwrap(),
        local: "10.0.0.2:2".parse().unwrap(),
    };
    let link = world.members[1].cluster.accept(peer, world.now);
    world.with_facts(1, |cluster, facts, now| {
        cluster.on_link(link, LinkEvent::Bytes(&frame), facts, now);
    });
    world.members[1].cluster.stats.sent[usize::from(VOTE)] > before
}

fn epochs(world: &World) -> (u64, u64) {
    let cluster = &world.members[1].cluster;
    let master = cluster.nodes.find(&world.id(0)).unwrap();
    (
        cluster.current_epoch().0,
        cluster.nodes[master].config_epoch.0,
    )
}

#[test]
fn one_vote_in_an_epoch_and_one_for_a_master_in_two_timeouts() {
    let mut world = world();
    let (current, config) = epochs(&world);
    let mut request = Request {
        candidate: 3,
        current_epoch: current + 1,
        config_epoch: config,
        force: false,
    };
    assert!(ask(&mut world, &request));
    assert!(!ask(&mut world, &request), "the same again");
    request.candidate = 6;
    assert!(!ask(&mut world, &request), "another one, same epoch");
    request.current_epoch += 1;
    assert!(
        !ask(&mut world, &request),
        "a new epoch, but the same master too soon"
    );
    world.run(TIMEOUT * 2);
    request.current_epoch += 1;
    assert!(ask(&mut world, &request));
}

#[test]
fn no_vote_from_the_past_or_against_a_newer_owner() {
    let mut world = world();
    let (current, config) = epochs(&world);
    let good = Request {
        candidate: 3,
        current_epoch: current + 1,
        config_epoch: config,
        force: false,
    };
    assert!(!ask(
        &mut world,
        &Request {
            current_epoch: current - 1,
            ..good
        }
    ));
    let old = world.members[1].cluster.nodes.find(&world.id(0)).unwrap();
    world.members[1].cluster.nodes[old].config_epoch = Epoch(config + 5);
    assert!(!ask(&mut world, &good), "the slots have a newer owner");
    world.members[1].cluster.nodes[old].config_epoch = Epoch(config);
    assert!(ask(
        &mut world,
        &Request {
            current_epoch: current + 2,
            ..good
        }
    ));
}

#[test]
fn no_vote_against_a_living_master_unless_forced() {
    let mut world = world();
    world.restart(0);
    world.run(TIMEOUT * 4);
    assert!(!world.line(1, 0).contains("fail"));
    let (current, config) = epochs(&world);
    let mut request = Request {
        candidate: 3,
        current_epoch: current + 1,
        config_epoch: config,
        force: false,
    };
    assert!(!ask(&mut world, &request));
    request.force = true;
    assert!(ask(&mut world, &request));
}

/// The same, where none can be won either: only one master is left.
fn leaderless() -> World {
    let mut world = without_elections();
    world.kill(0);
    world.kill(1);
    world
}

#[test]
fn force_is_refused_while_an_election_for_the_master_may_be_under_way() {
    let mut world = leaderless();
    assert_eq!(world.failover(3, Failover::Force), "+OK\r\n");
    let first = world.id(3).to_string();
    let refused = |reply: String| {
        assert!(reply.starts_with(&format!("-INPROG {first} ")), "{reply}");
    };
    refused(world.failover(3, Failover::Force));
    world.run(200);
    refused(world.failover(3, Failover::Force));
    // A replica of the same master has heard of it, too.
    refused(world.failover(6, Failover::Force));
    // That of another master may stand.
    assert_eq!(world.failover(4, Failover::Force), "+OK\r\n");
    world.run(TIMEOUT * 2);
    assert_eq!(world.failover(6, Failover::Force), "+OK\r\n");
}

#[test]
fn every_node_tells_who_stands_for_election_and_since_when() {
    let mut world = leaderless();
    let told = |world: &mut World, i: usize| -> Vec<String> {
        let info = world.request(i, ClusterRequest::Info);
        let lines = info.lines().filter(|line| line.contains("slotkeeper_"));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(told(&mut world, 2), ["slotkeeper_elections:0"]);
    world.failover(3, Failover::Force);
    world.run(200);
    let epoch = world.members[3].cluster.current_epoch();
    let line = format!(
        "slotkeeper_election0:master={},candidate={},epoch={epoch},age_ms=",
        world.id(0),
        world.id(3)
    );
    // The candidate, a voter, and a replica that has no say.
    for i in [3, 2, 8] {
        let lines = told(&mut world, i);
        assert_eq!(lines[0], "slotkeeper_elections:1", "node {i}");
        let age = lines[1].strip_prefix(&line).expect("the election");
        assert!(age.parse::<u64>().unwrap() <= 200, "node {i}: {age}");
    }
    world.run(TIMEOUT * 4);
    assert_eq!(told(&mut world, 2), ["slotkeeper_elections:0"]);
}

#[test]
fn a_failover_that_was_decided_before_something_changed_changes_nothing() {
    let mut world = leaderless();
    let (old, master) = (world.members[3].cluster.current_epoch(), world.id(0));
    let from = |world: &mut World, i, master: NodeId, epoch| {
        let how = Failover::Force;
        let master = master.to_string();
        world.request(i, ClusterRequest::FailoverFrom { how, master, epoch })
    };
    let other = world.id(1);
    let reply = from(&mut world, 3, other, old);
    assert!(
        reply.starts_with("-OUTDATED this node is no replica of "),
        "{reply}"
    );
    assert_eq!(from(&mut world, 3, master, old), "+OK\r\n");
    world.run(TIMEOUT * 3);
    // The first election has ended without a winner, and its epoch stays.
    let reply = from(&mut world, 6, master, old);
    assert!(
        reply.starts_with("-OUTDATED the current epoch is "),
        "{reply}"
    );
    let now = world.members[6].cluster.current_epoch();
    assert_eq!(from(&mut world, 6, master, now), "+OK\r\n");
}
