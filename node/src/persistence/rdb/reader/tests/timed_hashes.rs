//! Hashes whose fields expire, in each form that there is.

use super::*;

/// A file of that magic with one hash.
fn file(magic: &[u8], value: &[u8]) -> Vec<u8> {
    let mut file = [magic, value, b"\xff"].concat();
    let sum = crc64(0, &file);
    file.extend_from_slice(&sum.to_le_bytes());
    file
}

const REDIS: &[u8] = b"REDIS0012";
const VALKEY: &[u8] = b"VALKEY080";

/// Its fields, with their times.
fn read(file: &[u8]) -> Result<String, RdbError> {
    let (mut reader, mut line) = (RdbReader::new(), String::new());
    for piece in file.chunks(7) {
        reader.feed(piece, &mut |item| {
            match item {
                RdbItem::Field { field, value } => {
                    line += &format!(" {}={}", field.escape_ascii(), value.escape_ascii());
                }
                RdbItem::FieldTime { field, at } => {
                    line += &format!(" {}@{at}", field.escape_ascii());
                }
                RdbItem::Begin { key, .. } => line += &key.escape_ascii().to_string(),
                RdbItem::End => line += ".",
                _ => {}
            }
            Ok(())
        })?;
    }
    assert!(reader.is_done());
    Ok(line)
}

/// 1,900,000,000,000 in eight bytes.
const FIRST: &[u8] = b"\x00\x38\xd3\x60\xba\x01\x00\x00";

#[test]
fn each_form_is_read_by_its_number_and_the_files_magic() {
    assert_eq!(
        i64::from_le_bytes(*FIRST.first_chunk().unwrap()),
        1_900_000_000_000
    );
    let listpack = b"\x17\x17\0\0\0\x06\0\x81a\x02\x01\x01\x03\x01\x81b\x02\x82cc\x03\0\x01\xff";
    assert_eq!(usize::from(listpack[0]), listpack.len() - 1);
    for (magic, value, shown) in [
        (
            REDIS,
            [
                &b"\x18\x01h"[..],
                FIRST,
                b"\x02\x01\x01a\x01b\x41\x00\x01c\x01d",
            ]
            .concat(),
            "h a=b a@1900000000000 c=d c@1900000000255.",
        ),
        (
            REDIS,
            [
                &b"\x18\x01h"[..],
                FIRST,
                b"\x02\x00\x01a\x01b\x01\x01c\x01d",
            ]
            .concat(),
            "h a=b c=d c@1900000000000.",
        ),
        (
            REDIS,
            [&b"\x16\x01h\x02\x00\x01a\x01b\x80\0\0\x10\0\x01c\x01d"[..]].concat(),
            "h a=b c=d c@4096.",
        ),
        (
            REDIS,
            [&b"\x19\x01h"[..], FIRST, listpack].concat(),
            "h a=1 a@3 b=cc.",
        ),
        (
            REDIS,
            [&b"\x17\x01h"[..], listpack].concat(),
            "h a=1 a@3 b=cc.",
        ),
        (
            VALKEY,
            [
                &b"\x16\x01h\x02\x01a\x01b"[..],
                &[0xff; 8],
                b"\x01c\x01d",
                FIRST,
            ]
            .concat(),
            "h a=b c=d c@1900000000000.",
        ),
        (REDIS, [&b"\x18\x01h"[..], FIRST, b"\x00"].concat(), ""),
    ] {
        assert_eq!(
            read(&file(magic, &value)).as_deref(),
            Ok(shown),
            "{value:?}"
        );
    }
}

#[test]
fn damaged_ones_are_refused() {
    let far = [0xff; 8];
    for (magic, value) in [
        (
            REDIS,
            [&b"\x18\x01h"[..], &far, b"\x01\x01\x01a\x01b"].concat(),
        ),
        (
            REDIS,
            [&b"\x18\x01h"[..], FIRST, b"\x01\x81", &far, b"\x01a\x01b"].concat(),
        ),
        (
            REDIS,
            [&b"\x16\x01h\x01\x81\0\x01"[..], &[0; 6], b"\x01a\x01b"].concat(),
        ),
        (
            VALKEY,
            [&b"\x16\x01h\x01\x01a\x01b"[..], &[0xfe; 8]].concat(),
        ),
        // No whole triple; a time that is a text, and one below zero.
        (
            REDIS,
            b"\x17\x01h\x0c\x0c\0\0\0\x02\0\x81a\x02\x01\x01\xff".to_vec(),
        ),
        (
            REDIS,
            b"\x17\x01h\x0f\x0f\0\0\0\x03\0\x81a\x02\x01\x01\x81z\x02\xff".to_vec(),
        ),
        (
            REDIS,
            b"\x17\x01h\x0f\x0f\0\0\0\x03\0\x81a\x02\x01\x01\xdf\xff\x02\xff".to_vec(),
        ),
    ] {
        let refused = read(&file(magic, &value));
        assert!(
            matches!(refused, Err(RdbError::Packed(_))),
            "{value:?}: {refused:?}"
        );
    }
    let other = read(&file(
        VALKEY,
        b"\x18\x01h\0\0\0\0\0\0\0\0\x01\x01\x01a\x01b",
    ));
    assert!(
        matches!(other, Err(RdbError::Type { code: 24, .. })),
        "{other:?}"
    );
}
