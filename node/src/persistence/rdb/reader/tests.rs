//! Reading RDB files of redis-server, cut and damaged ones included.

use proptest::prelude::*;

use super::super::crc64;
use super::*;

mod resuming;
mod timed_hashes;
mod zsets;

/// Dumps of redis-server 7.0.15, as hexadecimal text.
const MIXED: &str = "524544495330303130fa0972656469732d76657206372e302e3135fa0a72656469732d62697473c040fa056374696d65c29f3d036bfa08757365642d6d656dc218b80e00fa08616f662d62617365c000fe00fb070100036269670b3939393939393939393939fc7bd8c32cbb030000000374746c017600036e3332c215cd5b07000568656c6c6f05776f726c6400026e38c00c00046c6f6e67c30940c8016161e0bb0001616100036e3136c12efbfe03fb010000056f74686572026462ff5e1b5214dc7e5651";
const WITH_LIST: &str = "524544495330303130fa0972656469732d76657206372e302e3135fa0a72656469732d62697473c040fa056374696d65c29f3d036bfa08757365642d6d656dc2d8371000fa08616f662d62617365c000fe00fb020012066d796c69737401020d0d0000000200816102816202ff00016b40507879787978797879787978797879787978797879787978797879787978797879787978797879787978797879787978797879787978797879787978797879787978797879787978797879787978797879ff2027a14640bd6cd1";
const WITH_IDLE: &str = "524544495330303130fa0972656469732d76657206372e302e3135fa0a72656469732d62697473c040fa056374696d65c29f3d036bfa08757365642d6d656dc2e0361000fa08616f662d62617365c000fe00fb0100f8000001610162ff02a4a7391a697166";
const WITH_FREQ: &str = "524544495330303130fa0972656469732d76657206372e302e3135fa0a72656469732d62697473c040fa056374696d65c29f3d036bfa08757365642d6d656dc2e0361000fa08616f662d62617365c000fe00fb0100f9010001610162ffb40fca13e934c53c";
const WITH_FUNCTION: &str = "524544495330303130fa0972656469732d76657206372e302e3135fa0a72656469732d62697473c040fa056374696d65c29f3d036bfa08757365642d6d656dc220991000fa08616f662d62617365c000f5404523216c7561206e616d653d6c0a72656469732e72656769737465725f66756e6374696f6e282766272c2066756e6374696f6e286b2c61292072657475726e203120656e6429fe00fb0100f9010001610162ff2dd7731128bcbff3";

const HASHES: &str = "524544495330303130fa0972656469732d76657206372e302e3135fa0a72656469732d62697473c040fa056374696d65c24a1b0b6bfa08757365642d6d656dc258ea1e00fa08616f662d62617365c000fe00fb0301fc7bd8c32cbb0300001006736d616c6c320d0d0000000200816602817602ff04057461626c65030171c12c010178c0010179c3094046017a7ae03900017a7a1005736d616c6c1e1e000000060081610201018162028568656c6c6f06816e02f290eefe04ffff1743c5682cb28157";

fn unhex(text: &str) -> Vec<u8> {
    let digit = |c: u8| char::from(c).to_digit(16).expect("hexadecimal") as u8;
    text.as_bytes()
        .chunks(2)
        .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
        .collect()
}

type Read = (u64, String, Vec<u8>, Option<i64>);

/// Feeds the pieces; the entries with their databases, and what came after the end.
fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<(Vec<Read>, bool), RdbError> {
    let (mut reader, mut db, mut entries) = (RdbReader::new(), 0, Vec::new());
    for piece in pieces {
        let fed = reader.feed(piece, &mut |item| {
            match item {
                RdbItem::Database(number) => db = number,
                RdbItem::Entry {
                    key,
                    value,
                    expire_at,
                } => {
                    let key = String::from_utf8_lossy(key).into_owned();
                    entries.push((db, key, value.to_vec(), expire_at));
                }
                _ => {}
            }
            Ok(())
        })?;
        assert_eq!(fed.done, reader.is_done());
    }
    Ok((entries, reader.is_done()))
}

fn expected() -> Vec<Read> {
    let entry = |db, key: &str, value: &str, at| (db, key.to_owned(), value.into(), at);
    vec![
        entry(0, "big", "99999999999", None),
        entry(0, "ttl", "v", Some(4_102_444_800_123)),
        entry(0, "n32", "123456789", None),
        entry(0, "hello", "world", None),
        entry(0, "n8", "12", None),
        entry(0, "long", &"a".repeat(200), None),
        entry(0, "n16", "-1234", None),
        entry(3, "other", "db", None),
    ]
}

#[test]
fn reads_a_dump_of_redis_in_any_split() {
    let dump = unhex(MIXED);
    for size in 1..dump.len() + 1 {
        assert_eq!(
            read(dump.chunks(size)),
            Ok((expected(), true)),
            "pieces of {size}"
        );
    }
}

