//! Sorted sets of every version of Redis, and such as lie.

use super::*;

/// A dump of redis-server 7.0.15 with a listpack and a skiplist.
const ZSETS: &str = "524544495330303130fa0972656469732d76657206372e302e3135fa0a72656469732d62697473c040fa056374696d65c2e64c0b6bfa08757365642d6d656dc280ed1e00fa08616f662d62617365c000fe00fb0201fc7bd8c32cbb0300001105736d616c6c25250000000800816302842d696e6605816102010181620283322e3504f1393003f1393003ff05057461626c65040163000000000000f07f0161000000000000f03f01629a9999999999b93fc0f90000000000000080ff0edfc2a2f8e769f8";

/// What a file says of sorted sets, a line each.
fn zsets<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<String>, RdbError> {
    let (mut reader, mut lines) = (RdbReader::new(), Vec::new());
    for piece in pieces {
        reader.feed(piece, &mut |item| {
            match item {
                RdbItem::Begin { key, expire_at, .. } => {
                    lines.push(format!("{} {expire_at:?}", key.escape_ascii()));
                }
                RdbItem::Scored { member, score } => {
                    let line = lines.last_mut().expect("begun");
                    *line += &format!(" {}={score:?}", member.escape_ascii());
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
fn reads_sorted_sets_of_redis_in_any_split() {
    let dump = unhex(ZSETS);
    let all = vec![
        "small Some(4102444800123) c=-inf a=1.0 b=2.5 12345=12345.0.".to_owned(),
        "table None c=inf a=1.0 b=0.1 -7=-0.0.".to_owned(),
    ];
    for size in 1..dump.len() + 1 {
        assert_eq!(
            zsets(dump.chunks(size)),
            Ok(all.clone()),
            "pieces of {size}"
        );
    }
}

#[test]
fn reads_sorted_sets_of_every_version_of_redis() {
    for (code, value, expected) in [
        (3, &b"\x02\x01a\x032.5\x01b\xfe"[..], "h None a=2.5 b=inf."),
        (3, b"\x01\x01a\x16-0.10000000000000001e1", "h None a=-1.0."),
        (5, b"\x01\x01a\0\0\0\0\0\0\x04\xc0", "h None a=-2.5."),
        (
            12,
            b"\x10\x10\0\0\0\x0d\0\0\0\x02\0\0\x01a\x03\xf2\xff",
            "h None a=1.0.",
        ),
        (
            17,
            b"\x0c\x0c\0\0\0\x02\0\x81a\x02\x01\x01\xff",
            "h None a=1.0.",
        ),
    ] {
        let found = zsets([&of_type(code, value)[..]]);
        let found = found.unwrap_or_else(|error| panic!("type {code}: {error}"));
        assert_eq!(found, [expected], "type {code}");
    }
}

#[test]
fn a_sorted_set_without_members_is_no_key() {
    for (code, value) in [
        (3, &b"\x00"[..]),
        (5, b"\x00"),
        (12, b"\x0b\x0b\0\0\0\x0a\0\0\0\0\0\xff"),
        (17, b"\x07\x07\0\0\0\0\0\xff"),
    ] {
        let found = zsets([&of_type(code, value)[..]]);
        assert_eq!(found, Ok(vec![]), "type {code}");
    }
}

#[test]
fn a_packed_one_that_lies_is_refused_before_any_of_it_is_taken() {
    let pairs = "list of members and scores";
    for (code, value, what) in [
        (12, &b"\x0b\x0b\0\0\0\x0b\0\0\0\0\0\xff"[..], "ziplist"),
        (17, b"\x0c\x0c\0\0\0\x02\0\x81a\x02\x01\x02\xff", "listpack"),
        (17, b"\x0a\x0a\0\0\0\x01\0\x81a\x02\xff", pairs),
        (17, b"\x0d\x0d\0\0\0\x02\0\x81a\x02\x81x\x02\xff", pairs),
        (17, b"\x0f\x0f\0\0\0\x02\0\x81a\x02\x83nan\x04\xff", pairs),
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

#[test]
fn a_score_that_is_no_number_is_refused() {
    for (code, value) in [
        (3, &b"\x01\x01a\xfd"[..]),
        (3, b"\x01\x01a\x00"),
        (3, b"\x01\x01a\x03abc"),
        (3, b"\x01\x01a\x03nan"),
        (3, b"\x01\x01a\xf000000000000"),
        (5, b"\x01\x01a\0\0\0\0\0\0\xf8\x7f"),
    ] {
        let found = zsets([&of_type(code, value)[..]]);
        assert_eq!(found, Err(RdbError::Packed("score of a sorted set")));
    }
}
