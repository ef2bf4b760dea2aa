//! One test for each promise.

use super::*;
use crate::AHEAD;

#[test]
fn both_zeros_are_one_place_and_keep_their_sign() {
    let mut subject = Subject::new(spread);
    for (member, score) in [("b", 0.0), ("a", -0.0), ("c", -0.0), ("d", 0.0)] {
        subject.insert(member.as_bytes(), score);
    }
    let mut all = Vec::new();
    (subject.tree).show(0, u64::MAX, |record| all.push(pair(record)));
    let names: Vec<_> = all.iter().map(|(member, _)| &member[..]).collect();
    assert_eq!(names, [b"a", b"b", b"c", b"d"]);
    assert_eq!(all[0].1, (-0.0f64).to_bits());
    for zero in [0.0, -0.0] {
        assert_eq!(subject.tree.rank(Cut::before_score(zero)), 0);
        assert_eq!(subject.tree.rank(Cut::after_score(zero)), 4);
        assert_eq!(subject.tree.rank(Cut::after(zero, b"b")), 2);
    }
    // Of an equal score the old sign stays.
    subject.insert(b"b", -0.0);
    let key = subject.key(b"b");
    assert_eq!(subject.tree.score(&key).map(f64::to_bits), Some(0));
    subject.check();
    subject.end();
}

#[test]
fn cuts_by_score_reach_infinities_and_what_no_record_has() {
    let mut subject = Subject::new(spread);
    let count = rounds(5000, 100);
    subject.fill(0..count, |number| number as f64);
    subject.insert(b"most", f64::INFINITY);
    subject.insert(b"least", f64::NEG_INFINITY);
    let all = count as u64 + 2;
    for (cut, rank) in [
        (Cut::before_score(f64::NEG_INFINITY), 0),
        (Cut::after_score(f64::NEG_INFINITY), 1),
        (Cut::before_score(f64::INFINITY), all - 1),
        (Cut::after_score(f64::INFINITY), all),
        (Cut::before_score(10.0), 11),
        (Cut::after_score(10.0), 12),
        (Cut::before_score(10.5), 12),
        (Cut::after_score(10.5), 12),
        (Cut::before_score(-1.0), 1),
        (Cut::after_score(1e9), all - 1),
        (Cut::before(10.0, b"a"), 11),
        (Cut::after(10.0, b"z"), 12),
    ] {
        assert_eq!(subject.tree.rank(cut), rank, "{cut:?}");
    }
    subject.end();
}

#[test]
#[cfg_attr(miri, ignore = "compares much, and touches few blocks")]
fn cuts_by_member_are_right_where_members_begin_alike() {
    let mut subject = Subject::new(spread);
    let mut members: Vec<Vec<u8>> = Vec::new();
    for number in 0..800 {
        members.push(vec![0; number / 2]);
        members.push([&vec![b'p'; number % 40][..], &[0; 3][..number % 4]].concat());
        members.push(format!("a long beginning, and then {number:05}").into_bytes());
        members.push((number as i64 * 977 - 3000).to_string().into_bytes());
    }
    for member in &members {
        subject.insert(member, 1.0);
    }
    subject.check();
    for sought in members.iter().flat_map(|member| {
        let longer = [&member[..], b"\0"].concat();
        [member.clone(), longer, member[..member.len() / 2].to_vec()]
    }) {
        let below = subject.order.keys().filter(|it| it.1 < sought).count();
        let here = usize::from(subject.scores.contains_key(&sought));
        assert_eq!(subject.tree.rank(Cut::before(1.0, &sought)), below as u64);
        let behind = (below + here) as u64;
        assert_eq!(subject.tree.rank(Cut::after(1.0, &sought)), behind);
    }
    subject.end();
}

