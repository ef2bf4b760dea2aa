//! A master that was asleep.

use super::*;

/// The first master is out of sight of the others for so long.
fn away(world: &mut World, ms: u64) {
    world.partition(&[0]);
    world.run(ms);
    world.cut.clear();
}

fn wake(world: &mut World) {
    world.members[0].trace.clear();
    let now = world.now;
    world.members[0].cluster.wake(now);
    world.drain(0);
}

fn traced(world: &World, word: &str) -> bool {
    world.members[0].trace.contains(&word)
}

#[test]
fn a_master_that_slept_holds_its_commands_for_the_answers_of_a_majority() {
    let mut world = World::formed(3, 3);
    wake(&mut world);
    assert!(traced(&world, "hold") && !traced(&world, "release"));
    world.deliver();
    assert!(traced(&world, "release"), "a round trip later");
    // One of the other two is enough.
    world.partition(&[2]);
    wake(&mut world);
    world.deliver();
    assert!(traced(&world, "release"));
}

#[test]
fn an_answer_to_what_was_asked_before_is_none() {
    let mut world = World::formed(3, 3);
    // Every link to the sleeper stands, with a PING of its own that is answered while it sleeps.
    world.members[0].cluster.announce();
    world.members[0].cluster.flush();
    world.drain(0);
    let mut late = VecDeque::new();
    while let Some((i, link, arrival)) = world.queue.pop_front() {
        if i == 0 {
            late.push_back((i, link, arrival));
        } else if let Arrival::Bytes(bytes) = arrival {
            world.with_facts(i, |cluster, facts, now| {
                cluster.on_link(link, LinkEvent::Bytes(&bytes), facts, now);
            });
        }
    }
    assert!(late.len() >= 5, "{} PONGs", late.len());
    world.partition(&[1, 2]);
    wake(&mut world);
    world.queue.extend(late);
    world.deliver();
    assert!(traced(&world, "hold") && !traced(&world, "release"));
}

#[test]
fn one_alone_holds_nothing_nor_does_a_replica() {
    let mut world = World::formed(1, 1);
    wake(&mut world);
    assert!(!traced(&world, "hold"));
    let mut world = World::formed(3, 3);
    let now = world.now;
    world.members[3].cluster.wake(now);
    world.drain(3);
    assert!(!world.members[3].trace.contains(&"hold"));
}

#[test]
fn one_that_was_replaced_learns_it_before_it_goes_on() {
    let mut world = World::formed(3, 3);
    away(&mut world, TIMEOUT + 3000);
    assert!(world.is_master(3));
    // Its successor is dead by now: only the others can tell.
    world.kill(3);
    wake(&mut world);
    world.deliver();
    let trace = &world.members[0].trace;
    let place = |word| trace.iter().position(|&traced| traced == word);
    assert!(place("follow").is_some(), "{trace:?}");
    assert!(place("follow") < place("release"), "{trace:?}");
    assert_eq!(world.members[0].follows, Some(world.id(3)));
}

#[test]
fn one_that_was_found_failed_goes_on_once_nobody_can_be_elected_in_its_place() {
    let mut world = World::formed(3, 3);
    world.members[3].complete = false;
    away(&mut world, TIMEOUT + 1000);
    assert!(world.line(1, 0).contains(" master,fail "));
    wake(&mut world);
    world.run(TIMEOUT / 2);
    assert!(!traced(&world, "release"), "it may be replaced yet");
    world.run(TIMEOUT * 3);
    assert!(traced(&world, "release"));
    assert!(world.is_master(0));
}

#[test]
fn without_a_replica_nobody_takes_the_place_of_one_that_was_found_failed() {
    let mut world = World::formed(3, 0);
    away(&mut world, TIMEOUT + 1000);
    assert!(world.line(1, 0).contains(" master,fail "));
    wake(&mut world);
    world.deliver();
    assert!(traced(&world, "release"));
}

#[test]
fn one_whom_nobody_answers_does_not_wait_for_ever() {
    let mut world = World::formed(3, 3);
    world.partition(&[0]);
    wake(&mut world);
    world.run(TIMEOUT * 2);
    assert!(
        !world.members[0].cluster.state_ok(),
        "nothing is served meanwhile"
    );
    world.run(TIMEOUT * 2);
    assert!(traced(&world, "release"));
}

#[test]
fn what_a_node_did_not_hear_while_it_slept_is_no_failure_of_others() {
    let mut world = World::formed(3, 3);
    // Everybody else has pings under way, and is stopped for long with them.
    for i in 0..6 {
        world.members[i].cluster.announce();
        world.drain(i);
    }
    world.queue.clear();
    world.now.mono_us += 10_000 * TIMEOUT;
    world.now.unix_us += 10_000 * TIMEOUT.cast_signed();
    for i in 0..6 {
        let now = world.now;
        world.members[i].cluster.wake(now);
        world.drain(i);
    }
    world.run(TIMEOUT);
    for i in 0..6 {
        assert!(world.members[i].cluster.state_ok(), "node {i}");
        assert!(!world.nodes_text(i).contains("fail"), "node {i}");
    }
}
