//! Sets in the keyspace.

use super::*;

const LIMITS: SetLimits = SetLimits {
    intset_entries: 5,
    entries: 3,
    value: 8,
};

/// Adds a member; says whether it is new.
fn sadd(data: &mut Partition, key: &[u8], member: &str) -> Result<bool, WrongType> {
    let key = data.key(key);
    data.change_set(0, &key, LIMITS, |set| {
        let new = set.add(member.as_bytes());
        (new, new.then_some(Event::SAdd))
    })
}

/// Removes a member; says whether it was there.
fn srem(data: &mut Partition, key: &[u8], member: &str) -> Result<bool, WrongType> {
    let key = data.key(key);
    data.change_set(0, &key, LIMITS, |set| {
        let removed = set.remove(member.as_bytes());
        (removed, removed.then_some(Event::SRem))
    })
}

fn text(element: Element<'_>) -> String {
    String::from_utf8_lossy(element.bytes(&mut Text::new())).into_owned()
}

/// Its members as words.
fn shown(data: &mut Partition, key: &[u8]) -> String {
    let key = data.key(key);
    let set = data.get_set(0, &key).unwrap().unwrap();
    let mut words = Vec::new();
    set.for_each(|member| words.push(text(member)));
    words.join(" ")
}

fn encoding(data: &mut Partition, key: &[u8]) -> &'static str {
    let key = data.key(key);
    data.peek(0, &key).unwrap().encoding()
}

#[test]
fn a_set_has_each_member_once_and_goes_with_the_last_one() {
    let mut data = partition(Layout::Databases(1));
    assert_eq!(srem(&mut data, b"s", "a"), Ok(false));
    assert!(data.is_empty(), "nothing is made for nothing");
    for (member, new) in [
        ("b", true),
        ("", true),
        ("b", false),
        ("07", true),
        ("7", true),
    ] {
        assert_eq!(sadd(&mut data, b"s", member), Ok(new), "{member}");
    }
    assert_eq!(shown(&mut data, b"s"), "b  07 7");
    for (member, was_there) in [
        ("", true),
        ("07", true),
        ("07", false),
        ("7", true),
        ("b", true),
    ] {
        assert_eq!(srem(&mut data, b"s", member), Ok(was_there), "{member}");
    }
    assert!(data.is_empty());
    assert_eq!(data.stats().memory, 0);
}

#[test]
fn few_integers_are_in_their_order() {
    let mut data = partition(Layout::Databases(1));
    for member in ["30", "-5", "7", "30", "2000000000000"] {
        sadd(&mut data, b"s", member).unwrap();
    }
    assert_eq!(shown(&mut data, b"s"), "-5 7 30 2000000000000");
    srem(&mut data, b"s", "2000000000000").unwrap();
    srem(&mut data, b"s", "-5").unwrap();
    sadd(&mut data, b"s", "word").unwrap();
    assert_eq!(encoding(&mut data, b"s"), "listpack");
    srem(&mut data, b"s", "word").unwrap();
    sadd(&mut data, b"s", "1").unwrap();
    assert_eq!(shown(&mut data, b"s"), "7 30 1", "a listpack is not sorted");
}

#[test]
fn the_encoding_changes_where_the_directives_say_and_never_back() {
    let mut data = partition(Layout::Databases(1));
    for (members, expected) in [
        (&["1", "2", "3", "4", "5"][..], "intset"),
        (&["1", "2", "3", "4", "5", "6"], "hashtable"),
        (&["1", "2", "x"], "listpack"),
        (&["1", "2", "3", "x"], "hashtable"),
        (&["x", "1", "2"], "listpack"),
        (&["x", "1", "2", "3"], "hashtable"),
        (&["12345678"], "intset"),
        (&["123456789"], "intset"),
        (&["123456789", "x"], "hashtable"),
        (&["x", "123456789"], "hashtable"),
        (&["x", "12345678"], "listpack"),
        (&["12345678x"], "hashtable"),
        (&["1234567x"], "listpack"),
    ] {
        let key = members.join(" ").into_bytes();
        for member in members {
            sadd(&mut data, &key, member).unwrap();
        }
        assert_eq!(encoding(&mut data, &key), expected, "{members:?}");
        for member in &members[1..] {
            srem(&mut data, &key, member).unwrap();
        }
        assert_eq!(encoding(&mut data, &key), expected, "{members:?}: it stays");
    }
}

