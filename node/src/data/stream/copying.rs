//! A copy of a stream, made in steps.

use slotkeeper_tree::{Copying, Entries, Messages};

use super::Stream;
use super::consumers::{CHUNK_LEAVES, Consumers, Gone};
use super::group::{Group, Owned, Pending};
use super::groups::{ByName, Groups, SharedGroups};
use super::life::dispose_groups;
use crate::data::entry::{Big, BigValue, CopyingValue, Heap, Waste, new_copy, source};

/// A copy of what is pending in a group, of who owns it, and of the consumers.
type GroupCopying = (
    Copying<Entries<Pending>>,
    Copying<Entries<Owned>>,
    Consumers,
);

/// The messages first, then one group after the other.
pub(super) struct StreamCopying {
    messages: Copying<Messages>,
    has_messages: bool,
    /// The groups that are complete.
    groups: ByName,
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
            groups: ByName::new(),
            next: None,
            outside: 0,
        }
    }

    /// Goes on with the group after those that are complete, by up to so many leaves of each of its
    /// parts.
    fn step_group(&mut self, heap: &mut Heap, (name, group): (&[u8], &Group), leaves: usize) {
        let (pending, owned, consumers) =
            (self.next).get_or_insert_with(|| (new_copy(), new_copy(), Consumers::default()));
        let all_pending = pending.step(heap, &group.pending, leaves);
        let all_owned = owned.step(heap, &group.owned, leaves);
        let chunks = leaves.div_ceil(CHUNK_LEAVES);
        let all_consumers = (0..chunks).any(|_| consumers.copy_next(&group.consumers));
        if !all_pending || !all_owned || !all_consumers {
            return;
        }
        let Some((pending, owned, consumers)) = self.next.take() else {
            return;
        };
        let made = Group {
            last_id: group.last_id,
            entries_read: group.entries_read,
            pending: pending.into_tree(),
            owned: owned.into_tree(),
            consumers,
            walk: 0,
        };
        self.outside += made.memory(name);
        self.groups.insert(name.into(), made);
    }
}

impl CopyingValue for StreamCopying {
    fn step(&mut self, heap: &mut Heap, from: &dyn BigValue, leaves: usize) -> bool {
        let from = source::<Stream>(from);
        if !self.has_messages {
            self.has_messages = self.messages.step(heap, &from.messages, leaves);
            return self.has_messages && from.groups.is_none();
        }
        let Some(groups) = &from.groups else {
            return true;
        };
        let (groups, mut left) = (groups.lock(), leaves.max(1));
        while left > 0 {
            let last = self.groups.last_key_value();
            let Some((name, group)) = groups.after(last.map(|(name, _)| &**name)) else {
                break;
            };
            let cost = usize::try_from(group.leaves());
            self.step_group(heap, (name, group), left);
            left -= cost.unwrap_or(left).clamp(1, left);
        }
        self.groups.len() == groups.all().len()
    }

    fn finish(self: Box<Self>, heap: &mut Heap, from: &dyn BigValue) -> Big {
        let from = source::<Stream>(from);
        let mut copy = Box::new(Stream::new(heap));
        copy.messages = self.messages.into_tree();
        (copy.last_id, copy.max_deleted) = (from.last_id, from.max_deleted);
        copy.entries_added = from.entries_added;
        copy.outside += self.outside;
        if !self.groups.is_empty() {
            copy.outside += size_of::<Groups>();
            copy.groups = Some(SharedGroups::new(Groups::of(self.groups)));
        }
        heap.account(size_of::<Stream>(), copy.outside);
        copy.into()
    }

    fn give_up(self: Box<Self>, heap: &mut Heap) {
        heap.free_later(Waste::Tree(Box::new(self.messages.give_up())));
        dispose_groups(self.groups, heap);
        if let Some((pending, owned, consumers)) = self.next {
            heap.free_later(Waste::Tree(Box::new(pending.give_up())));
            heap.free_later(Waste::Tree(Box::new(owned.give_up())));
            heap.free_later(Waste::Tree(Box::new(Gone::from(consumers))));
        }
    }
}