#[test]
fn goes_through_records_from_any_rank_in_both_directions() {
    let mut subject = Subject::new(spread);
    subject.fill(0..rounds(3000, 80), |number| (number % 700) as f64);
    let all: Vec<_> = subject.pairs().collect();
    for rank in (0..all.len())
        .step_by(rounds(37, 11))
        .chain([all.len() - 1])
    {
        for count in [0, 1, 30, 200, all.len()] {
            let mut shown = Vec::new();
            (subject.tree).show(rank as u64, count as u64, |record| shown.push(pair(record)));
            let wanted = all[rank..].iter().take(count);
            assert!(wanted.eq(&shown), "{count} from {rank}");
            shown.clear();
            (subject.tree).show_back(rank as u64, count as u64, |record| shown.push(pair(record)));
            let wanted = all[..=rank].iter().rev().take(count);
            assert!(wanted.eq(&shown), "{count} down from {rank}");
            shown.clear();
            (subject.tree).show_while(rank as u64, |record| {
                shown.push(pair(record));
                shown.len() < count
            });
            let wanted = all[rank..].iter().take(count.max(1));
            assert!(wanted.eq(&shown), "{count} of those from {rank}");
        }
        assert_eq!(
            subject.tree.at(rank as u64).map(pair),
            Some(all[rank].clone())
        );
    }
    assert!(subject.tree.at(all.len() as u64).is_none());
    subject
        .tree
        .show(all.len() as u64, 1, |_| panic!("there is none"));
    (subject.tree).show_back(all.len() as u64, 1, |_| panic!("there is none"));
    (subject.tree).show_while(all.len() as u64, |_| panic!("there is none"));
    subject.end();
}

#[test]
fn more_than_a_page_of_equal_hashes_is_found_shown_and_removed() {
    let mut subject = Subject::new(|_| 0x1234_5678 << 32);
    let count = rounds(400, 45);
    subject.fill(0..count, |number| (number % 3) as f64);
    subject.check();
    let mut seen = HashMap::new();
    let next = subject.tree.scan(subject.hash, 0, 10, |record| {
        *seen.entry(pair(record).0).or_insert(0) += 1;
    });
    assert!(next == 0 && seen.len() == count && seen.values().all(|&times| times == 1));
    for number in 0..count {
        subject.remove(format!("member:{number}").as_bytes());
    }
    subject.check();
    subject.end();
}

/// Scans to the end; `between` changes the set after each call. Returns how often each came.
fn scan(
    subject: &mut Subject,
    mut between: impl FnMut(&mut Subject, usize),
) -> HashMap<Vec<u8>, usize> {
    let (mut seen, mut cursor) = (HashMap::new(), 0);
    for call in 0.. {
        cursor = subject.tree.scan(subject.hash, cursor, 20, |record| {
            *seen.entry(text(record.member)).or_default() += 1;
        });
        if cursor == 0 {
            break;
        }
        between(subject, call);
    }
    seen
}

#[test]
fn a_scan_shows_what_stays_exactly_once_whatever_scores_do() {
    for hash in [spread, |bytes: &[u8]| (spread(bytes) % 50) << 57] {
        let mut subject = Subject::new(hash);
        let count = rounds(2000, 50);
        subject.fill(0..count, |number| number as f64);
        let all = scan(&mut subject, |_, _| ());
        assert!(all.len() == count && all.values().all(|&times| times == 1));
        let seen = scan(&mut subject, |subject, call| {
            for number in 0..rounds(40, 10) {
                let (new, moved) = (call * 40 + number, (call * 17 + number * 5) % count);
                subject.insert(format!("new:{new}").as_bytes(), -(number as f64));
                subject.remove(format!("new:{}", new / 2).as_bytes());
                let score = (call * number) as f64;
                subject.insert(format!("member:{moved}").as_bytes(), score);
            }
        });
        subject.check();
        for number in 0..count {
            assert_eq!(seen[format!("member:{number}").as_bytes()], 1);
        }
        for cursor in [1, u64::from(u32::MAX), 1 << 32, u64::MAX] {
            let next = subject.tree.scan(hash, cursor, 1, |_| ());
            assert!(next == 0 || next > cursor);
        }
        subject.end();
    }
}

#[expect(unsafe_code, reason = "the heap is the caller's")]
fn new_copy() -> SortedCopying {
    // SAFETY: each test has one heap, and frees what it made.
    unsafe { SortedCopying::new() }
}

