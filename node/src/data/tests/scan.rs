//! What SCAN promises while tables change.

use std::collections::BTreeSet;

use super::*;
use slotkeeper_topology::Slot;

/// Scans to the end, with `between` called after each step; returns how often each key came.
fn scan(
    data: &mut Partition,
    count: usize,
    mut between: impl FnMut(&mut Partition, usize),
) -> BTreeMap<Vec<u8>, usize> {
    let mut seen = BTreeMap::new();
    let (mut cursor, mut step) = (0, 0);
    loop {
        cursor = data.scan(0, cursor, count, &mut |entry| {
            *seen.entry(entry.key().to_vec()).or_default() += 1;
        });
        if cursor == 0 {
            return seen;
        }
        between(data, step);
        step += 1;
    }
}

/// Tables grow a hundredfold, shrink and are rebuilt from nothing while they are scanned.
#[test]
fn what_stays_is_shown_exactly_once_through_splits_and_flushes() {
    for layout in [Layout::Cluster, Layout::Databases(1)] {
        let mut data = partition(layout);
        fill(&mut data, 0, 1000);
        let seen = scan(&mut data, 7, |data, step| {
            for number in 0..if step < 500 { 300 } else { 0 } {
                let name = format!("{{more}}{step}:{number}").into_bytes();
                data.set(0, &data.key(&name), b"", Expire::Never);
                if step % 3 == 0 {
                    data.remove(0, &data.key(&name));
                }
            }
        });
        assert!((0..1000).all(|number| seen[&name(number)] == 1));
        assert!(seen.values().all(|&times| times == 1));
    }
    // The table becomes empty, and so does its directory; what comes back is not lost.
    let mut data = partition(Layout::Databases(1));
    fill(&mut data, 0, 20_000);
    let seen = scan(&mut data, 10, |data, step| {
        if step == 1000 {
            (0..20_000).for_each(|n| assert!(data.remove(0, &data.key(&name(n)))));
            fill(data, 0, 20_000);
        }
    });
    assert!((0..20_000).all(|number| seen[&name(number)] == 1));
}

#[test]
fn shows_about_as_many_as_asked_for() {
    let mut data = partition(Layout::Databases(1));
    fill(&mut data, 0, 5000);
    let mut cursor = 0;
    loop {
        let mut shown = 0;
        cursor = data.scan(0, cursor, 10, &mut |_| shown += 1);
        if cursor == 0 {
            break;
        }
        assert!((10..=13).contains(&shown), "{shown}");
    }
}

#[test]
fn a_foreign_cursor_does_no_harm() {
    let mut data = partition(Layout::Cluster);
    fill(&mut data, 0, 100);
    for cursor in [1, 16_383, u64::MAX, u64::MAX << 14, 1 << 63] {
        data.scan(0, cursor, 10, &mut |_| ());
    }
    let mut data = partition(Layout::Databases(1));
    fill(&mut data, 0, 100);
    assert_eq!(data.scan(0, 5, 10, &mut |_| ()), 0);
}

#[test]
fn passes_over_expired_keys_and_lists_a_slot() {
    let mut data = partition(Layout::Cluster);
    for number in 0..3000 {
        let name = format!("{{t}}{number}").into_bytes();
        let at = if number % 2 == 0 { 10 } else { 1000 };
        data.set(0, &data.key(&name), b"", Expire::At(at));
    }
    data.begin(at(10), true);
    assert_eq!(scan(&mut data, 100, |_, _| ()).len(), 1500);
    let slot = data.key(b"t").slot;
    assert_eq!(data.slot_len(slot), 3000);
    for max in [0, 1, 1700, 9000] {
        let mut names = Vec::new();
        data.keys_in_slot(slot, max, &mut names);
        assert_eq!(names.len(), max.min(3000));
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    }
    let mut names = Vec::new();
    data.keys_in_slot(Slot::new(1).unwrap(), 10, &mut names);
    assert!(names.is_empty());
}

#[test]
fn random_keys_come_from_everywhere_and_live() {
    let mut data = partition(Layout::Cluster);
    assert_eq!(data.random_key(0, 1), None);
    fill(&mut data, 0, 300);
    data.set(0, &data.key(b"gone"), b"", Expire::At(1));
    data.begin(at(1), true);
    let names = (0..6000).filter_map(|random| data.random_key(0, random));
    let seen: BTreeSet<_> = names.collect();
    assert_eq!(seen, (0..300).map(name).collect());
}
