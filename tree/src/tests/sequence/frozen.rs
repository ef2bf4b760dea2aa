//! Lists and walks: what outlives what, and what a writer copies.

use super::*;
use crate::Copying;

#[test]
fn a_walk_outlives_its_list_in_either_order_of_freeing() {
    for walk_first in [false, true] {
        let mut subject = Subject::filled(rounds(2000, 150), 20);
        let expected = subject.model.clone();
        let frozen = subject.list.freeze(&mut subject.heap);
        let mut frozen = frozen.expect("no other is open");
        let nodes = frozen.nodes();
        let mut seen = Seen::default();
        // Some of it is behind the walk, some is changed, then the list goes.
        while seen.elements.len() < expected.len() / 3 {
            frozen.step(&mut subject.heap, 900, |part| seen.take(part));
        }
        for number in 0..rounds(50, 25) {
            let position = number * 37 % subject.model.len();
            subject.remove(position);
            subject.set(position, &vec![b'w'; 250 + number]);
            subject.insert(position, &[b'i'; 700]);
        }
        subject.check(3);
        let Subject { mut heap, list, .. } = subject;
        let mut garbage = list.into_garbage();
        let mut walk = |heap: &mut Counting| frozen.step(heap, 700, |part| seen.take(part));
        if walk_first {
            while !walk(&mut heap) {}
            free(garbage, &mut heap);
        } else {
            for _ in 0..5 {
                garbage.step(&mut heap, 1);
                walk(&mut heap);
            }
            free(garbage, &mut heap);
            while !walk(&mut heap) {}
        }
        assert!(seen.elements == expected && seen.nodes == nodes);
        assert!(heap.blocks == 0, "walk first: {walk_first}");
    }
}

#[test]
fn a_writer_copies_a_page_once_and_nothing_behind_the_walk() {
    let count = rounds(3000, 120);
    let mut subject = Subject::filled(count, usize::MAX);
    let before = subject.list.memory();
    let frozen = subject.list.freeze(&mut subject.heap);
    let mut frozen = frozen.expect("no other is open");
    for round in 0..2 {
        for position in 0..count {
            subject.set(position, format!("value {round} {position}").as_bytes());
        }
        let copied = subject.list.take_copied();
        assert_eq!(copied > 0, round == 0);
        assert!(copied <= before, "{copied} of {before}");
    }
    while !frozen.discard(&mut subject.heap, 1) {}
    let again = subject.list.freeze(&mut subject.heap);
    let mut again = again.expect("the first is over");
    while !again.discard(&mut subject.heap, 1) {}
    subject.push_back(b"behind");
    subject.set(0, b"first");
    assert_eq!(subject.list.take_copied(), 0);
    subject.check(0);
    subject.end();
}

#[test]
fn a_long_element_that_is_handed_out_in_pieces_outlives_its_removal() {
    let mut subject = Subject::new();
    let long: Vec<u8> = (0..100_000u32).map(|n| n as u8).collect();
    subject.push_back(&long);
    subject.push_back(b"other");
    let frozen = subject.list.freeze(&mut subject.heap);
    let mut frozen = frozen.expect("no other is open");
    let (mut seen, mut calls, mut is_over) = (Seen::default(), 0, false);
    assert_eq!(frozen.nodes(), 3);
    while !is_over {
        calls += 1;
        is_over = frozen.step(&mut subject.heap, 4096, |part| {
            if let Part::Piece(piece) = part {
                assert!(piece.len() <= 4096);
            }
            seen.take(part);
        });
        if calls == 5 {
            subject.remove(0);
            subject.push_front(b"short");
        }
    }
    assert!(seen.elements[0] == long && seen.elements[1] == b"other" && calls > 20);
    subject.check(0);
    subject.end();
}

#[test]
fn a_copy_has_the_same_elements_and_its_own_life() {
    let mut subject = Subject::filled(rounds(9000, 260), 30);
    #[expect(unsafe_code, reason = "the heap is the caller's")]
    // SAFETY: each test has one heap, and frees what it made.
    let mut copying = unsafe { Copying::<Sequence>::new() };
    let mut calls = 1;
    while !copying.step(&mut subject.heap, &subject.list, rounds(2, 1)) {
        calls += 1;
    }
    assert!(calls > 2);
    // Both in one heap: the first is put aside while the copy is looked at.
    let first = std::mem::replace(&mut subject.list, copying.into_tree());
    let model = subject.model.clone();
    assert!(subject.list.memory() <= first.memory(), "it is packed");
    for number in 0..rounds(100, 20) {
        let all = subject.list.elements(0, true).map(text);
        assert!(number > 1 || all.eq(subject.model.iter().cloned()));
        subject.remove(number % subject.model.len());
        subject.push_front(&vec![b'p'; number * 7]);
    }
    let all = subject.list.elements(0, true).map(text);
    assert!(all.eq(subject.model.iter().cloned()));
    let copy = std::mem::replace(&mut subject.list, first);
    free(copy.into_garbage(), &mut subject.heap);
    subject.model = model;
    subject.check(0);
    subject.end();
}

/// Random writes to the whole of it, and nothing else that drives the walk.
#[test]
#[cfg_attr(miri, ignore = "counts, and takes long")]
fn a_frozen_list_grows_by_less_than_a_tenth_when_writers_pay() {
    let mut subject = Subject::new();
    let count = 100_000;
    for number in 0..count {
        let bytes = format!("element:{number:08}");
        subject.list.push_back(&mut subject.heap, bytes.as_bytes());
    }
    let before = subject.heap.used;
    let frozen = subject.list.freeze(&mut subject.heap);
    let mut frozen = frozen.expect("no other is open");
    let (mut most, mut random) = (before, Random(7));
    for _ in 0..count {
        let position = random.below(count);
        subject
            .list
            .set(&mut subject.heap, position, b"other bytes here");
        most = most.max(subject.heap.used);
        let pays = subject.list.take_copied() * crate::STEP_PER_COPIED;
        frozen.step(&mut subject.heap, pays, |_| ());
    }
    let growth = (most - before) as f64 / before as f64;
    assert!(growth < 0.1, "{growth}");
    while !frozen.discard(&mut subject.heap, 9) {}
    subject.end();
}
