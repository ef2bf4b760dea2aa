//! A node that is busy with a long command.

use super::*;

#[test]
fn a_busy_master_is_suspected_by_nobody_and_suspects_nobody() {
    let mut network = Network::formed(3, 3);
    network.members[0].busy = true;
    network.run(TIMEOUT * 5);
    assert!(network.members[0].cluster.hears_majority(network.now));
    for viewer in 1..6 {
        let line = network.line(viewer, 0);
        assert!(!line.contains("fail"), "node {viewer}: {line}");
        assert!(network.members[viewer].cluster.state_ok(), "node {viewer}");
    }
    network.members[0].busy = false;
    network.run(TIMEOUT);
    assert!(network.is_master(0) && network.members[0].cluster.state_ok());
    for about in 1..6 {
        let line = network.line(0, about);
        assert!(!line.contains("fail"), "node {about}: {line}");
    }
}

#[test]
fn a_busy_master_that_nobody_reaches_hears_no_majority() {
    let mut network = Network::formed(3, 3);
    network.members[0].busy = true;
    network.partition(&[0]);
    network.run(TIMEOUT / 2);
    assert!(network.members[0].cluster.hears_majority(network.now));
    network.run(TIMEOUT);
    assert!(!network.members[0].cluster.hears_majority(network.now));
}

#[test]
fn a_busy_master_gives_no_vote_and_learns_the_outcome_afterwards() {
    let mut network = Network::formed(5, 1);
    network.members[1].busy = true;
    network.members[1].trace.clear();
    let epoch = network.members[1].cluster.my_config_epoch();
    network.kill(0);
    network.run_until(TIMEOUT * 5, |network| network.is_master(5));
    network.run(TIMEOUT);
    let others_voted = (2..5).all(|i| network.members[i].trace.contains(&"vote"));
    assert!(others_voted, "three votes are a majority");
    let trace = &network.members[1].trace;
    assert!(trace.iter().all(|word| *word == "send"), "{trace:?}");
    network.members[1].busy = false;
    network.run(TIMEOUT);
    let line = network.line(1, 5);
    assert!(
        line.contains(" master ") && line.ends_with("0-3276"),
        "{line}"
    );
    assert_eq!(network.members[1].cluster.my_config_epoch(), epoch);
}

#[test]
fn a_node_can_connect_to_a_busy_one() {
    let mut network = Network::formed(3, 0);
    network.kill(1);
    network.members[0].busy = true;
    network.restart(1);
    network.run(TIMEOUT);
    let line = network.line(1, 0);
    assert!(
        line.contains(" connected ") && !line.contains("fail"),
        "{line}"
    );
}
