//! What one call on a list may cost, and what an element.

use super::*;

/// The most that one operation may move, in bytes.
const MOVED_MAX: usize = 16 * 1024;

impl Subject {
    /// Looks at what the last operation has moved.
    fn moved(&mut self) -> usize {
        let moved = std::mem::take(&mut self.heap.moved);
        assert!(moved <= MOVED_MAX, "{moved} bytes were moved");
        moved
    }
}

#[test]
fn no_operation_moves_more_than_16_kib_frozen_or_not() {
    let mut subject = Subject::new();
    let (mut most, count) = (0, rounds(60_000, 200));
    let (mut walk, mut random) = (None, Random(5));
    for number in 0..count * 2 {
        let name = format!("element:{number}");
        let len = subject.model.len();
        let position = random.below(len as u64 + 1) as usize;
        let grows = number < count;
        match number % 6 {
            0 => subject.push_back(name.as_bytes()),
            1 => subject.push_front(name.as_bytes()),
            2 if grows => subject
                .list
                .insert(&mut subject.heap, position as u64, b"in the middle"),
            3 | 4 if !grows && len > 2 => {
                subject
                    .list
                    .remove(&mut subject.heap, position as u64 % len as u64, |_| ());
            }
            5 => {
                subject.list.set(
                    &mut subject.heap,
                    position as u64,
                    &vec![b's'; number % 250],
                );
            }
            _ => subject.push_back(b"1"),
        }
        // The deque itself would take too long in the middle; only its length is kept right.
        subject
            .model
            .resize(subject.list.len() as usize, Vec::new());
        most = most.max(subject.moved());
        // Frozen again and again, so that paths are copied at every size.
        let frozen = walk.get_or_insert_with(|| {
            let frozen = subject.list.freeze(&mut subject.heap);
            frozen.expect("the last one is over")
        });
        if number % 20 == 0 && frozen.discard(&mut subject.heap, 2) {
            walk = None;
        }
        assert!(subject.moved() == 0, "a walk moves nothing");
    }
    while !walk
        .as_mut()
        .is_none_or(|walk| walk.discard(&mut subject.heap, 9))
    {}
    assert!(most > 1008, "splits were seen: {most}");
    while !subject.list.is_empty() {
        let position = random.below(subject.list.len());
        subject.list.remove(&mut subject.heap, position, |_| ());
        subject.moved();
    }
    assert!(subject.heap.blocks <= 1);
    subject.end();
}

#[test]
#[cfg_attr(miri, ignore = "counts, and takes long")]
fn an_element_costs_little_more_than_its_bytes_from_either_end() {
    for at_front in [false, true] {
        let mut subject = Subject::new();
        let count: u32 = 200_000;
        for number in 0..count {
            let bytes = format!("element:{number:08}").into_bytes();
            if at_front {
                subject.list.push_front(&mut subject.heap, &bytes);
            } else {
                subject.list.push_back(&mut subject.heap, &bytes);
            }
        }
        let each = subject.list.memory() as f64 / f64::from(count);
        assert!(each < 18.8, "{each} bytes for 16");
        // What is left after most have gone takes no more than twice as much.
        for position in 0..u64::from(count) / 5 {
            subject.list.remove_range(&mut subject.heap, position, 4);
        }
        let each = subject.list.memory() as f64 / subject.list.len() as f64;
        assert!(each < 2.0 * 18.8, "{each} bytes for 16");
        subject.end();
    }
}

#[test]
fn a_list_that_is_a_queue_keeps_its_size() {
    for forward in [true, false] {
        let mut subject = Subject::filled(rounds(2000, 150), 50);
        let (memory, leaves) = (subject.list.memory(), subject.list.leaves());
        for number in 0..rounds(20_000, 300) {
            let bytes = format!("element:{number}");
            if forward {
                subject.push_back(bytes.as_bytes());
                subject.remove(0);
            } else {
                subject.push_front(bytes.as_bytes());
                subject.remove(subject.model.len() - 1);
            }
        }
        subject.check(7);
        // The elements are a little longer by then.
        assert!(subject.list.memory() < memory * 11 / 10 + 4 * 1008);
        assert!(subject.list.leaves() <= leaves * 11 / 10 + 3);
        subject.end();
    }
}

#[test]
fn lists_are_freed_in_steps_of_bounded_size() {
    let mut subject = Subject::filled(rounds(20_000, 200), 1000);
    let mut garbage = subject.list.into_garbage();
    let mut before = subject.heap.blocks;
    while !garbage.step(&mut subject.heap, 4) {
        // Four leaves with at most one long element each, and now and then the pages above one.
        assert!(before - subject.heap.blocks <= 2 * 4 + 4);
        before = subject.heap.blocks;
    }
    assert!(subject.heap.blocks == 0);
}

#[test]
fn a_trimmed_list_has_what_is_left_of_it() {
    let mut subject = Subject::filled(rounds(9000, 300), 40);
    let len = subject.model.len();
    subject.remove_range(len - len / 3, usize::MAX);
    subject.check(5);
    subject.remove_range(0, len / 3);
    subject.check(len / 6);
    subject.remove_range(len / 9, len / 9);
    subject.check(0);
    subject.remove_range(2, 0);
    subject.remove_range(subject.model.len(), 9);
    subject.push_back(b"behind");
    subject.push_front(b"before");
    subject.check(1);
    subject.remove_range(0, usize::MAX);
    subject.check(0);
    assert!(subject.list.is_empty() && subject.list.height() == 0);
    subject.end();
}
