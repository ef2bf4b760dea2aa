//! The clients that are read before the first of them is executed.

use std::ops::Range;

use crate::resp::BATCH_MAX;

/// What is read at once.
pub(super) const READ_BYTES: usize = 64 << 10;
/// The largest number of clients in a group: as many as the engine looks ahead for.
const GROUP_MAX: usize = BATCH_MAX;
/// No client is offered less room than this to read into.
const ROOM_MIN: usize = READ_BYTES / 4;

/// The group that is being read.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) members: Vec<Member>,
    /// How much of the buffer is in use.
    pub(super) filled: usize,
}

/// A client with something to execute.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) index: usize,
    /// What was read, in the buffer that all share.
    pub(super) fresh: Range<usize>,
    /// There may be more to read at once.
    pub(super) more: bool,
}

impl Group {
    pub(super) fn has_room(&self) -> bool {
        self.members.len() < GROUP_MAX && self.filled + ROOM_MIN <= READ_BYTES
    }

    pub(super) fn clear(&mut self) {
        self.members.clear();
        self.filled = 0;
    }
}
