//! A stream as any big value: made, frozen, copied, given back.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use slotkeeper_tree::{Copying, Entries, Messages, StreamId};

use super::Stream;
use super::change::group_memory;
use super::consumers::Consumer;
use super::frozen::FrozenStream;
use super::group::{Group, Owned, Pending};
use crate::data::entry::{
    Big, BigValue, CopyingValue, FrozenValue, Heap, Waste, dispose_tree, freeze_tree, new_copy,
    new_tree, source,
};

impl Stream {
    /// An empty one.
    pub(in crate::data) fn new(heap: &mut Heap) -> Stream {
        let outside = size_of::<Stream>();
        heap.account(0, outside);
        Stream {
            messages: new_tree(),
            last_id: StreamId::MIN,
            max_deleted: StreamId::MIN,
            entries_added: 0,
            groups: BTreeMap::new(),
            copied: 0,
            outside,
            walk: Weak::new(),
        }
    }
}

impl From<Box<Stream>> for Big {
    fn from(stream: Box<Stream>) -> Big {
        Big::Stream(stream)
    }
}

impl BigValue for Stream {
    fn len(&self) -> usize {
        Stream::len(self)
    }

    fn pages(&self) -> usize {
        let groups = self.groups.values().map(Group::pages);
        self.messages.memory() + groups.sum::<usize>()
    }

    fn memory(&self) -> usize {
        self.pages() + self.outside
    }

    fn begin_copy(&self) -> Box<dyn CopyingValue> {
        Box::new(StreamCopying {
            messages: new_copy(),
            has_messages: false,
            groups: Vec::new(),
            done: 0,
        })
    }

    fn freeze(&mut self, heap: &mut Heap) -> Box<dyn FrozenValue> {
        let walk = Arc::new(());
        self.walk = Arc::downgrade(&walk);
        let facts = self.facts();
        let messages = freeze_tree(&mut self.messages, heap);
        let mut frozen = FrozenStream::new(walk, facts, messages);
        for (name, group) in &mut self.groups {
            let pending = freeze_tree(&mut group.pending, heap);
            let owned = freeze_tree(&mut group.owned, heap);
            frozen.add_group(name, group, pending, owned);
        }
        Box::new(frozen)
    }

    fn is_frozen(&self) -> bool {
        self.walk.strong_count() > 0
    }

    fn take_copied(&mut self) -> usize {
        self.messages.take_copied() + std::mem::take(&mut self.copied)
    }

    /// `from` counts the messages first, then what is pending in one group after the other.
    fn relocate(&mut self, heap: &mut Heap, from: u64, leaves: usize) -> Option<u64> {
        let mut before = self.messages.len();
        if from < before {
            let next = self.messages.relocate(heap, from, leaves);
            return Some(next.unwrap_or(before));
        }
        for group in self.groups.values_mut() {
            let (start, len) = (before, group.pending.len());
            before += len;
            if from < before {
                let next = group.pending.relocate(heap, from - start, leaves);
                return Some(start + next.unwrap_or(len));
            }
            let (start, len) = (before, group.owned.len());
            before += len;
            if from < before {
                let next = group.owned.relocate(heap, from - start, leaves);
                return Some(start + next.unwrap_or(len));
            }
        }
        None
    }

    fn dispose(&mut self, heap: &mut Heap) {
        heap.account(self.outside, 0);
        self.outside = 0;
        dispose_tree(&mut self.messages, heap);
        for (_, mut group) in std::mem::take(&mut self.groups) {
            group.dispose(heap);
        }
    }
}

/// A copy of what is pending in a group, and of who owns it.
type GroupCopying = (Copying<Entries<Pending>>, Copying<Entries<Owned>>);

/// A copy of a stream: its messages first, then what is pending in one group after the other.
struct StreamCopying {
    messages: Copying<Messages>,
    has_messages: bool,
    groups: Vec<GroupCopying>,
    /// How many of the groups are complete.
    done: usize,
}

impl CopyingValue for StreamCopying {
    fn step(&mut self, heap: &mut Heap, from: &dyn BigValue, leaves: usize) -> bool {
        let from = source::<Stream>(from);
        if !self.has_messages {
            self.has_messages = self.messages.step(heap, &from.messages, leaves);
        } else if let Some(group) = from.groups.values().nth(self.done) {
            if self.groups.len() == self.done {
                self.groups.push((new_copy(), new_copy()));
            }
            let (pending, owned) = &mut self.groups[self.done];
            let all_pending = pending.step(heap, &group.pending, leaves);
            let all_owned = owned.step(heap, &group.owned, leaves);
            self.done += usize::from(all_pending && all_owned);
        }
        self.has_messages && self.done == from.groups.len()
    }

    fn finish(self: Box<Self>, heap: &mut Heap, from: &dyn BigValue) -> Big {
        let from = source::<Stream>(from);
        let mut copy = Box::new(Stream::new(heap));
        copy.messages = self.messages.into_tree();
        (copy.last_id, copy.max_deleted) = (from.last_id, from.max_deleted);
        copy.entries_added = from.entries_added;
        for ((name, group), (pending, owned)) in from.groups.iter().zip(self.groups) {
            let made = Group {
                last_id: group.last_id,
                entries_read: group.entries_read,
                pending: pending.into_tree(),
                owned: owned.into_tree(),
                consumers: group.consumers.clone(),
            };
            copy.groups.insert(name.clone(), made);
            copy.outside += group_memory(name);
            let consumers = group.consumers().map(|(_, it)| Consumer::memory(it.name()));
            copy.outside += consumers.sum::<usize>();
        }
        heap.account(size_of::<Stream>(), copy.outside);
        copy.into()
    }

    fn give_up(self: Box<Self>, heap: &mut Heap) {
        heap.free_later(Waste::Tree(Box::new(self.messages.give_up())));
        for (pending, owned) in self.groups {
            heap.free_later(Waste::Tree(Box::new(pending.give_up())));
            heap.free_later(Waste::Tree(Box::new(owned.give_up())));
        }
    }
}

impl Group {
    /// Hands what it has to the heap, to be freed in steps.
    pub(super) fn dispose(&mut self, heap: &mut Heap) {
        dispose_tree(&mut self.pending, heap);
        dispose_tree(&mut self.owned, heap);
        heap.free_later(Waste::Tree(Box::new(std::mem::take(&mut self.consumers))));
    }
}
