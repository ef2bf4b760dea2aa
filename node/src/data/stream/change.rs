//! Changing a stream.

use slotkeeper_tree::element::Element;
use slotkeeper_tree::{StreamId, StreamTree};

use super::consumers::{Consumer, Consumers};
use super::group::{Group, Owned, Pending};
use super::{Facts, Stream, StreamLimits};
use crate::data::entry::{Heap, new_tree};

/// A stream that is being changed.
pub struct StreamMut<'a> {
    heap: &'a mut Heap,
    stream: &'a mut Stream,
}

impl<'a> StreamMut<'a> {
    pub(in crate::data) fn new(heap: &'a mut Heap, stream: &'a mut Stream) -> StreamMut<'a> {
        StreamMut { heap, stream }
    }

    /// To read.
    #[must_use]
    pub fn view(&self) -> &Stream {
        self.stream
    }

    /// Adds a message, whose id is above the last one.
    pub fn append<'p>(
        &mut self,
        id: StreamId,
        pairs: impl Iterator<Item = (Element<'p>, Element<'p>)> + Clone,
        limits: StreamLimits,
    ) {
        debug_assert!(id > self.stream.last_id);
        self.load(id, pairs, limits);
        self.stream.last_id = id;
        self.stream.entries_added = self.stream.entries_added.saturating_add(1);
    }

    /// Puts a message at the end that was there before: no counter changes.
    pub fn load<'p>(
        &mut self,
        id: StreamId,
        pairs: impl Iterator<Item = (Element<'p>, Element<'p>)> + Clone,
        limits: StreamLimits,
    ) {
        self.stream.messages.append(self.heap, id, pairs, limits);
    }

    /// Deletes a message. Returns whether it was there.
    pub fn remove(&mut self, id: StreamId) -> bool {
        let removed = self.stream.messages.remove(self.heap, id);
        if removed {
            self.stream.max_deleted = self.stream.max_deleted.max(id);
        }
        removed
    }

    /// Takes the first so many messages away, which does not count as deleting them.
    pub fn trim(&mut self, count: u64) {
        self.stream.messages.remove_first(self.heap, count);
    }

    /// How many messages the first node has, and the id of the last of them.
    #[must_use]
    pub fn first_node(&self) -> Option<(usize, StreamId)> {
        self.stream.messages.first_leaf()
    }

    /// Sets the counters.
    pub fn set_facts(
        &mut self,
        last_id: StreamId,
        entries_added: Option<u64>,
        max_deleted: Option<StreamId>,
    ) {
        let stream = &mut *self.stream;
        stream.last_id = last_id;
        stream.entries_added = entries_added.unwrap_or(stream.entries_added);
        stream.max_deleted = max_deleted.unwrap_or(stream.max_deleted);
    }

    /// Makes a group. Returns false if there is one of that name.
    pub fn create_group(
        &mut self,
        name: &[u8],
        last_id: StreamId,
        entries_read: Option<u64>,
    ) -> bool {
        if self.stream.groups.contains_key(name) {
            return false;
        }
        let group = Group {
            last_id,
            entries_read,
            pending: new_tree(),
            owned: new_tree(),
            consumers: Consumers::default(),
        };
        self.stream.groups.insert(name.into(), group);
        account(self.heap, &mut self.stream.outside, group_memory(name), 0);
        true
    }

    /// Removes a group, and all that is pending in it. Returns whether it was there.
    pub fn destroy_group(&mut self, name: &[u8]) -> bool {
        let Some(mut group) = self.stream.groups.remove(name) else {
            return false;
        };
        let consumers = group.consumers().map(|(_, it)| Consumer::memory(it.name()));
        let gone = group_memory(name) + consumers.sum::<usize>();
        account(self.heap, &mut self.stream.outside, 0, gone);
        group.dispose(self.heap);
        true
    }

    /// A group, to change, and what it reads from.
    pub fn group(&mut self, name: &[u8]) -> Option<GroupMut<'_>> {
        let facts = self.stream.facts();
        let Stream {
            groups,
            messages,
            copied,
            outside,
            ..
        } = &mut *self.stream;
        Some(GroupMut {
            group: groups.get_mut(name)?,
            heap: self.heap,
            messages,
            facts,
            copied,
            outside,
        })
    }
}

/// Bytes that a group takes beside its pages and consumers, about.
pub(super) fn group_memory(name: &[u8]) -> usize {
    size_of::<(Box<[u8]>, Group)>() + name.len()
}

fn account(heap: &mut Heap, outside: &mut usize, more: usize, gone: usize) {
    heap.account(gone, more);
    *outside = *outside + more - gone;
}

