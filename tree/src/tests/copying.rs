//! Copies that are made in steps while the first tree changes.

use super::*;

fn subject() -> Subject {
    let mut subject = Subject::new(|bytes| spread(bytes) >> 20 << 20);
    subject.fill(0..rounds(20_000, 30));
    for number in 0..rounds(10, 5) {
        subject.insert(format!("long:{number}").as_bytes(), &[b'v'; 3000]);
        subject.insert(&vec![b'k'; 300 + number], &[b'w'; 300]);
    }
    subject
}

#[test]
fn a_copy_has_what_was_there_at_the_freeze_and_its_own_life() {
    let mut first = subject();
    let expected = first.model.clone();
    let frozen = first
        .tree
        .freeze(&mut first.heap)
        .expect("no other is open");
    let mut copying = frozen.copy();
    let mut calls = 0;
    first.heap.moved = 0;
    while !copying.step(&mut first.heap, rounds(2, 1)) {
        assert!(std::mem::take(&mut first.heap.moved) <= 16 * 1024);
        first.insert(format!("long:{}", calls % 20).as_bytes(), &[b'x'; 500]);
        first.remove(format!("field:{calls}").as_bytes());
        first.heap.moved = 0;
        calls += 1;
    }
    let (tree, frozen) = copying.into_parts();
    assert!(frozen.is_over() && calls > 1);
    let hash = first.hash;
    // Both in one heap: the first is put aside while the copy is looked at.
    let mut second = Subject {
        heap: first.heap,
        hash,
        tree,
        model: expected,
    };
    assert_eq!(second.tree.len(), second.model.len() as u64);
    let mut seen = Contents::new();
    second.tree.for_each(|record| {
        seen.extend([pair(record)]);
        true
    });
    assert!(seen == second.model);
    second.model.keys().for_each(|key| second.look_up(key));
    for number in 0..rounds(100, 20) {
        second.remove(format!("field:{number}").as_bytes());
        second.insert(format!("more:{number}").as_bytes(), b"value");
        second.insert(format!("long:{number}").as_bytes(), b"short");
    }
    let Subject { mut heap, tree, .. } = second;
    free(tree.into_garbage(), &mut heap);
    Subject { heap, ..first }.finish();
}

impl Subject {
    fn finish(self) {
        self.check();
        self.end();
    }
}

#[test]
fn a_copy_that_is_given_up_leaves_nothing() {
    let mut first = subject();
    let frozen = first
        .tree
        .freeze(&mut first.heap)
        .expect("no other is open");
    let mut copying = frozen.copy();
    assert!(!copying.step(&mut first.heap, 3));
    let (garbage, mut frozen) = copying.give_up();
    free(garbage, &mut first.heap);
    while !frozen.discard(&mut first.heap, 2) {}
    first.finish();
}
