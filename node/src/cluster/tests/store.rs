//! A disk that is full: what binds a node waits for nodes.conf, or does not happen.

use super::*;
use crate::request::SetSlot;

const FULL: &str = "-ERR error saving the cluster node config: No space left on device; nothing was \
                    changed\r\n";

impl World {
    fn fill(&mut self, i: usize) {
        self.members[i].full = true;
    }

    fn clear(&mut self, i: usize) {
        self.members[i].full = false;
        self.run(2000);
        assert_eq!(self.members[i].cluster.store_error(), None);
    }

    /// The node's own line of the nodes.conf that is stored, and of what it says.
    fn own_lines(&mut self, i: usize) -> (String, String) {
        let own = |text: &str| {
            let line = text.lines().find(|line| line.contains("myself"));
            let words: Vec<&str> = line.unwrap_or_default().split(' ').collect();
            format!("{} {} {:?}", words[2], words[6], words.get(8..))
        };
        let stored = own(&self.members[i].saved);
        (stored, own(&self.nodes_text(i)))
    }
}

#[test]
fn no_request_takes_effect_that_cannot_be_stored() {
    let mut world = World::formed(3, 1);
    world.fill(0);
    let (other, replica) = (world.id(1).to_string(), world.id(3).to_string());
    let before = world.nodes_text(0);
    let requests = [
        ClusterRequest::BumpEpoch,
        ClusterRequest::DelSlots(vec![Slot::new(1).unwrap()]),
        ClusterRequest::SetSlot(Slot::new(1).unwrap(), SetSlot::Migrating(other.clone())),
        ClusterRequest::Forget(other.clone()),
        ClusterRequest::Reset { hard: true },
        ClusterRequest::Meet {
            ip: "10.0.0.9".to_owned(),
            port: 7000,
            bus_port: None,
        },
        ClusterRequest::SaveConfig,
    ];
    for request in requests {
        let name = format!("{request:?}");
        assert_eq!(world.request(0, request), FULL, "{name}");
        assert_eq!(world.nodes_text(0), before, "{name}");
    }
    // What is wrong anyway is said as ever.
    let wrong = world.request(0, ClusterRequest::Forget("f".repeat(40)));
    assert!(wrong.starts_with("-ERR Unknown node"), "{wrong}");
    world.fill(3);
    assert_eq!(world.failover(3, Failover::Takeover), FULL);
    assert_eq!(world.failover(3, Failover::Force), FULL);
    assert!(!world.is_master(3), "{replica}");
    world.clear(0);
    assert_eq!(world.request(0, ClusterRequest::SaveConfig), "+OK\r\n");
}

#[test]
fn a_reply_comes_after_what_it_says_is_stored() {
    let mut world = World::formed(3, 0);
    world.members[0].trace.clear();
    let bumped = world.request(0, ClusterRequest::BumpEpoch);
    assert!(bumped.starts_with("+BUMPED"), "{bumped}");
    assert_eq!(world.members[0].trace.first(), Some(&"save"));
    let saves = world.members[0].trace.iter().filter(|w| **w == "save");
    assert_eq!(saves.count(), 1, "one write for one request");
    let (stored, said) = world.own_lines(0);
    assert_eq!(stored, said);
}

#[test]
fn who_cannot_store_a_vote_gives_none_and_gives_it_once_there_is_room() {
    let mut world = World::formed(3, 3);
    world.kill(0);
    world.run_until(TIMEOUT * 3, |world| {
        [1, 2].iter().all(|&i| {
            let cluster = &world.members[i].cluster;
            let dead = cluster.nodes.find(&world.id(0)).unwrap();
            cluster.nodes[dead].failed()
        })
    });
    for i in [1, 2] {
        world.fill(i);
        world.members[i].trace.clear();
    }
    world.run(TIMEOUT * 4);
    assert!(!world.is_master(3));
    for i in [1, 2] {
        assert!(!world.members[i].trace.contains(&"vote"), "node {i}");
        assert!(world.members[i].trace.contains(&"send"), "it goes on");
        assert!(world.members[i].cluster.store_error().is_some());
        let told = world.members[i].log.iter();
        let told = told.filter(|line| line.starts_with("Can't store nodes.conf"));
        assert_eq!(told.count(), 1, "said once");
        let tried = world.members[i].trace.iter().filter(|w| **w == "full");
        assert!(tried.count() <= 10, "once a second");
    }
    world.clear(1);
    world.clear(2);
    world.run_until(TIMEOUT * 10, |world| world.is_master(3));
}

