//! The slots of a leaf: each has six bits of a hash, its tag, and how far before the end of the page
//! a record begins, in ten. They are looked through eight at a time.

/// The bytes of a slot.
pub const SLOT: usize = 2;
const AWAY_BITS: u32 = 10;
const AWAY: u16 = (1 << AWAY_BITS) - 1;
/// How many are compared side by side.
const GROUP: usize = 8;

/// A slot of that tag and distance.
#[inline]
pub fn slot(tag: u16, away: usize) -> u16 {
    tag << AWAY_BITS | away as u16
}

/// The tag of a slot.
#[inline]
pub fn tag(slot: u16) -> u16 {
    slot >> AWAY_BITS
}

/// How far before the end of the page the record of a slot begins.
#[inline]
pub fn away(slot: u16) -> usize {
    usize::from(slot & AWAY)
}

/// The index of the first slot of that tag of which `is_it` says that it is wanted.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "its caller's comparison is the loop's body"
)]
pub fn find(slots: &[u16], tag: u16, is_it: impl Fn(u16) -> bool) -> Option<usize> {
    let wanted = tag << AWAY_BITS;
    let (groups, rest) = slots.as_chunks::<GROUP>();
    for (at, group) in groups.iter().enumerate() {
        let mut hits = of_tag(group, wanted);
        while hits != 0 {
            let index = hits.trailing_zeros() as usize;
            if is_it(group[index]) {
                return Some(at * GROUP + index);
            }
            hits &= hits - 1;
        }
    }
    let index = (rest.iter()).position(|&slot| slot & !AWAY == wanted && is_it(slot))?;
    Some(groups.len() * GROUP + index)
}

/// A bit for each slot of a tag, the lowest for the first.
#[inline]
fn of_tag(group: &[u16; GROUP], wanted: u16) -> u32 {
    let mut hits = 0;
    for (index, slot) in group.iter().enumerate() {
        hits |= u32::from(slot & !AWAY == wanted) << index;
    }
    hits
}

/// Takes `len` from all distances above `gone`: a record of that length, which began there, has been
/// taken out.
#[inline]
pub fn close_gap(slots: &mut [u16], gone: usize, len: usize) {
    let (gone, len) = (gone as u16, len as u16);
    for slot in slots {
        *slot -= if *slot & AWAY > gone { len } else { 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_first_that_is_wanted_wherever_it_is() {
        for count in 0..40 {
            let slots: Vec<u16> = (0..count).map(|at| slot(at as u16 % 3, at + 1)).collect();
            for at in 0..count {
                let found = find(&slots, at as u16 % 3, |slot| away(slot) == at + 1);
                assert_eq!(found, Some(at), "of {count}");
            }
            assert_eq!(find(&slots, 0, |_| false), None);
            assert_eq!(find(&slots, 5, |_| true), None);
            let first = find(&slots, 1, |_| true);
            assert_eq!(first, (count > 1).then_some(1));
        }
    }

    #[test]
    fn closes_a_gap_before_what_is_newer() {
        let mut slots: Vec<u16> = (1..30).map(|at| slot(63, at * 10)).collect();
        slots.remove(4);
        close_gap(&mut slots, 50, 10);
        let expected: Vec<u16> = (1..29).map(|at| slot(63, at * 10)).collect();
        assert_eq!(slots, expected);
    }
}
