//! Failover by election and by command.

use super::*;

/// The one of the nodes that is a master and owns slot 0.
fn owner_of_slot_0(network: &Network, nodes: &[usize]) -> Option<usize> {
    let slot = Slot::new(0).unwrap();
    nodes
        .iter()
        .copied()
        .find(|&i| network.members[i].cluster.my_slots().contains(slot))
}

#[test]
fn the_majority_finds_a_dead_node_failed() {
    let mut network = Network::formed(3, 0);
    network.kill(0);
    network.run(TIMEOUT + 1000);
    for i in 1..3 {
        assert!(network.line(i, 0).contains(" master,fail "));
        assert!(!network.members[i].cluster.state_ok());
    }
    assert!(
        network.members[1]
            .log
            .iter()
            .chain(&network.members[2].log)
            .any(|l| l.contains("quorum reached"))
    );
}

#[test]
fn a_minority_suspects_only_and_stops_serving() {
    let mut network = Network::formed(5, 0);
    network.partition(&[0, 1]);
    network.run(TIMEOUT * 3);
    for i in 0..2 {
        assert!(!network.members[i].cluster.state_ok());
        assert!(network.line(i, 4).contains(" master,fail? "));
    }
    network.cut.clear();
    network.run(TIMEOUT * 6);
    for i in 0..5 {
        assert!(network.members[i].cluster.state_ok(), "node {i}");
    }
}

#[test]
fn a_replica_replaces_its_dead_master() {
    let mut network = Network::formed(3, 3);
    network.kill(0);
    network.run(TIMEOUT + 3000);
    assert!(network.is_master(3));
    for i in [1, 2, 3, 4, 5] {
        let line = network.line(i, 3);
        assert!(
            line.contains("master") && line.ends_with("0-5461"),
            "node {i}: {line}"
        );
        assert!(network.members[i].cluster.state_ok(), "node {i} serves");
    }
    let info = network.request(3, ClusterRequest::Info);
    assert!(
        info.contains("cluster_stats_messages_auth-req_sent:"),
        "{info}"
    );
    // The old master comes back as its replica.
    network.restart(0);
    network.run(5000);
    assert!(!network.is_master(0));
    assert_eq!(network.members[0].follows, Some(network.id(3)));
    for i in 0..6 {
        assert!(network.members[i].cluster.state_ok());
    }
}

#[test]
fn of_two_replicas_the_one_with_more_data_wins() {
    let mut network = Network::formed(3, 6);
    network.members[3].offset = 10;
    network.members[6].offset = 20;
    network.run(3000);
    network.kill(0);
    network.run(TIMEOUT + 3000);
    assert_eq!(owner_of_slot_0(&network, &[3, 6]), Some(6));
    assert_eq!(
        network.members[3].follows,
        Some(network.id(6)),
        "the other one follows the winner"
    );
}

#[test]
fn no_election_without_a_complete_data_set() {
    let mut network = Network::formed(3, 3);
    network.members[3].complete = false;
    network.kill(0);
    network.run(TIMEOUT * 5);
    assert!(!network.is_master(3));
    assert!(
        network.members[3]
            .log
            .iter()
            .any(|l| l.contains("data set is incomplete"))
    );
    assert_eq!(network.failover(3, Failover::Force), "+OK\r\n");
    network.run(1000);
    assert!(network.is_master(3), "by hand it goes");
}

#[test]
fn no_election_by_the_minority() {
    let mut network = Network::formed(3, 3);
    network.partition(&[0, 1, 3, 4]);
    network.kill(0);
    network.kill(1);
    network.run(TIMEOUT * 10);
    assert!(!network.is_master(3) && !network.is_master(4));
}

#[test]
fn a_replica_told_not_to_does_not_start_one() {
    let mut network = Network::formed(3, 3);
    network.members[3].config.cluster_replica_no_failover = true;
    let config = network.members[3].config.clone();
    network.with_facts(3, |cluster, _, now| cluster.config_changed(&config, now));
    network.run(2000);
    assert!(network.line(1, 3).contains(" slave,nofailover "));
    network.kill(0);
    network.run(TIMEOUT * 5);
    assert!(!network.is_master(3));
}

#[test]
fn a_vote_is_saved_before_it_leaves_and_given_once() {
    let mut network = Network::formed(3, 3);
    for m in &mut network.members {
        m.trace.clear();
    }
    network.kill(0);
    network.run_until(TIMEOUT * 4, |network| network.is_master(3));
    for i in [1, 2] {
        let m = &network.members[i];
        assert!(
            m.saved
                .contains(&format!("lastVoteEpoch {}", m.cluster.last_vote_epoch))
        );
        let vote = m.trace.iter().position(|word| *word == "vote").unwrap();
        let before = m.trace[..vote].iter().rfind(|word| **word != "send");
        assert_eq!(before, Some(&"save"));
        assert_eq!(m.cluster.stats.sent[6], 1, "one vote");
        assert_eq!(m.cluster.last_vote_epoch, m.cluster.current_epoch);
    }
}