#[test]
fn leaves_what_follows_the_end() {
    let mut dump = unhex(WITH_IDLE);
    let len = dump.len();
    dump.extend_from_slice(b"+OK");
    let mut reader = RdbReader::new();
    let first = reader.feed(&dump[..40], &mut |_| Ok(())).expect("valid");
    assert_eq!(
        first,
        Fed {
            consumed: 40,
            done: false
        }
    );
    let rest = reader.feed(&dump[40..], &mut |_| Ok(())).expect("valid");
    assert_eq!(
        rest,
        Fed {
            consumed: len - 40,
            done: true
        }
    );
    assert_eq!(
        reader.feed(b"x", &mut |_| Ok(())),
        Ok(Fed {
            consumed: 0,
            done: true
        })
    );
}

#[test]
fn reads_access_times_and_frequencies() {
    for dump in [WITH_IDLE, WITH_FREQ] {
        let entries = vec![(0, "a".to_owned(), b"b".to_vec(), None)];
        assert_eq!(read([&unhex(dump)[..]]), Ok((entries, true)));
    }
}

#[test]
fn names_the_type_and_the_key_that_it_does_not_know() {
    let error = read([&b"REDIS0010\x07\x08mymodule"[..]]).expect_err("a module's value");
    let expected =
        "The key 'mymodule' has the type module value (7), which this node does not hold";
    assert_eq!(error.to_string(), expected);
    let error = read([&unhex(WITH_FUNCTION)[..]]).expect_err("a function");
    assert_eq!(
        error,
        RdbError::Opcode {
            code: 245,
            name: "functions"
        }
    );
}

#[test]
fn notices_any_damage() {
    let dump = unhex(MIXED);
    for position in 0..dump.len() {
        let mut damaged = dump.clone();
        damaged[position] ^= 1;
        assert!(
            !matches!(read([&damaged[..]]), Ok((_, true))),
            "byte {position}"
        );
    }
}

#[test]
fn a_checksum_of_zero_is_off() {
    let mut dump = unhex(WITH_IDLE);
    let len = dump.len();
    dump[len - 8..].fill(0);
    assert!(read([&dump[..]]).expect("valid").1);
}

/// A file with this header, a key `k` that expires at 2 s, and a checksum if its version has one.
fn small(header: &[u8], checksum: bool) -> Vec<u8> {
    let mut file = [header, b"\xfe\x00\xfd\x02\0\0\0\x00\x01k\x01v\xff"].concat();
    if checksum {
        let sum = crc64(0, &file);
        file.extend_from_slice(&sum.to_le_bytes());
    }
    file
}

#[test]
fn reads_all_versions_of_redis_and_of_valkey() {
    let entries = vec![(0, "k".to_owned(), b"v".to_vec(), Some(2000))];
    for version in 1..=12 {
        let file = small(format!("REDIS{version:04}").as_bytes(), version >= 5);
        assert_eq!(
            read([&file[..]]),
            Ok((entries.clone(), true)),
            "version {version}"
        );
    }
    assert_eq!(read([&small(b"VALKEY080", true)[..]]), Ok((entries, true)));
    assert_eq!(
        read([&small(b"REDIS0013", true)[..]]),
        Err(RdbError::Version(13))
    );
    assert_eq!(
        read([&small(b"REDIS0000", true)[..]]),
        Err(RdbError::Version(0))
    );
    assert_eq!(
        read([&small(b"VALKEY079", true)[..]]),
        Err(RdbError::Version(79))
    );
    assert_eq!(
        read([&small(b"NOTREDIS1", true)[..]]),
        Err(RdbError::Signature)
    );
}

#[test]
fn what_the_sink_refuses_ends_the_reading() {
    let outcome = RdbReader::new().feed(&unhex(MIXED), &mut |_| Err("no".to_owned()));
    assert_eq!(outcome, Err(RdbError::Refused("no".to_owned())));
}

/// What a file says of collections, a line each; strings are left out.
fn collections<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<String>, RdbError> {
    let (mut reader, mut lines) = (RdbReader::new(), Vec::new());
    for piece in pieces {
        reader.feed(piece, &mut |item| {
            match item {
                RdbItem::Begin { key, expire_at, .. } => {
                    lines.push(format!("{} {expire_at:?}", key.escape_ascii()));
                }
                RdbItem::Field { field, value } => {
                    let line = lines.last_mut().expect("begun");
                    *line += &format!(" {}={}", field.escape_ascii(), value.escape_ascii());
                }
                RdbItem::Form { encoding, len } => {
                    let line = lines.last_mut().expect("begun");
                    *line += &format!(" {} {len}:", encoding.name());
                }
                RdbItem::Member(member) => {
                    let line = lines.last_mut().expect("begun");
                    *line += &format!(" {}", member.escape_ascii());
                }
                RdbItem::End => *lines.last_mut().expect("begun") += ".",
                _ => {}
            }
            Ok(())
        })?;
    }
    assert!(reader.is_done());
    Ok(lines)
}

#[test]
fn reads_hashes_of_redis_in_any_split() {
    let dump = unhex(HASHES);
    let table = format!("table None q=300 x=1 y={}.", "z".repeat(70));
    let all = vec![
        "small2 Some(4102444800123) f=v.".to_owned(),
        table,
        "small None a=1 b=hello n=-70000.".to_owned(),
    ];
    for size in 1..dump.len() + 1 {
        assert_eq!(
            collections(dump.chunks(size)),
            Ok(all.clone()),
            "pieces of {size}"
        );
    }
}