#[test]
fn so_many_announced_members_choose_the_encoding() {
    let mut data = partition(Layout::Databases(1));
    for (first, count, more, expected) in [
        ("1", 5, None, "intset"),
        ("1", 6, None, "hashtable"),
        ("x", 3, None, "listpack"),
        ("x", 4, None, "hashtable"),
        ("1", 3, Some(6), "hashtable"),
        ("x", 3, Some(3), "listpack"),
        ("x", 3, Some(4), "hashtable"),
    ] {
        let name = format!("{first} {count} {more:?}");
        let key = data.key(name.as_bytes());
        let mut add = |count| {
            let added = data.change_set(0, &key, LIMITS, |set| {
                set.announce(first.as_bytes(), count);
                let new = set.add(first.as_bytes());
                (new, new.then_some(Event::SAdd))
            });
            added.unwrap()
        };
        assert!(add(count));
        if let Some(again) = more {
            assert!(!add(again), "though nothing is new");
        }
        assert_eq!(encoding(&mut data, name.as_bytes()), expected, "{name}");
    }
}

#[test]
fn a_set_becomes_a_tree_and_a_list_again() {
    let mut data = partition(Layout::Databases(1));
    let long = "m".repeat(300);
    let count = rounds(3000, 150);
    for round in 0..2 {
        sadd(&mut data, b"s", &long).unwrap();
        let key = data.key(b"s");
        assert!(data.peek(0, &key).unwrap().big().is_some(), "at once");
        for number in 0..count {
            assert_eq!(
                sadd(&mut data, b"s", &format!("{number}")),
                Ok(round == 0 || number > 1)
            );
        }
        assert_eq!(srem(&mut data, b"s", &long), Ok(true));
        for number in 2..count {
            assert_eq!(srem(&mut data, b"s", &format!("{number}")), Ok(true));
        }
        assert!(data.peek(0, &key).unwrap().big().is_none());
        let mut left: Vec<_> = shown(&mut data, b"s")
            .split(' ')
            .map(String::from)
            .collect();
        left.sort();
        assert_eq!(left, ["0", "1"]);
    }
    data.flush(None);
    while data.reclaim_step(100) {}
    assert_eq!(data.stats().memory, 0);
}

#[test]
fn every_rank_can_be_taken_and_none_beyond() {
    for count in [3, 10, rounds(2000, 300) as usize] {
        let mut data = partition(Layout::Databases(1));
        let mut expected = BTreeSet::new();
        for number in 0..count {
            sadd(&mut data, b"s", &format!("m{number}")).unwrap();
            expected.insert(format!("m{number}"));
        }
        let key = data.key(b"s");
        for left in (0..count).rev() {
            let rank = left / 3;
            let taken = data.change_set(0, &key, LIMITS, |set| {
                assert_eq!(set.take(left + 1, |_| ()), None, "there are not so many");
                (set.take(rank, text), Some(Event::SPop))
            });
            let taken = taken.unwrap().expect("there are more than the rank");
            assert!(expected.remove(&taken), "rank {rank} of {left}");
        }
        assert!(data.is_empty());
    }
}

