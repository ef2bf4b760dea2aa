//! A stream as any big value: made, frozen, copied, given back.

use std::ops::Bound::{Excluded, Unbounded};
use std::sync::{Arc, Weak};

use slotkeeper_tree::{Codec, StreamId, Tree};

use super::copying::StreamCopying;
use super::frozen::FrozenStream;
use super::group::Group;
use super::{Groups, Stream};
use crate::data::entry::{
    Big, BigValue, CopyingValue, FrozenValue, Heap, Leftover, Waste, dispose_tree, freeze_tree,
    new_tree,
};

/// Ranks of the parts of a stream, which are below it, told apart by a multiple of it.
const PART: u64 = 1 << 62;

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
            groups: Groups::new(),
            copied: 0,
            outside,
            walk: Weak::new(),
            passed: None,
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
        Box::new(StreamCopying::new())
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

    /// `from` is a rank in the tree of that part: [`PART`] times the messages, what is pending in the
    /// group behind `passed`, or who owns that.
    fn relocate(&mut self, heap: &mut Heap, from: u64, leaves: usize) -> Option<u64> {
        let (mut part, mut rank, mut left) = (from / PART, from % PART, leaves);
        while left > 0 {
            let next = if part == 0 {
                self.passed = None;
                move_together(&mut self.messages, heap, rank, &mut left)
            } else {
                let behind = self.passed.as_deref().map_or(Unbounded, Excluded);
                let mut later = self.groups.range_mut::<[u8], _>((behind, Unbounded));
                let Some((name, group)) = later.next() else {
                    self.passed = None;
                    return None;
                };
                if part == 1 {
                    move_together(&mut group.pending, heap, rank, &mut left)
                } else {
                    let next = move_together(&mut group.owned, heap, rank, &mut left);
                    if next.is_none() {
                        self.passed = Some(name.clone());
                    }
                    next
                }
            };
            (part, rank) = match next {
                Some(rank) => (part, rank),
                // The parts of a group by turns.
                None => (if part == 1 { 2 } else { 1 }, 0),
            };
        }
        Some(part * PART + rank)
    }

    fn dispose(&mut self, heap: &mut Heap) {
        heap.account(self.outside, 0);
        self.outside = 0;
        dispose_tree(&mut self.messages, heap);
        dispose_groups(std::mem::take(&mut self.groups), heap);
    }
}

/// Moves pages of one of a stream's trees, see [`Tree::relocate`]. Takes from `left` so many leaves
/// as it may look at.
fn move_together<C: Codec>(
    tree: &mut Tree<C>,
    heap: &mut Heap,
    rank: u64,
    left: &mut usize,
) -> Option<u64> {
    let most = *left;
    let leaves = usize::try_from(tree.leaves()).unwrap_or(most);
    *left -= leaves.clamp(1, most);
    tree.relocate(heap, rank, most)
}

/// Hands groups that are gone to the heap, to be freed in steps.
pub(super) fn dispose_groups(groups: Groups, heap: &mut Heap) {
    if !groups.is_empty() {
        heap.free_later(Waste::Tree(Box::new(Leftovers(groups))));
    }
}

/// Groups of which only the memory is left.
struct Leftovers(Groups);

impl Leftover for Leftovers {
    fn step(&mut self, heap: &mut Heap, leaves: usize) -> bool {
        for _ in 0..leaves.max(1) {
            let Some((_, mut group)) = self.0.pop_first() else {
                return true;
            };
            group.dispose(heap);
        }
        self.0.is_empty()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::stream::{Pending, StreamMut};

    const GROUPS: u64 = 500;
    const LEAVES: usize = 17;

    fn name(number: u64) -> String {
        format!("group:{number:04}")
    }

    /// A stream of many groups, in each of which one message is pending.
    fn many_groups(heap: &mut Heap) -> Box<Stream> {
        let mut stream = Box::new(Stream::new(heap));
        let mut change = StreamMut::new(heap, &mut stream);
        for number in 0..GROUPS {
            assert!(change.create_group(name(number).as_bytes(), StreamId::MIN, None));
            let group = change.group(name(number).as_bytes());
            let mut group = group.expect("it was just made");
            let (consumer, _) = group.make_consumer(b"consumer", 5);
            let id = StreamId { ms: number, seq: 1 };
            group.put(Pending::new(id, consumer, 5, 1));
        }
        stream
    }

    fn names(stream: &Stream) -> Vec<String> {
        let names = stream.groups();
        names
            .map(|(name, _)| String::from_utf8_lossy(name).into_owned())
            .collect()
    }

    fn free(heap: &mut Heap, stream: &mut Stream) -> usize {
        stream.dispose(heap);
        let mut steps = 0;
        while heap.has_waste() {
            heap.free_waste(&mut 1);
            steps += 1;
        }
        steps
    }

    #[test]
    fn a_pass_takes_as_many_steps_as_small_groups_are_worth() {
        let mut heap = Heap::new();
        let mut stream = many_groups(&mut heap);
        let (mut from, mut steps) = (0, 0);
        while let Some(next) = stream.relocate(&mut heap, from, LEAVES) {
            assert!(next > 0, "it goes on");
            from = next;
            steps += 1;
        }
        // Two trees of one leaf each; in a step one of them may have to be looked at again.
        let (leaves, most) = (2 * GROUPS, LEAVES as u64);
        assert!(
            (leaves / most..=leaves / (most - 1)).contains(&steps),
            "{steps}"
        );
        assert_eq!(stream.passed, None);
    }

    #[test]
    fn a_pass_ends_when_its_group_goes_meanwhile() {
        let mut heap = Heap::new();
        let mut stream = many_groups(&mut heap);
        let mut from = stream
            .relocate(&mut heap, 0, LEAVES)
            .expect("there is more");
        let passed = stream.passed.clone().expect("some groups are passed");
        let mut change = StreamMut::new(&mut heap, &mut stream);
        assert!(change.destroy_group(&passed));
        let mut steps = 0;
        while let Some(next) = stream.relocate(&mut heap, from, LEAVES) {
            from = next;
            steps += 1;
        }
        assert!(steps > 50, "the groups behind it are still to come");
    }

    #[test]
    fn many_groups_are_copied_and_freed_in_steps() {
        let mut heap = Heap::new();
        let mut stream = many_groups(&mut heap);
        let before = heap.used();
        let (mut copying, mut steps) = (stream.begin_copy(), 1);
        while !copying.step(&mut heap, &*stream, LEAVES) {
            steps += 1;
        }
        assert!(steps > 50, "{steps}");
        let Big::Stream(mut copy) = copying.finish(&mut heap, &*stream) else {
            panic!("a copy of a stream is a stream");
        };
        assert_eq!(names(&copy), names(&stream));
        for (name, group) in stream.groups() {
            let other = copy.group(name).expect("it was copied");
            assert_eq!(other.pending_ends(), group.pending_ends());
        }
        assert!(free(&mut heap, &mut copy) as u64 > GROUPS);
        assert_eq!(heap.used(), before);

        let mut copying = stream.begin_copy();
        for _ in 0..10 {
            assert!(!copying.step(&mut heap, &*stream, LEAVES));
        }
        copying.give_up(&mut heap);
        free(&mut heap, &mut stream);
        assert_eq!(heap.used(), 0);
    }
}
