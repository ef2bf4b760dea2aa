//! A master that withholds itself.

use slotkeeper_topology::parse_nodes;

use super::*;

fn sent(network: &Network, i: usize) -> (u64, u64) {
    let sent = &network.members[i].cluster.stats.sent;
    (sent[0], sent[1])
}

/// Three masters and replicas; the first master restarts and withholds.
fn withholding() -> Network {
    let mut network = Network::formed(3, 3);
    network.kill(0);
    network.restart(0);
    network.members[0].cluster.set_withholding(true);
    network
}

#[test]
fn a_withholding_node_is_silent_and_found_failed() {
    let mut network = withholding();
    network.run(TIMEOUT + 500);
    assert_eq!(sent(&network, 0), (5, 0), "it asks each of the others once");
    assert!(network.line(1, 0).contains("fail"));
}

#[test]
fn a_withholding_node_learns_at_once_that_it_was_replaced_though_its_successor_is_dead() {
    let mut network = Network::formed(3, 3);
    network.kill(0);
    network.run(TIMEOUT + 3000);
    assert!(network.is_master(3));
    network.kill(3);
    network.run(TIMEOUT);
    network.restart(0);
    network.members[0].cluster.set_withholding(true);
    network.run(500);
    assert_eq!(network.members[0].follows, Some(network.id(3)));
    assert!(!network.members[0].cluster.is_withholding());
    network.run(TIMEOUT * 10);
    assert!(
        !network.is_master(0),
        "what it holds is older than what was lost"
    );
}

#[test]
fn declaring_itself_failed_brings_an_election_at_once_with_its_own_vote() {
    let mut network = withholding();
    network.kill(2);
    network.run(300);
    let now = network.now;
    network.members[0].cluster.declare_self_failed(now);
    network.drain(0);
    network.deliver();
    network.run(1500);
    assert!(
        network.is_master(3),
        "two of three voted, the withholding one among them"
    );
    assert!(!network.is_master(0), "and it follows the winner");
    assert_eq!(network.members[0].follows, Some(network.id(3)));
    assert!(!network.members[0].cluster.is_withholding());
    network.run(TIMEOUT);
    assert!(sent(&network, 0).1 > 0, "it speaks again");
}

#[test]
fn links_that_open_later_hear_of_the_failure_too() {
    let mut network = withholding();
    let now = network.now;
    network.members[0].cluster.declare_self_failed(now);
    network.drain(0);
    network.run(2500);
    assert!(network.is_master(3));
}

#[test]
fn it_answers_a_meet_and_takes_the_new_address_along() {
    let mut network = Network::formed(3, 3);
    network.kill(0);
    network.members[0].ip = "10.0.0.99".parse().unwrap();
    network.restart(0);
    network.members[0].cluster.set_withholding(true);
    network.run(1000);
    assert!(network.line(1, 0).contains(" 10.0.0.1:"));
    network.meet(1, 0);
    network.run(1000);
    assert!(
        network.line(1, 0).contains(" 10.0.0.99:7000@17000"),
        "{}",
        network.line(1, 0)
    );
    assert_eq!(sent(&network, 0).1, 1, "the PONG to the MEET");
}

#[test]
fn once_it_withholds_no_more_it_is_taken_back() {
    let mut network = withholding();
    network.run(500);
    network.members[0].cluster.set_withholding(false);
    network.run(TIMEOUT * 6);
    assert!(network.is_master(0));
    for i in 0..6 {
        assert!(network.members[i].cluster.state_ok(), "node {i}");
        assert!(!network.line(i, 0).contains("fail"));
    }
}

#[test]
fn once_it_withholds_no_more_it_hears_of_those_that_came_back_meanwhile() {
    let mut network = Network::formed(3, 3);
    network.kill(0);
    network.kill(4);
    network.restart(0);
    network.members[0].cluster.set_withholding(true);
    network.run(500);
    network.restart(4);
    network.run(500);
    network.members[0].cluster.set_withholding(false);
    // Well before the link is old enough to be opened again.
    network.run(500);
    let line = parse_nodes(&network.line(0, 4)).unwrap().remove(0);
    assert_eq!(line.ping_sent, 0, "{line}");
    assert!(line.pong_received > 0, "{line}");
}

#[test]
fn found_failed_by_the_others_it_votes_for_its_own_replica() {
    let mut network = Network::formed(3, 3);
    network.members[3].complete = false;
    network.kill(0);
    network.restart(0);
    network.members[0].cluster.set_withholding(true);
    network.run(TIMEOUT + 1000);
    assert!(network.line(1, 0).contains(" master,fail "));
    // One of the other two masters is gone now: the replica needs the vote of its own.
    network.kill(2);
    network.members[3].complete = true;
    network.run_until(TIMEOUT, |network| network.is_master(3));
    assert_eq!(network.members[0].follows, Some(network.id(3)));
}

#[test]
fn masters_that_withhold_vote_though_their_links_hung_at_first() {
    let mut network = Network::formed(2, 2);
    network.hangs = true;
    network.partition(&[2, 3]);
    for i in [0, 1] {
        network.kill(i);
        network.restart(i);
        network.members[i].cluster.set_withholding(true);
    }
    network.run(500);
    network.cut.clear();
    network.run(TIMEOUT + 1000);
    assert_eq!(network.failover(2, Failover::Force), "+OK\r\n");
    network.run_until(TIMEOUT, |network| network.is_master(2));
    assert_eq!(network.members[0].follows, Some(network.id(2)));
}