#[test]
fn a_set_is_built_while_others_are_read_and_takes_the_place_of_any_value() {
    let mut data = partition(Layout::Cluster);
    data.begin(at(100), true);
    for number in 0..rounds(2000, 200) {
        sadd(&mut data, b"{t}big", &format!("{number}")).unwrap();
    }
    sadd(&mut data, b"{t}few", "7").unwrap();
    let [big, few, target] = [&b"{t}big"[..], b"{t}few", b"{t}target"].map(|name| data.key(name));
    data.set(0, &target, &[b'x'; 70_000], Expire::At(500));
    data.follow(Scope::Slot(target.slot));
    for from in [&big, &few, &target, &big, &few] {
        data.replace_set(0, &target, LIMITS, Event::SUnionStore, |made, reader| {
            let set = reader.get(0, from).unwrap().as_set().unwrap();
            set.for_each(|member| assert!(made.add(member.bytes(&mut Text::new()))));
        });
        let told: Vec<_> = data.changes().map(|change| change.event).collect();
        data.drain_changes();
        assert_eq!(told, [Event::SUnionStore]);
    }
    assert_eq!(shown(&mut data, b"{t}target"), "7");
    assert_eq!(data.peek(0, &target).unwrap().expire_at(), None);
    data.replace_set(0, &target, LIMITS, Event::SInterStore, |_, _| ());
    data.replace_set(0, &target, LIMITS, Event::SInterStore, |_, _| ());
    let told: Vec<_> = data.changes().map(|change| change.event).collect();
    assert_eq!(told, [Event::Del], "an empty one removes the key");
    let kept = data.stats().memory;
    data.with_set(LIMITS, |set, _| {
        (0..1000).all(|number| set.add(format!("{number}").as_bytes()))
    });
    while data.reclaim_step(100) {}
    assert!(data.stats().memory <= kept, "it belonged to no key");
    data.drain_changes();
    data.unfollow(Scope::Slot(target.slot));
    data.flush(None);
    while data.reclaim_step(100) {}
    assert_eq!(data.stats().memory, 0);
}

#[test]
fn a_walk_sends_a_big_set_as_it_was_while_it_changes() {
    let mut data = partition(Layout::Databases(1));
    let members = rounds(5000, 300);
    for number in 0..members {
        sadd(&mut data, b"s", &format!("member:{number}")).unwrap();
    }
    let (key, expected) = (data.key(b"s"), contents(&mut data));
    data.start_walk(Box::<Recorder>::default());
    for number in 0..members {
        srem(&mut data, b"s", &format!("member:{number}")).unwrap();
        sadd(&mut data, b"s", &format!("{number}")).unwrap();
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
    let copied = data.get_set(0, &copy).unwrap().unwrap();
    assert_eq!(copied.len() as u64, members);
    assert!((0..members).all(|number| copied.contains(format!("{number}").as_bytes())));
    data.remove(0, &copy);
    while data.reclaim_step(100) {}
    assert_eq!(data.stats().memory, 0);
}

#[test]
fn a_scan_shows_what_stays_while_the_set_grows_and_shrinks() {
    let mut data = partition(Layout::Databases(1));
    let stays = rounds(400, 100);
    for number in 0..stays {
        sadd(&mut data, b"s", &format!("stays:{number}")).unwrap();
    }
    for grows in [true, false] {
        let (key, mut cursor, mut seen) = (data.key(b"s"), 0, BTreeMap::new());
        let mut round = 0;
        loop {
            let set = data.get_set(0, &key).unwrap().unwrap();
            cursor = set.scan(cursor, 10, |member| {
                *seen.entry(text(member)).or_insert(0) += 1;
            });
            if cursor == 0 {
                break;
            }
            for number in round * 50..(round + 1) * 50 {
                let member = format!("goes:{number}");
                match grows {
                    true => sadd(&mut data, b"s", &member).map(drop).unwrap(),
                    false => srem(&mut data, b"s", &member).map(drop).unwrap(),
                }
            }
            round += 1;
        }
        assert!(round > 5, "{round} rounds");
        for number in 0..stays {
            assert_eq!(seen.get(&format!("stays:{number}")), Some(&1));
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "counts, and takes long")]
fn a_member_takes_little_more_than_its_bytes() {
    type Name = fn(u64) -> String;
    let word: Name = |number| format!("{:016x}", number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let digits: Name = |number| format!("{}", 10_000_000 + number * 7919 % 90_000_000);
    for (name, most) in [(word, 24.0), (digits, 10.0)] {
        let mut data = Partition::new(Layout::Databases(1), [3, 4]);
        let count = 50_000;
        for number in 0..count {
            assert_eq!(sadd(&mut data, b"s", &name(number)), Ok(true));
        }
        let bytes = data.stats().memory as f64 / count as f64;
        assert!(bytes <= most, "{bytes} bytes a member");
    }
}
