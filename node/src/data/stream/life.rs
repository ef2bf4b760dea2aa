//! A stream as any big value: made, frozen, copied, given back.

use slotkeeper_tree::{Codec, StreamId, Tree};

use super::Stream;
use super::consumers::Gone;
use super::copying::StreamCopying;
use super::frozen::FrozenStream;
use super::group::Group;
use super::groups::ByName;
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
            groups: None,
            copied: 0,
            outside,
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
        let groups = self.groups.as_ref().map_or(0, |it| it.lock().pages());
        self.messages.memory() + groups
    }

    fn memory(&self) -> usize {
        self.pages() + self.outside
    }

    fn begin_copy(&self) -> Box<dyn CopyingValue> {
        Box::new(StreamCopying::new())
    }

    fn freeze(&mut self, heap: &mut Heap) -> Box<dyn FrozenValue> {
        let facts = self.facts();
        let messages = freeze_tree(&mut self.messages, heap);
        if let Some(groups) = &self.groups {
            groups.lock().freeze();
        }
        Box::new(FrozenStream::new(facts, messages, self.groups.clone()))
    }

    fn is_frozen(&self) -> bool {
        let groups = self.groups.as_ref();
        self.messages.is_frozen() || groups.is_some_and(|it| it.lock().is_frozen())
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
                let (passed, groups) = (self.passed.take(), self.groups.as_ref());
                let moved = groups.and_then(|groups| {
                    groups.lock().touch_after(passed.as_deref(), |name, group| {
                        if part == 1 {
                            return (
                                move_together(&mut group.pending, heap, rank, &mut left),
                                None,
                            );
                        }
                        let next = move_together(&mut group.owned, heap, rank, &mut left);
                        (next, next.is_none().then(|| name.into()))
                    })
                });
                let (next, moved) = moved?;
                self.passed = moved.or(passed);
                next
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
        if let Some(groups) = self.groups.take() {
            groups.lock().dispose(heap);
        }
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
pub(super) fn dispose_groups(groups: ByName, heap: &mut Heap) {
    if !groups.is_empty() {
        heap.free_later(Waste::Tree(Box::new(Leftovers(groups))));
    }
}

/// Groups of which only the memory is left.
struct Leftovers(ByName);

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
        let consumers = std::mem::take(&mut self.consumers);
        heap.free_later(Waste::Tree(Box::new(Gone::from(consumers))));
    }
}

#[cfg(test)]
mod tests {
    use slotkeeper_tree::Part;
    use slotkeeper_tree::element::Element;

    use super::*;
    use crate::data::stream::{Pending, StreamMut};

    const GROUPS: u64 = 500;
    const LEAVES: usize = 17;

    fn name(number: u64) -> String {
        format!("group:{number:04}")
    }

    /// Makes a message pending in a group.
    fn put(change: &mut StreamMut<'_>, group: u64, ms: u64) {
        let put = change.group(name(group).as_bytes(), |group| {
            let (consumer, _) = group.make_consumer(b"consumer", 5);
            group.put(Pending::new(StreamId { ms, seq: 1 }, consumer, 5, 1));
        });
        put.expect("the group was made");
    }

    /// A stream of many groups, in each of which one message is pending.
    fn many_groups(heap: &mut Heap) -> Box<Stream> {
        let mut stream = Box::new(Stream::new(heap));
        let mut change = StreamMut::new(heap, &mut stream);
        for number in 0..GROUPS {
            assert!(change.create_group(name(number).as_bytes(), StreamId::MIN, None));
            put(&mut change, number, number);
        }
        stream
    }

