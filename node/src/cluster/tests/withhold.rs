//! A master that withholds itself.

use slotkeeper_topology::parse_nodes;

use super::*;

fn sent(world: &World, i: usize) -> (u64, u64) {
    let sent = &world.members[i].cluster.stats.sent;
    (sent[0], sent[1])
}

/// Three masters and replicas; the first master restarts and withholds.
fn withholding() -> World {
    let mut world = World::formed(3, 3);
    world.kill(0);
    world.restart(0);
    world.members[0].cluster.set_withholding(true);
    world
}

#[test]
fn a_withholding_node_is_silent_and_found_failed() {
    let mut world = withholding();
    world.run(TIMEOUT + 500);
    assert_eq!(sent(&world, 0), (5, 0), "it asks each of the others once");
    assert!(world.line(1, 0).contains("fail"));
}

#[test]
fn a_withholding_node_learns_at_once_that_it_was_replaced_though_its_successor_is_dead() {
    let mut world = World::formed(3, 3);
    world.kill(0);
    world.run(TIMEOUT + 3000);
    assert!(world.is_master(3));
    world.kill(3);
    world.run(TIMEOUT);
    world.restart(0);
    world.members[0].cluster.set_withholding(true);
    world.run(500);
    assert_eq!(world.members[0].follows, Some(world.id(3)));
    assert!(!world.members[0].cluster.is_withholding());
    world.run(TIMEOUT * 10);
    assert!(
        !world.is_master(0),
        "what it holds is older than what was lost"
    );
}

#[test]
fn declaring_itself_failed_brings_an_election_at_once_with_its_own_vote() {
    let mut world = withholding();
    world.kill(2);
    world.run(300);
    let now = world.now;
    world.members[0].cluster.declare_self_failed(now);
    world.drain(0);
    world.deliver();
    world.run(1500);
    assert!(
        world.is_master(3),
        "two of three voted, the withholding one among them"
    );
    assert!(!world.is_master(0), "and it follows the winner");
    assert_eq!(world.members[0].follows, Some(world.id(3)));
    assert!(!world.members[0].cluster.is_withholding());
    world.run(TIMEOUT);
    assert!(sent(&world, 0).1 > 0, "it speaks again");
}

#[test]
fn links_that_open_later_hear_of_the_failure_too() {
    let mut world = withholding();
    let now = world.now;
    world.members[0].cluster.declare_self_failed(now);
    world.drain(0);
    world.run(2500);
    assert!(world.is_master(3));
}

#[test]
fn it_answers_a_meet_and_takes_the_new_address_along() {
    let mut world = World::formed(3, 3);
    world.kill(0);
    world.members[0].ip = "10.0.0.99".parse().unwrap();
    world.restart(0);
    world.members[0].cluster.set_withholding(true);
    world.run(1000);
    assert!(world.line(1, 0).contains(" 10.0.0.1:"));
    world.meet(1, 0);
    world.run(1000);
    assert!(
        world.line(1, 0).contains(" 10.0.0.99:7000@17000"),
        "{}",
        world.line(1, 0)
    );
    assert_eq!(sent(&world, 0).1, 1, "the PONG to the MEET");
}

#[test]
fn once_it_withholds_no_more_it_is_taken_back() {
    let mut world = withholding();
    world.run(500);
    world.members[0].cluster.set_withholding(false);
    world.run(TIMEOUT * 6);
    assert!(world.is_master(0));
    for i in 0..6 {
        assert!(world.members[i].cluster.state_ok(), "node {i}");
        assert!(!world.line(i, 0).contains("fail"));
    }
}

#[test]
fn once_it_withholds_no_more_it_hears_of_those_that_came_back_meanwhile() {
    let mut world = World::formed(3, 3);
    world.kill(0);
    world.kill(4);
    world.restart(0);
    world.members[0].cluster.set_withholding(true);
    world.run(500);
    world.restart(4);
    world.run(500);
    world.members[0].cluster.set_withholding(false);
    // Well before the link is old enough to be opened anew.
    world.run(500);
    let line = parse_nodes(&world.line(0, 4)).unwrap().remove(0);
    assert_eq!(line.ping_sent, 0, "{line}");
    assert!(line.pong_received > 0, "{line}");
}

#[test]
fn found_failed_by_the_others_it_votes_for_its_own_replica() {
    let mut world = World::formed(3, 3);
    world.members[3].complete = false;
    world.kill(0);
    world.restart(0);
    world.members[0].cluster.set_withholding(true);
    world.run(TIMEOUT + 1000);
    assert!(world.line(1, 0).contains(" master,fail "));
    // One of the other two masters is gone now: the replica needs the vote of its own.
    world.kill(2);
    world.members[3].complete = true;
    world.run_until(TIMEOUT, |world| world.is_master(3));
    assert_eq!(world.members[0].follows, Some(world.id(3)));
}

#[test]
fn masters_that_withhold_vote_though_their_links_hung_at_first() {
    let mut world = World::formed(2, 2);
    world.hangs = true;
    world.partition(&[2, 3]);
    for i in [0, 1] {
        world.kill(i);
        world.restart(i);
        world.members[i].cluster.set_withholding(true);
    }
    world.run(500);
    world.cut.clear();
    world.run(TIMEOUT + 1000);
    assert_eq!(world.failover(2, Failover::Force), "+OK\r\n");
    world.run_until(TIMEOUT, |world| world.is_master(2));
    assert_eq!(world.members[0].follows, Some(world.id(2)));
}
