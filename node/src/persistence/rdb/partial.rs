//! A string of which the length is known, and the bytes are still arriving.

use super::RdbError;

/// How much memory a string gets before any of it has arrived, at most.
const FIRST: usize = 4096;

/// What has arrived of it. The memory grows with that, to at most twice as much and never beyond
/// the announced length, so an announcement alone holds none.
#[derive(Debug)]
pub struct Partial {
    bytes: Vec<u8>,
    len: usize,
    /// Bytes that were moved when the memory grew.
    moved: u64,
}

impl Partial {
    /// Of a string of `len` bytes, none.
    pub fn new(len: usize) -> Partial {
        Partial {
            bytes: Vec::new(),
            len,
            moved: 0,
        }
    }

    /// How many bytes are missing.
    pub fn missing(&self) -> usize {
        self.len - self.bytes.len()
    }

    /// The memory that it takes, in bytes.
    pub fn memory(&self) -> usize {
        self.bytes.capacity()
    }

    /// How many bytes were moved when the memory grew: less than twice as many as the string has.
    pub fn moved(&self) -> u64 {
        self.moved
    }

    /// Adds bytes, no more than are missing.
    ///
    /// # Errors
    /// When there is no memory for them.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), RdbError> {
        self.reserve(bytes.len())?;
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// Adds a run, no longer than what is missing, that stands `distance` bytes before the end. It
    /// may overlap what it adds. None if it would begin before the start.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn repeat(&mut self, distance: usize, run: usize) -> Result<Option<()>, RdbError> {
        let Some(from) = self.bytes.len().checked_sub(distance) else {
            return Ok(None);
        };
        self.reserve(run)?;
        let mut left = run;
        while left > 0 {
            // What was added continues the pattern, so each copy may be twice as long.
            let part = left.min(self.bytes.len() - from);
            self.bytes.extend_from_within(from..from + part);
            left -= part;
        }
        Ok(Some(()))
    }

    /// The string, if it is whole.
    pub fn into_whole(self) -> Option<Vec<u8>> {
        (self.missing() == 0).then_some(self.bytes)
    }

    /// Makes room for so many bytes more.
    fn reserve(&mut self, more: usize) -> Result<(), RdbError> {
        let (held, capacity) = (self.bytes.len(), self.bytes.capacity());
        let needed = held + more;
        if needed > capacity {
            let wanted = (2 * capacity).max(FIRST).min(self.len).max(needed);
            self.moved += held as u64;
            (self.bytes.try_reserve_exact(wanted - held))
                .map_err(|_| RdbError::NoMemory(self.len))?;
        }
        Ok(())
    }
}
