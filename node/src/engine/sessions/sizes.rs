//! Clients that may be closed to save memory, by size: in lists whose sizes double, as in Redis 7. A
//! client changes its list without a look at any other one than its neighbours there.

/// Clients below this many bytes are in the first list ...
const FIRST_BITS: u32 = 15;
/// ... and those from so many bytes on in the last one.
const LAST_BITS: u32 = 33;
const LISTS: usize = (LAST_BITS - FIRST_BITS) as usize + 1;

/// No session.
const NONE: u32 = u32::MAX;

/// The lists, and the place of every session's slot in one of them or in none.
#[derive(Debug)]
pub(super) struct Sizes {
    first: [u32; LISTS],
    places: Vec<Place>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    before: u32,
    after: u32,
    list: Option<u8>,
}

const NOWHERE: Place = Place {
    before: NONE,
    after: NONE,
    list: None,
};

impl Default for Sizes {
    fn default() -> Sizes {
        Sizes {
            first: [NONE; LISTS],
            places: Vec::new(),
        }
    }
}

impl Sizes {
    /// There is one slot more, in no list.
    pub(super) fn grow(&mut self) {
        self.places.push(NOWHERE);
    }

    /// Puts a session's slot into the list of its size; none takes it out.
    pub(super) fn put(&mut self, slot: u32, size: Option<usize>) {
        let list = size.map(list_of);
        if self.places[slot as usize].list == list {
            return;
        }
        self.take_out(slot);
        if let Some(list) = list {
            let after = std::mem::replace(&mut self.first[usize::from(list)], slot);
            if after != NONE {
                self.places[after as usize].before = slot;
            }
            self.places[slot as usize] = Place {
                before: NONE,
                after,
                list: Some(list),
            };
        }
    }

    fn take_out(&mut self, slot: u32) {
        let place = std::mem::replace(&mut self.places[slot as usize], NOWHERE);
        let Some(list) = place.list else {
            return;
        };
        match place.before {
            NONE => self.first[usize::from(list)] = place.after,
            before => self.places[before as usize].after = place.after,
        }
        if place.after != NONE {
            self.places[place.after as usize].before = place.before;
        }
    }

    /// The slot of one of the largest: none in any list is twice as large.
    pub(super) fn largest(&self) -> Option<u32> {
        let first = self.first.iter().rev().copied();
        first.into_iter().find(|&slot| slot != NONE)
    }

    /// Panics unless exactly the slots with a size are in lists, each in the right one.
    pub(super) fn check(&self, size: impl Fn(u32) -> Option<usize>) {
        let mut found = 0;
        for (list, first) in self.first.iter().enumerate() {
            let (mut before, mut slot) = (NONE, *first);
            while slot != NONE {
                let place = self.places[slot as usize];
                assert_eq!((place.before, place.list), (before, Some(list as u8)));
                (before, slot, found) = (slot, place.after, found + 1);
            }
        }
        let slots = 0..self.places.len() as u32;
        let listed = slots.filter(|&slot| {
            let wanted = size(slot).map(list_of);
            assert_eq!(self.places[slot as usize].list, wanted, "slot {slot}");
            wanted.is_some()
        });
        assert_eq!(listed.count(), found, "each is in one list");
    }
}

/// The list for a size in bytes.
fn list_of(size: usize) -> u8 {
    let bits = size.checked_ilog2().unwrap_or(0);
    // At most the number of lists, which is small.
    (bits.clamp(FIRST_BITS - 1, LAST_BITS - 1) + 1 - FIRST_BITS) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_a_list_double() {
        let lists = [0, 1, (1 << 15) - 1, 1 << 15, (1 << 16) - 1, 1 << 16].map(list_of);
        assert_eq!(lists, [0, 0, 0, 1, 1, 2]);
        assert_eq!([1 << 32, usize::MAX].map(list_of), [18, 18]);
        assert_eq!(LISTS, 19);
    }

    #[test]
    fn the_largest_is_found_whatever_has_come_gone_and_changed() {
        let mut sizes = Sizes::default();
        let mut wanted: Vec<Option<usize>> = vec![None; 40];
        wanted.iter().for_each(|_| sizes.grow());
        let mut random = 1_u64;
        for _ in 0..5000 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(99);
            let slot = (random >> 33) as usize % wanted.len();
            let size = (!random.is_multiple_of(5)).then(|| 1 << (10 + (random >> 40) % 24));
            wanted[slot] = size;
            sizes.put(slot as u32, size);
            sizes.check(|slot| wanted[slot as usize]);
            let largest = sizes.largest().and_then(|slot| wanted[slot as usize]);
            let max = wanted.iter().flatten().max().copied();
            assert_eq!(largest.map(list_of), max.map(list_of));
        }
        for slot in 0..wanted.len() as u32 {
            sizes.put(slot, None);
        }
        assert_eq!(sizes.largest(), None);
    }
}