#[test]
fn the_plain_hand_over_pauses_writes_and_waits_for_the_stream() {
    let mut network = Network::formed(3, 3);
    network.members[0].offset = 100;
    network.members[3].offset = 90;
    assert_eq!(network.failover(3, Failover::Plain), "+OK\r\n");
    network.run(300);
    assert!(network.members[0].trace.contains(&"pause"));
    assert!(network.members[0].cluster.hand_over_in_progress());
    assert!(!network.is_master(3), "ten bytes are missing");
    assert!(network.members[3].cluster.watches_offset());
    network.members[3].offset = 100;
    network.run(500);
    assert!(network.is_master(3));
    assert!(!network.is_master(0));
    assert_eq!(network.members[0].follows, Some(network.id(3)));
    assert!(network.members[0].trace.contains(&"resume"));
    assert!(network.members[3].cluster.state_ok());
}

#[test]
fn a_hand_over_that_takes_too_long_is_given_up() {
    let mut network = Network::formed(3, 3);
    network.members[0].offset = 100;
    assert_eq!(network.failover(3, Failover::Plain), "+OK\r\n");
    network.run(5500);
    assert!(network.is_master(0) && !network.is_master(3));
    assert!(
        network.members[0].trace.ends_with(&["resume"])
            || network.members[0].trace.contains(&"resume")
    );
    assert!(!network.members[0].cluster.hand_over_in_progress());
}

#[test]
fn the_refusals_of_failover_are_those_of_redis() {
    let mut network = Network::formed(3, 1);
    assert_eq!(
        network.failover(0, Failover::Plain),
        "-ERR You should send CLUSTER FAILOVER to a replica\r\n"
    );
    network.kill(0);
    network.run(200);
    assert_eq!(
        network.failover(3, Failover::Plain),
        "-ERR Master is down or failed, please use CLUSTER FAILOVER FORCE\r\n"
    );
    assert_eq!(network.failover(3, Failover::Force), "+OK\r\n");
    network.run(200);
    assert!(
        network.is_master(3),
        "before a node has found the master failed"
    );
}

#[test]
fn a_take_over_asks_nobody() {
    let mut network = Network::formed(1, 1);
    network.kill(0);
    network.run(TIMEOUT * 3);
    assert!(!network.is_master(1), "the only master cannot be outvoted");
    assert_eq!(network.failover(1, Failover::Takeover), "+OK\r\n");
    assert!(network.is_master(1));
    network.run(3000);
    assert!(network.members[1].cluster.state_ok());
    assert_eq!(network.members[1].cluster.my_slots().len(), 16384);
}

#[test]
fn an_owner_cut_off_during_its_replacement_yields_when_it_is_back() {
    let mut network = Network::formed(3, 3);
    network.partition(&[0]);
    network.run(TIMEOUT * 3);
    assert!(network.is_master(3) && network.is_master(0));
    assert!(
        !network.members[0].cluster.state_ok(),
        "the cut off one does not serve"
    );
    network.members[0].keys.insert(Slot::new(5).unwrap());
    network.cut.clear();
    network.run(TIMEOUT * 2);
    assert!(!network.is_master(0));
    assert_eq!(network.members[0].follows, Some(network.id(3)));
}

#[test]
fn who_follows_a_new_owner_is_known_to_all_at_once() {
    let mut network = Network::formed(3, 6);
    // No PING is sent meanwhile: no time passes.
    assert_eq!(network.failover(3, Failover::Takeover), "+OK\r\n");
    let owner = network.id(3).to_string();
    for i in 0..9 {
        for follower in [0, 6] {
            let line = network.line(i, follower);
            assert!(
                line.contains(&format!("slave {owner} ")),
                "node {i}: {line}"
            );
        }
    }
}

#[test]
fn a_take_over_after_a_restart_claims_in_a_new_epoch() {
    let mut network = Network::formed(3, 3);
    let epoch = |network: &Network, i: usize| network.members[i].cluster.my_config_epoch();
    let (latest, replica) = (0, 3);
    assert!(
        network
            .request(latest, ClusterRequest::BumpEpoch)
            .contains("BUMPED")
    );
    network.run(3000);
    network.kill(replica);
    network.restart(replica);
    network.run(3000);
    network.kill(latest);
    assert_eq!(network.failover(replica, Failover::Takeover), "+OK\r\n");
    assert!(epoch(&network, replica) > epoch(&network, latest));
    for i in (0..6).filter(|&i| i != latest) {
        let line = network.line(i, replica);
        assert!(!line.ends_with("connected"), "node {i}: {line}");
    }
}