#[test]
fn a_copy_has_the_same_records_and_its_own_life() {
    let mut subject = Subject::new(|bytes| spread(bytes) >> 8 << 8);
    subject.fill(0..rounds(5000, 60), |number| (number % 100) as f64);
    for number in 0..10 {
        subject.insert(&vec![b'm'; 300 + number], 7.0);
    }
    // Some numbers of leaves are free again.
    subject.remove_ranks(rounds(1000, 10) as u64, rounds(2000, 20) as u64);
    let (mut copying, mut calls) = (new_copy(), 1);
    subject.heap.moved = 0;
    while !copying.step(&mut subject.heap, &subject.tree, rounds(2, 1)) {
        assert!(std::mem::take(&mut subject.heap.moved) <= 16 * 1024);
        calls += 1;
    }
    assert!(calls > 2);
    let copy = copying.into_tree();
    assert!(copy.memory() <= subject.tree.memory(), "it is packed");
    // Both in one heap: the first is put aside while the copy is looked at.
    let (scores, order) = (subject.scores.clone(), subject.order.clone());
    let first = std::mem::replace(&mut subject.tree, copy);
    let used = first.memory();
    subject.heap.used -= used;
    subject.check();
    for number in 0..rounds(300, 20) {
        subject.remove(format!("member:{number}").as_bytes());
        subject.insert(format!("more:{number}").as_bytes(), 5.0);
        subject.insert(&vec![b'm'; 300 + number % 12], number as f64);
    }
    subject.check();
    subject.heap.used += used;
    let copy = std::mem::replace(&mut subject.tree, first);
    free(copy.into_garbage(), &mut subject.heap);
    (subject.scores, subject.order) = (scores, order);
    subject.check();
    subject.end();
}

#[test]
fn a_copy_that_is_given_up_leaves_nothing() {
    let mut subject = Subject::new(spread);
    subject.fill(0..rounds(3000, 100), |number| number as f64);
    let all = rounds(200, 12);
    for steps in [1, all / 3, all / 2, all] {
        let mut copying = new_copy();
        for _ in 0..steps {
            copying.step(&mut subject.heap, &subject.tree, 1);
        }
        free(copying.give_up(), &mut subject.heap);
        subject.check();
    }
    subject.end();
}

#[test]
fn pages_move_and_members_are_found() {
    let mut subject = Subject::new(spread);
    subject.fill(0..rounds(3000, 200), |number| (number % 50) as f64);
    subject.heap.thin_from = Some(0);
    let memory = subject.tree.memory();
    let (mut next, mut all, mut number) = (Some(0), 0, 0);
    while let Some(from) = next {
        subject.heap.moved = 0;
        next = subject.tree.relocate(&mut subject.heap, from, 2);
        all += subject.heap.moved;
        assert!(subject.heap.moved <= 16 * 1024);
        // Others come and go meanwhile.
        subject.remove(format!("member:{number}").as_bytes());
        subject.insert(format!("member:{number}").as_bytes(), number as f64);
        number += 7;
    }
    assert!(all > memory / 2, "{all} of {memory}");
    subject.check();
    subject.end();
}

#[test]
fn a_walk_outlives_its_tree_and_long_members_their_removal() {
    for walk_first in [false, true] {
        let mut subject = Subject::new(spread);
        subject.fill(0..rounds(1500, 60), |number| (number % 50) as f64);
        let long = rounds(20_000, 2_000);
        for number in 0..10 {
            subject.insert(&vec![b'm'; long + number], number as f64);
        }
        let expected: Vec<_> = subject.pairs().collect();
        let mut frozen = subject.freeze();
        let mut parts = Parts::default();
        frozen.step(&mut subject.heap, 5000, |part| parts.take(part));
        for number in 0..10 {
            subject.remove(&vec![b'm'; long + number]);
            subject.insert(format!("member:{number}").as_bytes(), 99.0);
        }
        let Subject { mut heap, tree, .. } = subject;
        let garbage = tree.into_garbage();
        if walk_first {
            while !frozen.step(&mut heap, 700, |part| parts.take(part)) {}
            free(garbage, &mut heap);
        } else {
            free(garbage, &mut heap);
            while !frozen.step(&mut heap, 700, |part| parts.take(part)) {}
        }
        assert!(parts.pairs == expected && heap.blocks == 0);
    }
}

/// Random writes to the whole of it, and nothing else that drives the walk.
#[test]
#[cfg_attr(miri, ignore = "counts, and takes long")]
fn a_frozen_tree_grows_by_less_than_a_tenth_when_writers_pay() {
    let mut subject = Subject::new(spread);
    let count = 30_000;
    subject.fill(0..count, |number| spread(&number.to_le_bytes()) as f64);
    let before = subject.heap.used;
    let mut frozen = subject.freeze();
    let (mut most, mut random) = (before, Random(7));
    for _ in 0..count {
        let number = random.below(count as u64);
        let score = random.below(u64::MAX) as f64;
        subject.insert(format!("member:{number}").as_bytes(), score);
        most = most.max(subject.heap.used);
        let pays = subject.tree.take_copied() * crate::STEP_PER_COPIED;
        frozen.step(&mut subject.heap, pays, |_| ());
    }
    let growth = (most - before) as f64 / before as f64;
    assert!(growth < 0.1, "{growth}");
    while !frozen.discard(&mut subject.heap, 9) {}
    subject.end();
}

