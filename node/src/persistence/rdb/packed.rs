//! The packed forms in which Redis keeps small collections, and writes them to files: listpack,
//! intset, ziplist (before 7.0) and zipmap (before 2.6).
//!
//! Each function goes over a whole one and shows its elements; none if anything about it is not as
//! it must be. Nothing of the input is believed before it is checked.

use slotkeeper_tree::element::Element;
use slotkeeper_tree::element::backward::Backward;

/// Takes elements, the first one first.
pub type Visit<'v, 'a> = &'v mut dyn FnMut(Element<'a>);

/// A listpack: total length (4 bytes), count (2 bytes), elements with their length behind them, 255.
pub fn listpack<'a>(bytes: &'a [u8], visit: Visit<'_, 'a>) -> Option<()> {
    let total = u32::from_le_bytes(*bytes.first_chunk()?);
    let count = u16::from_le_bytes(*bytes.get(4..)?.first_chunk()?);
    let (mut rest, mut found) = (bytes.get(6..)?, 0usize);
    if total as usize != bytes.len() {
        return None;
    }
    while *rest.first()? != 0xFF {
        let (element, len) = Element::decode(rest)?;
        rest = rest[len..].strip_prefix(Backward::new(len).bytes())?;
        visit(element);
        found += 1;
    }
    let count_is_right = count == u16::MAX || usize::from(count) == found;
    (rest.len() == 1 && count_is_right).then_some(())
}

/// A ziplist: total length (4 bytes), offset of the last element (4), count (2), elements with the
/// length of the one before in front of them, 255.
pub fn ziplist<'a>(bytes: &'a [u8], visit: Visit<'_, 'a>) -> Option<()> {
    const HEAD: usize = 10;
    let total = u32::from_le_bytes(*bytes.first_chunk()?);
    let tail = u32::from_le_bytes(*bytes.get(4..)?.first_chunk()?);
    let count = u16::from_le_bytes(*bytes.get(8..)?.first_chunk()?);
    let (mut at, mut last, mut found, mut before) = (HEAD, HEAD, 0usize, 0);
    if total as usize != bytes.len() {
        return None;
    }
    while *bytes.get(at)? != 0xFF {
        let rest = &bytes[at..];
        let (said, width) = match rest[0] {
            254 => (
                u32::from_le_bytes(*rest.get(1..)?.first_chunk()?) as usize,
                5,
            ),
            short => (usize::from(short), 1),
        };
        let (element, len) = ziplist_element(rest.get(width..)?)?;
        if said != before {
            return None;
        }
        visit(element);
        (last, before) = (at, width + len);
        at += before;
        found += 1;
    }
    let count_is_right = count == u16::MAX || usize::from(count) == found;
    (at + 1 == bytes.len() && tail as usize == last && count_is_right).then_some(())
}

fn ziplist_element(rest: &[u8]) -> Option<(Element<'_>, usize)> {
    let (&head, body) = rest.split_first()?;
    let string = |skip: usize, len: usize| {
        let bytes = body.get(skip..)?.get(..len)?;
        Some((Element::Str(bytes), 1 + skip + len))
    };
    let number = |value: i64, len: usize| Some((Element::Int(value), 1 + len));
    match head {
        0..0x40 => string(0, usize::from(head)),
        0x40..0x80 => {
            let len = u16::from_be_bytes([head & 0x3F, *body.first()?]);
            string(1, usize::from(len))
        }
        0x80 => string(4, u32::from_be_bytes(*body.first_chunk()?) as usize),
        0xC0 => number(i64::from(i16::from_le_bytes(*body.first_chunk()?)), 2),
        0xD0 => number(i64::from(i32::from_le_bytes(*body.first_chunk()?)), 4),
        0xE0 => number(i64::from_le_bytes(*body.first_chunk()?), 8),
        0xF0 => {
            let [low, middle, high] = *body.first_chunk()?;
            let value = i32::from_le_bytes([0, low, middle, high]) >> 8;
            number(i64::from(value), 3)
        }
        0xFE => number(i64::from(body.first()?.cast_signed()), 1),
        0xF1..=0xFD => number(i64::from(head & 15) - 1, 0),
        _ => None,
    }
}

