//! A disk that is full: what binds a node waits for nodes.conf, or does not happen.

use super::*;
use crate::request::SetSlot;

const FULL: &str = "-ERR error saving the cluster node config: No space left on device; nothing was \
                    changed\r\n";

impl Network {
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
    let mut network = Network::formed(3, 1);
    network.fill(0);
    let (other, replica) = (network.id(1).to_string(), network.id(3).to_string());
    let before = network.nodes_text(0);
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
        assert_eq!(network.request(0, request), FULL, "{name}");
        assert_eq!(network.nodes_text(0), before, "{name}");
    }
    // What is wrong anyway is said as ever.
    let wrong = network.request(0, ClusterRequest::Forget("f".repeat(40)));
    assert!(wrong.starts_with("-ERR Unknown node"), "{wrong}");
    network.fill(3);
    assert_eq!(network.failover(3, Failover::Takeover), FULL);
    assert_eq!(network.failover(3, Failover::Force), FULL);
    assert!(!network.is_master(3), "{replica}");
    network.clear(0);
    assert_eq!(network.request(0, ClusterRequest::SaveConfig), "+OK\r\n");
}

#[test]
fn a_reply_comes_after_what_it_says_is_stored() {
    let mut network = Network::formed(3, 0);
    network.members[0].trace.clear();
    let bumped = network.request(0, ClusterRequest::BumpEpoch);
    assert!(bumped.starts_with("+BUMPED"), "{bumped}");
    assert_eq!(network.members[0].trace.first(), Some(&"save"));
    let saves = network.members[0].trace.iter().filter(|w| **w == "save");
    assert_eq!(saves.count(), 1, "one write for one request");
    let (stored, said) = network.own_lines(0);
    assert_eq!(stored, said);
}

#[test]
fn who_cannot_store_a_vote_gives_none_and_gives_it_once_there_is_room() {
    let mut network = Network::formed(3, 3);
    network.kill(0);
    network.run_until(TIMEOUT * 3, |network| {
        [1, 2].iter().all(|&i| {
            let cluster = &network.members[i].cluster;
            let dead = cluster.nodes.find(&network.id(0)).unwrap();
            cluster.nodes[dead].failed()
        })
    });
    for i in [1, 2] {
        network.fill(i);
        network.members[i].trace.clear();
    }
    network.run(TIMEOUT * 4);
    assert!(!network.is_master(3));
    for i in [1, 2] {
        assert!(!network.members[i].trace.contains(&"vote"), "node {i}");
        assert!(network.members[i].trace.contains(&"send"), "it goes on");
        assert!(network.members[i].cluster.store_error().is_some());
        let told = network.members[i].log.iter();
        let told = told.filter(|line| line.starts_with("Can't store nodes.conf"));
        assert_eq!(told.count(), 1, "said once");
        let tried = network.members[i].trace.iter().filter(|w| **w == "full");
        assert!(tried.count() <= 10, "once a second");
    }
    network.clear(1);
    network.clear(2);
    network.run_until(TIMEOUT * 10, |network| network.is_master(3));
}

#[test]
fn who_cannot_store_its_claim_does_not_make_it() {
    let mut network = Network::formed(3, 3);
    network.kill(0);
    // The election is won in one delivery: the disk fills when the votes are asked for.
    network.run_until(TIMEOUT * 6, |network| {
        network.members[3]
            .log
            .iter()
            .any(|line| line.starts_with("Start of election"))
    });
    network.fill(3);
    network.run(TIMEOUT * 4);
    assert!(!network.is_master(3));
    let (stored, said) = network.own_lines(3);
    assert_eq!(stored, said, "it says what it has stored");
    let log = &network.members[3].log;
    let why = "Currently unable to failover: nodes.conf cannot be stored.";
    let expired = "Currently unable to failover: Failover attempt expired.";
    assert!(log.iter().any(|line| line == why), "{log:#?}");
    assert!(!log.iter().any(|line| line == expired), "{log:#?}");
    network.clear(3);
    network.run_until(TIMEOUT * 12, |network| network.is_master(3));
    let (stored, said) = network.own_lines(3);
    assert_eq!(stored, said);
}

