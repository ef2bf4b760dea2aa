//! Writing RDB files.

use super::super::{RdbItem, RdbReader};
use super::*;
use crate::data::{End, Event, Expire, HashLimits, Layout, ListLimits, Partition, WalkState};
use crate::time::Now;

fn history() -> History {
    History {
        id: "a".repeat(40),
        offset: 77,
        second: Some(("b".repeat(40), 12)),
    }
}

/// What a file says: its remarks and sizes, and its entries as lines in order of the keys.
fn read(file: &[u8]) -> (Vec<String>, Vec<String>) {
    let (mut remarks, mut entries, mut db) = (Vec::new(), Vec::new(), 0);
    let mut reader = RdbReader::new();
    let mut sink = |item: RdbItem<'_>| {
        match item {
            RdbItem::Aux { name, value } => {
                remarks.push(format!("{}={}", name.escape_ascii(), value.escape_ascii()));
            }
            RdbItem::Database(number) => db = number,
            RdbItem::Sizes { keys, expires } => remarks.push(format!("{db}: {keys} {expires}")),
            RdbItem::Entry {
                key,
                value,
                expire_at,
            } => {
                let (key, len) = (key.escape_ascii(), value.len());
                let start = value[..len.min(12)].escape_ascii();
                entries.push(format!("{db} {key} {start} {len} {expire_at:?}"));
            }
            RdbItem::Begin { key, expire_at, .. } => {
                entries.push(format!(
                    "{db} {key} {expire_at:?}",
                    key = key.escape_ascii()
                ));
            }
            RdbItem::Field { field, value } => {
                let hash = entries.last_mut().expect("begun");
                let start = value[..value.len().min(12)].escape_ascii();
                *hash += &format!(" {}={start}", field.escape_ascii());
            }
            RdbItem::Element(element) => {
                let list = entries.last_mut().expect("begun");
                *list += &format!(" one of {}", element.len());
            }
            RdbItem::Elements(packed) => {
                let list = entries.last_mut().expect("begun");
                *list += &format!(" packed {}", packed.len());
            }
            RdbItem::Member(member) => {
                let set = entries.last_mut().expect("begun");
                *set += &format!(" {}", member[..member.len().min(12)].escape_ascii());
            }
            RdbItem::Scored { member, score } => {
                let zset = entries.last_mut().expect("begun");
                let start = member[..member.len().min(12)].escape_ascii();
                *zset += &format!(" {start}={score:?}");
            }
            RdbItem::Form { .. } | RdbItem::End => {}
            other => unreachable!("{other:?} is of a stream"),
        }
        Ok(())
    };
    let fed = reader.feed(file, &mut sink).expect("a valid file");
    assert!(fed.done);
    assert_eq!(fed.consumed, file.len());
    entries.sort();
    (remarks, entries)
}

#[test]
fn a_walk_becomes_a_file() {
    let mut data = Partition::new(Layout::Databases(4), [1, 2]);
    data.begin(Now::default(), true);
    for (db, key, value, expire) in [
        (0, "text", "value", Expire::Never),
        (0, "number", "-70000", Expire::Never),
        (0, "12", "0012", Expire::At(4_102_444_800_123)),
        (3, "other", "", Expire::Never),
    ] {
        let key = data.key(key.as_bytes());
        data.set(db, &key, value.as_bytes(), expire);
    }
    let writer = RdbWriter::new(Format::Plain, &history(), 1_700_000_000, 4096, 1 << 20);
    data.start_walk(Box::new(writer));
    while data.walk_step(64) != WalkState::Done {}
    let saver: Box<dyn std::any::Any> = data.stop_walk().expect("the walk");
    let mut writer = *saver.downcast::<RdbWriter>().expect("the writer");
    writer.finish();
    let file = writer.take();
    assert_eq!(writer.keys(), 4);
    let (remarks, entries) = read(&file);
    let expected = [
        "redis-ver=7.0.15",
        "redis-bits=64",
        "ctime=1700000000",
        "used-mem=4096",
        "repl-stream-db=0",
        "repl-id=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "repl-offset=77",
        "slotkeeper-second-id=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb:12",
        "aof-base=0",
        "0: 3 1",
        "3: 1 0",
    ];
    assert_eq!(remarks, expected);
    let expected = [
        "0 12 0012 4 Some(4102444800123)",
        "0 number -70000 6 None",
        "0 text value 5 None",
        "3 other  0 None",
    ];
    assert_eq!(entries, expected);
}

