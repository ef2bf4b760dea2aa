//! Hashes whose fields expire, on their way in.

use slotkeeper_tree::element::{Element, Text};

use super::cursor::{Step, take};
use super::input::Input;
use super::value::Keyed;
use super::{RdbItem, Sink, emit};
use crate::data::Type;
use crate::persistence::rdb::RdbError;
use crate::persistence::rdb::packed;

/// Times are below this, in unix milliseconds: 48 bits, as in Redis.
const TIMES: i64 = 1 << 48;

/// How it is written when fields expire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimedForm {
    /// By Redis: before the field, counted from one millisecond before this time; 0 if never.
    Since(i64),
    /// By release candidates of Redis 7.4: before the field, in unix milliseconds; 0 if never.
    Absolute,
    /// By Valkey: behind the value, in unix milliseconds; -1 if never.
    Behind,
}

/// What comes next of such a hash that is written field by field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimedState {
    /// When the first field expires.
    First,
    /// How many fields there are.
    Count(TimedForm),
    /// When the next field expires; so many are still to come.
    Time(TimedForm, u64),
    /// A field, and when it expires.
    Field(TimedForm, u64, Option<i64>),
    /// The value of the field that was kept.
    Value(TimedForm, u64, Option<i64>),
    /// When the field that was kept expires: its value has come.
    Behind(u64),
}

impl TimedState {
    pub fn step(
        self,
        input: &mut Input<'_>,
        keyed: &mut Keyed,
        sink: &mut Sink<'_>,
    ) -> Step<Option<TimedState>> {
        let next = match self {
            TimedState::First => {
                let first = i64::from_le_bytes(take!(input.array()));
                if !(0..=TIMES).contains(&first) {
                    return Err(BAD_TIME);
                }
                Some(TimedState::Count(TimedForm::Since(first)))
            }
            TimedState::Count(form) => match take!(input.length()) {
                // As in Redis: a hash without fields is no key.
                0 => None,
                count => {
                    keyed.begin(Type::Hash, sink)?;
                    next_field(form, count)
                }
            },
            TimedState::Time(form, left) => {
                let time = take!(input.length());
                Some(TimedState::Field(form, left, form.time(time)?))
            }
            TimedState::Field(form, left, at) => {
                keyed.first.keep(take!(input.string()));
                Some(TimedState::Value(form, left, at))
            }
            TimedState::Value(form, left, at) => {
                let value = &take!(input.string());
                let field = keyed.first.bytes();
                emit(sink, RdbItem::Field { field, value })?;
                match form {
                    TimedForm::Behind => Some(TimedState::Behind(left)),
                    _ => end_field(form, left, at, keyed, sink)?,
                }
            }
            TimedState::Behind(left) => {
                let time = i64::from_le_bytes(take!(input.array()));
                let at = (time != -1).then_some(time);
                if at.is_some_and(|at| !(0..TIMES).contains(&at)) {
                    return Err(BAD_TIME);
                }
                end_field(TimedForm::Behind, left, at, keyed, sink)?
            }
        };
        Ok(Some(next))
    }
}

const BAD_TIME: RdbError = RdbError::Packed("time of a field");

impl TimedForm {
    /// When a field expires.
    fn time(self, written: u64) -> Result<Option<i64>, RdbError> {
        if written == 0 {
            return Ok(None);
        }
        let time = match self {
            TimedForm::Since(first) => (written - 1).checked_add_signed(first),
            TimedForm::Absolute | TimedForm::Behind => Some(written),
        };
        let time = time.and_then(|time| i64::try_from(time).ok());
        let time = time.filter(|time| (0..TIMES).contains(time));
        time.map(Some).ok_or(BAD_TIME)
    }
}

/// The state before a field; so many are still to come.
fn next_field(form: TimedForm, left: u64) -> Option<TimedState> {
    match (left, form) {
        (0, _) => None,
        (_, TimedForm::Behind) => Some(TimedState::Field(form, left, None)),
        _ => Some(TimedState::Time(form, left)),
    }
}

/// The field that was kept is complete; with it so many were to come.
fn end_field(
    form: TimedForm,
    left: u64,
    at: Option<i64>,
    keyed: &Keyed,
    sink: &mut Sink<'_>,
) -> Result<Option<TimedState>, RdbError> {
    if let Some(at) = at {
        let field = keyed.first.bytes();
        emit(sink, RdbItem::FieldTime { field, at })?;
    }
    if left == 1 {
        emit(sink, RdbItem::End)?;
    }
    Ok(next_field(form, left - 1))
}

/// One whose fields are packed in one listpack: field, value, time in unix milliseconds or 0.
pub fn packed(bytes: &[u8], keyed: &Keyed, sink: &mut Sink<'_>) -> Result<(), RdbError> {
    // All of it is checked before any of it is handed out.
    let (mut count, mut is_bad) = (0usize, false);
    let mut check = |element: Element<'_>| {
        let is_time = count % 3 == 2;
        is_bad |= is_time && !matches!(element, Element::Int(at) if (0..TIMES).contains(&at));
        count += 1;
    };
    packed::listpack(bytes, &mut check).ok_or(RdbError::Packed("listpack"))?;
    if is_bad || !count.is_multiple_of(3) {
        return Err(RdbError::Packed("list of fields, values and times"));
    }
    if count == 0 {
        return Ok(());
    }
    keyed.begin(Type::Hash, sink)?;
    let (mut held, mut refused) = (Vec::new(), Ok(()));
    let mut hand_out = |element: Element<'_>| {
        if held.len() < 2 {
            held.push(element.bytes(&mut Text::new()).to_vec());
            return;
        }
        let (field, value) = (&held[0], &held[1]);
        if refused.is_ok() {
            refused = sink(RdbItem::Field { field, value });
        }
        if let Element::Int(at @ 1..) = element
            && refused.is_ok()
        {
            refused = sink(RdbItem::FieldTime { field, at });
        }
        held.clear();
    };
    packed::listpack(bytes, &mut hand_out).ok_or(RdbError::Packed("listpack"))?;
    refused
        .and_then(|()| sink(RdbItem::End))
        .map_err(RdbError::Refused)
}