#[test]
fn who_cannot_store_its_claim_does_not_make_it() {
    let mut world = World::formed(3, 3);
    world.kill(0);
    // The election is won in one delivery: the disk fills when the votes are asked for.
    world.run_until(TIMEOUT * 6, |world| {
        world.members[3]
            .log
            .iter()
            .any(|line| line.starts_with("Start of election"))
    });
    world.fill(3);
    world.run(TIMEOUT * 4);
    assert!(!world.is_master(3));
    let (stored, said) = world.own_lines(3);
    assert_eq!(stored, said, "it says what it has stored");
    let log = &world.members[3].log;
    let why = "Currently unable to failover: nodes.conf cannot be stored.";
    let expired = "Currently unable to failover: Failover attempt expired.";
    assert!(log.iter().any(|line| line == why), "{log:#?}");
    assert!(!log.iter().any(|line| line == expired), "{log:#?}");
    world.clear(3);
    world.run_until(TIMEOUT * 12, |world| world.is_master(3));
    let (stored, said) = world.own_lines(3);
    assert_eq!(stored, said);
}

#[test]
fn learned_facts_are_taken_up_though_they_cannot_be_stored() {
    let mut world = World::formed(5, 1);
    world.fill(1);
    world.kill(0);
    world.run_until(TIMEOUT * 10, |world| world.is_master(5));
    world.run(2000);
    assert!(world.line(1, 5).contains(" 0-327"), "{}", world.line(1, 5));
    assert!(world.members[1].cluster.state_ok());
    world.clear(1);
    let heir = world.id(5).to_string();
    let saved = &world.members[1].saved;
    let line = saved.lines().find(|line| line.starts_with(&heir)).unwrap();
    assert!(line.contains(" 0-327"), "{line}");
}

#[test]
fn a_first_start_that_cannot_be_stored_ends() {
    let now = World::new(0).now;
    let mut fresh = member(0, None, now);
    fresh.full = true;
    let mut world = World::new(0);
    world.members.push(fresh);
    world.drain(0);
    assert_eq!(world.members[0].trace, ["full", "end"]);
}

/// The first of two masters moves slots to the second.
fn moving() -> (World, impl Fn(u16, SetSlot) -> ClusterRequest) {
    let set = |slot, to| ClusterRequest::SetSlot(Slot::new(slot).unwrap(), to);
    (World::formed(2, 0), set)
}

/// How often nodes.conf was stored since the trace was last cleared.
fn saves(world: &World, i: usize) -> usize {
    let trace = world.members[i].trace.iter();
    trace.filter(|word| **word == "save").count()
}

#[test]
fn slots_that_are_opened_closed_or_given_away_are_stored_together_soon() {
    let (mut world, set) = moving();
    let to = world.id(1).to_string();
    world.members[0].trace.clear();
    for slot in 0..10 {
        world.ok(0, set(slot, SetSlot::Migrating(to.clone())));
    }
    world.ok(0, set(3, SetSlot::Stable));
    world.ok(0, set(4, SetSlot::Node(to.clone())));
    assert_eq!(saves(&world, 0), 0, "nothing waits for the disk");
    world.run(110);
    assert_eq!(saves(&world, 0), 1);
    let (stored, said) = world.own_lines(0);
    assert_eq!(stored, said);
    assert!(
        stored.contains("[9->-") && !stored.contains("[3->-"),
        "{stored}"
    );
}

#[test]
fn a_slot_that_is_taken_is_stored_before_the_reply() {
    let (mut world, set) = moving();
    let (from, to) = (world.id(0).to_string(), world.id(1).to_string());
    for slot in [7, 8] {
        world.ok(1, set(slot, SetSlot::Importing(from.clone())));
        world.members[1].trace.clear();
        world.ok(1, set(slot, SetSlot::Node(to.clone())));
        assert_eq!(world.members[1].trace.first(), Some(&"save"), "slot {slot}");
        assert!(
            world.members[1]
                .saved
                .contains(&format!(" 7-{slot} ").replace("7-7", "7"))
        );
    }
}

#[test]
fn a_master_that_becomes_a_replica_with_its_last_slot_stores_that_before_the_reply() {
    let mut world = World::new(2);
    let all: Vec<Slot> = Slot::all().collect();
    world.ok(0, ClusterRequest::AddSlots(all[..1].to_vec()));
    world.ok(1, ClusterRequest::AddSlots(all[1..].to_vec()));
    world.meet_all();
    world.members[0].trace.clear();
    let to = world.id(1).to_string();
    world.ok(0, ClusterRequest::SetSlot(all[0], SetSlot::Node(to)));
    assert_eq!(world.members[0].trace[..2], ["save", "follow"]);
}

#[test]
fn an_orderly_end_stores_what_could_have_waited() {
    let (mut world, set) = moving();
    let to = world.id(1).to_string();
    world.ok(0, set(1, SetSlot::Migrating(to)));
    world.with_facts(0, Cluster::store_rest);
    let (stored, said) = world.own_lines(0);
    assert_eq!(stored, said);
}