#[test]
fn reads_a_list_of_redis_in_any_split() {
    let dump = unhex(WITH_LIST);
    for size in 1..dump.len() + 1 {
        let (mut reader, mut items) = (RdbReader::new(), Vec::new());
        for piece in dump.chunks(size) {
            let fed = reader.feed(piece, &mut |item| {
                items.push(format!("{item:?}"));
                Ok(())
            });
            assert!(fed.is_ok(), "pieces of {size}");
        }
        let elements: &[u8] = b"\x81a\x02\x81b\x02";
        let shown = format!("{:?}", RdbItem::Elements(elements));
        assert!(items.contains(&shown), "{items:#?}");
    }
}

/// A file with a key `h` of that type.
fn of_type(code: u8, value: &[u8]) -> Vec<u8> {
    let mut file = b"REDIS0010\xfe\x00".to_vec();
    file.extend_from_slice(&[code, 1, b'h']);
    file.extend_from_slice(value);
    file.push(0xff);
    let sum = crc64(0, &file);
    file.extend_from_slice(&sum.to_le_bytes());
    file
}

#[test]
fn reads_hashes_of_every_version_of_redis() {
    let all = vec!["h None a=1."];
    for (code, value) in [
        (4, &b"\x01\x01a\xc0\x01"[..]),
        (9, b"\x07\x01\x01a\x01\x001\xff"),
        (13, b"\x10\x10\0\0\0\x0d\0\0\0\x02\0\0\x01a\x03\xf2\xff"),
        (16, b"\x0c\x0c\0\0\0\x02\0\x81a\x02\x01\x01\xff"),
    ] {
        let found = collections([&of_type(code, value)[..]]);
        let found = found.unwrap_or_else(|error| panic!("type {code}: {error}"));
        assert_eq!(found, all, "type {code}");
    }
}

#[test]
fn a_hash_without_fields_is_no_key() {
    for (code, value) in [
        (4, &b"\x00"[..]),
        (9, b"\x02\x00\xff"),
        (13, b"\x0b\x0b\0\0\0\x0a\0\0\0\0\0\xff"),
        (16, b"\x07\x07\0\0\0\0\0\xff"),
    ] {
        assert_eq!(
            collections([&of_type(code, value)[..]]),
            Ok(vec![]),
            "type {code}"
        );
    }
}

#[test]
fn reads_sets_of_every_version_of_redis() {
    for (code, value, expected) in [
        (2, &b"\x02\x01a\xc0\x01"[..], "h None intset 2: a 1."),
        (
            11,
            b"\x0c\x02\0\0\0\x02\0\0\0\xff\xff\x01\0",
            "h None intset 2: -1 1.",
        ),
        (
            20,
            b"\x0c\x0c\0\0\0\x02\0\x81a\x02\x01\x01\xff",
            "h None listpack 2: a 1.",
        ),
    ] {
        let file = of_type(code, value);
        for size in 1..file.len() {
            let found = collections(file.chunks(size));
            assert_eq!(found, Ok(vec![expected.to_owned()]), "type {code}");
        }
    }
    for (code, value) in [(2, &b"\x00"[..]), (20, b"\x07\x07\0\0\0\0\0\xff")] {
        let found = collections([&of_type(code, value)[..]]);
        assert_eq!(found, Ok(vec![]), "a set without members is no key");
    }
}

#[test]
fn a_packed_value_that_is_damaged_is_refused_before_any_of_it_is_taken() {
    for (code, value, what) in [
        (11, &b"\x0c\x02\0\0\0\x02\0\0\0\x01\0\x01\0"[..], "intset"),
        (11, b"\x08\x02\0\0\0\0\0\0\0", "intset"),
        (20, b"\x0c\x0c\0\0\0\x02\0\x81a\x02\x01\x02\xff", "listpack"),
        (9, b"\x07\x02\x01a\x01\x001\xff", "zipmap"),
        (13, b"\x0b\x0b\0\0\0\x0b\0\0\0\0\0\xff", "ziplist"),
        (16, b"\x0c\x0c\0\0\0\x02\0\x81a\x02\x01\x02\xff", "listpack"),
        (
            16,
            b"\x0a\x0a\0\0\0\x01\0\x81a\x02\xff",
            "list of fields and values",
        ),
    ] {
        let mut taken = 0;
        let outcome = RdbReader::new().feed(&of_type(code, value), &mut |item| {
            taken += usize::from(!matches!(item, RdbItem::Database(_)));
            Ok(())
        });
        assert_eq!(outcome, Err(RdbError::Packed(what)), "type {code}");
        assert_eq!(taken, 0);
    }
}

proptest! {
    #[test]
    fn random_bytes_never_panic(tail in proptest::collection::vec(any::<u8>(), 0..300), cut in 0usize..300) {
        let file = [b"REDIS0010", &tail[..]].concat();
        let cut = cut.min(file.len());
        let whole = read([&file[..]]);
        let split = read([&file[..cut], &file[cut..]]);
        prop_assert_eq!(whole, split);
    }
}
