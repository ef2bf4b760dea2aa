//! A copy of a stream, made in steps.

use std::ops::Bound::{Excluded, Unbounded};

use slotkeeper_tree::{Copying, Entries, Messages};

use super::change::group_memory;
use super::consumers::Consumer;
use super::group::{Group, Owned, Pending};
use super::life::dispose_groups;
use super::{Groups, Stream};
use crate::data::entry::{Big, BigValue, CopyingValue, Heap, Waste, new_copy, source};

/// A copy of what is pending in a group, and of who owns it.
type GroupCopying = (Copying<Entries<Pending>>, Copying<Entries<Owned>>);

/// The messages first, then one group after the other.
pub(super) struct StreamCopying {
    messages: Copying<Messages>,
    has_messages: bool,
    /// The groups that are complete.
    groups: Groups,
    /// The one after them.
    next: Option<GroupCopying>,
    /// Bytes of them outside of pages.
    outside: usize,
}

impl StreamCopying {
    pub fn new() -> StreamCopying {
        StreamCopying {
            messages: new_copy(),
            has_messages: false,
            groups: Groups::new(),
            next: None,
            outside: 0,
        }
    }

    /// Goes on with the group after those that are complete, by up to so many leaves of each of its
    /// trees.
    fn step_group(&mut self, heap: &mut Heap, (name, group): (&[u8], &Group), leaves: usize) {
        let (pending, owned) = self.next.get_or_insert_with(|| (new_copy(), new_copy()));
        let all_pending = pending.step(heap, &group.pending, leaves);
        let all_owned = owned.step(heap, &group.owned, leaves);
        if !all_pending || !all_owned {
            return;
        }
        let Some((pending, owned)) = self.next.take() else {
            return;
        };
        let made = Group {
            last_id: group.last_id,
            entries_read: group.entries_read,
            pending: pending.into_tree(),
            owned: owned.into_tree(),
            consumers: group.consumers.clone(),
        };
        self.groups.insert(name.into(), made);
        let consumers = group.consumers().map(|(_, it)| Consumer::memory(it.name()));
        self.outside += group_memory(name) + consumers.sum::<usize>();
    }
}

impl CopyingValue for StreamCopying {
    fn step(&mut self, heap: &mut Heap, from: &dyn BigValue, leaves: usize) -> bool {
        let from = source::<Stream>(from);
        if !self.has_messages {
            self.has_messages = self.messages.step(heap, &from.messages, leaves);
            return self.has_messages && from.groups.is_empty();
        }
        let mut left = leaves.max(1);
        while left > 0 {
            let last = self.groups.last_key_value();
            let behind = last.map_or(Unbounded, |(name, _)| Excluded(&**name));
            let Some((name, group)) = from.groups.range::<[u8], _>((behind, Unbounded)).next()
            else {
                break;
            };
            let cost = usize::try_from(group.pending.leaves() + group.owned.leaves());
            self.step_group(heap, (name, group), left);
            left -= cost.unwrap_or(left).clamp(1, left);
        }
        self.groups.len() == from.groups.len()
    }

    fn finish(self: Box<Self>, heap: &mut Heap, from: &dyn BigValue) -> Big {
        let from = source::<Stream>(from);
        let mut copy = Box::new(Stream::new(heap));
        copy.messages = self.messages.into_tree();
        (copy.last_id, copy.max_deleted) = (from.last_id, from.max_deleted);
        copy.entries_added = from.entries_added;
        copy.groups = self.groups;
        copy.outside += self.outside;
        heap.account(size_of::<Stream>(), copy.outside);
        copy.into()
    }

    fn give_up(self: Box<Self>, heap: &mut Heap) {
        heap.free_later(Waste::Tree(Box::new(self.messages.give_up())));
        dispose_groups(self.groups, heap);
        if let Some((pending, owned)) = self.next {
            heap.free_later(Waste::Tree(Box::new(pending.give_up())));
            heap.free_later(Waste::Tree(Box::new(owned.give_up())));
        }
    }
}
