//! The next timer.

use super::Node;

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
