//! A node that is busy with a long command.

use super::*;

#[test]
fn a_busy_master_is_suspected_by_nobody_and_suspects_nobody() {
    let mut world = World::formed(3, 3);
    world.members[0].busy = true;
    world.run(TIMEOUT * 5);
    assert!(world.members[0].cluster.hears_majority(world.now));
    for viewer in 1..6 {
        let line = world.line(viewer, 0);
        assert!(!line.contains("fail"), "node {viewer}: {line}");
        assert!(world.members[viewer].cluster.state_ok(), "node {viewer}");
    }
    world.members[0].busy = false;
    world.run(TIMEOUT);
    assert!(world.is_master(0) && world.members[0].cluster.state_ok());
    for about in 1..6 {
        let line = world.line(0, about);
        assert!(!line.contains("fail"), "node {about}: {line}");
    }
}

#[test]
fn a_busy_master_that_nobody_reaches_hears_no_majority() {
    let mut world = World::formed(3, 3);
    world.members[0].busy = true;
    world.partition(&[0]);
    world.run(TIMEOUT / 2);
    assert!(world.members[0].cluster.hears_majority(world.now));
    world.run(TIMEOUT);
    assert!(!world.members[0].cluster.hears_majority(world.now));
}

#[test]
fn a_busy_master_gives_no_vote_and_learns_the_outcome_afterwards() {
    let mut world = World::formed(5, 1);
    world.members[1].busy = true;
    world.members[1].trace.clear();
    let epoch = world.members[1].cluster.my_config_epoch();
    world.kill(0);
    world.run_until(TIMEOUT * 5, |world| world.is_master(5));
    world.run(TIMEOUT);
    let others_voted = (2..5).all(|i| world.members[i].trace.contains(&"vote"));
    assert!(others_voted, "three votes are a majority");
    let trace = &world.members[1].trace;
    assert!(trace.iter().all(|word| *word == "send"), "{trace:?}");
    world.members[1].busy = false;
    world.run(TIMEOUT);
    let line = world.line(1, 5);
    assert!(
        line.contains(" master ") && line.ends_with("0-3276"),
        "{line}"
    );
    assert_eq!(world.members[1].cluster.my_config_epoch(), epoch);
}

#[test]
fn a_node_can_connect_to_a_busy_one() {
    let mut world = World::formed(3, 0);
    world.kill(1);
    world.members[0].busy = true;
    world.restart(1);
    world.run(TIMEOUT);
    let line = world.line(1, 0);
    assert!(
        line.contains(" connected ") && !line.contains("fail"),
        "{line}"
    );
}
