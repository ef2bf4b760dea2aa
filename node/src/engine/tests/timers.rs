//! The next timer.

use super::Node;
use crate::config::Config;

#[test]
fn the_next_timer_lies_ahead_after_each() {
    let mut node = Node::master();
    for _ in 0..100 {
        let next = node.engine.next_timer();
        let now = node.now.mono_ms();
        assert!(next > now && next <= now + 100, "{next} at {now}");
        node.pass(next - now);
    }
}

/// One call does not go through all of them, however many there are.
#[test]
fn idle_clients_are_closed_some_at_a_time() {
    const MANY: usize = 1500;
    let mut node = Node::with(Config {
        maxclients: MANY,
        timeout: 5,
        ..Config::default()
    });
    for _ in 0..MANY {
        node.client();
    }
    let idle = |node: &Node| node.engine.sessions.iter().filter(|it| !it.killed).count();
    node.pass(5000);
    assert_eq!(idle(&node), MANY);
    let (mut left, mut calls) = (MANY, 0);
    while left > 0 {
        node.pass(100);
        let now = idle(&node);
        assert!(left - now <= MANY.div_ceil(10) + 1 && calls < 12, "{now}");
        (left, calls) = (now, calls + 1);
    }
    assert!(calls >= 9, "{calls}");
}
