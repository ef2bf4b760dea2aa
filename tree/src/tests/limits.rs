//! What one call may cost, and what an element.

use super::copying::new_copy;
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
    let mut subject = Subject::new(spread);
    let (mut most, count) = (0, rounds(200_000, 150));
    let mut walk = None;
    for number in 0..count * 2 {
        let name = format!("field:{}", spread(&number.to_le_bytes()) % count as u64);
        if number % 5 < 3 {
            subject.insert(name.as_bytes(), b"a value of some bytes");
        } else {
            subject.remove(name.as_bytes());
        }
        most = most.max(subject.moved());
        // Frozen again and again, so that paths are copied at every size.
        let frozen = walk.get_or_insert_with(|| {
            let frozen = subject.tree.freeze(&mut subject.heap);
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
    for key in subject.model.keys().cloned().collect::<Vec<_>>() {
        subject.remove(&key);
        subject.moved();
    }
    assert!(subject.heap.blocks <= 1);
    subject.end();
}

#[test]
#[cfg_attr(miri, ignore = "counts, and takes long")]
fn an_element_costs_little_more_than_its_bytes() {
    let mut subject = Subject::new(spread);
    let count = 100_000;
    for number in 0..count {
        let key = format!("f:{number:010}");
        subject.insert(key.as_bytes(), format!("v:{number:014}").as_bytes());
    }
    let each = subject.tree.memory() as f64 / count as f64;
    assert!(each < 38.0, "{each} bytes for 28");
    // What is left after most have gone takes no more than twice as much.
    for number in (0..count).filter(|number| number % 5 > 0) {
        subject.remove(format!("f:{number:010}").as_bytes());
    }
    let each = subject.tree.memory() as f64 / subject.tree.len() as f64;
    assert!(each < 45.0, "{each} bytes for 28");
    subject.check();
    subject.end();
}

#[test]
fn memory_is_freed_in_steps_of_bounded_size() {
    let mut subject = Subject::new(spread);
    subject.fill(0..rounds(20_000, 80));
    let mut heap = subject.heap;
    let mut garbage = subject.tree.into_garbage();
    let mut before = heap.blocks;
    while !garbage.step(&mut heap, 4) {
        // Four leaves, and now and then the pages above one.
        assert!(before - heap.blocks <= 4 + 4);
        before = heap.blocks;
    }
    assert!(heap.blocks == 0);
}

#[test]
fn elements_of_every_length_come_back() {
    let mut subject = Subject::new(spread);
    let all = [
        0, 63, 64, 223, 255, 256, 1, 222, 240, 254, 257, 4095, 4096, 100_000,
    ];
    let lengths = &all[..rounds(all.len(), 6)];
    for &key in lengths {
        for &value in lengths {
            let key = [vec![b'k'; key], value.to_string().into_bytes()].concat();
            subject.insert(&key, &vec![b'v'; value]);
            // Longer, shorter, an integer, and back.
            for other in [value + 1, value.saturating_sub(1), 20, value] {
                subject.insert(&key, &vec![b'w'; other]);
                subject.look_up(&key);
            }
            subject.insert(&key, b"-123456789");
            subject.insert(&key, &vec![b'v'; value]);
        }
    }
    subject.check();
    subject.end();
}

#[test]
fn ranks_reach_each_record_once() {
    let mut subject = Subject::new(spread);
    subject.fill(0..rounds(3000, 60));
    let by_rank: Vec<_> = (0..subject.tree.len())
        .map(|rank| pair(subject.tree.at(rank).expect("it is there")))
        .collect();
    let seen: Contents = by_rank.iter().cloned().collect();
    assert!(seen == subject.model && by_rank.len() == seen.len());
    assert!(subject.tree.at(subject.tree.len()).is_none());
    subject.end();
}

/// So long are the elements of a tree with few leaves and much in them.
const LONG: usize = if cfg!(miri) { 9_000 } else { 50_000 };
/// The most that a step of one leaf takes or gives: an element, and what counts as a leaf.
const STEP_MAX: usize = LONG + 3 * 4096;

/// How much the use of the heap has changed.
fn difference(heap: &Counting, before: &mut usize) -> usize {
    let difference = heap.used.abs_diff(*before);
    *before = heap.used;
    difference
}

#[test]
fn no_step_frees_or_copies_much_more_than_one_long_element() {
    let mut subject = Subject::new(spread);
    let (count, long) = (rounds(200, 12), vec![b'x'; LONG]);
    for number in 0..count {
        subject.insert(format!("field:{number}").as_bytes(), &long);
    }
    // A copy.
    let mut copying = new_copy();
    let (mut before, mut steps) = (subject.heap.used, 0);
    while !copying.step(&mut subject.heap, &subject.tree, 1) {
        assert!(difference(&subject.heap, &mut before) <= STEP_MAX);
        steps += 1;
    }
    assert!(steps + 1 >= count);
    // A walk that must free what was replaced behind its back, once with output and once without.
    let mut garbage = copying.into_tree().into_garbage();
    for wanted in [true, false] {
        let frozen = subject.tree.freeze(&mut subject.heap);
        let mut frozen = frozen.expect("no other is open");
        for number in 0..count {
            subject.insert(format!("field:{number}").as_bytes(), &long);
        }
        let (mut before, mut over) = (subject.heap.used, false);
        while !over {
            over = if wanted {
                frozen.step(&mut subject.heap, 4096, |_| ())
            } else {
                frozen.discard(&mut subject.heap, 1)
            };
            assert!(difference(&subject.heap, &mut before) <= STEP_MAX);
        }
        assert!(!subject.tree.is_frozen());
    }
    // What is gone.
    let mut before = subject.heap.used;
    while !garbage.step(&mut subject.heap, 1) {
        assert!(difference(&subject.heap, &mut before) <= STEP_MAX);
    }
    subject.check();
    subject.end();
}

#[test]
fn a_copy_that_is_given_up_within_a_leaf_leaves_no_block() {
    let mut subject = Subject::new(spread);
    for number in 0..20 {
        subject.insert(format!("field:{number}").as_bytes(), &[b'x'; 5000]);
    }
    let mut copying = new_copy();
    for _ in 0..7 {
        assert!(!copying.step(&mut subject.heap, &subject.tree, 1));
    }
    free(copying.give_up(), &mut subject.heap);
    subject.check();
    subject.end();
}
