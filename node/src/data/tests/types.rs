//! Values of several types in one keyspace.

use super::*;

const LIMITS: HashLimits = HashLimits {
    entries: 3,
    value: 8,
};

/// Sets a field; says whether it is new.
fn hset(data: &mut Partition, key: &[u8], field: &str, value: &str) -> Result<bool, WrongType> {
    let key = data.key(key);
    data.change_hash(0, &key, LIMITS, |hash| {
        let new = hash.set(field.as_bytes(), value.as_bytes());
        (new, Some(Event::HSet))
    })
}

/// Removes a field; says whether it was there.
fn hdel(data: &mut Partition, key: &[u8], field: &str) -> Result<bool, WrongType> {
    let key = data.key(key);
    data.change_hash(0, &key, LIMITS, |hash| {
        let removed = hash.remove(field.as_bytes());
        (removed, removed.then_some(Event::HDel))
    })
}

/// Its fields and values as words.
fn shown(data: &mut Partition, key: &[u8]) -> String {
    let key = data.key(key);
    let hash = data.get_hash(0, &key).unwrap().unwrap();
    let text = |element: slotkeeper_tree::element::Element<'_>| {
        let mut room = slotkeeper_tree::element::Text::new();
        String::from_utf8_lossy(element.bytes(&mut room)).into_owned()
    };
    let mut words = Vec::new();
    hash.for_each(|field, value| words.extend([text(field), text(value)]));
    words.join(" ")
}

#[test]
fn a_hash_keeps_its_fields_in_order_and_goes_with_the_last_one() {
    for layout in [Layout::Cluster, Layout::Databases(1)] {
        let mut data = partition(layout);
        assert_eq!(hdel(&mut data, b"h", "a"), Ok(false));
        assert!(data.is_empty(), "nothing is made for nothing");
        assert_eq!(hset(&mut data, b"h", "a", "1"), Ok(true));
        assert_eq!(hset(&mut data, b"h", "7", "x"), Ok(true));
        assert_eq!(hset(&mut data, b"h", "a", "longer"), Ok(false));
        assert_eq!(shown(&mut data, b"h"), "a longer 7 x");
        assert_eq!(hset(&mut data, b"h", "a", "2"), Ok(false));
        assert_eq!(hset(&mut data, b"h", "", ""), Ok(true));
        assert_eq!(shown(&mut data, b"h"), "a 2 7 x  ");
        assert_eq!(hdel(&mut data, b"h", "7"), Ok(true));
        assert_eq!(shown(&mut data, b"h"), "a 2  ");
        assert_eq!(hdel(&mut data, b"h", ""), Ok(true));
        assert_eq!(hdel(&mut data, b"h", "a"), Ok(true));
        assert!(data.is_empty());
        assert_eq!(data.stats().memory, 0);
    }
}

#[test]
fn the_encoding_changes_where_the_directives_say_and_never_back() {
    let mut data = partition(Layout::Databases(1));
    let encoding = |data: &mut Partition, key: &[u8]| {
        let key = data.key(key);
        data.peek(0, &key).unwrap().encoding()
    };
    for field in ["a", "b", "12345678"] {
        hset(&mut data, b"many", field, "12345678").unwrap();
        assert_eq!(encoding(&mut data, b"many"), "listpack");
    }
    hset(&mut data, b"many", "d", "").unwrap();
    assert_eq!(encoding(&mut data, b"many"), "hashtable");
    for field in ["a", "b", "12345678"] {
        hdel(&mut data, b"many", field).unwrap();
    }
    assert_eq!(encoding(&mut data, b"many"), "hashtable", "it stays");
    hset(&mut data, b"long value", "a", "123456789").unwrap();
    assert_eq!(encoding(&mut data, b"long value"), "hashtable");
    hset(&mut data, b"long field", "123456789", "a").unwrap();
    assert_eq!(encoding(&mut data, b"long field"), "hashtable");
}

#[test]
fn a_value_of_another_type_is_refused_or_replaced_but_never_misread() {
    let mut data = partition(Layout::Databases(1));
    let (s, h) = (data.key(b"s"), data.key(b"h"));
    data.set(0, &s, b"string", Expire::Never);
    hset(&mut data, b"h", "f", "v").unwrap();
    assert_eq!(hset(&mut data, b"s", "f", "v"), Err(WrongType));
    assert_eq!(data.get_hash(0, &s).unwrap_err(), WrongType);
    assert_eq!(data.get_str(0, &h), Err(WrongType));
    assert_eq!(data.get_str(0, &s), Ok(Some(&b"string"[..])));
    data.set(0, &h, b"v", Expire::Keep);
    assert_eq!(data.get_str(0, &h), Ok(Some(&b"v"[..])));
    assert!(data.remove(0, &s) && data.remove(0, &h));
    assert_eq!(data.stats().memory, 0);
}