    /// Each group with the first message that is pending there, and the number of consumers.
    fn groups(stream: &Stream) -> Vec<(String, Option<u64>, usize)> {
        let mut all = Vec::new();
        stream.for_each_group(|name, group| {
            let name = String::from_utf8_lossy(name).into_owned();
            let first = group.pending_ends().map(|(first, _)| first.ms);
            all.push((name, first, group.consumers().len()));
        });
        all
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
        assert_eq!(groups(&copy), groups(&stream));
        assert_eq!(
            (copy.pages(), copy.memory()),
            (stream.pages(), stream.memory())
        );
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

    #[test]
    fn consumers_are_copied_in_steps() {
        let mut heap = Heap::new();
        let mut stream = many_groups(&mut heap);
        let mut change = StreamMut::new(&mut heap, &mut stream);
        let made = change.group(name(3).as_bytes(), |group| {
            for number in 0..2000 {
                group.make_consumer(format!("{number}").as_bytes(), 5);
            }
        });
        made.expect("it was made");
        let (mut copying, mut steps) = (stream.begin_copy(), 1);
        while !copying.step(&mut heap, &*stream, 1) {
            steps += 1;
        }
        // A message and what it says to whom it belongs, for each group; and chunks of consumers.
        assert!(steps > GROUPS as usize + 2000 / 32, "{steps}");
        let Big::Stream(mut copy) = copying.finish(&mut heap, &*stream) else {
            panic!("a copy of a stream is a stream");
        };
        assert_eq!(groups(&copy), groups(&stream));
        free(&mut heap, &mut copy);
        free(&mut heap, &mut stream);
        assert_eq!(heap.used(), 0);
    }

    /// Hands out what is left. Returns the names of groups and consumers, and how many parts there are
    /// of what is pending, in their order.
    fn handed_out(heap: &mut Heap, frozen: &mut dyn FrozenValue, budget: usize) -> Vec<String> {
        let mut parts = Vec::new();
        while !frozen.step(heap, budget, &mut |part| collect(part, &mut parts)) {}
        parts
    }

    fn collect(part: Part<'_>, parts: &mut Vec<String>) {
        match part {
            Part::Whole(Element::Str(name)) => {
                parts.push(String::from_utf8_lossy(name).into_owned());
            }
            Part::Fixed(bytes) if bytes.len() == 16 => {
                let ms: [u8; 8] = bytes[..8].try_into().expect("of 16");
                parts.push(u64::from_be_bytes(ms).to_string());
            }
            _ => {}
        }
    }

    #[test]
    fn groups_are_frozen_as_a_walk_comes_to_them_or_before_they_change() {
        for budget in [1, 300, usize::MAX / 2] {
            let mut heap = Heap::new();
            let mut stream = many_groups(&mut heap);
            let mut frozen = stream.freeze(&mut heap);
            let wanted = handed_out(&mut heap, &mut *frozen, budget);
            assert_eq!(wanted[..3], ["group:0000", "0", "consumer"]);
            assert!(!stream.is_frozen());
            let mut frozen = stream.freeze(&mut heap);
            assert!(stream.is_frozen());
            let mut found = Vec::new();
            // It changes before the walk and behind it, and groups come and go.
            for number in 0..GROUPS {
                let mut change = StreamMut::new(&mut heap, &mut stream);
                let other = number * 331 % GROUPS;
                match number % 4 {
                    0 => put(&mut change, other, GROUPS + number),
                    1 => assert!(change.destroy_group(name(other).as_bytes())),
                    2 => {
                        let more = format!("group:{other:04}:more");
                        assert!(change.create_group(more.as_bytes(), StreamId::MIN, None));
                    }
                    _ => {
                        let before = name(number * 331 % GROUPS);
                        assert!(change.destroy_group(before.as_bytes()));
                        assert!(change.create_group(before.as_bytes(), StreamId::MIN, Some(7)));
                    }
                }
                if number % 10 == 0 && budget < 1000 {
                    frozen.step(&mut heap, budget, &mut |part| collect(part, &mut found));
                }
            }
            found.extend(handed_out(&mut heap, &mut *frozen, budget));
            assert_eq!(found, wanted);
            assert!(!stream.is_frozen());
            free(&mut heap, &mut stream);
            assert_eq!(heap.used(), 0);
        }
    }

    #[test]
    fn a_walk_keeps_the_groups_of_a_stream_that_is_gone_and_frees_them() {
        for (before, is_wanted) in [(0, true), (200, true), (0, false), (200, false)] {
            let mut heap = Heap::new();
            let mut stream = many_groups(&mut heap);
            let mut frozen = stream.freeze(&mut heap);
            let (mut found, mut steps) = (Vec::new(), 0);
            while steps < before {
                steps += 1;
                assert!(!frozen.step(&mut heap, 100, &mut |part| collect(part, &mut found)));
            }
            let mut change = StreamMut::new(&mut heap, &mut stream);
            put(&mut change, GROUPS - 1, 1000);
            assert!(change.destroy_group(name(GROUPS - 2).as_bytes()));
            stream.dispose(&mut heap);
            drop(stream);
            if is_wanted {
                found.extend(handed_out(&mut heap, &mut *frozen, 1000));
                assert_eq!(
                    found.len() as u64,
                    GROUPS * 4,
                    "name, entry, consumer, its entry"
                );
            } else {
                while !frozen.discard(&mut heap, 1) {}
            }
            while heap.has_waste() {
                heap.free_waste(&mut 100);
            }
            assert_eq!(heap.used(), 0);
        }
    }

    #[test]
    fn a_walk_that_wants_no_more_lets_the_groups_be_frozen_again() {
        let mut heap = Heap::new();
        let mut stream = many_groups(&mut heap);
        for _ in 0..2 {
            let mut frozen = stream.freeze(&mut heap);
            let mut change = StreamMut::new(&mut heap, &mut stream);
            (0..9).for_each(|number| put(&mut change, number, 1000 + number));
            let mut steps = 0;
            while !frozen.discard(&mut heap, 1) {
                steps += 1;
            }
            assert!((9..100).contains(&steps), "of what was saved: {steps}");
            assert!(!stream.is_frozen());
        }
        free(&mut heap, &mut stream);
        assert_eq!(heap.used(), 0);
    }
}
