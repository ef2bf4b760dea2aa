//! Changing a stream.

use slotkeeper_tree::element::Element;
use slotkeeper_tree::{StreamId, StreamTree};

use super::consumers::Consumer;
use super::group::{Group, Owned, Pending, group_memory};
use super::groups::{Groups, SharedGroups};
use super::{Facts, Stream, StreamLimits};
use crate::data::entry::Heap;

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
        let Stream {
            groups, outside, ..
        } = &mut *self.stream;
        let heap = &mut *self.heap;
        let groups = groups.get_or_insert_with(|| {
            account(heap, outside, size_of::<Groups>(), 0);
            SharedGroups::default()
        });
        let mut groups = groups.lock();
        if groups.all().contains_key(name) {
            return false;
        }
        groups.insert(name, Group::new(last_id, entries_read));
        account(heap, outside, group_memory(name), 0);
        true
    }

    /// Removes a group, and all that is pending in it. Returns whether it was there.
    pub fn destroy_group(&mut self, name: &[u8]) -> bool {
        let groups = self.stream.groups.as_ref();
        let removed = groups.and_then(|groups| groups.lock().remove(self.heap, name));
        let Some(mut group) = removed else {
            return false;
        };
        let gone = group.memory(name);
        account(self.heap, &mut self.stream.outside, 0, gone);
        group.dispose(self.heap);
        true
    }

    /// Changes a group, which sees what it reads from. Meanwhile nothing else can look at groups of the
    /// stream.
    pub fn group<R>(
        &mut self,
        name: &[u8],
        change: impl FnOnce(&mut GroupMut<'_>) -> R,
    ) -> Option<R> {
        let facts = self.stream.facts();
        let Stream {
            groups,
            messages,
            copied,
            outside,
            ..
        } = &mut *self.stream;
        let mut groups = groups.as_ref()?.lock();
        let (result, more) = groups.change(self.heap, name, |heap, group| {
            change(&mut GroupMut {
                heap,
                group,
                messages,
                facts,
                outside,
            })
        })?;
        *copied += more;
        Some(result)
    }
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
        Some(entry)
    }
}
