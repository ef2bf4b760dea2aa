//! Freezing: its cost, what outlives what, and when memory comes back.

use super::*;

#[test]
fn freezing_copies_nothing_and_a_second_walk_waits_for_the_first() {
    let mut subject = Subject::new(spread);
    subject.fill(0..rounds(5000, 60));
    let (blocks, moved) = (subject.heap.blocks, subject.heap.moved);
    let mut first = subject
        .tree
        .freeze(&mut subject.heap)
        .expect("no other is open");
    assert_eq!(subject.heap.blocks, blocks + 1);
    assert_eq!(subject.heap.moved, moved);
    assert_eq!(first.len(), subject.tree.len());
    assert!(subject.tree.is_frozen() && subject.tree.freeze(&mut subject.heap).is_none());
    while !first.discard(&mut subject.heap, 7) {}
    assert!(!subject.tree.is_frozen() && first.item().is_none());
    let mut second = subject
        .tree
        .freeze(&mut subject.heap)
        .expect("the first is over");
    while !second.discard(&mut subject.heap, 7) {}
    assert!(second.discard(&mut subject.heap, usize::MAX));
    // The few bytes that tree and walk share are there once.
    assert_eq!(subject.heap.blocks, blocks + 1);
    subject.check();
    subject.end();
}

#[test]
fn a_writer_copies_a_page_once_and_nothing_behind_the_walk() {
    let mut subject = Subject::new(spread);
    let count = rounds(3000, 80);
    subject.fill(0..count);
    assert_eq!(subject.tree.take_copied(), 0);
    let before = subject.tree.memory();
    let mut frozen = subject
        .tree
        .freeze(&mut subject.heap)
        .expect("no other is open");
    for round in 0..2 {
        for number in 0..count {
            subject.insert(
                format!("field:{number}").as_bytes(),
                format!("value {round} of bytes..").as_bytes(),
            );
        }
        let copied = subject.tree.take_copied();
        assert_eq!(copied > 0, round == 0);
        assert!(copied <= before, "{copied} of {before}");
    }
    while !frozen.discard(&mut subject.heap, 1) {}
    // Stamped pages are the tree's own, so nothing is copied before the next freeze.
    let mut again = subject
        .tree
        .freeze(&mut subject.heap)
        .expect("the first is over");
    while !again.discard(&mut subject.heap, 1) {}
    subject.fill(0..count);
    assert_eq!(subject.tree.take_copied(), 0);
    subject.check();
    subject.end();
}

#[test]
fn a_walk_outlives_its_tree_in_either_order_of_freeing() {
    for walk_first in [false, true] {
        let mut subject = Subject::new(spread);
        subject.fill(0..rounds(2000, 60));
        for number in 0..20 {
            subject.insert(format!("long:{number}").as_bytes(), &[b'v'; 3000]);
        }
        let expected = subject.model.clone();
        let mut frozen = subject
            .tree
            .freeze(&mut subject.heap)
            .expect("no other is open");
        let mut seen = Contents::new();
        // Some of it is behind the walk, some is changed, then the tree goes.
        while seen.len() < expected.len() / 3 {
            seen.extend(frozen.item().map(pair));
            frozen.advance(&mut subject.heap);
        }
        for number in 0..50 {
            subject.remove(format!("field:{number}").as_bytes());
            subject.insert(format!("long:{}", number % 25).as_bytes(), &[b'w'; 700]);
        }
        let Subject { mut heap, tree, .. } = subject;
        let mut garbage = tree.into_garbage();
        if !walk_first {
            for _ in 0..5 {
                garbage.step(&mut heap, 1);
                seen.extend(frozen.item().map(pair));
                frozen.advance(&mut heap);
            }
            free(garbage, &mut heap);
            while let Some(record) = frozen.item() {
                seen.extend([pair(record)]);
                frozen.advance(&mut heap);
            }
        } else {
            while let Some(record) = frozen.item() {
                seen.extend([pair(record)]);
                frozen.advance(&mut heap);
            }
            free(garbage, &mut heap);
        }
        assert!(seen == expected);
        assert!(heap.blocks == 0, "walk first: {walk_first}");
    }
}

#[test]
fn an_element_that_is_handed_out_in_pieces_outlives_its_removal() {
    let mut subject = Subject::new(spread);
    let long: Vec<u8> = (0..100_000u32).map(|n| n as u8).collect();
    subject.insert(b"key", &long);
    subject.insert(b"other", b"value");
    let mut frozen = subject
        .tree
        .freeze(&mut subject.heap)
        .expect("no other is open");
    let mut bytes = Vec::new();
    let mut calls = 0;
    let mut is_over = false;
    while !is_over {
        calls += 1;
        is_over = frozen.step(&mut subject.heap, 4096, |part| {
            if let crate::Part::Piece(piece) = part {
                assert!(piece.len() <= 4096);
                bytes.extend_from_slice(piece);
            }
        });
        if calls == 5 {
            subject.remove(b"key");
            subject.insert(b"key", b"short");
        }
    }
    assert!(bytes == long && calls > 20);
    subject.check();
    subject.end();
}

#[test]
fn an_empty_tree_freezes_to_nothing() {
    let mut subject = Subject::new(spread);
    let mut frozen = subject
        .tree
        .freeze(&mut subject.heap)
        .expect("no other is open");
    assert!(frozen.is_over() && frozen.is_empty() && frozen.item().is_none());
    frozen.advance(&mut subject.heap);
    assert!(!subject.tree.is_frozen());
    subject.fill(0..10);
    subject.check();
    subject.end();
}

/// Random writes to the whole of it, and nothing else that drives the walk.
#[test]
#[cfg_attr(miri, ignore = "counts, and takes long")]
fn a_frozen_tree_grows_by_less_than_a_tenth_when_writers_pay() {
    for value in [&b"a value of some bytes"[..], b"1234"] {
        let mut subject = Subject::new(spread);
        let count = 50_000;
        for number in 0..count {
            subject.insert(format!("f{number}").as_bytes(), value);
        }
        let before = subject.heap.used;
        let mut frozen = subject
            .tree
            .freeze(&mut subject.heap)
            .expect("no other is open");
        let (mut most, mut random) = (before, Random(7));
        let other: Vec<u8> = value.iter().rev().copied().collect();
        // Most of it is passed by then, and what is left was copied already.
        for _ in 0..count {
            let name = format!("f{}", random.below(count));
            subject.insert(name.as_bytes(), &other);
            most = most.max(subject.heap.used);
            let pays = subject.tree.take_copied() * crate::STEP_PER_COPIED;
            frozen.step(&mut subject.heap, pays, |_| ());
        }
        let growth = (most - before) as f64 / before as f64;
        assert!(growth < 0.1, "{growth}");
        while !frozen.discard(&mut subject.heap, 9) {}
        subject.end();
    }
}
