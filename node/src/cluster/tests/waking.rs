//! A master that was asleep.

use super::*;

/// How long the first master is cut off from the others.
fn away(network: &mut Network, ms: u64) {
    network.partition(&[0]);
    network.run(ms);
    network.cut.clear();
}

fn wake(network: &mut Network) {
    network.members[0].trace.clear();
    let now = network.now;
    network.members[0].cluster.wake(now);
    network.drain(0);
}

fn traced(network: &Network, word: &str) -> bool {
    network.members[0].trace.contains(&word)
}

#[test]
fn a_master_that_slept_holds_its_commands_for_the_answers_of_a_majority() {
    let mut network = Network::formed(3, 3);
    wake(&mut network);
    assert!(traced(&network, "hold") && !traced(&network, "release"));
    network.deliver();
    assert!(traced(&network, "release"), "a round trip later");
    // One of the other two is enough.
    network.partition(&[2]);
    wake(&mut network);
    network.deliver();
    assert!(traced(&network, "release"));
}

#[test]
fn an_answer_to_what_was_asked_before_is_none() {
    let mut network = Network::formed(3, 3);
    // Every link to the sleeper stands, with a PING of its own that is answered while it sleeps.
    network.members[0].cluster.announce();
    network.members[0].cluster.flush();
    network.drain(0);
    let mut late = VecDeque::new();
    while let Some((i, link, arrival)) = network.queue.pop_front() {
        if i == 0 {
            late.push_back((i, link, arrival));
        } else if let Arrival::Bytes(bytes) = arrival {
            network.with_facts(i, |cluster, facts, now| {
                cluster.on_link(link, LinkEvent::Bytes(&bytes), facts, now);
            });
        }
    }
    assert!(late.len() >= 5, "{} PONGs", late.len());
    network.partition(&[1, 2]);
    wake(&mut network);
    network.queue.extend(late);
    network.deliver();
    assert!(traced(&network, "hold") && !traced(&network, "release"));
}

#[test]
fn one_alone_holds_nothing_nor_does_a_replica() {
    let mut network = Network::formed(1, 1);
    wake(&mut network);
    assert!(!traced(&network, "hold"));
    let mut network = Network::formed(3, 3);
    let now = network.now;
    network.members[3].cluster.wake(now);
    network.drain(3);
    assert!(!network.members[3].trace.contains(&"hold"));
}

#[test]
fn one_that_was_replaced_learns_it_before_it_goes_on() {
    let mut network = Network::formed(3, 3);
    away(&mut network, TIMEOUT + 3000);
    assert!(network.is_master(3));
    // Its successor is dead by now: only the others can tell.
    network.kill(3);
    wake(&mut network);
    network.deliver();
    let trace = &network.members[0].trace;
    let place = |word| trace.iter().position(|&traced| traced == word);
    assert!(place("follow").is_some(), "{trace:?}");
    assert!(place("follow") < place("release"), "{trace:?}");
    assert_eq!(network.members[0].follows, Some(network.id(3)));
}

#[test]
fn one_that_was_found_failed_goes_on_once_nobody_can_be_elected_in_its_place() {
    let mut network = Network::formed(3, 3);
    network.members[3].complete = false;
    away(&mut network, TIMEOUT + 1000);
    assert!(network.line(1, 0).contains(" master,fail "));
    wake(&mut network);
    network.run(TIMEOUT / 2);
    assert!(!traced(&network, "release"), "it may be replaced yet");
    network.run(TIMEOUT * 3);
    assert!(traced(&network, "release"));
    assert!(network.is_master(0));
}

#[test]
fn without_a_replica_nobody_takes_the_place_of_one_that_was_found_failed() {
    let mut network = Network::formed(3, 0);
    away(&mut network, TIMEOUT + 1000);
    assert!(network.line(1, 0).contains(" master,fail "));
    wake(&mut network);
    network.deliver();
    assert!(traced(&network, "release"));
}

#[test]
fn one_whom_nobody_answers_does_not_wait_for_ever() {
    let mut network = Network::formed(3, 3);
    network.partition(&[0]);
    wake(&mut network);
    network.run(TIMEOUT * 2);
    assert!(
        !network.members[0].cluster.state_ok(),
        "nothing is served meanwhile"
    );
    network.run(TIMEOUT * 2);
    assert!(traced(&network, "release"));
}

#[test]
fn what_a_node_did_not_hear_while_it_slept_is_no_failure_of_others() {
    let mut network = Network::formed(3, 3);
    // Everybody else has pings under way, and is stopped for long with them.
    for i in 0..6 {
        network.members[i].cluster.announce();
        network.drain(i);
    }
    network.queue.clear();
    network.now.mono_us += 10_000 * TIMEOUT;
    network.now.unix_us += 10_000 * TIMEOUT.cast_signed();
    for i in 0..6 {
        let now = network.now;
        network.members[i].cluster.wake(now);
        network.drain(i);
    }
    network.run(TIMEOUT);
    for i in 0..6 {
        assert!(network.members[i].cluster.state_ok(), "node {i}");
        assert!(!network.nodes_text(i).contains("fail"), "node {i}");
    }
}
