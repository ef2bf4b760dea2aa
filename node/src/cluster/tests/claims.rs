//! Two masters that claim the same slots in the same epoch.

use super::*;

/// Three shards. That master has taken an epoch alone, unheard, and the others have elected its
/// replica in the same one.
fn elected_in_the_epoch_of_its_master(master: usize) -> Network {
    let mut network = Network::formed(3, 3);
    let epoch = |network: &Network, i: usize| network.members[i].cluster.my_config_epoch();
    // Who has the highest epoch is given no other one.
    network.request((master + 1) % 3, ClusterRequest::BumpEpoch);
    network.run(2000);
    network.partition(&[master]);
    let reply = network.request(master, ClusterRequest::BumpEpoch);
    assert!(reply.contains("BUMPED"), "{reply}");
    network.run(TIMEOUT * 3);
    assert!(network.is_master(master) && network.is_master(master + 3));
    assert_eq!(epoch(&network, master), epoch(&network, master + 3));
    network
}

#[test]
fn the_replica_elected_in_the_epoch_that_its_master_took_alone_keeps_the_slots() {
    let mut smaller = 0;
    for master in 0..3 {
        let mut network = elected_in_the_epoch_of_its_master(master);
        smaller += usize::from(network.id(master) < network.id(master + 3));
        network.cut.clear();
        network.run(TIMEOUT * 2);
        assert!(!network.is_master(master), "shard {master}");
        assert_eq!(
            network.members[master].follows,
            Some(network.id(master + 3))
        );
        for i in 0..6 {
            let line = network.line(i, master);
            assert!(line.contains("slave "), "node {i}: {line}");
            assert!(network.members[i].cluster.state_ok(), "node {i}");
        }
    }
    assert!(
        smaller > 0,
        "no master has the id that would take a new epoch"
    );
}

#[test]
fn a_master_hears_from_others_that_its_dead_replica_was_elected_in_its_own_epoch() {
    for master in 0..3 {
        let mut network = elected_in_the_epoch_of_its_master(master);
        network.kill(master);
        network.kill(master + 3);
        network.cut.clear();
        network.run(TIMEOUT);
        network.restart(master);
        network.members[master].cluster.set_withholding(true);
        network.run(500);
        assert_eq!(
            network.members[master].follows,
            Some(network.id(master + 3)),
            "shard {master}"
        );
    }
}
