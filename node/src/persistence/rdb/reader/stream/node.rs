//! A node of a stream: a listpack of messages that have fields in common. Its form is described where
//! it is written, in the tree's `messages/node.rs`.

use slotkeeper_tree::StreamId;
use slotkeeper_tree::element::{Element, backward};

use super::damaged;
use crate::persistence::rdb::{RdbError, packed};

/// What a flag of a message says.
const DELETED: i64 = 1;
const SAME_FIELDS: i64 = 2;
/// What a listpack has before its elements.
const LIST_HEAD: usize = 6;

/// The fields of a message with their values, as they lie in a node that was checked.
#[derive(Clone, Debug, PartialEq)]
pub struct PackedPairs<'a> {
    /// The fields of the node, if they are its own.
    fields: Option<&'a [u8]>,
    /// Values, or fields and values by turns.
    body: &'a [u8],
    left: usize,
}

impl<'a> Iterator for PackedPairs<'a> {
    type Item = (Element<'a>, Element<'a>);

    fn next(&mut self) -> Option<(Element<'a>, Element<'a>)> {
        self.left = self.left.checked_sub(1)?;
        let field = take(self.fields.as_mut().unwrap_or(&mut self.body))?;
        Some((field, take(&mut self.body)?))
    }
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<Element<'a>> {
    let (element, len) = backward::first(rest)?;
    *rest = &rest[len..];
    Some(element)
}

/// The elements that are still to be read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn number(&mut self) -> Option<i64> {
        match take(&mut self.0)? {
            Element::Int(number) => Some(number),
            Element::Str(_) => None,
        }
    }

    fn count(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    /// So many elements, as bytes.
    fn skip(&mut self, elements: usize) -> Option<&'a [u8]> {
        let all = self.0;
        for _ in 0..elements {
            take(&mut self.0)?;
        }
        Some(&all[..all.len() - self.0.len()])
    }
}

/// Takes the messages of a node.
type Visit<'v, 'a> = &'v mut dyn FnMut(StreamId, PackedPairs<'a>) -> Result<(), RdbError>;

/// Reads a node; calls with its messages but for those that are deleted.
///
/// # Errors
/// When anything about it is not as it must be, or `visit` refuses.
pub fn read<'a>(base: StreamId, list: &'a [u8], visit: Visit<'_, 'a>) -> Result<(), RdbError> {
    packed::listpack(list, &mut |_| {}).ok_or(RdbError::Packed("listpack"))?;
    let mut rest = Rest(&list[LIST_HEAD..list.len() - 1]);
    let head = |rest: &mut Rest<'a>| {
        let (count, deleted) = (rest.count()?, rest.count()?);
        let fields = rest.count()?;
        let names = rest.skip(fields)?;
        (rest.number()? == 0).then_some((count.checked_add(deleted)?, deleted, fields, names))
    };
    let (all, deleted, fields, names) = head(&mut rest).ok_or_else(damaged)?;
    let mut found_deleted = 0;
    for _ in 0..all {
        let (flags, id, pairs) = message(&mut rest, base, (fields, names)).ok_or_else(damaged)?;
        if flags & DELETED != 0 {
            found_deleted += 1;
        } else {
            visit(id, pairs)?;
        }
    }
    if rest.0.is_empty() && found_deleted == deleted && all > 0 {
        Ok(())
    } else {
        Err(damaged())
    }
}

fn message<'a>(
    rest: &mut Rest<'a>,
    base: StreamId,
    (fields, names): (usize, &'a [u8]),
) -> Option<(i64, StreamId, PackedPairs<'a>)> {
    let flags = rest.number()?;
    let id = base.plus((rest.number()?, rest.number()?));
    let is_same = flags & SAME_FIELDS != 0;
    let count = if is_same { fields } else { rest.count()? };
    let elements = if is_same {
        count
    } else {
        count.checked_mul(2)?
    };
    let body = rest.skip(elements)?;
    let before = 3 + usize::from(!is_same);
    let pairs = PackedPairs {
        fields: is_same.then_some(names),
        body,
        left: count,
    };
    let said = rest.count()?;
    (said == elements + before && flags & !(DELETED | SAME_FIELDS) == 0)
        .then_some((flags, id, pairs))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use slotkeeper_tree::element::Text;

    use super::*;

    /// A listpack of these elements.
    fn list(elements: &[&str]) -> Vec<u8> {
        let mut bytes = vec![0; LIST_HEAD];
        for element in elements {
            backward::write(&Element::new(element.as_bytes()).into(), &mut bytes);
        }
        bytes.push(0xFF);
        let total = bytes.len() as u32;
        bytes[..4].copy_from_slice(&total.to_le_bytes());
        bytes[4..6].copy_from_slice(&(elements.len() as u16).to_le_bytes());
        bytes
    }

    fn shown(bytes: &[u8]) -> Option<Vec<String>> {
        let (mut all, base) = (Vec::new(), StreamId { ms: 10, seq: 5 });
        let read = read(base, bytes, &mut |id, pairs| {
            let text = |element: Element<'_>| {
                String::from_utf8_lossy(element.bytes(&mut Text::new())).into_owned()
            };
            let pairs = pairs.map(|(field, value)| format!("{}={}", text(field), text(value)));
            let pairs: Vec<_> = pairs.collect();
            all.push(format!("{}-{} {}", id.ms, id.seq, pairs.join(" ")));
            Ok(())
        });
        read.ok().map(|()| all)
    }

    const WHOLE: [&str; 24] = [
        "2", "1", "2", "a", "b", "0", // two messages, one deleted, two fields
        "2", "0", "0", "1", "x", "5", // the same fields
        "3", "1", "0", "2", "y", "5", // the same, deleted
        "0", "7", "-5", "1", "c", "z",
    ];

    fn whole() -> Vec<&'static str> {
        [&WHOLE[..], &["6"]].concat()
    }

    #[test]
    fn messages_are_read_and_deleted_ones_passed_over() {
        let expected = vec!["10-5 a=1 b=x".to_owned(), "17-0 c=z".to_owned()];
        assert_eq!(shown(&list(&whole())), Some(expected));
    }

    #[test]
    fn a_node_that_lies_is_refused() {
        let whole = whole();
        for (at, other) in [
            (0, "3"),
            (0, "1"),
            (0, "-1"),
            (0, "x"),
            (0, "9223372036854775807"),
            (1, "0"),
            (1, "2"),
            (2, "1"),
            (2, "9"),
            (2, "-1"),
            (5, "1"),
            (6, "4"),
            (6, "x"),
            (7, "x"),
            (8, "x"),
            (11, "4"),
            (11, "6"),
            (21, "2"),
            (21, "-1"),
            (21, "0"),
            (24, "5"),
        ] {
            let mut lying = whole.clone();
            lying[at] = other;
            assert_eq!(shown(&list(&lying)), None, "{at}: {other}");
        }
        for len in 0..whole.len() {
            assert_eq!(shown(&list(&whole[..len])), None, "{len}");
        }
        assert_eq!(shown(&list(&[&whole[..], &["1"]].concat())), None);
        assert_eq!(shown(&list(&["0", "0", "0", "0"])), None);
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(
            place in 0usize..80,
            bytes in proptest::collection::vec(any::<u8>(), 0..12),
        ) {
            shown(&bytes);
            let mut whole = list(&whole());
            let place = place.min(whole.len());
            let end = (place + bytes.len()).min(whole.len());
            whole.splice(place..end, bytes.iter().copied());
            shown(&whole);
        }
    }
}
