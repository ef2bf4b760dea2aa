//! Replicas that change to masters without any.

use super::*;
use crate::request::SetSlot;

/// How long a migration waits, in milliseconds, from when a replica was found failed.
const DELAY: u64 = 5000;

/// Three masters, the first of which has two replicas; that of the second has just been found
/// failed. The replicas of the first in the order of their ids.
fn orphaned() -> (Network, [usize; 2]) {
    let mut network = Network::formed(3, 4);
    network.kill(4);
    network.run_until(TIMEOUT * 3, |network| {
        [3, 6].iter().all(|&i| network.calls_failed(i, 4))
    });
    let mut replicas = [3, 6];
    replicas.sort_by_key(|&i| network.id(i));
    (network, replicas)
}

impl Network {
    fn calls_failed(&self, viewer: usize, about: usize) -> bool {
        let cluster = &self.members[viewer].cluster;
        let about = cluster.nodes.find(&self.id(about)).unwrap();
        cluster.nodes[about].failed()
    }

    fn follows(&self, i: usize, master: usize) -> bool {
        self.members[i].follows == Some(self.id(master))
    }

    fn is_meant_to_have_replicas(&self, viewer: usize, about: usize) -> bool {
        let cluster = &self.members[viewer].cluster;
        let about = cluster.nodes.find(&self.id(about)).unwrap();
        cluster.nodes[about]
            .flags
            .has(super::super::Flags::MIGRATE_TO)
    }
}

#[test]
fn the_replica_with_the_smallest_id_goes_to_a_master_that_lost_its_own() {
    let (mut network, [leaver, stayer]) = orphaned();
    network.run(DELAY - 500);
    assert!(network.follows(leaver, 0), "not before the delay is over");
    network.run(1000);
    assert!(network.follows(leaver, 1));
    // It is a shard like any other: it stays when the one that was lost returns.
    network.restart(4);
    network.run(DELAY + TIMEOUT * 4);
    assert!(network.follows(leaver, 1) && network.follows(stayer, 0) && network.follows(4, 1));
    for i in 0..7 {
        let line = network.line(i, leaver);
        assert!(
            line.contains(&network.id(1).to_string()),
            "node {i}: {line}"
        );
    }
}

#[test]
fn no_replica_leaves_where_that_is_not_allowed_or_its_master_needs_it() {
    let forbidden: fn(&mut Config) = |config| config.cluster_allow_replica_migration = false;
    let needed: fn(&mut Config) = |config| config.cluster_migration_barrier = 2;
    for change in [forbidden, needed] {
        let (mut network, replicas) = orphaned();
        network.configure(change);
        network.run(DELAY * 3);
        assert!(replicas.iter().all(|&i| network.follows(i, 0)));
        network.configure(|config| {
            config.cluster_allow_replica_migration = true;
            config.cluster_migration_barrier = 1;
        });
        network.run(DELAY * 2);
        assert!(network.follows(replicas[0], 1), "it is allowed now");
    }
}

#[test]
fn a_replica_that_is_out_of_sight_does_not_count_for_the_barrier() {
    let (mut network, [leaver, stayer]) = orphaned();
    // Only suspected: what a replica sees is no vote.
    network.cut.insert((leaver, stayer));
    network.sever(|a, b| [(a, b), (b, a)].contains(&(leaver, stayer)));
    network.run(DELAY * 3);
    assert!(network.follows(leaver, 0));
}

#[test]
fn replicas_of_a_failed_master_stand_for_election_and_go_nowhere() {
    let (mut network, replicas) = orphaned();
    network.kill(0);
    network.run(TIMEOUT * 2 + DELAY * 2);
    let heirs = replicas.iter().filter(|&&i| network.is_master(i));
    assert_eq!(heirs.count(), 1);
    // What is left is one replica in all, and its master has no other.
    assert!(replicas.iter().all(|&i| !network.follows(i, 1)));
}

#[test]
fn only_masters_that_are_meant_to_have_replicas_get_one() {
    let mut network = Network::formed(3, 4);
    let all =
        |network: &Network, about| (0..7).all(|i| network.is_meant_to_have_replicas(i, about));
    assert!((0..3).all(|about| all(&network, about)));
    // Its only replica is taken away on purpose.
    let other = network.id(0).to_string();
    network.ok(4, ClusterRequest::Replicate(other));
    network.run(DELAY * 3);
    assert!(!network.is_meant_to_have_replicas(3, 1));
    assert!([3, 4, 6].iter().all(|&i| network.follows(i, 0)));
    // In a cluster without replicas no master is meant to have any.
    let network = Network::formed(2, 0);
    assert!(!network.is_meant_to_have_replicas(0, 1));
}

#[test]
fn a_master_that_gets_its_first_slot_is_meant_to_have_replicas_as_the_others() {
    let mut network = Network::formed(2, 3);
    let place = network.members.len();
    let now = network.now;
    network.members.push(member(place, None, now));
    network.drain(place);
    network.meet(0, place);
    network.run(3000);
    assert!(!network.is_meant_to_have_replicas(2, place));
    let set = |to| ClusterRequest::SetSlot(Slot::new(7).unwrap(), to);
    let (from, to) = (network.id(0).to_string(), network.id(place).to_string());
    network.ok(place, set(SetSlot::Importing(from)));
    network.ok(place, set(SetSlot::Node(to)));
    network.run(DELAY + 3000);
    assert!(network.is_meant_to_have_replicas(2, place));
    let replicas = [2, 3, 4];
    let new = replicas.iter().filter(|&&i| network.follows(i, place));
    assert_eq!(new.count(), 1, "one of the shard with two");
}

#[test]
fn what_a_restarted_replica_remembers_is_enough() {
    let (mut network, replicas) = orphaned();
    for i in replicas {
        network.kill(i);
        network.restart(i);
    }
    network.run(DELAY + TIMEOUT * 4);
    assert!(network.follows(replicas[0], 1));
}

#[test]
fn a_replica_that_has_changed_its_shard_is_not_elected_before_its_first_sync() {
    let (mut network, [leaver, _]) = orphaned();
    network.members[leaver].syncs = false;
    network.run_until(DELAY * 2, |network| network.follows(leaver, 1));
    network.kill(1);
    network.run(TIMEOUT * 8);
    assert!(
        !network.is_master(leaver),
        "it holds the keys of another shard"
    );
    let why = "Currently unable to failover: I was never in sync with my master.";
    assert!(network.members[leaver].log.iter().any(|line| line == why));
}