/// A zipmap: count (1 byte), then length, key, length, how many bytes are free, value, free bytes,
/// and 255.
pub fn zipmap<'a>(bytes: &'a [u8], visit: Visit<'_, 'a>) -> Option<()> {
    let (&count, mut rest) = bytes.split_first()?;
    let mut found = 0usize;
    while *rest.first()? != 0xFF {
        let (key, after) = zipmap_length(rest)?;
        let (key, after) = after.split_at_checked(key)?;
        let (value, after) = zipmap_length(after)?;
        let (&free, after) = after.split_first()?;
        let (value, after) = after.split_at_checked(value)?;
        rest = after.get(usize::from(free)..)?;
        visit(Element::Str(key));
        visit(Element::Str(value));
        found += 1;
    }
    let count_is_right = count >= 254 || usize::from(count) == found;
    (rest.len() == 1 && count_is_right).then_some(())
}

fn zipmap_length(rest: &[u8]) -> Option<(usize, &[u8])> {
    match rest.split_first()? {
        (255, _) => None,
        (254, after) => {
            let (len, after) = after.split_first_chunk()?;
            Some((u32::from_le_bytes(*len) as usize, after))
        }
        (&short, after) => Some((usize::from(short), after)),
    }
}

/// An intset: how many bytes an integer has (4 bytes: 2, 4 or 8), count (4 bytes), integers in
/// ascending order, each once, the little end first.
pub fn intset<'a>(bytes: &'a [u8], visit: Visit<'_, 'a>) -> Option<()> {
    let width = u32::from_le_bytes(*bytes.first_chunk()?) as usize;
    let count = u32::from_le_bytes(*bytes.get(4..)?.first_chunk()?) as usize;
    let integers = bytes.get(8..)?;
    let is_whole = matches!(width, 2 | 4 | 8) && integers.len() == count.checked_mul(width)?;
    if !is_whole || count == 0 {
        return None;
    }
    let mut before = None;
    for integer in integers.chunks_exact(width) {
        let value = match *integer {
            [a, b] => i64::from(i16::from_le_bytes([a, b])),
            [a, b, c, d] => i64::from(i32::from_le_bytes([a, b, c, d])),
            _ => i64::from_le_bytes(*integer.first_chunk()?),
        };
        if before.is_some_and(|before| before >= value) {
            return None;
        }
        visit(Element::Int(value));
        before = Some(value);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use slotkeeper_tree::element::Text;

    use super::*;

    type Form = for<'v, 'a> fn(&'a [u8], Visit<'v, 'a>) -> Option<()>;
    const FORMS: [Form; 4] = [listpack, ziplist, zipmap, intset];

    fn texts(form: Form, bytes: &[u8]) -> Option<Vec<String>> {
        let mut all = Vec::new();
        form(bytes, &mut |element| {
            let text = element.bytes(&mut Text::new()).to_vec();
            all.push(String::from_utf8_lossy(&text).into_owned());
        })?;
        Some(all)
    }

    /// `a 1 b hello`, the last one of 200 bytes, and numbers of all widths; and an intset.
    fn examples() -> [Vec<u8>; 4] {
        let long = [b'x'; 200];
        let mut list = b"\0\0\0\0\x04\0\x81a\x02\x01\x01\x81b\x02\xE0\xC8".to_vec();
        list.extend_from_slice(&long);
        list.extend_from_slice(&[1, 0xCA, 0xFF]);
        let total = list.len() as u32;
        list[..4].copy_from_slice(&total.to_le_bytes());
        let mut zip = b"\0\0\0\0\0\0\0\0\x0a\0".to_vec();
        zip.extend_from_slice(b"\0\x01a\x03\xF2\x02\x01b\x03\x40\xC8");
        zip.extend_from_slice(&long);
        zip.extend_from_slice(b"\xCB\xC0\x00\x01\x04\xD0\x00\x00\x01\x00\x06\xF0\x00\x00\x01");
        zip.extend_from_slice(b"\x05\xFE\xFF\x03\xF1\x02\xE0\0\0\0\0\0\0\0\x80");
        zip.push(0xFF);
        let (total, tail) = (zip.len() as u32, zip.len() as u32 - 11);
        zip[..4].copy_from_slice(&total.to_le_bytes());
        zip[4..8].copy_from_slice(&tail.to_le_bytes());
        let mut map = b"\x02\x01a\x01\x001\x01b\xC8\x02".to_vec();
        map.extend_from_slice(&long);
        map.extend_from_slice(b"..\xFF");
        let ints = b"\x02\0\0\0\x03\0\0\0\x00\x80\xff\xff\x07\x00".to_vec();
        [list, zip, map, ints]
    }

    #[test]
    fn whole_ones_are_read() {
        let long = "x".repeat(200);
        let [list, zip, map, ints] = examples();
        let all = Some(
            vec!["a", "1", "b", &long]
                .into_iter()
                .map(String::from)
                .collect(),
        );
        assert_eq!(texts(listpack, &list), all);
        assert_eq!(texts(zipmap, &map), all);
        let numbers = ["256", "65536", "65536", "-1", "0", "-9223372036854775808"];
        let all = ["a", "1", "b", &long].into_iter().chain(numbers);
        let all: Vec<String> = all.map(String::from).collect();
        assert_eq!(texts(ziplist, &zip), Some(all));
        let of = |texts: &[&str]| Some(texts.iter().copied().map(String::from).collect());
        assert_eq!(texts(intset, &ints), of(&["-32768", "-1", "7"]));
        let wide = b"\x04\0\0\0\x01\0\0\0\x00\x00\x00\x80";
        assert_eq!(texts(intset, wide), of(&["-2147483648"]));
        let wider = b"\x08\0\0\0\x01\0\0\0\xff\xff\xff\xff\xff\xff\xff\x7f";
        assert_eq!(texts(intset, wider), of(&["9223372036854775807"]));
    }

    #[test]
    fn cut_ones_and_those_with_something_behind_are_not() {
        for (form, whole) in FORMS.into_iter().zip(examples()) {
            for len in 0..whole.len() {
                assert_eq!(texts(form, &whole[..len]), None, "cut at {len}");
            }
            assert_eq!(texts(form, &[&whole[..], b"\xFF"].concat()), None);
        }
    }

    #[test]
    fn what_contradicts_itself_is_not() {
        let [list, zip, map, ints] = examples();
        let with = |whole: &[u8], at: usize, byte: u8| {
            let mut bytes = whole.to_vec();
            bytes[at] = byte;
            bytes
        };
        let end = list.len() - 2;
        for (at, byte) in [(0, 9), (4, 5), (8, 3), (end, 0xC9), (end + 1, 0)] {
            assert_eq!(texts(listpack, &with(&list, at, byte)), None, "{at}");
        }
        for (at, byte) in [(0, 9), (4, 9), (8, 9), (10, 1), (13, 4), (11, 0xBF)] {
            assert_eq!(texts(ziplist, &with(&zip, at, byte)), None, "{at}");
        }
        for (at, byte) in [(0, 3), (1, 255), (1, 200), (4, 9)] {
            assert_eq!(texts(zipmap, &with(&map, at, byte)), None, "{at}");
        }
        // Another width, another count, not in order, one of them twice.
        for (at, byte) in [(0, 3), (0, 4), (4, 2), (7, 0x80), (9, 0), (13, 0xff)] {
            assert_eq!(texts(intset, &with(&ints, at, byte)), None, "{at}");
        }
        assert_eq!(
            texts(intset, b"\x02\0\0\0\0\0\0\0"),
            None,
            "it has no members"
        );
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(
            place in 0usize..400,
            bytes in proptest::collection::vec(any::<u8>(), 0..12),
        ) {
            for (form, mut whole) in FORMS.into_iter().zip(examples()) {
                texts(form, &bytes);
                let place = place.min(whole.len());
                let end = (place + bytes.len()).min(whole.len());
                whole.splice(place..end, bytes.iter().copied());
                texts(form, &whole);
            }
        }
    }
}
