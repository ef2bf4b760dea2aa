//! Giving memory back of which little is used: when many elements or keys have gone, what is left of
//! them lies scattered. It moves together in steps, and the rest of the chunks goes to the system.

use super::Store;
use crate::data::walk::Cursor;

/// How many entries a step looks at. It is short: it is not urgent, and goes on while others work.
const STEP: usize = 64;
/// How many entries the look at a leaf of a tree counts as.
const LEAF_COST: usize = 4;

/// A pass over all keys, and what passes have come to.
#[derive(Default)]
pub(super) struct Compaction {
    /// Where the pass is that is under way.
    pass: Option<Cursor>,
    /// The big value that it is in: its name, and the rank of the element to go on with.
    big: Option<(Vec<u8>, u64)>,
    big_db: usize,
    /// How many bytes were in use when the last pass began.
    used: usize,
    /// So many bytes were scattered after it.
    left: usize,
}

impl Store {
    /// Moves entries and pages together, if that is worth it; not while a walk may need pages where
    /// they are. Returns whether there is more to do.
    pub(super) fn compact(&mut self) -> bool {
        if !self.walks.is_empty() {
            return false;
        }
        let (scattered, worth) = self.heap.scattered();
        let used = self.heap.used();
        let compaction = &mut self.compaction;
        compaction.left = compaction.left.min(scattered);
        if compaction.pass.is_none() {
            // What it left cannot be brought together, but for what was removed since it began.
            let removed = compaction.used.saturating_sub(used);
            let settled = compaction.left.saturating_sub(removed);
            if scattered < worth.max(settled + worth / 4) {
                return false;
            }
            compaction.pass = Some(Cursor::default());
            compaction.used = used;
        }
        let mut left = STEP;
        while left > 0 {
            if self.compaction.big.is_some() {
                self.compact_big(&mut left);
            } else if !self.compact_entries(&mut left) {
                self.compaction.pass = None;
                self.compaction.left = self.heap.scattered().0;
                return true;
            }
        }
        true
    }

    /// Moves entries, up to the next big value. Returns whether there are more.
    fn compact_entries(&mut self, left: &mut usize) -> bool {
        let compaction = &mut self.compaction;
        let Some(cursor) = compaction.pass.as_mut().filter(|it| it.db < self.dbs.len()) else {
            return false;
        };
        *left -= 1;
        let (heap, big) = (&mut self.heap, &mut compaction.big);
        let table = self.dbs[cursor.db].table_mut(cursor.table);
        let next = table.visit_mut(cursor.position, |mut entry| {
            if *left == 0 || big.is_some() {
                return false;
            }
            *left -= 1;
            entry.relocate(heap);
            *big = (entry.view().big()).map(|_| (entry.view().key().to_vec(), 0));
            true
        });
        // The big value is in the database that the cursor is about to leave.
        compaction.big_db = cursor.db;
        cursor.advance(&self.dbs, next);
        true
    }

    /// Moves pages of a big value.
    fn compact_big(&mut self, left: &mut usize) {
        let Some((name, from)) = self.compaction.big.take() else {
            return;
        };
        let leaves = *left / LEAF_COST + 1;
        *left = left.saturating_sub(leaves * LEAF_COST);
        let key = self.key(&name);
        let entry = self.dbs[self.compaction.big_db].get_mut(&key);
        let heap = &mut self.heap;
        let next = entry.and_then(|mut entry| {
            let big = entry.big_mut()?;
            big.value_mut().relocate(heap, from, leaves)
        });
        self.compaction.big = next.map(|next| (name, next));
    }
}

#[cfg(test)]
mod tests {
    use slotkeeper_tree::StreamId;
    use slotkeeper_tree::element::Element;

    use super::*;
    use crate::data::entry::Heap;
    use crate::data::fields::Fields;
    use crate::data::store::Outcome;
    use crate::data::{Event, HashLimits, Layout, Pending, StreamLimits, StreamMut, Value, rounds};

    const LIMITS: HashLimits = HashLimits {
        entries: 128,
        value: 64,
    };

    fn name(number: u64) -> Vec<u8> {
        format!("name:{number}").into_bytes()
    }

