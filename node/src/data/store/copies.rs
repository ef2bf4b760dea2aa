//! Copies of big values, made in steps before the command is executed that wants them.
//!
//! A client that wants to copy a big value waits while the copy is made, and so do writers of that
//! value; then the command takes what was made, so that for the stream and for everybody else it
//! is as if it had been made at once. Whatever changes the value all the same drops the copy.
//!
//! Who wants copies stands in a line, and those of the first one are made: so no more memory is
//! taken than by one request at a time, and all come to their turn. Writers that have waited for a
//! copy go on before the next one in the line does.

use std::collections::VecDeque;

use super::Store;
use crate::data::Key;
use crate::data::entry::{BigValue, CopyingValue};
use crate::data::walk::WalkWait;
use crate::io::SessionId;
use crate::time::Now;

/// Values of fewer bytes are copied at once.
const AT_ONCE: usize = 128 * 1024;
/// How many leaves are copied in a step.
const LEAVES: usize = 128;
/// A session that is first and does not take its copies leaves the line after this time: it may not write
/// any more, or no longer wants to.
const KEPT_MS: u64 = 1000;

/// A copy that is being made, or waits to be taken.
struct Copy {
    number: u64,
    db: usize,
    /// What is copied.
    key: Vec<u8>,
    copying: Box<dyn CopyingValue>,
    is_complete: bool,
}

/// All copies, and who wants them.
#[derive(Default)]
pub(in crate::data) struct Copies {
    line: VecDeque<SessionId>,
    /// Those of the first in the line.
    made: Vec<Copy>,
    last: u64,
    /// Since when the first in the line could have taken its copies, in monotonic milliseconds.
    idle_since: Option<u64>,
}

impl Copies {
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.line.is_empty()
    }

    fn of(&self, db: usize, key: &Key<'_>) -> Option<usize> {
        (self.made.iter()).position(|copy| copy.db == db && copy.key == key.bytes)
    }

    /// What a writer of that key waits for.
    pub fn wait(&self, db: usize, key: &Key<'_>) -> Option<WalkWait> {
        let at = self.of(db, key)?;
        Some(WalkWait::Source(self.made[at].number))
    }

    /// Whether nobody has to wait for that any more. `writers`: whether any writer waits for a copy.
    pub fn is_over(&self, wait: WalkWait, writers: bool) -> bool {
        let number_of = |copy: &Copy| match wait {
            WalkWait::Copy(number) => copy.number == number && !copy.is_complete,
            WalkWait::Source(number) => copy.number == number,
            _ => false,
        };
        match wait {
            WalkWait::Turn(session) if self.line.front() == Some(&session) => !writers,
            WalkWait::Turn(session) => !self.line.contains(&session),
            _ => !self.made.iter().any(number_of),
        }
    }

    /// Whether that is the wait for a copy that was made for this session itself.
    pub fn is_own(&self, wait: WalkWait, session: SessionId) -> bool {
        matches!(wait, WalkWait::Source(_)) && self.line.front() == Some(&session)
    }

    /// The first one leaves the line. Returns what was made for it.
    fn next_in_line(&mut self) -> Vec<Copy> {
        self.line.pop_front();
        self.idle_since = None;
        std::mem::take(&mut self.made)
    }
}

impl Store {
    pub fn copies(&self) -> &Copies {
        &self.copies
    }

    /// To be called before a session copies a value: makes a copy in steps if it is big. Returns
    /// what has to be waited for first. `writers`: whether any writer waits for a copy.
    pub fn prepare_copy(
        &mut self,
        session: SessionId,
        db: usize,
        key: &Key<'_>,
        writers: bool,
    ) -> Option<WalkWait> {
        if self.copied_in_steps(db, key).is_none() {
            self.leave_line(session);
            return None;
        }
        if !self.copies.line.contains(&session) {
            self.copies.line.push_back(session);
        }
        if self.copies.line.front() != Some(&session) {
            return Some(WalkWait::Turn(session));
        }
        if let Some(at) = self.copies.of(db, key) {
            let copy = &self.copies.made[at];
            return (!copy.is_complete).then_some(WalkWait::Copy(copy.number));
        }
        if writers {
            return Some(WalkWait::Turn(session));
        }
        let copying = self.copied_in_steps(db, key)?.begin_copy();
        self.copies.last += 1;
        let number = self.copies.last;
        self.copies.idle_since = None;
        self.copies.made.push(Copy {
            number,
            db,
            key: key.bytes.to_vec(),
            copying,
            is_complete: false,
        });
        Some(WalkWait::Copy(number))
    }

    /// The value of a key, if it is so big.
    fn copied_in_steps(&self, db: usize, key: &Key<'_>) -> Option<&dyn BigValue> {
        let value = self.get(db, key)?.big()?.value();
        (value.memory() >= AT_ONCE).then_some(value)
    }

    /// What the session wanted is not there to be copied in steps any more.
    fn leave_line(&mut self, session: SessionId) {
        if self.copies.line.front() != Some(&session) {
            self.copies.line.retain(|other| *other != session);
        } else if self.copies.made.is_empty() {
            self.copies.next_in_line();
        }
    }

    /// Goes on with the copy that is not complete. Sessions that have gone leave the line, as
    /// `is_there` says. Returns whether there is more to copy.
    pub fn copy_step(&mut self, now: Now, is_there: impl Fn(SessionId) -> bool) -> bool {
        let first = self.copies.line.front().copied();
        (self.copies.line).retain(|session| Some(*session) == first || is_there(*session));
        let is_late = |since: u64| now.mono_ms() >= since + KEPT_MS;
        let is_gone = first.is_some_and(|first| !is_there(first));
        if is_gone || self.copies.idle_since.is_some_and(is_late) {
            self.drop_copies();
        }
        let mut made = std::mem::take(&mut self.copies.made);
        let open = made.iter_mut().find(|copy| !copy.is_complete);
        let goes_on = open.is_some_and(|copy| !self.go_on(copy));
        self.copies.made = made;
        if !goes_on && !self.copies.is_empty() {
            self.copies.idle_since.get_or_insert(now.mono_ms());
        }
        goes_on
    }

    /// Returns whether the copy is complete.
    fn go_on(&mut self, copy: &mut Copy) -> bool {
        let entry = self.dbs[copy.db].get(&self.key(&copy.key));
        let big = entry.and_then(|entry| entry.view().big());
        let big = big.expect("what changes a value drops its copy");
        copy.is_complete = (copy.copying).step(&mut self.heap, big.value(), LEAVES);
        copy.is_complete
    }

    /// The copy of a value, if it is complete.
    pub(super) fn take_copy(&mut self, db: usize, key: &Key<'_>) -> Option<Box<dyn CopyingValue>> {
        let at = self.copies.of(db, key)?;
        if !self.copies.made[at].is_complete {
            return None;
        }
        let copy = self.copies.made.remove(at);
        if self.copies.made.is_empty() {
            self.copies.next_in_line();
        }
        Some(copy.copying)
    }

    /// The value is about to change.
    #[cold]
    pub(super) fn drop_copy(&mut self, db: usize, key: &Key<'_>) {
        if let Some(at) = self.copies.of(db, key) {
            let copy = self.copies.made.remove(at);
            copy.copying.give_up(&mut self.heap);
        }
    }

    /// Drops what was made for the first in the line, which leaves it.
    pub(super) fn drop_copies(&mut self) {
        for copy in self.copies.next_in_line() {
            copy.copying.give_up(&mut self.heap);
        }
    }
}
