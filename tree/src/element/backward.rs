//! The length backward: behind each element of a list stands how many bytes it takes, so that a list
//! can be read from its end. Groups of seven bits, all but the first one marked.

use super::{Element, Encoded};

/// How many bytes the length of an element of `len` bytes takes; the bounds are those of Redis.
#[must_use]
#[inline]
pub fn size(len: usize) -> usize {
    match len {
        0..=127 => 1,
        128..16_383 => 2,
        16_383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    }
}

/// How many bytes the element of these bytes takes in a list, with its length behind it.
#[must_use]
#[inline]
pub fn listed(bytes: &[u8]) -> usize {
    let len = Encoded::new(bytes).len();
    len + size(len)
}

/// The length of an element as it stands behind it.
#[derive(Clone, Copy, Debug)]
pub struct Backward {
    bytes: [u8; 5],
    len: u8,
}

impl Backward {
    /// That of an element of `len` bytes.
    #[must_use]
    #[inline]
    pub fn new(len: usize) -> Backward {
        let groups = size(len);
        let mut bytes = [0; 5];
        for (at, byte) in bytes[..groups].iter_mut().enumerate() {
            let mark = if at == 0 { 0 } else { 128 };
            *byte = (len >> (7 * (groups - 1 - at)) & 127) as u8 | mark;
        }
        Backward {
            bytes,
            len: groups as u8,
        }
    }

    /// Its bytes.
    #[must_use]
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// Appends an element with its length behind it.
pub fn write(encoded: &Encoded<'_>, list: &mut Vec<u8>) {
    encoded.write_to(list);
    list.extend_from_slice(Backward::new(encoded.len()).bytes());
}

/// Reads the length at the end of `list`. Returns how many bytes the element before it takes, and how
/// many the length itself; none if there is no whole one, or no room for such an element.
#[must_use]
#[inline]
pub fn read(list: &[u8]) -> Option<(usize, usize)> {
    let (mut len, mut groups) = (0, 0);
    for &byte in list.iter().rev().take(5) {
        len |= usize::from(byte & 127) << (7 * groups);
        groups += 1;
        if byte < 128 {
            return (len + groups <= list.len()).then_some((len, groups));
        }
    }
    None
}

/// The element at the start of `list`, and how many bytes it takes with its length behind it.
#[must_use]
#[inline]
pub fn first(list: &[u8]) -> Option<(Element<'_>, usize)> {
    let (element, len) = Element::decode(list)?;
    Some((element, len + size(len)))
}

/// The element at the end of `list`, and how many bytes it takes with its length behind it.
#[must_use]
#[inline]
pub fn last(list: &[u8]) -> Option<(Element<'_>, usize)> {
    let (len, behind) = read(list)?;
    let (element, _) = Element::decode(&list[list.len() - len - behind..])?;
    Some((element, len + behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_those_of_redis_and_are_read_back() {
        for (len, bytes) in [
            (127, &[127][..]),
            (128, &[1, 128]),
            (16_382, &[127, 254]),
            (16_383, &[0, 255, 255]),
            (300_000, &[18, 167, 224]),
            (2_097_150, &[127, 255, 254]),
            (2_097_151, &[0, 255, 255, 255]),
            (268_435_455, &[0, 255, 255, 255, 255]),
        ] {
            assert_eq!(Backward::new(len).bytes(), bytes, "{len}");
            let room = [vec![0; if cfg!(miri) { 300 } else { len }], bytes.to_vec()].concat();
            let fits = room.len() >= len + bytes.len();
            assert_eq!(read(&room), fits.then_some((len, bytes.len())), "{len}");
        }
    }

    #[test]
    fn a_list_is_read_from_both_ends() {
        let texts: [&[u8]; 5] = [b"one", b"2", b"", &[b'x'; 200], b"-70000"];
        let mut list = Vec::new();
        for text in texts {
            write(&Encoded::new(text), &mut list);
        }
        assert_eq!(texts.map(listed).iter().sum::<usize>(), list.len());
        let (mut front, mut back) = (&list[..], &list[..]);
        for at in 0..texts.len() {
            let (element, len) = first(front).expect("there are more");
            assert_eq!(element, Element::new(texts[at]));
            front = &front[len..];
            let (element, len) = last(back).expect("there are more");
            assert_eq!(element, Element::new(texts[texts.len() - 1 - at]));
            back = &back[..back.len() - len];
        }
        assert!(front.is_empty() && back.is_empty() && first(front).is_none());
        assert!(last(back).is_none());
    }

    #[test]
    fn a_length_that_lies_is_none() {
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[2]), None);
        assert_eq!(read(&[128, 128, 128, 128, 128, 128]), None);
        assert_eq!(read(&[127, 255]), None);
        assert!(last(&[0xFF, 1]).is_none());
    }
}
