//! Changing a set, and what OBJECT ENCODING says of it: what Redis 7.2 would.

use slotkeeper_tree::element::{Element, Encoded, Text};
use slotkeeper_tree::{Aim, INLINE_MAX};

use super::{Set, SetMut};
use crate::data::Encoding;
use crate::data::collection::{LIST_MAX, are_few, decode, elements, position, skip};
use crate::data::entry::{BigSet, BigValue, Group};

/// The longest decimal text of an integer.
const INTEGER_TEXT_MAX: usize = 20;

impl SetMut<'_> {
    /// To read.
    #[must_use]
    pub fn view(&self) -> Set<'_> {
        self.to_ref()
    }

    /// So many members will be added, this one first: Redis chooses the encoding for that number,
    /// whether they are new or not.
    pub fn announce(&mut self, first: &[u8], count: usize) {
        let is_integer = matches!(Element::new(first), Element::Int(_));
        self.encoding = match self.encoding {
            _ if self.is_empty() => match count {
                _ if is_integer && count <= self.limits.intset_entries => Encoding::Intset,
                _ if count <= self.limits.entries => Encoding::Listpack,
                _ => Encoding::HashTable,
            },
            Encoding::Intset if count > self.limits.intset_entries => Encoding::HashTable,
            Encoding::Listpack if count > self.limits.entries => Encoding::HashTable,
            stays => stays,
        };
    }

    /// So many members will be loaded that were held so.
    pub fn expect(&mut self, encoding: Encoding, count: u64) {
        let limit = match encoding {
            Encoding::Intset => self.limits.intset_entries,
            _ => self.limits.entries,
        };
        self.encoding = if count > limit as u64 {
            Encoding::HashTable
        } else {
            encoding
        };
    }

    /// From now on it is held so, whatever is in it.
    pub fn set_encoding(&mut self, encoding: Encoding) {
        self.encoding = encoding;
    }

    /// Chooses the encoding as if it were a new set, and all members put in one after the other: an
    /// intset stays one, anything else begins as a listpack.
    pub fn repack(&mut self) {
        let mut encoding = match self.encoding {
            Encoding::Intset => Encoding::Intset,
            _ => Encoding::Listpack,
        };
        let mut count = 0;
        self.view().for_each_while(|member| {
            count += 1;
            encoding = self.next_encoding(encoding, member, count);
            encoding != Encoding::HashTable
        });
        self.encoding = encoding;
    }

    /// Makes it an intset if it is not too large for one, and all members are integers.
    pub fn prefer_intset(&mut self) {
        if self.view().len() > self.limits.intset_entries {
            return;
        }
        let mut are_integers = true;
        self.view().for_each_while(|member| {
            are_integers = matches!(member, Element::Int(_));
            are_integers
        });
        if are_integers {
            self.encoding = Encoding::Intset;
        }
    }

    /// Adds a member. Returns whether it is new.
    pub fn add(&mut self, member: &[u8]) -> bool {
        if self.is_small() && member.len() > INLINE_MAX {
            self.grow();
        }
        let (element, sorted) = (Element::new(member), self.encoding == Encoding::Intset);
        let new = match self.big_mut() {
            Some((big, heap)) => big.insert(heap, member, b""),
            None => add_to_list(&mut self.list, element, sorted),
        };
        if self.list.len() > LIST_MAX {
            self.grow();
        }
        if new && self.encoding != Encoding::HashTable {
            let count = self.view().len();
            self.encoding = self.next_encoding(self.encoding, element, count);
        }
        new
    }

    /// Adds members. Returns how many of them are new.
    pub fn add_each<'k>(&mut self, members: impl Iterator<Item = &'k [u8]>) -> usize {
        let (mut new, mut members) = (0, members.map(|member| (member, ())));
        let mut group = Group::new();
        loop {
            // Another encoding depends on each member.
            let in_groups = self.encoding == Encoding::HashTable && !are_few(&members);
            let Some((big, heap)) = self.big_mut().filter(|_| in_groups) else {
                let Some((member, ())) = members.next() else {
                    return new;
                };
                new += usize::from(self.add(member));
                continue;
            };
            while big.next_group(&mut group, &mut members, Aim::Insert) {
                for (member, ()) in group.iter() {
                    new += usize::from(big.insert_key(heap, member, b""));
                }
            }
            return new;
        }
    }

    /// Removes members. Returns how many of them were there.
    pub fn remove_each<'k>(&mut self, members: impl Iterator<Item = &'k [u8]>) -> usize {
        self.remove_records(members, SetMut::remove)
    }

    /// Removes a member. Returns whether it was there.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        if let Some((big, heap)) = self.big_mut() {
            return big.remove(heap, member);
        }
        let member = Encoded::new(member);
        let place = position(&self.list, &member, 1);
        if let Some(start) = place {
            self.list.drain(start..start + member.len());
        }
        place.is_some()
    }

    /// Removes all members.
    pub fn clear(&mut self) {
        match self.big_mut() {
            Some((big, heap)) => big.dispose(heap),
            None => self.list.clear(),
        }
    }

    /// Brings what removals of members of about these ranks, which there are, will look at into the
    /// cache.
    pub fn look_ahead(&self, ranks: &[usize]) {
        if let Some(big) = self.big() {
            big.look_ahead_ranks(ranks);
        }
    }

    /// Removes the member of a rank, counted from 0, after `visit` has seen it. None if there are
    /// not so many.
    pub fn take<R>(&mut self, rank: usize, visit: impl FnOnce(Element<'_>) -> R) -> Option<R> {
        if let Some((big, heap)) = self.big_mut() {
            return big.remove_at(heap, rank, |record| visit(record.key));
        }
        let mut before = 0;
        for _ in 0..rank {
            before += skip(self.list.get(before..).filter(|rest| !rest.is_empty())?);
        }
        let rest = self.list.get(before..).filter(|rest| !rest.is_empty())?;
        let (element, len) = decode(rest);
        let seen = visit(element);
        self.list.drain(before..before + len);
        Some(seen)
    }

    /// What the encoding becomes when a member was added, now the last of so many.
    fn next_encoding(&self, encoding: Encoding, member: Element<'_>, count: usize) -> Encoding {
        let limits = self.limits;
        let fits = |longest: usize| count <= limits.entries && longest <= limits.value;
        match (encoding, member) {
            (Encoding::Intset, Element::Int(_)) if count <= limits.intset_entries => encoding,
            (Encoding::Intset, Element::Str(text))
                if fits(text.len()) && self.longest_integer() <= limits.value =>
            {
                Encoding::Listpack
            }
            (Encoding::Listpack, member) if fits(member.text_len()) => encoding,
            _ => Encoding::HashTable,
        }
    }

    /// How many bytes the longest integer has as text, if that may matter.
    fn longest_integer(&self) -> usize {
        let mut longest = 0;
        if self.limits.value < INTEGER_TEXT_MAX {
            self.view().for_each(|member| {
                if let Element::Int(_) = member {
                    longest = longest.max(member.text_len());
                }
            });
        }
        longest
    }

    /// Makes a tree of the list.
    fn grow(&mut self) {
        let (mut big, mut text) = (BigSet::new(self.hasher), Text::new());
        for member in elements(&self.list) {
            big.insert(self.heap, member.bytes(&mut text), b"");
        }
        self.become_big(big);
    }
}

/// Adds a member to a list, at the end, or before the first larger one if integers are `sorted`.
/// Returns whether it is new.
fn add_to_list(list: &mut Vec<u8>, member: Element<'_>, sorted: bool) -> bool {
    if !sorted {
        let encoded = Encoded::from(member);
        let is_new = position(list, &encoded, 1).is_none();
        if is_new {
            encoded.write_to(list);
        }
        return is_new;
    }
    let (mut at, mut place) = (0, None);
    while at < list.len() {
        let (found, len) = decode(&list[at..]);
        if found == member {
            return false;
        }
        if let (Element::Int(found), Element::Int(member)) = (found, member)
            && found > member
        {
            place.get_or_insert(at);
        }
        at += len;
    }
    let encoded = Encoded::from(member);
    encoded.write_to(list);
    list[place.unwrap_or(at)..].rotate_right(encoded.len());
    true
}
