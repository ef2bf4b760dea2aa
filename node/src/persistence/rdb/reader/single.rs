//! Reads one value that stands alone: its type, and what follows it.

use std::borrow::Cow;

use super::cursor::{Step, take};
use super::input::{Held, Input};
use super::value::{Keyed, ValueState};
use super::{Fed, Sink, unknown_type};
use crate::persistence::rdb::RdbError;

/// The state of reading, as that of a file.
#[derive(Debug, Default)]
pub struct ValueReader {
    held: Held,
    state: State,
    keyed: Keyed,
    is_valkey: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Type,
    Value(ValueState),
    Done,
}

impl ValueReader {
    /// Of a value that is handed out with this key.
    pub fn new(key: &[u8]) -> ValueReader {
        let mut reader = ValueReader::default();
        reader.keyed.key.keep(Cow::Borrowed(key));
        reader
    }

    /// Types have Valkey's own numbers, or Redis's.
    pub fn set_valkey(&mut self, is_valkey: bool) {
        self.is_valkey = is_valkey;
    }

    /// The memory of what is not whole yet, in bytes.
    pub fn memory(&self) -> usize {
        self.held.memory() + self.keyed.memory()
    }

    /// Takes the next bytes and hands what they complete to `sink`.
    ///
    /// # Errors
    /// When the bytes are no value, or the sink has refused; the reader is of no use afterwards.
    pub fn feed(&mut self, bytes: &[u8], sink: &mut Sink<'_>) -> Result<Fed, RdbError> {
        let mut input = Input::new(bytes, &mut self.held);
        while self.state != State::Done
            && step(
                &mut self.state,
                self.is_valkey,
                &mut input,
                &mut self.keyed,
                sink,
            )?
            .is_some()
        {}
        Ok(Fed {
            consumed: input.consumed(),
            done: self.state == State::Done,
        })
    }
}

fn step(
    state: &mut State,
    is_valkey: bool,
    input: &mut Input<'_>,
    keyed: &mut Keyed,
    sink: &mut Sink<'_>,
) -> Step<()> {
    *state = match *state {
        State::Type => {
            let code = take!(input.byte());
            let value = ValueState::of(code, is_valkey);
            State::Value(value.ok_or_else(|| unknown_type(code, keyed.key.bytes()))?)
        }
        State::Value(value) => match take!(value.step(input, keyed, sink)) {
            Some(next) => State::Value(next),
            None => State::Done,
        },
        State::Done => return Ok(None),
    };
    Ok(Some(()))
}
