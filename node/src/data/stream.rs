//! A stream: messages in the order of their ids, and groups of consumers that share them.
//!
//! It is in a box of its own, whatever its size, and it stays when its last message goes.

mod change;
mod consumers;
mod copying;
mod frozen;
mod group;
mod life;
mod progress;

use std::collections::BTreeMap;
use std::sync::Weak;

use slotkeeper_tree::{Message, NodeLimits, Range, StreamId, StreamTree};

pub use self::change::{GroupMut, StreamMut};
pub use self::consumers::Consumer;
pub use self::group::{Group, Pending};
pub use self::progress::Facts;

/// When a leaf of a stream is full before it is: stream-node-max-entries and -bytes.
pub type StreamLimits = NodeLimits;

/// Groups by their names.
type Groups = BTreeMap<Box<[u8]>, Group>;

/// A stream, to read.
#[derive(Debug)]
pub struct Stream {
    messages: StreamTree,
    last_id: StreamId,
    max_deleted: StreamId,
    entries_added: u64,
    groups: Groups,
    /// Bytes of the groups' pages that were copied for the sake of a walk.
    copied: usize,
    /// Bytes outside of pages that the heap has in its account.
    outside: usize,
    /// Alive while a walk is not at its end.
    walk: Weak<()>,
    /// The last group whose pages were moved together by the pass that is under way.
    passed: Option<Box<[u8]>>,
}

impl Stream {
    /// How many messages it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.messages.len() as usize
    }

    /// Whether it has no messages.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The id that was given last; no message has one above it.
    #[must_use]
    pub fn last_id(&self) -> StreamId {
        self.last_id
    }

    /// The highest id of a message that was deleted.
    #[must_use]
    pub fn max_deleted(&self) -> StreamId {
        self.max_deleted
    }

    /// How many messages were ever added.
    #[must_use]
    pub fn entries_added(&self) -> u64 {
        self.entries_added
    }

    /// The id of the first message; 0-0 without one.
    #[must_use]
    pub fn first_id(&self) -> StreamId {
        self.messages.at(0).map_or(StreamId::MIN, |first| first.id)
    }

    /// The id of the last message; 0-0 without one.
    #[must_use]
    pub fn top_id(&self) -> StreamId {
        let last = self.messages.len().checked_sub(1);
        let last = last.and_then(|at| self.messages.at(at));
        last.map_or(StreamId::MIN, |last| last.id)
    }

    /// How many nodes its messages are in, and how many levels of nodes lead to them.
    #[must_use]
    pub fn nodes(&self) -> (u64, usize) {
        (self.messages.leaves(), self.messages.height())
    }

    /// The message of that id.
    #[must_use]
    pub fn get(&self, id: StreamId) -> Option<Message<'_>> {
        self.messages.get(id)
    }

    /// The messages from that id on, in order, or back to the first one.
    #[must_use]
    pub fn range(&self, id: StreamId, forward: bool) -> Range<'_> {
        self.messages.range(id, forward)
    }

    /// What follows from its counters.
    #[must_use]
    pub fn facts(&self) -> Facts {
        Facts {
            len: self.messages.len(),
            first_id: self.first_id(),
            last_id: self.last_id,
            max_deleted: self.max_deleted,
            entries_added: self.entries_added,
        }
    }

    /// The group of that name.
    #[must_use]
    pub fn group(&self, name: &[u8]) -> Option<&Group> {
        self.groups.get(name)
    }

    /// All groups by their names, in order.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = (&[u8], &Group)> {
        self.groups.iter().map(|(name, group)| (&**name, group))
    }
}