#[test]
fn a_list_is_one_listpack_or_a_node_for_each_page_and_each_long_element() {
    let mut data = Partition::new(Layout::Databases(1), [1, 2]);
    data.begin(Now::default(), true);
    let limits = ListLimits { listpack_size: -2 };
    for (name, element, count) in [
        ("few", "x".repeat(10), 9),
        ("more", "x".repeat(100), 70),
        ("long", "x".repeat(300), 3),
        ("many", "x".repeat(100), 90),
        ("many long", "x".repeat(3000), 3),
    ] {
        let key = data.key(name.as_bytes());
        let pushed = data.change_list(0, &key, limits, |list| {
            list.will_add(count * element.len(), count);
            (0..count).for_each(|_| list.push(End::Right, element.as_bytes()));
            ((), Some(Event::RPush))
        });
        assert_eq!(pushed, Ok(()));
    }
    data.start_walk(Box::new(RdbWriter::new(
        Format::Plain,
        &history(),
        0,
        0,
        1 << 20,
    )));
    while data.walk_step(64) != WalkState::Done {}
    let saver: Box<dyn std::any::Any> = data.stop_walk().expect("the walk");
    let mut writer = *saver.downcast::<RdbWriter>().expect("the writer");
    writer.finish();
    let (_, entries) = read(&writer.take());
    let full = " packed 927".repeat(9);
    let expected = [
        "0 few None packed 108".to_owned(),
        "0 long None packed 912".to_owned(),
        format!("0 many None{full} packed 927"),
        "0 many long None one of 3000 one of 3000 one of 3000".to_owned(),
        "0 more None packed 7210".to_owned(),
    ];
    assert_eq!(entries, expected);
}

#[test]
fn long_strings_are_packed_where_that_is_worth_it() {
    let long_key = "key:".repeat(20);
    let values = [
        ("a", "x".repeat(1000)),
        (&long_key, "0123456789".repeat(50)),
        // Nothing is repeated in it, and it is too short.
        ("b", "abcdefghijklmnopqrstuvwxyz".to_owned()),
        ("c", "yyyyyyyyyyyyyyyyyyyy".to_owned()),
    ];
    let file = |packing: bool| {
        let mut writer = RdbWriter::new(Format::Plain, &history(), 0, 0, 1 << 20).packing(packing);
        let mut data = Partition::new(Layout::Databases(1), [1, 2]);
        data.begin(Now::default(), true);
        for (key, value) in &values {
            let key = data.key(key.as_bytes());
            data.set(0, &key, value.as_bytes(), Expire::Never);
            writer.entry(0, &data.peek(0, &key).expect("just set"));
        }
        writer.finish();
        writer.take()
    };
    let (packed, plain) = (file(true), file(false));
    assert!(
        packed.len() + 1400 < plain.len(),
        "{} {}",
        packed.len(),
        plain.len()
    );
    assert_eq!(read(&packed), read(&plain));
    for (key, short) in [("b", true), ("c", true), ("a", false)] {
        let value = &values
            .iter()
            .find(|(name, _)| *name == key)
            .expect("it is one")
            .1;
        let found = packed
            .windows(value.len())
            .any(|part| part == value.as_bytes());
        assert_eq!(found, short, "{key}");
    }
}

