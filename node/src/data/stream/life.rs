//! A stream as any big value: made, frozen, copied, given back.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use slotkeeper_tree::{Codec, Entries, Entry, StreamId, Tree};

use super::change::group_memory;
use super::consumers::Consumer;
use super::frozen::FrozenStream;
use super::group::Group;
use super::{Stream, StreamLimits};
use crate::data::entry::{
    Big, BigValue, FrozenValue, Heap, Waste, copy_tree, dispose_tree, freeze_tree, new_tree,
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

    fn copy(&mut self, heap: &mut Heap) -> Big {
        let mut copy = Box::new(Stream::new(heap));
        copy.messages = match copy_tree(&mut self.messages, heap) {
            Some(tree) => tree,
            None => self.copy_messages(heap),
        };
        (copy.last_id, copy.max_deleted) = (self.last_id, self.max_deleted);
        copy.entries_added = self.entries_added;
        for (name, group) in &mut self.groups {
            copy.groups.insert(name.clone(), group.copy(heap));
            copy.outside += group_memory(name);
            let consumers = group.consumers().map(|(_, it)| Consumer::memory(it.name()));
            copy.outside += consumers.sum::<usize>();
        }
        heap.account(size_of::<Stream>(), copy.outside);
        copy.into()
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

    fn dispose(&mut self, heap: &mut Heap) {
        heap.account(self.outside, 0);
        self.outside = 0;
        dispose_tree(&mut self.messages, heap);
        for (_, mut group) in std::mem::take(&mut self.groups) {
            group.dispose(heap);
        }
    }
}

impl Stream {
    /// Message by message, while a walk needs the pages.
    fn copy_messages(&self, heap: &mut Heap) -> slotkeeper_tree::StreamTree {
        const LIMITS: StreamLimits = StreamLimits {
            entries: 0,
            bytes: 0,
        };
        let mut copy = new_tree();
        for message in self.range(StreamId::MIN, true) {
            copy.append(heap, message.id, message.pairs(), LIMITS);
        }
        copy
    }
}

impl Group {
    fn copy(&mut self, heap: &mut Heap) -> Group {
        Group {
            last_id: self.last_id,
            entries_read: self.entries_read,
            pending: copy_entries(&mut self.pending, heap),
            owned: copy_entries(&mut self.owned, heap),
            consumers: self.consumers.clone(),
        }
    }

    /// Hands what it has to the heap, to be freed in steps.
    pub(super) fn dispose(&mut self, heap: &mut Heap) {
        dispose_tree(&mut self.pending, heap);
        dispose_tree(&mut self.owned, heap);
        heap.free_later(Waste::Tree(Box::new(std::mem::take(&mut self.consumers))));
    }
}

/// Page by page, or entry by entry while a walk needs the pages.
fn copy_entries<E: Entry>(tree: &mut Tree<Entries<E>>, heap: &mut Heap) -> Tree<Entries<E>>
where
    Entries<E>: Codec,
{
    if let Some(copy) = copy_tree(tree, heap) {
        return copy;
    }
    let mut copy = new_tree::<Entries<E>>();
    tree.for_each_from(E::LOWEST, |entry| {
        copy.insert(heap, *entry);
        true
    });
    copy
}
