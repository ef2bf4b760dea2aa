//! The walk while keys change.

use super::*;

/// Starts a walk over what is there.
fn start(data: &mut Partition, bound: usize) {
    data.start_walk(Box::new(Recorder {
        bound,
        ..Recorder::default()
    }));
}

/// Takes steps until the walk is done; no step may hand out more than its budget (or the smallest
/// piece) and an entry of the largest size that is not sent in pieces.
fn finish(data: &mut Partition, budget: usize) -> Recorder {
    loop {
        recorder(data).unsent = 0;
        let state = data.walk_step(budget);
        assert!(recorder(data).unsent <= budget.max(4096) + 65_536);
        if state == WalkState::Done {
            return stop(data);
        }
    }
}

#[test]
fn no_step_hands_out_more_than_its_budget_and_one_entry() {
    let mut data = partition(Layout::Databases(1));
    fill(&mut data, 0, 5000);
    for number in 0..40 {
        let name = format!("long:{number}").into_bytes();
        data.set(0, &data.key(&name), &[b'x'; 65_000], Expire::Never);
    }
    let expected = contents(&mut data);
    start(&mut data, 0);
    assert!(finish(&mut data, 65_536).contents == expected);
}

#[test]
fn sends_a_large_value_in_pieces_while_others_change() {
    let mut data = partition(Layout::Cluster);
    let value: Vec<u8> = (0..3_000_000u32).map(|n| (n / 7) as u8).collect();
    data.set(0, &data.key(b"big"), &value, Expire::At(5_000_000));
    fill(&mut data, 0, 2000);
    let expected = contents(&mut data);
    start(&mut data, 0);
    while !data.must_wait(0, &data.key(b"big")) {
        assert_eq!(data.walk_step(1000), WalkState::More);
    }
    // It is not the key's turn to go: expiry leaves it alone, others are free to change.
    data.begin(at(6_000_000), true);
    assert!(data.get(0, &data.key(b"big")).is_none());
    assert_eq!(data.expire_cycle(at(6_000_000), 10), 0);
    assert!(data.take_expired().is_empty());
    for number in 0..2000 {
        let name = name(number);
        assert!(data.remove(0, &data.key(&name)));
    }
    let saved = finish(&mut data, 10_000);
    assert!(saved.contents == expected);
    assert!(saved.pieces >= 3_000_000 / 65_536);
    assert_eq!(data.expire_cycle(at(6_000_000), 10), 1);
    assert!(data.is_empty());
}

#[test]
fn a_flush_detaches_all_tables_even_the_value_that_is_being_sent() {
    for layout in [Layout::Cluster, Layout::Databases(2)] {
        let mut data = partition(layout);
        data.set(0, &data.key(b"big"), &vec![b'x'; 500_000], Expire::Never);
        data.set(
            0,
            &data.key(b"bigger"),
            &vec![b'x'; 700_000],
            Expire::At(i64::MAX),
        );
        fill(&mut data, 0, 3000);
        let expected = contents(&mut data);
        start(&mut data, 0);
        while recorder(&mut data).large.is_none() {
            data.walk_step(5000);
        }
        assert_eq!(data.flush(None), 3002);
        assert!(!data.must_wait(0, &data.key(b"big")) && !data.must_wait(0, &data.key(b"bigger")));
        fill(&mut data, 0, 100);
        let slot = data.key(b"key:5").slot;
        assert!(flush_slot(&mut data, slot) > 0);
        assert!(finish(&mut data, 5000).contents == expected);
        while data.reclaim_step(1000) {}
    }
}

#[test]
fn pauses_at_the_bound_where_only_saved_keys_may_change() {
    let mut data = partition(Layout::Cluster);
    fill(&mut data, 0, 3000);
    start(&mut data, 10_000);
    assert_eq!(data.walk_step(1 << 20), WalkState::PausedAtBound);
    assert!((10_000..10_200).contains(&recorder(&mut data).unsent));
    let saved = recorder(&mut data).contents.clone();
    for number in 0..3000 {
        let name = name(number);
        let is_saved = saved.contains_key(&(0, name.clone()));
        assert_eq!(data.must_wait(0, &data.key(&name)), !is_saved);
    }
    assert!(!data.must_wait(0, &data.key(b"new")));
    recorder(&mut data).unsent = 0;
    assert_eq!(data.walk_step(100), WalkState::More);
    assert_eq!(finish(&mut data, 9000).contents.len(), 3000);
}

/// More walks than an entry's bits can number are stopped half-way, and yet a later one is whole.
#[test]
fn a_walk_after_many_stopped_ones_is_whole() {
    for settle in [false, true] {
        let mut waited = 0;
        let mut data = partition(Layout::Databases(2));
        fill(&mut data, 0, 2000);
        fill(&mut data, 1, 10);
        let mut expected = contents(&mut data);
        for round in 0..100 {
            while !data.can_start_walk() {
                data.reclaim_step(100);
                waited += 1;
                assert!(waited < 1000, "it ends");
            }
            start(&mut data, 0);
            data.walk_step(round * 400 % 30_000);
            let name = name(round);
            data.set(1, &data.key(&name), b"born", Expire::Never);
            expected.insert((1, name), (Content::Str(b"born".to_vec()), None));
            data.stop_walk();
            if settle {
                data.reclaim_step(round);
            }
        }
        while data.reclaim_step(100) {}
        start(&mut data, 0);
        assert!(finish(&mut data, 4000).contents == expected);
        assert!(settle || waited > 10, "{waited}");
    }
}

/// One walk has got everything but waits for its reader, while others come and go.
#[test]
fn a_walk_that_pauses_for_long_is_whole_beside_many_others() {
    let mut data = partition(Layout::Databases(1));
    fill(&mut data, 0, 500);
    let expected = contents(&mut data);
    let slow = Recorder {
        bound: 1,
        ..Recorder::default()
    };
    let slow = data.start_walk(Box::new(slow)).expect("it is the first");
    let (mut others, mut room) = (0, true);
    while room {
        // What the slow one lacks is handed out for it by the others, when it has room.
        recorder_of(&mut data, slow).unsent = 0;
        let number = others;
        data.set(0, &data.key(&name(number)), b"changed", Expire::Never);
        let now = contents(&mut data);
        let other = data.start_walk(Box::<Recorder>::default());
        let other = other.expect("it can begin");
        while data.step_walk(other, 1 << 20) != WalkState::Done {
            recorder_of(&mut data, slow).unsent = 0;
        }
        assert!(end(&mut data, other).contents == now, "of number {others}");
        others += 1;
        while data.reclaim_step(1000) {}
        room = data.can_start_walk();
        assert!(others < 100, "numbers are few");
    }
    assert!(others > 10, "{others}");
    while data.step_walk(slow, 1000) != WalkState::Done {
        recorder_of(&mut data, slow).unsent = 0;
    }
    assert!(end(&mut data, slow).contents == expected);
    assert!(data.can_start_walk());
}

#[test]
fn a_key_born_during_the_walk_is_not_part_of_it() {
    let mut data = partition(Layout::Cluster);
    fill(&mut data, 0, 10);
    start(&mut data, 0);
    fill(&mut data, 0, 5000);
    assert!(data.rename(0, &data.key(b"key:1"), &data.key(b"other")));
    let saved = finish(&mut data, 1 << 16);
    assert_eq!(saved.contents.len(), 10);
    assert_eq!(saved.tables, BTreeMap::from([(0, (10, 0))]));
}
