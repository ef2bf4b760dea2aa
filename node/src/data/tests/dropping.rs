//! Slots whose keys are deleted in steps.

use std::collections::BTreeSet;

use super::*;

/// All slots that have keys.
fn all() -> SlotSet {
    Slot::all().collect()
}

fn named(data: &mut Partition, budget: usize) -> BTreeSet<Vec<u8>> {
    let mut all = BTreeSet::new();
    while data.is_dropping() {
        let names = data.name_dropped(budget);
        assert!(names.len() <= budget / 64 + 1, "{} names", names.len());
        for name in names {
            assert!(all.insert(name), "each key once");
        }
    }
    all
}

#[test]
fn dropped_keys_are_gone_at_once_and_named_once_each() {
    let mut data = partition(Layout::Cluster);
    fill(&mut data, 0, 3000);
    let known: BTreeSet<_> = contents(&mut data)
        .into_keys()
        .map(|(_, name)| name)
        .collect();
    assert_eq!(data.drop_slots(&all()), 3000);
    assert!(data.is_empty() && data.expires(0) == 0);
    assert!(contents(&mut data).is_empty());
    let key = data.key(b"key:1");
    assert_eq!(data.walk_wait(0, &key), Some(WalkWait::Slot(key.slot)));
    assert!(data.may_hold());
    assert!(named(&mut data, 1000) == known);
    assert_eq!(data.walk_wait(0, &key), None);
    while data.reclaim_step(100) {}
    assert_eq!(data.stats().memory, 0);
}

#[test]
fn what_is_dropped_twice_is_named_twice() {
    let mut data = partition(Layout::Cluster);
    data.set(0, &data.key(b"a"), b"1", Expire::Never);
    assert_eq!(data.drop_slots(&all()), 1);
    data.set(0, &data.key(b"a"), b"2", Expire::Never);
    assert_eq!(data.drop_slots(&all()), 1);
    assert_eq!(data.name_dropped(1), [b"a"]);
    assert!(data.is_dropping_slot(data.key(b"a").slot));
    assert_eq!(data.name_dropped(1), [b"a"]);
    assert!(!data.may_hold());
}

#[test]
fn a_walk_has_what_is_dropped_even_the_value_that_is_being_sent() {
    let mut data = partition(Layout::Cluster);
    data.set(0, &data.key(b"big"), &vec![b'x'; 500_000], Expire::Never);
    fill(&mut data, 0, 2000);
    let expected = contents(&mut data);
    data.start_walk(Box::<Recorder>::default());
    while recorder(&mut data).large.is_none() {
        data.walk_step(5000);
    }
    assert_eq!(data.drop_slots(&all()), 2001);
    for _ in 0..5000 {
        assert_ne!(
            data.walk_step(1000),
            WalkState::Done,
            "more is still to come"
        );
        recorder(&mut data).unsent = 0;
    }
    assert_eq!(named(&mut data, 1000).len(), 2001);
    while data.walk_step(5000) != WalkState::Done {
        recorder(&mut data).unsent = 0;
    }
    assert!(stop(&mut data).contents == expected);
    while data.reclaim_step(100) {}
    assert_eq!(data.stats().memory, 0);
}

#[test]
fn a_flush_forgets_what_is_not_named() {
    let mut data = partition(Layout::Cluster);
    fill(&mut data, 0, 500);
    data.drop_slots(&all());
    data.flush(None);
    assert!(!data.is_dropping());
    while data.reclaim_step(100) {}
    assert_eq!(data.stats().memory, 0);
}
