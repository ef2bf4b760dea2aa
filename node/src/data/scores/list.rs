//! A small sorted set: the list of its elements.

use slotkeeper_tree::Scored;
use slotkeeper_tree::element::{Element, Encoded, Text};

use crate::data::collection::{decode, position, skip};

/// Whole numbers below that are integers, since a double has all of them.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// A score as it is stored. With the bytes of a double to borrow from.
fn encode(score: f64, bytes: &mut [u8; 8]) -> Encoded<'_> {
    let whole = score as i64;
    let is_whole = score.abs() < WHOLE_MAX && whole as f64 == score;
    if is_whole && !(whole == 0 && score.is_sign_negative()) {
        return Element::Int(whole).into();
    }
    *bytes = score.to_le_bytes();
    Element::Str(bytes).into()
}

fn score(element: Element<'_>) -> f64 {
    match element {
        Element::Int(whole) => whole as f64,
        Element::Str(bytes) => {
            let bytes = bytes.first_chunk().expect("a score is written as a double");
            f64::from_le_bytes(*bytes)
        }
    }
}

/// Appends a record.
pub fn push(list: &mut Vec<u8>, member: Element<'_>, score: f64) {
    Encoded::from(member).write_to(list);
    encode(score, &mut [0; 8]).write_to(list);
}

/// The record at the start of a list, and how many bytes it takes.
pub fn first(list: &[u8]) -> (Scored<'_>, usize) {
    let (member, len) = decode(list);
    let (element, more) = decode(&list[len..]);
    let score = score(element);
    (Scored { member, score }, len + more)
}

/// The records of a list.
pub fn records(list: &[u8]) -> impl Iterator<Item = Scored<'_>> {
    let mut rest = list;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (record, len) = first(rest);
        rest = &rest[len..];
        Some(record)
    })
}

/// The score of a member.
pub fn score_of(list: &[u8], member: &[u8]) -> Option<f64> {
    let member = Encoded::new(member);
    let at = position(list, &member, 2)?;
    Some(score(decode(&list[at + member.len()..]).0))
}

/// Takes a member out. Returns its score.
pub fn remove(list: &mut Vec<u8>, member: &[u8]) -> Option<f64> {
    let at = position(list, &Encoded::new(member), 2)?;
    Some(take(list, at))
}

/// Takes the record that begins there out. Returns its score.
fn take(list: &mut Vec<u8>, at: usize) -> f64 {
    let (record, len) = first(&list[at..]);
    let score = record.score;
    list.drain(at..at + len);
    score
}

/// Gives a member a score. Returns the one that it had; one that equals the new one stays.
pub fn set(list: &mut Vec<u8>, member: &[u8], score: f64) -> Option<f64> {
    let mut old = None;
    if let Some(at) = position(list, &Encoded::new(member), 2) {
        old = Some(first(&list[at..]).0.score);
        if old == Some(score) {
            return old;
        }
        take(list, at);
    }
    insert(list, member, score);
    old
}

/// Puts a member in that is not there, where it belongs.
fn insert(list: &mut Vec<u8>, member: &[u8], score: f64) {
    let (mut at, mut text) = (0, Text::new());
    while at < list.len() {
        let (record, len) = first(&list[at..]);
        let is_behind = record.score > score
            || record.score == score && record.member.bytes(&mut text) > member;
        if is_behind {
            break;
        }
        at += len;
    }
    let end = list.len();
    push(list, Element::new(member), score);
    let added = list.len() - end;
    list[at..].rotate_right(added);
}

/// How many bytes the first so many records take.
pub fn len_of(list: &[u8], records: usize) -> usize {
    let mut at = 0;
    for _ in 0..records {
        if at >= list.len() {
            break;
        }
        at += skip(&list[at..]);
        at += skip(&list[at..]);
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_score_comes_back_with_its_sign() {
        let scores = [
            0.0,
            -0.0,
            1.0,
            -1.0,
            0.1,
            1e15,
            WHOLE_MAX,
            -WHOLE_MAX,
            1e300,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::MIN_POSITIVE,
            // Its bytes are digits.
            f64::from_le_bytes(*b"12345678"),
        ];
        let mut list = Vec::new();
        for score in scores {
            push(&mut list, Element::new(b"12"), score);
        }
        let back: Vec<_> = records(&list).map(|it| it.score.to_bits()).collect();
        assert_eq!(back, scores.map(f64::to_bits));
    }
}
