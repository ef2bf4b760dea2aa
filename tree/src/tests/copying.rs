//! Copies that are made in steps of a tree that stays as it is.

use super::*;
use crate::Copying;

fn subject() -> Subject {
    let mut subject = Subject::new(|bytes| spread(bytes) >> 20 << 20);
    subject.fill(0..rounds(20_000, 30));
    for number in 0..rounds(10, 5) {
        subject.insert(format!("long:{number}").as_bytes(), &[b'v'; 3000]);
        subject.insert(&vec![b'k'; 300 + number], &[b'w'; 300]);
    }
    subject
}

#[expect(unsafe_code, reason = "the heap is the caller's")]
pub(super) fn new_copy() -> Copying<crate::Records<true>> {
    // SAFETY: each test has one heap, and frees what it made.
    unsafe { Copying::new() }
}

/// A copy of the first in its heap, made in steps; `between` is called after each.
fn copied(first: &mut Subject, mut between: impl FnMut(&mut Subject)) -> HashTree {
    let (mut copying, mut calls) = (new_copy(), 1);
    first.heap.moved = 0;
    while !copying.step(&mut first.heap, &first.tree, rounds(2, 1)) {
        assert!(std::mem::take(&mut first.heap.moved) <= 16 * 1024);
        between(first);
        first.heap.moved = 0;
        calls += 1;
    }
    assert!(calls > 2);
    copying.into_tree()
}

/// The copy has what the first has, and changes and goes without it.
fn has_its_own_life(mut first: Subject, copy: HashTree) {
    assert!(copy.memory() <= first.tree.memory(), "it is packed");
    // Both in one heap: the first is put aside while the copy is looked at.
    let (model, tree) = (
        first.model.clone(),
        std::mem::replace(&mut first.tree, copy),
    );
    assert_eq!(first.tree.len(), model.len() as u64);
    let mut seen = Contents::new();
    first.tree.for_each(|record| {
        seen.extend([pair(record)]);
        true
    });
    assert!(seen == model);
    model.keys().for_each(|key| first.look_up(key));
    for number in 0..rounds(100, 20) {
        first.remove(format!("field:{number}").as_bytes());
        first.insert(format!("more:{number}").as_bytes(), b"value");
        first.insert(format!("long:{number}").as_bytes(), b"short");
    }
    let copy = std::mem::replace(&mut first.tree, tree);
    free(copy.into_garbage(), &mut first.heap);
    first.model = model;
    first.check();
    first.end();
}

#[test]
fn a_copy_has_the_same_records_and_its_own_life() {
    let mut first = subject();
    let copy = copied(&mut first, |_| ());
    has_its_own_life(first, copy);
}

#[test]
fn a_tree_is_copied_while_a_walk_shares_its_pages() {
    let mut first = subject();
    let frozen = first.tree.freeze(&mut first.heap);
    let mut frozen = frozen.expect("no other is open");
    first.insert(b"field:1", b"another value");
    let copy = copied(&mut first, |first| {
        frozen.discard(&mut first.heap, 1);
    });
    while !frozen.discard(&mut first.heap, 2) {}
    has_its_own_life(first, copy);
}

#[test]
fn a_tree_is_copied_while_its_pages_move() {
    let mut first = subject();
    first.heap.thin_from = Some(200);
    let mut next = Some(0);
    let copy = copied(&mut first, |first| {
        next = next.and_then(|from| first.tree.relocate(&mut first.heap, from, 1));
    });
    assert_ne!(next, Some(0));
    first.heap.thin_from = None;
    has_its_own_life(first, copy);
}

#[test]
fn a_copy_that_is_given_up_leaves_nothing() {
    let mut first = subject();
    let mut copying = new_copy();
    assert!(!copying.step(&mut first.heap, &first.tree, 3));
    free(copying.give_up(), &mut first.heap);
    first.check();
    first.end();
}

#[test]
fn a_copy_of_nothing_is_complete_at_once() {
    let mut first = Subject::new(spread);
    let mut copying = new_copy();
    assert!(copying.step(&mut first.heap, &first.tree, 1));
    assert!(copying.into_tree().is_empty());
    first.end();
}