#[test]
fn entries_wait_for_the_end_of_a_large_value() {
    let mut data = Partition::new(Layout::Databases(4), [1, 2]);
    data.begin(Now::default(), true);
    let mut writer = RdbWriter::new(Format::Plain, &history(), 0, 0, 100);
    writer.table(0, 2, 0);
    writer.begin_large(0, b"large", Some(5), 20_000);
    let mut file = Vec::new();
    for part in [b'a', b'b'] {
        writer.piece(&[part; 10_000]);
        let key = data.key(b"small");
        data.set(usize::from(part - b'a'), &key, b"1", Expire::Never);
        let entry = data.peek(usize::from(part - b'a'), &key).expect("just set");
        writer.entry(usize::from(part - b'a'), &entry);
        file.extend_from_slice(&writer.take());
    }
    writer.sent(file.len());
    writer.end_large();
    writer.begin_large(0, b"next", None, 0);
    writer.end_large();
    writer.finish();
    file.extend_from_slice(&writer.take());
    let expected = [
        "0 large aaaaaaaaaaaa 20000 Some(5)",
        "0 next  0 None",
        "0 small 1 1 None",
        "1 small 1 1 None",
    ];
    assert_eq!(read(&file).1, expected);
    assert_eq!(writer.written(), file.len() as u64);
}

#[test]
fn the_walk_and_the_writers_have_their_shares_of_the_room() {
    let mut writer = RdbWriter::new(Format::Plain, &history(), 0, 0, 1000);
    drop(writer.take());
    let mut at = |unsent: usize| {
        writer.set_in_flight(unsent);
        (
            writer.pauses_walk(),
            writer.holds_writers(),
            writer.has_room(),
        )
    };
    assert_eq!(at(499), (false, false, true));
    assert_eq!(at(500), (true, false, true));
    assert_eq!(at(751), (true, false, false));
    assert_eq!(at(1000), (true, true, false));
}

#[test]
fn what_is_put_aside_holds_writers_but_never_the_walk() {
    let mut data = Partition::new(Layout::Databases(1), [1, 2]);
    data.begin(Now::default(), true);
    let mut writer = RdbWriter::new(Format::Plain, &history(), 0, 0, 1000);
    writer.begin_large(0, b"large", None, 10);
    drop(writer.take());
    writer.set_in_flight(499);
    let key = data.key(b"key");
    data.set(0, &key, &[b'x'; 600], Expire::Never);
    assert!(!writer.holds_writers() && writer.has_room());
    writer.entry(0, &data.peek(0, &key).expect("just set"));
    assert!(writer.holds_writers() && !writer.has_room());
    assert!(!writer.pauses_walk());
    writer.piece(b"0123456789");
    writer.end_large();
    assert!(writer.pauses_walk(), "now it is on its way");
    writer.set_in_flight(0);
    assert!(!writer.holds_writers() && writer.has_room());
}

/// Sets fields of a hash.
fn hset(data: &mut Partition, key: &[u8], fields: &[(String, String)]) {
    let limits = HashLimits {
        entries: 512,
        value: 64,
    };
    let key = data.key(key);
    let set = data.change_hash(0, &key, limits, |hash| {
        for (field, value) in fields {
            hash.set(field.as_bytes(), value.as_bytes());
        }
        ((), Some(Event::HSet))
    });
    assert_eq!(set, Ok(()));
}

