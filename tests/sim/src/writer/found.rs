//! What a client has found under a key.

use std::collections::BTreeMap;

use slotkeeper_node::resp::ReplyValue;

use super::keys::{ADDED, PUSHED, PUSHES_KEPT};

/// What stands under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The number of the write that was last.
    Number(u64),
    Nothing,
    /// Part of what was written at once.
    Half,
    Other,
}

impl Found {
    /// What GET, or MGET of keys that are written at once, has answered.
    pub(super) fn of(reply: &ReplyValue) -> Found {
        match reply {
            ReplyValue::Null => Found::Nothing,
            ReplyValue::Array(values) => {
                let mut all = values.iter().map(Found::of);
                let first = all.next().unwrap_or(Found::Other);
                match all.all(|other| other == first) {
                    true => first,
                    false => Found::Half,
                }
            }
            other => number(other).map_or(Found::Other, Found::Number),
        }
    }

    /// What HGETALL has answered of a hash whose fields are written at once, or ZRANGE of a sorted
    /// set whose members get their scores at once.
    pub(super) fn of_pairs(reply: &ReplyValue, count: u64) -> Found {
        let ReplyValue::Array(pairs) = reply else {
            return Found::Other;
        };
        let values: Vec<ReplyValue> = pairs.iter().skip(1).step_by(2).cloned().collect();
        match values.len() as u64 {
            0 => Found::Nothing,
            all if all == count => Found::of(&ReplyValue::Array(values)),
            _ => Found::Half,
        }
    }

    /// What LRANGE has answered of a list to which every write pushes its number a few times.
    pub(super) fn of_list(reply: &ReplyValue) -> Found {
        numbers(reply).map_or(Found::Other, |numbers| Found::of_writes(&numbers))
    }

    /// What XRANGE has answered of a stream to which every write adds a few messages with its number.
    pub(super) fn of_stream(reply: &ReplyValue) -> Found {
        let ReplyValue::Array(messages) = reply else {
            return Found::Other;
        };
        let fields = |message: &ReplyValue| match message {
            ReplyValue::Array(parts) => parts.get(1).and_then(numbers_of_pairs),
            _ => None,
        };
        let fields: Option<Vec<Vec<u64>>> = messages.iter().map(fields).collect();
        fields.map_or(Found::Other, |fields| Found::of_writes(&fields.concat()))
    }

    /// Numbers of which each write has left a few, in order.
    fn of_writes(numbers: &[u64]) -> Found {
        let writes: Vec<&[u64]> = numbers.chunks(PUSHED).collect();
        let is_whole =
            |write: &&[u64]| write.len() == PUSHED && write.iter().all(|n| *n == write[0]);
        match numbers.last() {
            None => Found::Nothing,
            Some(_) if !writes.iter().all(is_whole) => Found::Half,
            Some(last) => {
                let is_ordered = writes.windows(2).all(|two| two[0][0] < two[1][0]);
                match is_ordered && writes.len() <= PUSHES_KEPT {
                    true => Found::Number(*last),
                    false => Found::Other,
                }
            }
        }
    }

    /// What SMEMBERS has answered of a set to which every write adds members of its own, after it
    /// has drawn some of the others.
    pub(super) fn of_set(reply: &ReplyValue) -> Found {
        let Some(numbers) = numbers(reply) else {
            return Found::Other;
        };
        let mut writes: BTreeMap<u64, u64> = BTreeMap::new();
        (numbers.iter()).for_each(|member| *writes.entry(member / ADDED).or_default() += 1);
        match writes.last_key_value() {
            None => Found::Nothing,
            Some((number, &ADDED)) => Found::Number(*number),
            Some(_) => Found::Half,
        }
    }
}

fn numbers(reply: &ReplyValue) -> Option<Vec<u64>> {
    match reply {
        ReplyValue::Array(values) => values.iter().map(number).collect(),
        _ => None,
    }
}

/// The values of fields.
fn numbers_of_pairs(reply: &ReplyValue) -> Option<Vec<u64>> {
    match reply {
        ReplyValue::Array(pairs) => pairs.iter().skip(1).step_by(2).map(number).collect(),
        _ => None,
    }
}

fn number(reply: &ReplyValue) -> Option<u64> {
    std::str::from_utf8(reply.text()?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(values: &[&str]) -> ReplyValue {
        let bulk = |text: &&str| ReplyValue::Bulk(text.as_bytes().to_vec());
        ReplyValue::Array(values.iter().map(bulk).collect())
    }

    #[test]
    fn a_hash_with_a_field_too_few_is_half_of_it() {
        let hash = |pairs: &[&str]| Found::of_pairs(&array(pairs), 2);
        assert_eq!(hash(&["a", "3", "b", "3"]), Found::Number(3));
        assert_eq!(hash(&["a", "3", "b", "2"]), Found::Half);
        assert_eq!(hash(&["a", "3"]), Found::Half);
        assert_eq!(hash(&[]), Found::Nothing);
    }

    #[test]
    fn half_of_a_transaction_is_told_from_all_of_it() {
        let both = |a: &str, b: ReplyValue| {
            Found::of(&ReplyValue::Array(vec![
                ReplyValue::Bulk(a.as_bytes().to_vec()),
                b,
            ]))
        };
        let text = |text: &str| ReplyValue::Bulk(text.as_bytes().to_vec());
        assert_eq!(both("3", text("3")), Found::Number(3));
        assert_eq!(both("3", text("2")), Found::Half);
        assert_eq!(both("3", ReplyValue::Null), Found::Half);
        let none = ReplyValue::Array(vec![ReplyValue::Null, ReplyValue::Null]);
        assert_eq!(Found::of(&none), Found::Nothing);
    }

    #[test]
    fn a_list_tells_what_was_pushed_twice_or_in_part() {
        let list = |elements: &[&str]| Found::of_list(&array(elements));
        assert_eq!(list(&["3", "3", "3", "5", "5", "5"]), Found::Number(5));
        assert_eq!(list(&["3", "3", "3", "5", "5"]), Found::Half);
        assert_eq!(list(&["3", "3", "3", "3", "3", "3"]), Found::Other);
        assert_eq!(list(&["5", "5", "5", "3", "3", "3"]), Found::Other);
        assert_eq!(list(&["1"; 18]), Found::Other);
        assert_eq!(list(&[]), Found::Nothing);
    }

    #[test]
    fn a_stream_tells_what_was_added_twice_or_in_part() {
        let stream = |numbers: &[&str]| {
            let message = |number: &&str| {
                let id = ReplyValue::Bulk(b"1-1".to_vec());
                ReplyValue::Array(vec![id, array(&["number", number])])
            };
            Found::of_stream(&ReplyValue::Array(numbers.iter().map(message).collect()))
        };
        assert_eq!(stream(&["3", "3", "3", "5", "5", "5"]), Found::Number(5));
        assert_eq!(stream(&["3", "3", "3", "5", "5", "5", "5"]), Found::Half);
        assert_eq!(stream(&["three"]), Found::Other);
        assert_eq!(stream(&[]), Found::Nothing);
        assert_eq!(Found::of_stream(&array(&["3"])), Found::Other);
    }

    #[test]
    fn a_set_has_all_members_of_its_last_write() {
        let set = |members: &[&str]| Found::of_set(&array(members));
        assert_eq!(set(&["15", "16", "17", "4"]), Found::Number(5));
        assert_eq!(set(&["15", "17", "3", "4", "5"]), Found::Half);
        assert_eq!(set(&["three"]), Found::Other);
        assert_eq!(set(&[]), Found::Nothing);
    }
}
