//! A group of consumers, and what is pending with them.

use slotkeeper_tree::{Entries, Entry, StreamId, Tree};

use super::consumers::{CHUNK, CHUNK_LEAVES, Consumer, Consumers};
use crate::data::entry::new_tree;

/// The most deliveries that are counted, and the latest time: both have 48 bits.
const MOST: u64 = (1 << 48) - 1;

/// An entry of the list of what is pending: a message that was delivered and not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    id: StreamId,
    /// The time in 48 bits, the upper 16 bits of the count; its lower 32, and the consumer.
    packed: [u64; 2],
}

impl Pending {
    /// One of a message that was delivered to a consumer at a time, in unix milliseconds, for the
    /// `count`th time.
    #[must_use]
    pub fn new(id: StreamId, consumer: u32, time: i64, count: u64) -> Pending {
        let time = u64::try_from(time).unwrap_or(0).min(MOST);
        let count = count.min(MOST);
        Pending {
            id,
            packed: [time << 16 | count >> 32, count << 32 | u64::from(consumer)],
        }
    }

    /// The number of no consumer: of an entry that is being loaded.
    pub(super) const NOBODY: u32 = u32::MAX;

    /// The message.
    #[must_use]
    pub fn id(&self) -> StreamId {
        self.id
    }

    /// The number of the consumer.
    #[must_use]
    pub fn consumer(&self) -> u32 {
        self.packed[1] as u32
    }

    /// When it was delivered last, in unix milliseconds.
    #[must_use]
    pub fn time(&self) -> i64 {
        (self.packed[0] >> 16).cast_signed()
    }

    /// How often it was delivered.
    #[must_use]
    pub fn count(&self) -> u64 {
        (self.packed[0] & 0xFFFF) << 32 | self.packed[1] >> 32
    }
}

impl Entry for Pending {
    type Key = StreamId;

    const LOWEST: StreamId = StreamId::MIN;

    fn key(&self) -> StreamId {
        self.id
    }
}

/// That a message is pending with a consumer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owned {
    consumer: u32,
    /// Ms and seq in halves, so that nothing is between two of them.
    id: [u32; 4],
}

impl Owned {
    pub fn new((consumer, id): (u32, StreamId)) -> Owned {
        let halves = |number: u64| [(number >> 32) as u32, number as u32];
        let ([a, b], [c, d]) = (halves(id.ms), halves(id.seq));
        Owned {
            consumer,
            id: [a, b, c, d],
        }
    }

    pub fn id(&self) -> StreamId {
        let [a, b, c, d] = self.id.map(u64::from);
        StreamId {
            ms: a << 32 | b,
            seq: c << 32 | d,
        }
    }
}

impl Entry for Owned {
    type Key = (u32, StreamId);

    const LOWEST: (u32, StreamId) = (0, StreamId::MIN);

    fn key(&self) -> (u32, StreamId) {
        (self.consumer, self.id())
    }

    /// Each consumer gets messages in order.
    fn run((consumer, _): (u32, StreamId)) -> u64 {
        u64::from(consumer)
    }
}

/// What is pending, by message.
pub(super) type PendingTree = Tree<Entries<Pending>>;
/// The same by consumer.
pub(super) type OwnedTree = Tree<Entries<Owned>>;

/// Bytes that a group takes beside its pages and consumers, about.
pub(super) fn group_memory(name: &[u8]) -> usize {
    size_of::<(Box<[u8]>, Group)>() + name.len()
}

/// A group, to read.
#[derive(Debug)]
pub struct Group {
    pub(super) last_id: StreamId,
    pub(super) entries_read: Option<u64>,
    pub(super) pending: PendingTree,
    pub(super) owned: OwnedTree,
    pub(super) consumers: Consumers,
    /// The number of the last walk that need not save it any more.
    pub(super) walk: u64,
}