    /// As many fields as keys, of which four fifths go, with so many steps of passes when half
    /// of them have gone; what is to move has moved.
    fn shrunk(heap: Heap, count: u64, steps: u64) -> Store {
        let mut store = Store::new(Layout::Databases(1), [1, 2], heap);
        let hash = b"hash";
        for number in 0..count {
            let field = name(number);
            let set = |hash: &mut crate::data::HashMut<'_>| {
                hash.set(&field, b"a value of some bytes");
                ((), Outcome::Changed(Event::HSet))
            };
            let key = store.key(hash);
            let changed = store.change_collection::<Fields, ()>(0, &key, LIMITS, 0, set);
            changed.expect("it is a hash");
            let meta = store.new_meta(0);
            let key = store.key(&field);
            store.insert(0, &key, [b"a string of some bytes", b""], meta);
        }
        for number in (0..count).filter(|number| number % 5 != 0) {
            let field = name(number);
            let remove = |hash: &mut crate::data::HashMut<'_>| {
                hash.remove(&field);
                ((), Outcome::Changed(Event::HDel))
            };
            let key = store.key(hash);
            let changed = store.change_collection::<Fields, ()>(0, &key, LIMITS, 0, remove);
            changed.expect("it is a hash");
            assert!(store.remove(0, &store.key(&field), Event::Del, false));
            for _ in 0..if number == count / 2 + 1 { steps } else { 0 } {
                store.reclaim(1000);
            }
        }
        while store.reclaim(1000) {}
        store
    }

    #[test]
    fn what_is_left_of_many_keys_and_fields_moves_together() {
        let count = rounds(60_000, 300);
        let store = shrunk(Heap::new(), count, 0);
        let (scattered, worth) = store.heap.scattered();
        assert!(scattered < worth + worth / 4, "{scattered} of {worth}");
        let hash = store.get(0, &store.key(b"hash")).expect("it is there");
        let hash = hash.as_hash().expect("it is a hash");
        for number in 0..count {
            let name = name(number);
            let stays = number % 5 == 0;
            assert_eq!(hash.get(&name).is_some(), stays);
            let entry = store.get(0, &store.key(&name));
            assert_eq!(entry.is_some(), stays);
            assert!(entry.is_none_or(|it| it.as_str() == Ok(b"a string of some bytes")));
        }
    }

    #[test]
    fn what_goes_while_a_pass_is_under_way_is_brought_together_by_the_next() {
        let count = rounds(60_000, 300);
        let store = shrunk(Heap::new(), count, count / 120);
        let (scattered, worth) = store.heap.scattered();
        assert!(scattered < worth + worth / 4, "{scattered} of {worth}");
    }

    /// As many messages as were asked for, all pending, of which four fifths go.
    fn shrunk_stream(heap: Heap, count: u64) -> Store {
        let mut store = Store::new(Layout::Databases(1), [1, 2], heap);
        let limits = StreamLimits {
            bytes: 4096,
            entries: 100,
        };
        let mut change = |change: &mut dyn FnMut(&mut StreamMut<'_>)| {
            let key = store.key(b"stream");
            let changed = store.change_stream(0, &key, 0, true, |stream| {
                change(stream);
                ((), Some(Event::XAdd))
            });
            changed.expect("it is a stream").expect("it was made");
        };
        change(&mut |stream| {
            stream.create_group(b"group", StreamId::MIN, None);
        });
        for ms in 1..=count {
            let id = StreamId { ms, seq: 0 };
            let pair = [(
                Element::new(b"field"),
                Element::new(b"a value of some bytes"),
            )];
            change(&mut |stream| {
                stream.append(id, pair.iter().copied(), limits);
                let put = stream.group(b"group", |group| {
                    let (consumer, _) = group.make_consumer(b"consumer", 5);
                    group.put(Pending::new(id, consumer, 5, 1));
                });
                put.expect("it was made");
            });
        }
        for ms in (1..=count).filter(|ms| ms % 5 != 0) {
            let id = StreamId { ms, seq: 0 };
            change(&mut |stream| {
                assert!(stream.remove(id));
                let gone = stream.group(b"group", |group| group.acknowledge(id));
                assert!(gone.flatten().is_some());
            });
        }
        while store.reclaim(1000) {}
        store
    }

    #[test]
    fn what_is_left_of_a_stream_and_of_its_groups_moves_together() {
        let count = rounds(60_000, 300);
        let store = shrunk_stream(Heap::new(), count);
        let (scattered, worth) = store.heap.scattered();
        assert!(scattered < worth + worth / 4, "{scattered} of {worth}");
        let entry = store.get(0, &store.key(b"stream")).expect("it is there");
        let Value::Stream(stream) = entry.value() else {
            panic!("it is a stream");
        };
        let left: Vec<u64> = (1..=count).filter(|ms| ms % 5 == 0).collect();
        let messages = stream.range(StreamId::MIN, true).map(|it| it.id.ms);
        assert_eq!(messages.collect::<Vec<_>>(), left);
        let (mut pending, mut owned) = (Vec::new(), Vec::new());
        let shown = stream.group(b"group", |group| {
            group.for_each_pending(StreamId::MIN, |it| {
                pending.push(it.id().ms);
                true
            });
            let number = group.consumer(b"consumer").expect("it was made");
            group.for_each_owned(number, StreamId::MIN, |id| {
                owned.push(id.ms);
                true
            });
        });
        shown.expect("it was made");
        assert_eq!((pending, owned), (left.clone(), left));
    }
}
