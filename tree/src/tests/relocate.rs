//! Pages that move to other places.

use super::*;

fn subject() -> Subject {
    let mut subject = Subject::new(spread);
    subject.fill(0..rounds(20_000, 170));
    subject.insert(b"long", &[b'v'; 3000]);
    subject
}

/// Moves what is to move, a few leaves a call; how many bytes were moved, and the most by one call.
fn relocate(subject: &mut Subject, mut between: impl FnMut(&mut Subject)) -> (usize, usize) {
    let (mut next, mut all, mut most) = (Some(0), 0, 0);
    while let Some(from) = next {
        subject.heap.moved = 0;
        next = subject.tree.relocate(&mut subject.heap, from, 2);
        all += subject.heap.moved;
        most = most.max(subject.heap.moved);
        between(subject);
    }
    (all, most)
}

#[test]
fn pages_move_in_steps_and_the_records_stay() {
    let mut subject = subject();
    assert_eq!(
        relocate(&mut subject, |_| ()).0,
        0,
        "the heap wants nothing"
    );
    subject.heap.thin_from = Some(0);
    let memory = subject.tree.memory();
    let (all, most) = relocate(&mut subject, |_| ());
    assert!(all + 4000 > memory, "{all} of {memory}");
    assert!(most <= 16 * 1024, "{most}");
    assert_eq!(subject.tree.memory(), memory);
    subject.check();
    subject.end();
}

#[test]
fn records_come_and_go_while_pages_move() {
    let mut subject = subject();
    subject.heap.thin_from = Some(500);
    let mut number = 0;
    relocate(&mut subject, |subject| {
        subject.remove(format!("field:{number}").as_bytes());
        subject.insert(format!("more:{number}").as_bytes(), b"value");
        number += 1;
    });
    assert!(number > 2);
    subject.check();
    subject.end();
}

#[test]
fn what_a_walk_shares_does_not_move() {
    let mut subject = subject();
    subject.heap.thin_from = Some(0);
    let frozen = subject.tree.freeze(&mut subject.heap);
    let mut frozen = frozen.expect("no other is open");
    assert_eq!(relocate(&mut subject, |_| ()).0, 0);
    while !frozen.discard(&mut subject.heap, 2) {}
    assert!(relocate(&mut subject, |_| ()).0 > 0);
    subject.check();
    subject.end();
}
