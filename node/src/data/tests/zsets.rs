//! Sorted sets in the keyspace.

use slotkeeper_tree::{Cut, Scored};

use super::*;

const LIMITS: ZsetLimits = ZsetLimits {
    entries: 4,
    value: 8,
};

fn zadd(data: &mut Partition, key: &[u8], member: &str, score: f64) -> Option<f64> {
    let key = data.key(key);
    let added = data.change_zset(0, &key, LIMITS, |zset| {
        (zset.set(member.as_bytes(), score), Some(Event::ZAdd))
    });
    added.unwrap()
}

fn zrem(data: &mut Partition, key: &[u8], member: &str) -> Option<f64> {
    let key = data.key(key);
    let removed = data.change_zset(0, &key, LIMITS, |zset| {
        let removed = zset.remove(member.as_bytes());
        (removed, removed.is_some().then_some(Event::ZRem))
    });
    removed.unwrap()
}

fn pair(record: Scored<'_>) -> (String, f64) {
    let member = record.member.bytes(&mut Text::new()).to_vec();
    (String::from_utf8_lossy(&member).into_owned(), record.score)
}

/// From a rank on, in one direction.
fn shown(data: &mut Partition, rank: usize, count: usize, direction: Direction) -> Vec<String> {
    let key = data.key(b"z");
    let zset = data.get_zset(0, &key).unwrap().unwrap();
    let mut members = Vec::new();
    zset.show(rank, count, direction, |record| {
        members.push(pair(record).0);
    });
    members
}

fn is_big(data: &mut Partition) -> bool {
    let key = data.key(b"z");
    data.peek(0, &key).unwrap().big().is_some()
}

#[test]
fn a_small_and_a_big_one_answer_alike() {
    for count in [7, rounds(2000, 150) as usize] {
        let mut data = partition(Layout::Databases(1));
        let name = |number: usize| format!("m{number:05}");
        // From the middle outward, and each twice.
        for number in (0..count).rev().step_by(2).chain(0..count) {
            let old = zadd(&mut data, b"z", &name(number), (number / 2) as f64);
            let came_before = (count - 1 - number).is_multiple_of(2);
            let first = old.is_none();
            assert!(first || came_before);
        }
        assert_eq!(is_big(&mut data), count > 100);
        let all: Vec<_> = (0..count).map(name).collect();
        for rank in [0, 1, count / 2, count - 1] {
            let up = shown(&mut data, rank, count, Direction::Up);
            assert_eq!(up, all[rank..]);
            let mut down = shown(&mut data, rank, count, Direction::Down);
            down.reverse();
            assert_eq!(down, all[..=rank]);
            assert_eq!(shown(&mut data, rank, 1, Direction::Down), all[rank..=rank]);
        }
        let key = data.key(b"z");
        let zset = data.get_zset(0, &key).unwrap().unwrap();
        assert_eq!(zset.len(), count);
        assert_eq!(zset.rank(Cut::before_score(2.0)), 4);
        assert_eq!(zset.rank(Cut::after_score(2.0)), 6);
        assert_eq!(zset.rank(Cut::after(2.0, b"m00004")), 5);
        assert_eq!(zset.score(b"m00005"), Some(2.0));
        assert_eq!(zset.score(b"m5"), None);
        let nth = |rank| zset.nth(rank).map(pair);
        assert_eq!(nth(3), Some((name(3), 1.0)));
        assert_eq!(nth(count), None);
    }
}

#[test]
fn the_encoding_changes_where_the_directives_say_and_never_back() {
    let mut data = partition(Layout::Databases(1));
    let encoding = |data: &mut Partition| {
        let key = data.key(b"z");
        data.peek(0, &key).unwrap().encoding()
    };
    for member in ["a", "b", "c", "12345678"] {
        zadd(&mut data, b"z", member, 1.0);
        zadd(&mut data, b"z", member, 2.0);
    }
    assert_eq!(encoding(&mut data), "listpack");
    zadd(&mut data, b"z", "d", 1.0);
    assert_eq!(encoding(&mut data), "skiplist");
    for member in ["a", "b", "c", "12345678"] {
        zrem(&mut data, b"z", member);
    }
    assert_eq!(encoding(&mut data), "skiplist");
    zrem(&mut data, b"z", "d");
    assert!(data.is_empty());
    zadd(&mut data, b"z", "123456789", 1.0);
    assert_eq!(encoding(&mut data), "skiplist");
}

