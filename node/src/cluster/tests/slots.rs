//! Slots that are assigned, claimed and lost.

use super::*;
use crate::cluster::Route;
use crate::request::SetSlot;

fn slot(number: u16) -> Slot {
    Slot::new(number).unwrap()
}

#[test]
fn the_state_follows_the_coverage() {
    let mut network = Network::new(1);
    network.run(3000);
    assert!(!network.members[0].cluster.state_ok());
    network.ok(0, ClusterRequest::AddSlots(Slot::all().collect()));
    network.run(3000);
    assert!(network.members[0].cluster.state_ok());
    network.ok(0, ClusterRequest::DelSlots(vec![slot(0)]));
    assert!(!network.members[0].cluster.state_ok());
    assert_eq!(network.members[0].cluster.route(slot(0)), Route::Unassigned);
}

#[test]
fn slots_are_added_and_deleted_all_or_none() {
    let mut network = Network::new(1);
    network.ok(0, ClusterRequest::AddSlots(vec![slot(3)]));
    for (request, text) in [
        (
            ClusterRequest::AddSlots(vec![slot(2), slot(3)]),
            "-ERR Slot 3 is already busy\r\n",
        ),
        (
            ClusterRequest::AddSlots(vec![slot(7), slot(7)]),
            "-ERR Slot 7 specified multiple times\r\n",
        ),
        (
            ClusterRequest::DelSlots(vec![slot(3), slot(4)]),
            "-ERR Slot 4 is already unassigned\r\n",
        ),
    ] {
        assert_eq!(network.request(0, request), text);
    }
    assert_eq!(network.members[0].cluster.my_slots().to_string(), "3");
}

#[test]
fn a_slot_moves_by_the_book() {
    let mut network = Network::formed(2, 0);
    let (from, to) = (network.id(0).to_string(), network.id(1).to_string());
    let set = |to| ClusterRequest::SetSlot(slot(7), to);
    network.ok(1, set(SetSlot::Importing(from.clone())));
    network.ok(0, set(SetSlot::Migrating(to.clone())));
    assert!(matches!(
        network.members[0].cluster.route(slot(7)),
        Route::Migrating(_)
    ));
    assert!(matches!(
        network.members[1].cluster.route(slot(7)),
        Route::Importing(_)
    ));
    assert!(network.line(0, 0).ends_with(&format!("0-8191 [7->-{to}]")));
    assert!(
        network
            .line(1, 1)
            .ends_with(&format!("8192-16383 [7-<-{from}]"))
    );
    network.members[0].keys.insert(slot(7));
    let refused = network.request(0, set(SetSlot::Node(to.clone())));
    assert!(
        refused.starts_with("-ERR Can't assign hashslot 7 to a different node"),
        "{refused}"
    );
    network.members[0].keys.clear();
    network.ok(1, set(SetSlot::Node(to.clone())));
    network.ok(0, set(SetSlot::Node(to)));
    network.run(2000);
    for i in 0..2 {
        assert!(network.line(i, 1).ends_with(" 7 8192-16383"), "node {i}");
    }
    assert_eq!(network.members[1].cluster.route(slot(7)), Route::Mine);
}

#[test]
fn the_refusals_of_setslot_are_those_of_redis() {
    let mut network = Network::formed(2, 1);
    let (a, b, replica) = (
        network.id(0).to_string(),
        network.id(1).to_string(),
        network.id(2).to_string(),
    );
    let nobody = "0".repeat(40);
    let cases = [
        (
            0,
            SetSlot::Migrating(replica.clone()),
            "Target node is not a master".to_owned(),
        ),
        (
            0,
            SetSlot::Migrating(nobody.clone()),
            format!("I don't know about node {nobody}"),
        ),
        (
            0,
            SetSlot::Importing(b.clone()),
            "I'm already the owner of hash slot 7".to_owned(),
        ),
        (
            1,
            SetSlot::Migrating(a.clone()),
            "I'm not the owner of hash slot 7".to_owned(),
        ),
        (
            1,
            SetSlot::Node(nobody.clone()),
            format!("Unknown node {nobody}"),
        ),
        (
            2,
            SetSlot::Stable,
            "Please use SETSLOT only with masters.".to_owned(),
        ),
    ];
    for (i, to, text) in cases {
        let reply = network.request(i, ClusterRequest::SetSlot(slot(7), to));
        assert_eq!(reply, format!("-ERR {text}\r\n"));
    }
}