/// A group that is being changed.
pub struct GroupMut<'a> {
    heap: &'a mut Heap,
    group: &'a mut Group,
    messages: &'a StreamTree,
    facts: Facts,
    copied: &'a mut usize,
    outside: &'a mut usize,
}

impl<'a> GroupMut<'a> {
    /// To read.
    #[must_use]
    pub fn view(&self) -> &Group {
        self.group
    }

    /// The messages of its stream.
    #[must_use]
    pub fn messages(&self) -> &'a StreamTree {
        self.messages
    }

    /// The counters of its stream.
    #[must_use]
    pub fn facts(&self) -> Facts {
        self.facts
    }

    /// Says which message was delivered last, and how many were.
    pub fn set_last(&mut self, id: StreamId, entries_read: Option<u64>) {
        self.group.last_id = id;
        self.group.entries_read = entries_read;
    }

    /// The number of the consumer of that name, and whether it was made for it.
    pub fn make_consumer(&mut self, name: &[u8], now_ms: i64) -> (u32, bool) {
        if let Some(number) = self.group.consumer(name) {
            return (number, false);
        }
        account(self.heap, self.outside, Consumer::memory(name), 0);
        (self.group.consumers.add(name, now_ms), true)
    }

    /// A consumer, to say when it was there.
    pub fn consumer_mut(&mut self, number: u32) -> &mut Consumer {
        self.group.consumers.get_mut(number)
    }

    /// Removes a consumer with all that is pending with it. Returns how many entries that were.
    pub fn remove_consumer(&mut self, number: u32) -> u64 {
        let pending = self.group.consumer_of(number).pending();
        loop {
            let mut first = None;
            self.group.for_each_owned(number, StreamId::MIN, |id| {
                first = Some(id);
                false
            });
            let Some(id) = first else {
                break;
            };
            self.acknowledge(id);
        }
        let gone = Consumer::memory(self.group.consumer_of(number).name());
        account(self.heap, self.outside, 0, gone);
        self.group.consumers.remove(number);
        pending
    }

    /// Puts an entry in, or in the place of the one of the same message.
    pub fn put(&mut self, entry: Pending) {
        let group = &mut *self.group;
        let (id, consumer) = (entry.id(), entry.consumer());
        let mut old = None;
        let found = group.pending.update(
            self.heap,
            id,
            |_| true,
            |held| {
                old = Some(held.consumer());
                *held = entry;
            },
        );
        if !found {
            group.pending.insert(self.heap, entry);
        }
        if old != Some(consumer) {
            if let Some(old) = old {
                group.owned.remove(self.heap, (old, id), |_| true);
                group.consumers.get_mut(old).pending -= 1;
            }
            group.owned.insert(self.heap, Owned::new((consumer, id)));
            group.consumers.get_mut(consumer).pending += 1;
        }
        self.note_copied();
    }

    /// Puts an entry in that belongs to no consumer yet. Returns false if the message has one.
    pub fn load_pending(&mut self, id: StreamId, time: i64, count: u64) -> bool {
        let is_new = self.group.pending(id).is_none();
        if is_new {
            let entry = Pending::new(id, Pending::NOBODY, time, count);
            self.group.pending.insert(self.heap, entry);
        }
        is_new
    }

    /// Says to whom an entry belongs that was loaded. Returns false if there is none, or it belongs to
    /// somebody.
    pub fn load_owner(&mut self, consumer: u32, id: StreamId) -> bool {
        let group = &mut *self.group;
        let is_free = |held: &Pending| held.consumer() == Pending::NOBODY;
        let give = |held: &mut Pending| {
            *held = Pending::new(id, consumer, held.time(), held.count());
        };
        let found = group.pending.update(self.heap, id, is_free, give);
        if found {
            group.owned.insert(self.heap, Owned::new((consumer, id)));
            group.consumers.get_mut(consumer).pending += 1;
        }
        found
    }

    /// Takes the entry of a message out.
    pub fn acknowledge(&mut self, id: StreamId) -> Option<Pending> {
        let group = &mut *self.group;
        let entry = group.pending.remove(self.heap, id, |_| true)?;
        let key = (entry.consumer(), id);
        group.owned.remove(self.heap, key, |_| true);
        group.consumers.get_mut(entry.consumer()).pending -= 1;
        self.note_copied();
        Some(entry)
    }

    fn note_copied(&mut self) {
        let group = &mut *self.group;
        *self.copied += group.pending.take_copied() + group.owned.take_copied();
    }
}