#[test]
fn sorted_sets_small_and_big_are_written_with_all_their_members() {
    let mut data = Partition::new(Layout::Databases(1), [1, 2]);
    data.begin(Now::default(), true);
    let limits = crate::config::ZsetLimits {
        entries: 128,
        value: 64,
    };
    let zadd = |data: &mut Partition, key: &[u8], member: &str, score: f64| {
        let key = data.key(key);
        let added = data.change_zset(0, &key, limits, |zset| {
            (zset.set(member.as_bytes(), score), Some(Event::ZAdd))
        });
        assert_eq!(added, Ok(None));
    };
    zadd(&mut data, b"small", "b", -0.5);
    zadd(&mut data, b"small", "12", f64::NEG_INFINITY);
    let long = "y".repeat(100_000);
    zadd(&mut data, b"big", &long, 0.1);
    for number in 0..2000 {
        zadd(&mut data, b"big", &format!("m{number}"), -f64::from(number));
    }
    let writer =
        RdbWriter::new(Format::Plain, &history(), 1_700_000_000, 4096, 1 << 30).packing(true);
    data.start_walk(Box::new(writer));
    // What changes after the start is not in the file.
    zadd(&mut data, b"big", "new", 3.0);
    data.remove(0, &data.key(b"small"));
    while data.walk_step(100) != WalkState::Done {}
    let saver: Box<dyn std::any::Any> = data.stop_walk().expect("the walk");
    let mut writer: Box<RdbWriter> = saver.downcast().expect("it is one");
    writer.finish();
    let (_, entries) = read(&writer.take());
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[1], "0 small None 12=-inf b=-0.5");
    let numbers = (0..2000).rev().map(|n| format!("m{n}={:?}", -f64::from(n)));
    let expected: Vec<String> = numbers.chain([format!("{}=0.1", &long[..12])]).collect();
    assert!(entries[0] == format!("0 big None {}", expected.join(" ")));
}

#[test]
fn hashes_small_and_big_are_written_with_all_their_fields() {
    for packing in [false, true] {
        let mut data = Partition::new(Layout::Databases(1), [1, 2]);
        data.begin(Now::default(), true);
        let pair = |n: usize| (format!("field:{n}"), n.to_string());
        let small = [("a".to_owned(), "1".to_owned()), pair(7)];
        hset(&mut data, b"small", &small);
        let mut big: Vec<_> = (0..2000).map(pair).collect();
        big.push(("long".to_owned(), "y".repeat(100_000)));
        hset(&mut data, b"big", &big);
        data.set_expire(0, &data.key(b"big"), Some(4_102_444_800_123));
        data.set(0, &data.key(b"string"), b"x", Expire::Never);
        let writer = RdbWriter::new(Format::Plain, &history(), 1_700_000_000, 4096, 1 << 30)
            .packing(packing);
        data.start_walk(Box::new(writer));
        // What changes after the start is not in the file.
        hset(&mut data, b"big", &[pair(9999)]);
        data.set(0, &data.key(b"string"), b"y", Expire::Never);
        data.remove(0, &data.key(b"small"));
        while data.walk_step(100) != WalkState::Done {}
        let saver: Box<dyn std::any::Any> = data.stop_walk().expect("the walk");
        let mut writer: Box<RdbWriter> = saver.downcast().expect("it is one");
        writer.finish();
        let (remarks, entries) = read(&writer.take());
        assert!(remarks.contains(&"0: 3 1".to_owned()));
        assert_eq!(entries.len(), 3);
        assert_eq!(entries[1], "0 small None a=1 field:7=7");
        assert_eq!(entries[2], "0 string x 1 None");
        let mut words = entries[0].split(' ');
        assert_eq!(words.next(), Some("0"));
        assert_eq!(words.next(), Some("big"));
        assert_eq!(words.next(), Some("Some(4102444800123)"));
        let mut found: Vec<&str> = words.collect();
        found.sort_unstable();
        let expected = big
            .iter()
            .map(|(f, v)| format!("{f}={}", &v[..v.len().min(12)]));
        let mut expected: Vec<String> = expected.collect();
        expected.sort_unstable();
        assert!(found == expected);
    }
}

