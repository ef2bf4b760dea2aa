//! Sparse registers: runs of equal ones.
//!
//! | Bytes | Meaning |
//! |---|---|
//! | `00nnnnnn` | n+1 registers of 0 |
//! | `01nnnnnn nnnnnnnn` | n+1 registers of 0 |
//! | `1vvvvvnn` | n+1 registers of v+1 |
//!
//! A change splits and joins runs just as Redis does, so that the bytes are the same.

use std::ops::Range;

use super::{CORRUPT, HEAD, REGISTERS};
use crate::command::Refused;

/// The most registers of a short run of zeros.
const ZERO_MAX: usize = 64;
/// The most registers of a run of another value.
const VALUE_RUN_MAX: usize = 4;
/// The highest value of a run.
const VALUE_MAX: u8 = 32;
/// So many runs around a change are looked at for equal ones.
const JOINED: usize = 5;

/// A run of registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// How many.
    pub count: usize,
    /// Of each.
    pub value: u8,
    /// How many bytes it takes.
    pub bytes: usize,
}

/// The run at the start of these bytes, if there are any. Of one that has lost its second byte that
/// is 0, which ends a string in Redis.
fn first(bytes: &[u8]) -> Option<Run> {
    let (head, next) = (usize::from(*bytes.first()?), bytes.get(1));
    let next = usize::from(next.copied().unwrap_or(0));
    Some(match head >> 6 {
        0 => Run {
            count: (head & 0x3F) + 1,
            value: 0,
            bytes: 1,
        },
        1 => Run {
            count: ((head & 0x3F) << 8 | next) + 1,
            value: 0,
            bytes: 2,
        },
        _ => Run {
            count: (head & 3) + 1,
            value: (head >> 2 & 0x1F) as u8 + 1,
            bytes: 1,
        },
    })
}

/// Appends a run of zeros, if there are any.
fn push_zeros(bytes: &mut Vec<u8>, count: usize) {
    match count {
        0 => {}
        1..=ZERO_MAX => bytes.push((count - 1) as u8),
        _ => bytes.extend_from_slice(&[0x40 | ((count - 1) >> 8) as u8, (count - 1) as u8]),
    }
}

/// Appends a run of another value, if it has any registers.
fn push_values(bytes: &mut Vec<u8>, count: usize, value: u8) {
    if count > 0 {
        bytes.push(0x80 | (value - 1) << 2 | (count - 1) as u8);
    }
}

/// Appends the registers of an empty one.
pub(super) fn push_empty(bytes: &mut Vec<u8>) {
    push_zeros(bytes, REGISTERS);
}

/// All runs of these bytes, in order.
pub(super) fn iter(mut bytes: &[u8]) -> impl Iterator<Item = Run> {
    std::iter::from_fn(move || {
        let run = first(bytes)?;
        bytes = bytes.get(run.bytes..).unwrap_or_default();
        Some(run)
    })
}

/// Shows all runs: the index of the first register, how many there are, and their value.
///
/// # Errors
/// When they are not just all registers.
pub(super) fn runs(bytes: &[u8], mut visit: impl FnMut(usize, usize, u8)) -> Result<(), Refused> {
    let mut index = 0;
    for Run { count, value, .. } in iter(bytes) {
        if index + count > REGISTERS {
            return Err(CORRUPT);
        }
        visit(index, count, value);
        index += count;
    }
    match index {
        REGISTERS => Ok(()),
        _ => Err(CORRUPT),
    }
}

/// What came of a register that should be raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Raised {
    /// It was as high already.
    No,
    Yes,
    /// It would take too many bytes, or the value is too high: it must be dense.
    TooLarge,
}

/// Where a run is: its first byte, and the index of its first register.
#[derive(Clone, Copy, Debug)]
struct Place {
    at: usize,
    index: usize,
}

impl Place {
    const START: Place = Place { at: HEAD, index: 0 };
}

