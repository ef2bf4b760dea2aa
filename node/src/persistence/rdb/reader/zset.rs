//! Sorted sets on their way in.

use slotkeeper_tree::element::{Element, Text};

use super::cursor::{Step, take};
use super::input::Input;
use super::value::Keyed;
use super::{RdbItem, Sink, emit};
use crate::data::Type;
use crate::persistence::rdb::packed::{self, Visit};
use crate::persistence::rdb::{RdbError, TYPE_ZSET_LISTPACK};

const NO_SCORE: RdbError = RdbError::Packed("score of a sorted set");

/// What comes next of a sorted set that is written member by member. Scores are doubles, or
/// (`as_text`) what Redis wrote before version 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZsetState {
    /// How many members there are.
    Count {
        /// Of the scores.
        as_text: bool,
    },
    /// A member; so many are still to come.
    Member(u64, bool),
    /// The score of the member that was kept.
    Score(u64),
    /// The length of its text, or what it is.
    Length(u64),
    /// So many bytes of its text are still to come, and what came so far.
    Text(u64, u8, Digits),
}

/// The text of a score, as far as it has come. 251 bytes are no score that Redis ever wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digits {
    bytes: [u8; DIGITS_MAX],
    len: u8,
}

/// `%.17g` has 24 bytes at most; some more were written by hand.
const DIGITS_MAX: usize = 40;

impl ZsetState {
    pub fn step(
        self,
        input: &mut Input<'_>,
        keyed: &mut Keyed,
        sink: &mut Sink<'_>,
    ) -> Step<Option<ZsetState>> {
        let (left, score) = match self {
            ZsetState::Count { as_text } => {
                let next = match take!(input.length()) {
                    // As in Redis: a sorted set without members is no key.
                    0 => None,
                    count => {
                        keyed.begin(Type::Zset, sink)?;
                        Some(ZsetState::Member(count, as_text))
                    }
                };
                return Ok(Some(next));
            }
            ZsetState::Member(left, as_text) => {
                keyed.first.keep(take!(input.string()));
                return Ok(Some(Some(if as_text {
                    ZsetState::Length(left)
                } else {
                    ZsetState::Score(left)
                })));
            }
            ZsetState::Score(left) => (left, f64::from_le_bytes(take!(input.array()))),
            ZsetState::Length(left) => match take!(input.byte()) {
                253 => (left, f64::NAN),
                254 => (left, f64::INFINITY),
                255 => (left, f64::NEG_INFINITY),
                len @ 1.. if usize::from(len) <= DIGITS_MAX => {
                    let digits = Digits {
                        bytes: [0; DIGITS_MAX],
                        len: 0,
                    };
                    return Ok(Some(Some(ZsetState::Text(left, len, digits))));
                }
                _ => return Err(NO_SCORE),
            },
            ZsetState::Text(left, more, mut digits) => {
                digits.bytes[usize::from(digits.len)] = take!(input.byte());
                digits.len += 1;
                if more > 1 {
                    return Ok(Some(Some(ZsetState::Text(left, more - 1, digits))));
                }
                let text = &digits.bytes[..usize::from(digits.len)];
                (left, number(text).ok_or(NO_SCORE)?)
            }
        };
        if score.is_nan() {
            return Err(NO_SCORE);
        }
        let as_text = !matches!(self, ZsetState::Score(_));
        let member = keyed.first.bytes();
        emit(sink, RdbItem::Scored { member, score })?;
        if left == 1 {
            emit(sink, RdbItem::End)?;
        }
        Ok(Some(
            (left > 1).then(|| ZsetState::Member(left - 1, as_text)),
        ))
    }
}

/// A number in decimal digits, or an infinity.
fn number(text: &[u8]) -> Option<f64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn score(element: Element<'_>) -> Option<f64> {
    let score = match element {
        Element::Int(whole) => whole as f64,
        Element::Str(text) => number(text)?,
    };
    (!score.is_nan()).then_some(score)
}

/// A sorted set whose members and scores are packed in one string.
pub fn packed(code: u8, bytes: &[u8], keyed: &Keyed, sink: &mut Sink<'_>) -> Result<(), RdbError> {
    // All of it is checked before any of it is handed out.
    let (mut count, mut all_are_scores) = (0usize, true);
    elements(code, bytes, &mut |element| {
        all_are_scores &= count % 2 == 0 || score(element).is_some();
        count += 1;
    })?;
    if count % 2 == 1 || !all_are_scores {
        return Err(RdbError::Packed("list of members and scores"));
    }
    if count == 0 {
        return Ok(());
    }
    keyed.begin(Type::Zset, sink)?;
    let (mut name, mut refused) = (None::<Element<'_>>, Ok(()));
    elements(code, bytes, &mut |element| {
        let Some(member) = name.take() else {
            name = Some(element);
            return;
        };
        if refused.is_ok()
            && let Some(score) = score(element)
        {
            refused = sink(RdbItem::Scored {
                member: member.bytes(&mut Text::new()),
                score,
            });
        }
    })?;
    refused
        .and_then(|()| sink(RdbItem::End))
        .map_err(RdbError::Refused)
}

fn elements<'a>(code: u8, bytes: &'a [u8], visit: Visit<'_, 'a>) -> Result<(), RdbError> {
    let (read, name) = match code {
        TYPE_ZSET_LISTPACK => (packed::listpack(bytes, visit), "listpack"),
        _ => (packed::ziplist(bytes, visit), "ziplist"),
    };
    read.ok_or(RdbError::Packed(name))
}