#[test]
fn it_becomes_a_tree_and_a_list_again() {
    let mut data = partition(Layout::Databases(1));
    let (long, count) = ("m".repeat(300), rounds(2000, 150));
    for _ in 0..2 {
        zadd(&mut data, b"z", &long, 0.5);
        assert!(is_big(&mut data), "at once");
        for number in 0..count {
            zadd(&mut data, b"z", &format!("{number}"), number as f64);
        }
        let key = data.key(b"z");
        let gone = data.change_zset(0, &key, LIMITS, |zset| {
            let gone = zset.remove_ranks(1, 1 + count as usize, |_| ());
            (gone, Some(Event::ZRemRangeByRank))
        });
        assert_eq!(gone, Ok(count as usize));
        assert!(!is_big(&mut data));
        assert_eq!(shown(&mut data, 0, 9, Direction::Up), ["0"]);
    }
    data.flush(None);
    while data.reclaim_step(100) {}
    assert_eq!(data.stats().memory, 0);
}

#[test]
fn a_walk_sends_a_big_one_as_it_was_while_it_changes() {
    let mut data = partition(Layout::Databases(1));
    let members = rounds(5000, 300);
    for number in 0..members {
        let score = (number * 7919 % members) as f64;
        zadd(&mut data, b"z", &format!("member:{number}"), score);
    }
    let (key, expected) = (data.key(b"z"), contents(&mut data));
    data.start_walk(Box::<Recorder>::default());
    for number in 0..members {
        zrem(&mut data, b"z", &format!("member:{number}"));
        zadd(&mut data, b"z", &format!("{number}"), -(number as f64));
        if number % 10 == 0 {
            data.walk_step(100);
        }
    }
    let copy = data.key(b"c");
    assert!(
        data.copy(0, &key, 0, &copy, false),
        "while it is frozen, too"
    );
    assert!(data.remove(0, &key));
    while data.walk_step(1000) != WalkState::Done {}
    assert!(stop(&mut data).contents == expected);
    let again = data.key(b"d");
    assert!(data.copy(0, &copy, 0, &again, false), "and page by page");
    for key in [copy, again] {
        let copied = data.get_zset(0, &key).unwrap().unwrap();
        assert_eq!(copied.len() as u64, members);
        let has = |number: u64| copied.score(format!("{number}").as_bytes());
        assert!((0..members).all(|number| has(number) == Some(-(number as f64))));
        data.remove(0, &key);
    }
    while data.reclaim_step(100) {}
    assert_eq!(data.stats().memory, 0);
}

#[test]
fn one_is_built_while_others_are_read() {
    let mut data = partition(Layout::Databases(1));
    for number in 0..rounds(2000, 200) {
        zadd(&mut data, b"z", &format!("{number}"), number as f64);
    }
    let [from, target] = [&b"z"[..], b"t"].map(|name| data.key(name));
    for key in [&target, &from] {
        let (len, changed) =
            data.replace_zset(0, key, LIMITS, Event::ZRangeStore, |made, reader| {
                let zset = reader.get(0, &from).unwrap().as_zset().unwrap();
                zset.show(10, 5, Direction::Down, |record| {
                    made.set(record.member.bytes(&mut Text::new()), record.score);
                });
                made.view().len()
            });
        assert_eq!((len, changed), (5, true));
        let zset = data.get_zset(0, key).unwrap().unwrap();
        assert_eq!(zset.nth(0).map(pair), Some(("6".to_owned(), 6.0)));
    }
    let empty = data.replace_zset(0, &target, LIMITS, Event::ZRangeStore, |_, _| ());
    assert_eq!(empty, ((), true));
    data.with_zset(LIMITS, |zset, _| {
        for number in 0..1000 {
            zset.set(format!("{number}").as_bytes(), 1.0);
        }
    });
    data.flush(None);
    while data.reclaim_step(100) {}
    assert_eq!(data.stats().memory, 0);
}