#[test]
fn learned_facts_are_taken_up_though_they_cannot_be_stored() {
    let mut network = Network::formed(5, 1);
    network.fill(1);
    network.kill(0);
    network.run_until(TIMEOUT * 10, |network| network.is_master(5));
    network.run(2000);
    assert!(
        network.line(1, 5).contains(" 0-327"),
        "{}",
        network.line(1, 5)
    );
    assert!(network.members[1].cluster.state_ok());
    network.clear(1);
    let heir = network.id(5).to_string();
    let saved = &network.members[1].saved;
    let line = saved.lines().find(|line| line.starts_with(&heir)).unwrap();
    assert!(line.contains(" 0-327"), "{line}");
}

#[test]
fn a_first_start_that_cannot_be_stored_ends() {
    let now = Network::new(0).now;
    let mut fresh = member(0, None, now);
    fresh.full = true;
    let mut network = Network::new(0);
    network.members.push(fresh);
    network.drain(0);
    assert_eq!(network.members[0].trace, ["full", "end"]);
}

/// The first of two masters moves slots to the second.
fn moving() -> (Network, impl Fn(u16, SetSlot) -> ClusterRequest) {
    let set = |slot, to| ClusterRequest::SetSlot(Slot::new(slot).unwrap(), to);
    (Network::formed(2, 0), set)
}

/// How often nodes.conf was stored since the trace was last cleared.
fn saves(network: &Network, i: usize) -> usize {
    let trace = network.members[i].trace.iter();
    trace.filter(|word| **word == "save").count()
}

#[test]
fn slots_that_are_opened_closed_or_given_away_are_stored_together_soon() {
    let (mut network, set) = moving();
    let to = network.id(1).to_string();
    network.members[0].trace.clear();
    for slot in 0..10 {
        network.ok(0, set(slot, SetSlot::Migrating(to.clone())));
    }
    network.ok(0, set(3, SetSlot::Stable));
    network.ok(0, set(4, SetSlot::Node(to.clone())));
    assert_eq!(saves(&network, 0), 0, "nothing waits for the disk");
    network.run(110);
    assert_eq!(saves(&network, 0), 1);
    let (stored, said) = network.own_lines(0);
    assert_eq!(stored, said);
    assert!(
        stored.contains("[9->-") && !stored.contains("[3->-"),
        "{stored}"
    );
}

#[test]
fn a_slot_that_is_taken_is_stored_before_the_reply() {
    let (mut network, set) = moving();
    let (from, to) = (network.id(0).to_string(), network.id(1).to_string());
    for slot in [7, 8] {
        network.ok(1, set(slot, SetSlot::Importing(from.clone())));
        network.members[1].trace.clear();
        network.ok(1, set(slot, SetSlot::Node(to.clone())));
        assert_eq!(
            network.members[1].trace.first(),
            Some(&"save"),
            "slot {slot}"
        );
        assert!(
            network.members[1]
                .saved
                .contains(&format!(" 7-{slot} ").replace("7-7", "7"))
        );
    }
}

#[test]
fn a_master_that_becomes_a_replica_with_its_last_slot_stores_that_before_the_reply() {
    let mut network = Network::new(2);
    let all: Vec<Slot> = Slot::all().collect();
    network.ok(0, ClusterRequest::AddSlots(all[..1].to_vec()));
    network.ok(1, ClusterRequest::AddSlots(all[1..].to_vec()));
    network.meet_all();
    network.members[0].trace.clear();
    let to = network.id(1).to_string();
    network.ok(0, ClusterRequest::SetSlot(all[0], SetSlot::Node(to)));
    assert_eq!(network.members[0].trace[..2], ["save", "follow"]);
}

#[test]
fn an_orderly_end_stores_what_could_have_waited() {
    let (mut network, set) = moving();
    let to = network.id(1).to_string();
    network.ok(0, set(1, SetSlot::Migrating(to)));
    network.with_facts(0, Cluster::store_rest);
    let (stored, said) = network.own_lines(0);
    assert_eq!(stored, said);
}