/// A file with a hash of so many fields, every third of which expires.
fn timed_file(data: &mut Partition, format: Format, count: usize) -> Vec<u8> {
    let key = data.key(b"hash");
    let limits = HashLimits {
        entries: 8,
        value: 8,
    };
    data.change_hash(0, &key, limits, |hash| {
        for number in 0..count {
            let field = format!("field:{number}");
            // Some are handed out in pieces.
            let len = if number % 50 < 2 { 20_000 } else { 5 };
            hash.set(field.as_bytes(), &vec![b'v'; len]);
            if number % 3 == 0 {
                hash.set_time(
                    field.as_bytes(),
                    Some(1_900_000_000_000 + number as i64 * 7),
                );
            }
        }
        ((), Some(Event::HSet))
    })
    .expect("there is nothing");
    let writer = RdbWriter::new(format, &history(), 1_700_000_000, 4096, 1 << 20);
    walked(data, writer)
}

/// The whole file.
fn walked(data: &mut Partition, writer: RdbWriter) -> Vec<u8> {
    data.start_walk(Box::new(writer));
    while data.walk_step(64) != WalkState::Done {}
    let saver: Box<dyn std::any::Any> = data.stop_walk().expect("the walk");
    let mut writer = *saver.downcast::<RdbWriter>().expect("the writer");
    writer.finish();
    writer.take().to_vec()
}

#[test]
fn fields_that_expire_make_a_file_that_says_when_for_redis_or_for_valkey() {
    for (format, signature, remark) in [
        (Format::Redis, &b"REDIS0012"[..], "redis-ver=7.4.0"),
        (Format::Valkey, b"VALKEY080", "valkey-ver=9.0.0"),
    ] {
        for count in [2, 300] {
            let mut data = Partition::new(Layout::Databases(1), [1, 2]);
            data.begin(Now::default(), true);
            let file = timed_file(&mut data, format, count);
            assert!(file.starts_with(signature));
            let (mut reader, mut remarks) = (RdbReader::new(), Vec::new());
            let (mut fields, mut times) = (0, 0);
            let fed = reader.feed(&file, &mut |item| {
                match item {
                    RdbItem::Field { value, .. } => {
                        assert!([5, 20_000].contains(&value.len()));
                        fields += 1;
                    }
                    RdbItem::FieldTime { field, at } => {
                        let number: i64 = String::from_utf8_lossy(&field[6..]).parse().unwrap();
                        assert_eq!((number % 3, at), (0, 1_900_000_000_000 + number * 7));
                        times += 1;
                    }
                    RdbItem::Aux { name, value } => {
                        remarks.push(String::from_utf8_lossy(&[name, b"=", value].concat()).into());
                    }
                    _ => {}
                }
                Ok(())
            });
            assert!(fed.expect("a valid file").done);
            assert_eq!((fields, times), (count, count.div_ceil(3)));
            assert!(remarks.contains(&remark.to_owned()), "{remarks:?}");
        }
    }
}

/// What Valkey 9.1.2 wrote of such a hash, but for the order of the fields.
#[test]
fn for_valkey_times_stand_behind_the_values() {
    let mut data = Partition::new(Layout::Databases(1), [1, 2]);
    data.begin(Now::default(), true);
    let (key, limits) = (
        data.key(b"h"),
        HashLimits {
            entries: 8,
            value: 8,
        },
    );
    data.change_hash(0, &key, limits, |hash| {
        hash.set(b"a", b"b");
        hash.set(b"c", b"d");
        hash.set_time(b"c", Some(1_900_000_000_000));
        ((), Some(Event::HSet))
    })
    .expect("there is nothing");
    let file = walked(
        &mut data,
        RdbWriter::new(Format::Valkey, &history(), 0, 0, 1 << 20),
    );
    let at = file.iter().position(|byte| *byte == opcode::RESIZEDB);
    let value = &file[at.expect("a table") + 3..file.len() - 9];
    let [a, c] = [
        &b"\x01a\x01b\xff\xff\xff\xff\xff\xff\xff\xff"[..],
        b"\x01c\x01d\x00\x38\xd3\x60\xba\x01\x00\x00",
    ];
    let either = [[a, c], [c, a]].map(|fields| [&b"\x16\x01h\x02"[..], &fields.concat()].concat());
    assert!(either.contains(&value.to_vec()), "{}", value.escape_ascii());
}