#[test]
fn keys_of_slots_that_a_newer_owner_took_are_given_up() {
    let mut network = Network::formed(3, 0);
    network.members[0].keys.extend([slot(1), slot(2)]);
    // The owner is cut off while another takes one of its slots with a newer epoch.
    network.partition(&[0]);
    network.run(500);
    network.ok(1, ClusterRequest::DelSlots(vec![slot(1)]));
    network.ok(1, ClusterRequest::AddSlots(vec![slot(1)]));
    network.request(1, ClusterRequest::BumpEpoch);
    network.cut.clear();
    network.run(5000);
    assert_eq!(network.members[0].lost.to_string(), "1");
    assert_eq!(network.members[0].keys, BTreeSet::from([slot(2)]));
    assert!(network.is_master(0));
    for i in 0..3 {
        assert!(
            network.line(i, 1).contains(" connected 1 5462-10922"),
            "node {i}"
        );
    }
}

#[test]
fn an_outdated_claim_is_corrected_by_an_update() {
    let mut network = Network::formed(3, 3);
    network.kill(0);
    network.run(TIMEOUT + 3000);
    assert!(network.is_master(3));
    // The new owner is out of sight when the old one comes back: the others tell it.
    network.kill(3);
    network.restart(0);
    network.run(3000);
    assert_eq!(network.members[0].follows, Some(network.id(3)));
    let updates: u64 = [1, 2]
        .map(|i: usize| network.members[i].cluster.stats.sent[7])
        .iter()
        .sum();
    assert!(updates > 0);
}

/// Two masters, the first of which has three slots, and a replica of each.
fn lopsided() -> Network {
    let mut network = Network::new(4);
    let (few, rest) = Slot::all().partition(|slot| slot.get() < 3);
    network.ok(0, ClusterRequest::AddSlots(few));
    network.ok(1, ClusterRequest::AddSlots(rest));
    network.meet_all();
    for i in 0..2 {
        let master = network.id(i).to_string();
        network.ok(2 + i, ClusterRequest::Replicate(master));
    }
    network.run(3000);
    network
}

impl Network {
    /// Moves the three slots of the first master to the second one; the first is told, or hears of
    /// it.
    fn move_the_few(&mut self, told: bool) {
        let (from, to) = (self.id(0).to_string(), self.id(1).to_string());
        for number in 0..3 {
            let set = |to| ClusterRequest::SetSlot(slot(number), to);
            self.ok(1, set(SetSlot::Importing(from.clone())));
            self.ok(0, set(SetSlot::Migrating(to.clone())));
            self.ok(1, set(SetSlot::Node(to.clone())));
            // The last one may have reached it on the bus first, which made it a replica.
            if told && self.is_master(0) {
                self.ok(0, set(SetSlot::Node(to.clone())));
            }
        }
        self.run(3000);
        for i in 0..4 {
            assert!(self.line(i, 1).ends_with(" 0-16383"), "node {i}");
        }
    }
}

#[test]
fn a_master_whose_last_slot_was_moved_away_stays_one_with_its_replicas() {
    for told in [true, false] {
        let mut network = lopsided();
        network.configure(|config| config.cluster_allow_replica_migration = false);
        network.move_the_few(told);
        assert!(network.is_master(0), "told: {told}");
        assert_eq!(network.members[2].follows, Some(network.id(0)));
    }
}

#[test]
fn with_migration_a_master_whose_last_slot_was_moved_away_follows_it_with_its_replicas() {
    for told in [true, false] {
        let mut network = lopsided();
        network.move_the_few(told);
        for i in [0, 2, 3] {
            assert_eq!(
                network.members[i].follows,
                Some(network.id(1)),
                "node {i}, told: {told}"
            );
        }
    }
}

#[test]
fn a_master_follows_one_of_its_shard_that_has_its_slots_and_more() {
    let mut network = Network::formed(3, 3);
    network.kill(0);
    network.run(TIMEOUT + 3000);
    assert!(network.is_master(3));
    let (from, to) = (network.id(1).to_string(), network.id(3).to_string());
    let set = |to| ClusterRequest::SetSlot(slot(6000), to);
    network.ok(3, set(SetSlot::Importing(from)));
    network.ok(3, set(SetSlot::Node(to.clone())));
    network.ok(1, set(SetSlot::Node(to)));
    network.restart(0);
    network.run(3000);
    assert_eq!(network.members[0].follows, Some(network.id(3)));
}

#[test]
fn loaded_keys_make_their_slots_ours_or_importing() {
    let mut network = Network::formed(2, 0);
    network.kill(0);
    network.restart(0);
    let slots = "0-3 16383".parse().unwrap();
    network.ok(0, ClusterRequest::DelSlots(vec![slot(2)]));
    network.with_facts(0, |cluster, facts, now| {
        cluster.adopt_loaded_slots(&slots, facts, now);
    });
    assert_eq!(network.members[0].cluster.route(slot(2)), Route::Mine);
    assert!(matches!(
        network.members[0].cluster.route(slot(16383)),
        Route::Importing(_)
    ));
}
