//! Restarts from nodes.conf.

use super::*;

#[test]
fn a_whole_cluster_comes_back_from_its_files() {
    let mut network = Network::formed(3, 3);
    let before: Vec<_> = (0..6)
        .map(|i| (network.id(i), network.is_master(i)))
        .collect();
    (0..6).for_each(|i| network.kill(i));
    (0..6).for_each(|i| network.restart(i));
    assert!(
        !network.members[0].cluster.state_ok(),
        "no node serves before the others were heard"
    );
    network.run(5000);
    let after: Vec<_> = (0..6)
        .map(|i| (network.id(i), network.is_master(i)))
        .collect();
    assert_eq!(before, after);
    for i in 0..6 {
        assert!(network.members[i].cluster.state_ok(), "node {i}");
    }
    for i in 3..6 {
        assert_eq!(network.members[i].follows, Some(network.id(i - 3)));
    }
}

#[test]
fn a_new_node_saves_its_id_at_once() {
    let network = Network::new(1);
    let saved = &network.members[0].saved;
    assert!(saved.starts_with(network.id(0).as_str()), "{saved}");
    assert!(
        saved.ends_with("vars currentEpoch 0 lastVoteEpoch 0\n"),
        "{saved}"
    );
}

#[test]
fn a_restarted_master_waits_before_it_serves() {
    let mut network = Network::formed(3, 0);
    network.kill(0);
    network.restart(0);
    network.run(1500);
    assert!(!network.members[0].cluster.state_ok());
    network.run(2500);
    assert!(network.members[0].cluster.state_ok());
}

#[test]
fn one_seed_gives_one_history() {
    let history = || {
        let mut network = Network::formed(3, 3);
        network.kill(1);
        network.run(TIMEOUT * 3);
        network
            .members
            .into_iter()
            .map(|m| (m.log, m.saved))
            .collect::<Vec<_>>()
    };
    assert_eq!(history(), history());
}

#[test]
fn a_cluster_at_rest_saves_nothing() {
    let mut network = Network::formed(3, 3);
    network.run(3000);
    network.members.iter_mut().for_each(|m| m.trace.clear());
    network.run(20_000);
    for m in &network.members {
        assert!(!m.trace.contains(&"save"));
        assert!(m.trace.contains(&"send"));
    }
}