impl Group {
    /// One in which nothing is pending.
    pub(super) fn new(last_id: StreamId, entries_read: Option<u64>) -> Group {
        Group {
            last_id,
            entries_read,
            pending: new_tree(),
            owned: new_tree(),
            consumers: Consumers::default(),
            walk: 0,
        }
    }

    /// Bytes that one of that name takes beside its pages, about.
    pub(super) fn memory(&self, name: &[u8]) -> usize {
        group_memory(name) + self.consumers.memory()
    }

    /// The message that was delivered last.
    #[must_use]
    pub fn last_id(&self) -> StreamId {
        self.last_id
    }

    /// How many messages were delivered or passed over; none if that is not known.
    #[must_use]
    pub fn entries_read(&self) -> Option<u64> {
        self.entries_read
    }

    /// How many entries are pending.
    #[must_use]
    pub fn pending_len(&self) -> u64 {
        self.pending.len()
    }

    /// The first and the last message that are pending.
    #[must_use]
    pub fn pending_ends(&self) -> Option<(StreamId, StreamId)> {
        let last = self.pending.len().checked_sub(1)?;
        Some((self.pending.at(0)?.id, self.pending.at(last)?.id))
    }

    /// The entry of a message.
    #[must_use]
    pub fn pending(&self, id: StreamId) -> Option<Pending> {
        self.pending.find(id, |_| true)
    }

    /// Shows the entries from a message on, until `visit` returns false.
    pub fn for_each_pending(&self, from: StreamId, visit: impl FnMut(&Pending) -> bool) {
        self.pending.for_each_from(from, visit);
    }

    /// Shows which messages are pending with a consumer, from one on, until `visit` returns false.
    pub fn for_each_owned(
        &self,
        consumer: u32,
        from: StreamId,
        mut visit: impl FnMut(StreamId) -> bool,
    ) {
        self.owned.for_each_from((consumer, from), |owned| {
            owned.consumer == consumer && visit(owned.id())
        });
    }

    /// The number of the consumer of that name.
    #[must_use]
    pub fn consumer(&self, name: &[u8]) -> Option<u32> {
        self.consumers.number(name)
    }

    /// The consumer of that number, which there is.
    #[must_use]
    pub fn consumer_of(&self, number: u32) -> &Consumer {
        self.consumers.get(number)
    }

    /// All consumers with their numbers, in the order of their names.
    pub fn consumers(&self) -> impl ExactSizeIterator<Item = (u32, &Consumer)> {
        self.consumers.iter()
    }

    /// Whether each entry belongs to a consumer, as it must once all are loaded.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.owned.len() == self.pending.len()
    }

    /// Leaves of its trees and chunks of its consumers, about.
    pub(super) fn leaves(&self) -> u64 {
        self.pending.leaves()
            + self.owned.leaves()
            + (self.consumers.len() / CHUNK * CHUNK_LEAVES) as u64
    }

    /// Bytes of its pages.
    pub(super) fn pages(&self) -> usize {
        self.pending.memory() + self.owned.memory()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_as_small_as_it_says() {
        assert_eq!((size_of::<Pending>(), size_of::<Owned>()), (32, 20));
        let id = StreamId {
            ms: 0x0123_4567_89AB_CDEF,
            seq: 0xFEDC_BA98_7654_3210,
        };
        for (consumer, time, count) in [
            (0, 0, 0),
            (u32::MAX, 1_700_000_000_000, 1),
            (7, (1 << 48) - 1, (1 << 48) - 1),
            (7, 5, 1 << 40 | 3),
        ] {
            let entry = Pending::new(id, consumer, time, count);
            let parts = (entry.id(), entry.consumer(), entry.time(), entry.count());
            assert_eq!(parts, (id, consumer, time, count));
        }
        let most = Pending::new(id, 1, i64::MAX, u64::MAX);
        assert_eq!((most.time(), most.count()), ((1 << 48) - 1, (1 << 48) - 1));
        assert_eq!(Pending::new(id, 1, -5, 1).time(), 0);
        let owned = Owned::new((9, id));
        assert_eq!(owned.key(), (9, id));
    }
}