#[test]
fn a_hash_is_renamed_copied_saved_and_gets_a_time_as_any_value() {
    let mut data = partition(Layout::Databases(1));
    data.begin(at(100), true);
    for number in 0..100 {
        let (field, value) = (format!("field:{number}"), "v".repeat(number));
        hset(&mut data, b"h", &field, &value).unwrap();
    }
    let whole = shown(&mut data, b"h");
    let [h, other, copy] = [b"h", b"o", b"c"].map(|name| data.key(name));
    assert!(data.set_expire(0, &h, Some(500)));
    let expected = contents(&mut data);
    data.start_walk(Box::<Recorder>::default());
    assert!(data.rename(0, &h, &other), "saved first, by the store");
    assert!(data.copy(0, &other, 0, &copy, false));
    hset(&mut data, b"c", "field:7", "another").unwrap();
    while data.walk_step(1000) != WalkState::Done {}
    assert!(stop(&mut data).contents == expected);
    assert_eq!(shown(&mut data, b"o"), whole);
    assert_ne!(shown(&mut data, b"c"), whole, "a copy is one of its own");
    let entry = data.peek(0, &copy).unwrap();
    assert_eq!((entry.kind(), entry.expire_at()), (Type::Hash, Some(500)));
    assert_eq!(entry.encoding(), "hashtable");
    data.begin(at(500), true);
    assert_eq!(data.expire_cycle(at(500), 10), 2);
    while data.reclaim_step(100) {}
    assert_eq!(data.stats().memory, 0);
}

#[test]
fn a_hash_tells_of_its_fields_and_of_its_end() {
    let mut data = partition(Layout::Cluster);
    data.follow(Scope::Slot(data.key(b"h").slot));
    let told = |data: &mut Partition| {
        let events: Vec<_> = data.changes().map(|change| change.event).collect();
        data.drain_changes();
        events
    };
    hset(&mut data, b"h", "f", "v").unwrap();
    hset(&mut data, b"h", "f", "w").unwrap();
    hset(&mut data, b"elsewhere", "f", "w").unwrap();
    assert_eq!(told(&mut data), [Event::HSet, Event::HSet]);
    hdel(&mut data, b"h", "missing").unwrap();
    assert_eq!(told(&mut data), []);
    hdel(&mut data, b"h", "f").unwrap();
    assert_eq!(told(&mut data), [Event::HDel, Event::Del]);
}

#[test]
fn a_big_hash_is_freed_in_steps_however_it_goes() {
    let remove = |data: &mut Partition, key: &Key<'_>| assert!(data.remove(0, key));
    let overwrite = |data: &mut Partition, key: &Key<'_>| data.set(0, key, b"", Expire::Never);
    let expire = |data: &mut Partition, key: &Key<'_>| {
        data.set_expire(0, key, Some(1));
        assert_eq!(data.expire_cycle(at(1), 10), 1);
    };
    let flush = |data: &mut Partition, _: &Key<'_>| assert_eq!(data.flush(None), 1);
    type Way = fn(&mut Partition, &Key<'_>);
    for goes in [remove as Way, overwrite, expire, flush] {
        let mut data = partition(Layout::Databases(1));
        let fields = rounds(20_000, 300);
        for number in 0..fields {
            hset(&mut data, b"h", &format!("field:{number}"), "value").unwrap();
        }
        let before = data.stats().memory;
        let key = data.key(b"h");
        goes(&mut data, &key);
        let after = data.stats().memory;
        assert!(after > before / 2, "{after} of {before}: not at once");
        let mut steps = 0;
        while data.reclaim_step(100) {
            steps += 1;
        }
        assert!(steps >= rounds(10, 1), "{steps} steps");
        data.flush(None);
        while data.reclaim_step(100) {}
        assert_eq!(data.stats().memory, 0);
    }
}

#[test]
fn a_walk_sends_a_big_hash_as_it_was_while_it_changes() {
    let mut data = partition(Layout::Cluster);
    let fields = rounds(5000, 200);
    for number in 0..fields {
        hset(&mut data, b"h", &format!("field:{number}"), "value").unwrap();
    }
    let (key, expected) = (data.key(b"h"), contents(&mut data));
    data.start_walk(Box::<Recorder>::default());
    for number in 0..fields {
        assert!(!data.must_wait(0, &key), "a big hash is not waited for");
        hset(&mut data, b"h", &format!("field:{number}"), "changed").unwrap();
        hset(&mut data, b"h", &format!("more:{number}"), "").unwrap();
        if number % 10 == 0 {
            data.walk_step(100);
        }
    }
    data.remove(0, &key);
    while data.walk_step(1000) != WalkState::Done {}
    assert!(stop(&mut data).contents == expected);
    while data.reclaim_step(100) {}
    assert_eq!(data.stats().memory, 0);
}

#[test]
fn a_long_string_is_freed_in_steps_and_counts_until_then() {
    let mut data = partition(Layout::Databases(1));
    let key = data.key(b"k");
    let len = 20 << 20;
    data.set(0, &key, &vec![b'x'; len], Expire::Never);
    let used = data.stats().memory;
    assert!(used >= len);
    assert!(data.remove(0, &key));
    assert!(data.stats().memory >= len && data.is_freeing());
    assert_eq!(data.freed_later(), (1, 0));
    let mut steps = 0;
    while data.is_freeing() {
        let before = data.stats().memory;
        data.free_step(400);
        let freed = before - data.stats().memory;
        assert!((1..=1 << 20).contains(&freed), "{freed}");
        steps += 1;
    }
    assert!(steps >= 20, "{steps}");
    assert_eq!((data.stats().memory, data.freed_later()), (0, (0, 1)));
}
