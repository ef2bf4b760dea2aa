//! The encoding against its description, both ways.

use super::*;

fn encode(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Encoded::new(bytes).write_to(&mut out);
    out
}

#[test]
fn integers_take_the_shortest_form_and_come_back() {
    let sizes: [(i64, usize); 18] = [
        (0, 1),
        (127, 1),
        (128, 2),
        (-1, 2),
        (4095, 2),
        (-4096, 2),
        (4096, 3),
        (-4097, 3),
        (0x7FFF, 3),
        (-0x8000, 3),
        (0x8000, 4),
        (-0x80_0000, 4),
        (0x7F_FFFF, 4),
        (0x80_0000, 5),
        (i64::from(i32::MIN), 5),
        (i64::from(i32::MAX) + 1, 9),
        (i64::MIN, 9),
        (i64::MAX, 9),
    ];
    for (value, size) in sizes {
        let text = value.to_string();
        let encoded = encode(text.as_bytes());
        assert_eq!(encoded.len(), size, "{value}");
        assert_eq!(Element::decode(&encoded), Some((Element::Int(value), size)));
        assert_eq!(Text::new().write(value), text.as_bytes());
        assert_eq!(Element::Int(value).text_len(), text.len());
    }
    // Redis's own bytes for these.
    assert_eq!(encode(b"-2"), [0xDF, 0xFE]);
    assert_eq!(encode(b"1024"), [0xC4, 0x00]);
    assert_eq!(encode(b"-32768"), [0xF1, 0x00, 0x80]);
}

#[test]
fn a_text_that_an_integer_would_not_be_written_as_stays_a_string() {
    let texts = [
        "",
        "-",
        "+1",
        "01",
        "-0",
        "00",
        "1 ",
        " 1",
        "1.0",
        "0x1",
        "9223372036854775808",
        "-9223372036854775809",
        "99999999999999999999",
        "1234567890123456789012",
        "1\0",
    ];
    for text in texts {
        let encoded = encode(text.as_bytes());
        let expected = Element::Str(text.as_bytes());
        assert_eq!(Element::decode(&encoded), Some((expected, encoded.len())));
    }
}

#[test]
fn strings_of_every_header_come_back_and_a_cut_one_is_none() {
    for (len, header) in [
        (0, 1),
        (1, 1),
        (63, 1),
        (64, 2),
        (255, 2),
        (4095, 2),
        (4096, 5),
        (70_000, 5),
    ] {
        let bytes = vec![b'x'; len];
        let encoded = encode(&bytes);
        assert_eq!(encoded.len(), header + len);
        assert_eq!(Encoded::new(&bytes).len(), header + len);
        let decoded = Element::decode(&encoded);
        assert_eq!(decoded, Some((Element::Str(&bytes), header + len)));
        for cut in [0, header - 1, header + len - 1] {
            assert_eq!(Element::decode(&encoded[..cut]), None, "{len} cut at {cut}");
        }
    }
}

#[test]
fn hostile_bytes_are_never_read_beyond_their_end() {
    for first in 0..=255 {
        for len in 0..10 {
            let mut bytes = vec![0xFF; len + 1];
            bytes[0] = first;
            if let Some((_, taken)) = Element::decode(&bytes) {
                assert!((1..=bytes.len()).contains(&taken));
            }
        }
    }
    // A length near the end of the address space.
    assert_eq!(Element::decode(&[0xF0, 0xFF, 0xFF, 0xFF, 0xFF, 1]), None);
}

#[test]
fn only_the_same_element_is_found_at_a_place() {
    let texts: [&[u8]; 8] = [b"", b"a", b"ab", b"abc", b"1", b"12", b"-1", b"300"];
    for stored in texts {
        let mut place = encode(stored);
        place.extend_from_slice(b"abc");
        for sought in texts {
            assert_eq!(Encoded::new(sought).is_at(&place), sought == stored);
        }
    }
}

#[test]
fn an_element_is_only_where_all_its_bytes_are() {
    let text: Vec<u8> = (b'A'..b'A' + 50).collect();
    for len in 1..=text.len() {
        let sought = Encoded::new(&text[..len]);
        let mut place = Vec::new();
        sought.write_to(&mut place);
        assert!(sought.is_at(&place));
        assert!(!sought.is_at(&place[..place.len() - 1]));
        for at in 0..place.len() {
            place[at] ^= 0x20;
            assert!(!sought.is_at(&place), "byte {at} of {len}");
            place[at] ^= 0x20;
        }
    }
}