/// 16 bytes of member, and a score: 24.
#[test]
#[cfg_attr(miri, ignore = "counts, and takes long")]
fn a_member_costs_at_most_46_bytes() {
    type Case = (&'static str, fn(usize) -> f64);
    let cases: [Case; 3] = [
        ("in order", |number| number as f64),
        ("in any order", |number| {
            spread(&number.to_le_bytes()) as f64 / 1e9
        }),
        ("of one score", |_| 1.0),
    ];
    for (name, score) in cases {
        let mut subject = Subject::new(spread);
        let count = 40_000;
        for number in 0..count {
            subject.insert(format!("member{number:010}").as_bytes(), score(number));
        }
        let each = subject.tree.memory() as f64 / count as f64;
        assert!(each < 44.0, "{name}: {each}");
        println!("{name}: {each}");
        for number in (0..count).filter(|number| number % 5 > 0) {
            subject.remove(format!("member{number:010}").as_bytes());
        }
        let each = subject.tree.memory() as f64 / subject.tree.len() as f64;
        assert!(each < 52.0, "{name}: {each} after most have gone");
        println!("{name}: {each} after");
        subject.end();
    }
}

#[test]
fn no_operation_moves_more_than_16_kib_frozen_or_not() {
    let mut subject = Subject::new(spread);
    let (mut most, count) = (0, rounds(30_000, 150));
    let mut walk = None;
    for number in 0..count * 2 {
        let name = format!("m:{}", spread(&number.to_le_bytes()) % count as u64);
        if number % 5 < 3 {
            let score = spread(name.as_bytes()) % 1000;
            subject.insert(name.as_bytes(), score as f64);
        } else {
            subject.remove(name.as_bytes());
        }
        most = most.max(std::mem::take(&mut subject.heap.moved));
        let frozen = walk.get_or_insert_with(|| subject.freeze());
        if number % 20 == 0 && frozen.discard(&mut subject.heap, 2) {
            walk = None;
        }
        assert_eq!(subject.heap.moved, 0, "a walk moves nothing");
    }
    while !walk
        .as_mut()
        .is_none_or(|walk| walk.discard(&mut subject.heap, 9))
    {}
    assert!(most > 1008, "splits were seen: {most}");
    assert!(most <= 16 * 1024, "{most} bytes were moved");
    subject.check();
    subject.end();
}

#[test]
fn records_that_come_in_order_fill_their_pages() {
    let mut subject = Subject::new(spread);
    subject.fill(0..rounds(2000, 150), |number| number as f64);
    let full = subject.tree.records_memory();
    let mut other = Subject::new(spread);
    other.fill(0..rounds(2000, 150), |number| {
        spread(&number.to_le_bytes()) as f64
    });
    assert!(full < other.tree.records_memory(), "no page is half empty");
    subject.check();
    subject.end();
    other.end();
}

#[test]
fn many_members_are_found_in_their_order_whether_they_are_there_or_not() {
    // Of the second one, many members have the same hash.
    let few = |bytes: &[u8]| (spread(bytes) % 50) << 40;
    for (hash, count) in [
        (spread as fn(&[u8]) -> u64, rounds(20_000, 120)),
        (few, rounds(1500, 60)),
    ] {
        let mut subject = Subject::new(hash);
        for filled in [0, 1, count] {
            let name = |number: usize| format!("member:{number}").into_bytes();
            for number in 0..filled {
                subject.insert(&name(number), number as f64 / 7.0);
            }
            let names: Vec<_> = (0..filled + 3).map(name).collect();
            let mut found = Vec::new();
            let keys = names.iter().map(|name| subject.key(name));
            subject.tree.score_each(keys, |score| found.push(score));
            let single = names.iter().map(|name| subject.scores.get(name).copied());
            assert!(found.into_iter().eq(single));
            for group in names.chunks(AHEAD) {
                let key = |at: usize| group.get(at).map(|name| subject.key(name));
                let keys = std::array::from_fn(key);
                subject.tree.look_ahead(&keys, None);
                subject.tree.look_ahead(&keys, Some(&[0.5; AHEAD]));
            }
        }
        subject.check();
        subject.end();
    }
}
