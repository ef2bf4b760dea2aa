//! What a scan shows while the tree changes.

use std::collections::BTreeMap;

use super::*;

/// Scans to the end; `between` changes the tree after each call. Returns how often each key came.
fn scan(
    subject: &mut Subject,
    mut between: impl FnMut(&mut Subject, usize),
) -> BTreeMap<Vec<u8>, usize> {
    let mut seen = BTreeMap::new();
    let mut cursor = 0;
    for call in 0.. {
        let hash = subject.hash;
        cursor = subject.tree.scan(hash, cursor, |record| {
            *seen.entry(text(record.key)).or_default() += 1;
        });
        if cursor == 0 {
            break;
        }
        between(subject, call);
    }
    seen
}

fn stays_exact(hash: fn(&[u8]) -> u64, count: usize) {
    let mut subject = Subject::new(hash);
    subject.fill(0..count);
    assert!(
        scan(&mut subject, |_, _| ())
            .into_values()
            .eq(vec![1; count])
    );
    // Grows to five times its size meanwhile.
    let seen = scan(&mut subject, |subject, call| {
        let more = rounds(100, 20);
        let from = count + call * more;
        subject.fill(from..from + if call < rounds(40, 10) { more } else { 0 });
    });
    subject.check();
    let stay: Vec<_> = (0..count)
        .map(|n| format!("field:{n}").into_bytes())
        .collect();
    assert!(stay.iter().all(|key| seen[key] == 1));
    assert!(seen.values().all(|&times| times == 1));
    // Shrinks to a fifth meanwhile: only those below `count` stay.
    let more = subject.model.len();
    let mut gone = count..more;
    let seen = scan(&mut subject, |subject, _| {
        for number in gone.by_ref().take(rounds(150, 20)) {
            subject.remove(format!("field:{number}").as_bytes());
        }
    });
    subject.check();
    assert!(stay.iter().all(|key| seen[key] == 1));
    assert!(seen.values().all(|&times| times == 1));
    subject.end();
}

#[test]
fn a_scan_shows_what_stays_exactly_once_through_splits_and_joins() {
    stays_exact(spread, rounds(3000, 60));
}

#[test]
fn a_scan_shows_what_stays_exactly_once_where_hashes_collide() {
    stays_exact(|bytes| (spread(bytes) % 5) << 60, rounds(600, 25));
    stays_exact(|bytes| (spread(bytes) % 100) << 24, rounds(600, 25));
}

#[test]
fn a_cursor_of_no_scan_ends_and_an_empty_tree_has_nothing_to_scan() {
    let mut subject = Subject::new(spread);
    assert_eq!(subject.tree.scan(spread, 0, |_| panic!("it is empty")), 0);
    subject.fill(0..rounds(300, 50));
    for cursor in [1, 1 << 39, (1 << 40) - 1, 1 << 40, u64::MAX] {
        let mut at = cursor;
        while at != 0 {
            let next = subject.tree.scan(spread, at, |_| ());
            assert!(next == 0 || next > at);
            at = next;
        }
    }
    subject.end();
}
