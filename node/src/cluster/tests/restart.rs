//! Restarts from nodes.conf.

use super::*;

#[test]
fn a_whole_cluster_comes_back_from_its_files() {
    let mut world = World::formed(3, 3);
    let before: Vec<_> = (0..6).map(|i| (world.id(i), world.is_master(i))).collect();
    (0..6).for_each(|i| world.kill(i));
    (0..6).for_each(|i| world.restart(i));
    assert!(
        !world.members[0].cluster.state_ok(),
        "nobody serves before the others were heard"
    );
    world.run(5000);
    let after: Vec<_> = (0..6).map(|i| (world.id(i), world.is_master(i))).collect();
    assert_eq!(before, after);
    for i in 0..6 {
        assert!(world.members[i].cluster.state_ok(), "node {i}");
    }
    for i in 3..6 {
        assert_eq!(world.members[i].follows, Some(world.id(i - 3)));
    }
}

#[test]
fn a_new_node_saves_its_id_at_once() {
    let world = World::new(1);
    let saved = &world.members[0].saved;
    assert!(saved.starts_with(world.id(0).as_str()), "{saved}");
    assert!(
        saved.ends_with("vars currentEpoch 0 lastVoteEpoch 0\n"),
        "{saved}"
    );
}

#[test]
fn a_restarted_master_waits_before_it_serves() {
    let mut world = World::formed(3, 0);
    world.kill(0);
    world.restart(0);
    world.run(1500);
    assert!(!world.members[0].cluster.state_ok());
    world.run(2500);
    assert!(world.members[0].cluster.state_ok());
}

#[test]
fn one_seed_gives_one_history() {
    let history = || {
        let mut world = World::formed(3, 3);
        world.kill(1);
        world.run(TIMEOUT * 3);
        world
            .members
            .into_iter()
            .map(|m| (m.log, m.saved))
            .collect::<Vec<_>>()
    };
    assert_eq!(history(), history());
}

#[test]
fn a_cluster_at_rest_saves_nothing() {
    let mut world = World::formed(3, 3);
    world.run(3000);
    world.members.iter_mut().for_each(|m| m.trace.clear());
    world.run(20_000);
    for m in &world.members {
        assert!(!m.trace.contains(&"save"));
        assert!(m.trace.contains(&"send"));
    }
}
