//! A stream: messages in the order of their ids, and groups of consumers that share them.
//!
//! It is in a box of its own, whatever its size, and it stays when its last message goes.

mod change;
mod consumers;
mod copying;
mod frozen;
mod group;
mod groups;
mod life;
mod progress;

use slotkeeper_tree::{Message, NodeLimits, Range, StreamId, StreamTree};

pub use self::change::{GroupMut, StreamMut};
pub use self::consumers::Consumer;
pub use self::group::{Group, Pending};
use self::groups::SharedGroups;
pub use self::progress::Facts;

/// When a leaf of a stream is full before it is: stream-node-max-entries and -bytes.
pub type StreamLimits = NodeLimits;

/// A stream, to read.
#[derive(Debug)]
pub struct Stream {
    messages: StreamTree,
    last_id: StreamId,
    max_deleted: StreamId,
    entries_added: u64,
    /// Once there was one.
    groups: Option<SharedGroups>,
    /// Bytes of the groups' pages that were copied for the sake of a walk.
    copied: usize,
    /// Bytes outside of pages that the heap has in its account.
    outside: usize,
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

    /// Looks at the group of that name. Meanwhile nothing else can look at groups of the stream.
    pub fn group<R>(&self, name: &[u8], look: impl FnOnce(&Group) -> R) -> Option<R> {
        self.groups.as_ref()?.lock().all().get(name).map(look)
    }

    /// Whether there is a group of that name.
    #[must_use]
    pub fn has_group(&self, name: &[u8]) -> bool {
        self.group(name, |_| ()).is_some()
    }

    /// How many groups it has.
    #[must_use]
    pub fn group_count(&self) -> usize {
        (self.groups.as_ref()).map_or(0, |groups| groups.lock().all().len())
    }

    /// Looks at all groups in the order of their names. Meanwhile nothing else can look at groups of
    /// the stream.
    pub fn for_each_group(&self, mut look: impl FnMut(&[u8], &Group)) {
        if let Some(groups) = &self.groups {
            let groups = groups.lock();
            groups.all().iter().for_each(|(name, it)| look(name, it));
        }
    }
}