/// A sparse HyperLogLog that is being changed.
pub(super) struct Sparse {
    bytes: Vec<u8>,
    /// How many bytes it may have, the head included.
    most: usize,
    /// Two runs before the one that was found last: higher registers are looked for from there on.
    resume: Place,
}

impl Sparse {
    pub(super) fn new(bytes: Vec<u8>, most: usize) -> Sparse {
        Sparse {
            bytes,
            most,
            resume: Place::START,
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Raises a register to a value, if it is lower.
    ///
    /// # Errors
    /// When the runs end before that register.
    pub(super) fn raise(&mut self, index: usize, value: u8) -> Result<Raised, Refused> {
        if value > VALUE_MAX {
            return Ok(Raised::TooLarge);
        }
        let (before, place, run) = self.find(index).ok_or(CORRUPT)?;
        if run.value >= value {
            return Ok(Raised::No);
        }
        let old = place.at..place.at + run.bytes;
        let new = split(run, index - place.index, value);
        let grows = new.len() > run.bytes;
        if grows && self.bytes.len() + new.len() - run.bytes > self.most {
            return Ok(Raised::TooLarge);
        }
        // Redis replaces the byte that is missing, and the string keeps its length without it.
        let is_cut = old.end > self.bytes.len();
        if is_cut {
            self.bytes.push(0);
        }
        self.replace(old, &new);
        if is_cut {
            self.bytes.pop();
        }
        self.join(before);
        Ok(Raised::Yes)
    }

    /// The run that has a register: where the one before it begins (itself if it is the first), where
    /// it begins, and the run. None if there is no such run.
    fn find(&mut self, index: usize) -> Option<(usize, Place, Run)> {
        if index < self.resume.index {
            self.resume = Place::START;
        }
        let mut place = self.resume;
        let (mut before, mut resume) = (place, place);
        loop {
            let run = self.bytes.get(place.at..).and_then(first)?;
            if index < place.index + run.count {
                self.resume = resume;
                return Some((before.at, place, run));
            }
            (resume, before) = (before, place);
            place = Place {
                at: place.at + run.bytes,
                index: place.index + run.count,
            };
        }
    }

    fn replace(&mut self, old: Range<usize>, new: &[u8]) {
        if old.len() == new.len() {
            self.bytes[old].copy_from_slice(new);
        } else {
            self.bytes.splice(old, new.iter().copied());
        }
    }

    /// Joins equal runs from a byte on.
    fn join(&mut self, mut at: usize) {
        for _ in 0..JOINED {
            let Some(run) = self.bytes.get(at..).and_then(first) else {
                return;
            };
            let next = (run.value > 0)
                .then(|| first(&self.bytes[at + 1..]))
                .flatten();
            match next {
                Some(next)
                    if next.value == run.value && next.count + run.count <= VALUE_RUN_MAX =>
                {
                    let mut joined = Vec::with_capacity(1);
                    push_values(&mut joined, next.count + run.count, run.value);
                    self.replace(at..at + 2, &joined);
                }
                _ => at += run.bytes,
            }
        }
    }
}

/// The runs that a run becomes when one of its registers gets a value.
fn split(run: Run, index: usize, value: u8) -> Vec<u8> {
    let mut made = Vec::with_capacity(5);
    let mut push = |count| match run.value {
        0 => push_zeros(&mut made, count),
        old => push_values(&mut made, count, old),
    };
    push(index);
    let start = made.len();
    push_values(&mut made, 1, value);
    debug_assert_eq!(made.len(), start + 1);
    let rest = run.count - index - 1;
    match run.value {
        0 => push_zeros(&mut made, rest),
        old => push_values(&mut made, rest, old),
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::hyperloglog::empty;

    fn shown(bytes: &[u8]) -> String {
        let runs = iter(&bytes[HEAD..]).map(|run| match (run.value, run.bytes) {
            (0, 1) => format!("z:{}", run.count),
            (0, _) => format!("Z:{}", run.count),
            (value, _) => format!("v:{value},{}", run.count),
        });
        runs.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn splits_and_joins_runs() {
        let mut sparse = Sparse::new(empty(), 3000);
        for (index, value, runs) in [
            (100, 3, "Z:100 v:3,1 Z:16283"),
            (102, 3, "Z:100 v:3,1 z:1 v:3,1 Z:16281"),
            (101, 3, "Z:100 v:3,3 Z:16281"),
            (101, 5, "Z:100 v:3,1 v:5,1 v:3,1 Z:16281"),
            (0, 32, "v:32,1 Z:99 v:3,1 v:5,1 v:3,1 Z:16281"),
            (50, 1, "v:32,1 z:49 v:1,1 z:49 v:3,1 v:5,1 v:3,1 Z:16281"),
        ] {
            assert_eq!(sparse.raise(index, value), Ok(Raised::Yes));
            assert_eq!(shown(sparse.bytes()), runs);
        }
        assert_eq!(sparse.raise(101, 5), Ok(Raised::No));
        assert_eq!(sparse.raise(7, 33), Ok(Raised::TooLarge));
        assert_eq!(runs(&sparse.bytes()[HEAD..], |_, _, _| {}), Ok(()));
    }

    #[test]
    fn is_too_large_from_a_length_on() {
        let mut sparse = Sparse::new(empty(), HEAD + 4);
        for (index, value, raised) in [
            (0, 1, Raised::Yes),
            (1, 1, Raised::Yes),
            (16383, 1, Raised::Yes),
            (8000, 1, Raised::TooLarge),
            (16383, 2, Raised::Yes),
        ] {
            assert_eq!(sparse.raise(index, value), Ok(raised));
        }
    }

    /// From the place where the last one was, or from the start.
    #[test]
    fn registers_in_order_are_raised_as_any_others() {
        let raised = |start_over: bool| {
            let mut sparse = Sparse::new(empty(), 100_000);
            for round in 0..3 {
                for index in (round..REGISTERS).step_by(7 + round) {
                    if start_over {
                        sparse.resume = Place::START;
                    }
                    let raised = sparse.raise(index, (index % 11) as u8 / 4 + 1);
                    assert_ne!(raised, Err(CORRUPT));
                }
            }
            sparse.into_bytes()
        };
        assert_eq!(shown(&raised(false)), shown(&raised(true)));
    }

    #[test]
    fn what_is_not_all_registers_is_refused() {
        let all = empty();
        for bytes in [
            &[][..],
            &[0x7F],
            &[0x7F, 0xFE],
            &[0x7F, 0xFF, 0x00],
            &[0x7F, 0xFE, 0x01],
            &[0x7F, 0xFF, 0x40],
        ] {
            assert_eq!(runs(bytes, |_, _, _| {}), Err(CORRUPT), "{bytes:?}");
        }
        assert_eq!(runs(&all[HEAD..], |_, _, _| {}), Ok(()));
    }

    /// As Redis does: only what stands before a register is looked at.
    #[test]
    fn registers_of_spoiled_runs_are_raised_as_far_as_they_go() {
        let spoiled = |runs: &[u8]| {
            let mut bytes = empty();
            bytes.truncate(HEAD);
            bytes.extend_from_slice(runs);
            Sparse::new(bytes, 3000)
        };
        let mut short = spoiled(&[0x09, 0x80]);
        assert_eq!(short.raise(3, 2), Ok(Raised::Yes));
        assert_eq!(shown(short.bytes()), "z:3 v:2,1 z:6 v:1,1");
        assert_eq!(short.raise(11, 2), Err(CORRUPT));
        assert_eq!(spoiled(&[]).raise(0, 1), Err(CORRUPT));
        // Its second byte is gone: 256 registers, and what replaces them loses its last byte.
        let mut cut = spoiled(&[0x80, 0x41]);
        assert_eq!(cut.raise(257, 1), Ok(Raised::Yes));
        assert_eq!(shown(cut.bytes()), "v:1,1 Z:256");
    }
}
