//! What all collections share: a small one is a list of elements alone in its key's block, a big one
//! a tree in a box, and a change may lead from one to the other.
//!
//! Elements of a list are encoded as in Redis's listpack, numbers compact, without the backward
//! lengths.

use std::fmt;

use slotkeeper_tree::Aim;
use slotkeeper_tree::element::{Element, Encoded};

use super::Encoding;
use super::Type;
use super::entry::{Big, BigRecords, BigValue, Entry, Group, Heap};
use super::hash::HashKey;

/// The longest list, in bytes; what is longer becomes a tree.
pub(super) const LIST_MAX: usize = 1008;
/// A tree whose pages have so many bytes becomes a list again.
const TREE_MIN: usize = LIST_MAX / 4;

/// A type of collections, as its changes need to know it.
pub trait Collection {
    /// The type.
    const TYPE: Type;
    /// How many elements of a list make up one of its own: a field with its value are two.
    const FIELDS: usize;
    /// What OBJECT ENCODING says of one that is just made.
    const NEW: Encoding;
    /// What the configuration says of its encodings.
    type Limits: Copy;
    /// What it is when it is big.
    type Big: BigValue + Into<Big>;
    /// What a change has to know beside that, and has to tell.
    type Beside: Default;

    /// The big value, which is of this type.
    fn big(big: &Big) -> Option<&Self::Big>;

    /// The same, to change.
    fn big_mut(big: &mut Big) -> Option<&mut Self::Big>;

    /// Of a hash in which fields expire: when the first of them does.
    fn first_time(big: &Self::Big) -> Option<i64> {
        let _ = big;
        None
    }

    /// Appends all elements to a list.
    fn flatten(big: &Self::Big, list: &mut Vec<u8>);
}

/// A collection, to read. Of a list, which keeps more than elements in its block, see
/// [`List`](super::List).
pub struct CollectionRef<'a, C: Collection> {
    pub(super) form: Form<'a, C::Big>,
    encoding: Encoding,
    /// Of a hash: fields that expire at this unix time in milliseconds, or before, are not shown.
    pub(super) due: i64,
}

/// How a collection is held.
pub(super) enum Form<'a, B> {
    Small(&'a [u8]),
    Big(&'a B),
}

impl<'a, C: Collection> CollectionRef<'a, C> {
    /// That of an entry whose value is one.
    pub(super) fn of(entry: &Entry<'a>) -> Self {
        let big = entry.big().and_then(C::big);
        CollectionRef::new(entry.bytes(), big, entry.meta().kind.encoding())
    }

    /// That list, unless there is a tree.
    fn new(list: &'a [u8], big: Option<&'a C::Big>, encoding: Encoding) -> Self {
        let form = big.map_or(Form::Small(list), Form::Big);
        CollectionRef {
            form,
            encoding,
            due: i64::MIN,
        }
    }

    /// What OBJECT ENCODING says of it.
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// How many fields or members it has, fields included that have expired and are not removed yet;
    /// never none.
    #[must_use]
    pub fn len(&self) -> usize {
        match self.form {
            Form::Small(list) => count(list) / C::FIELDS,
            Form::Big(big) => big.len(),
        }
    }

    /// Whether it has none: only while it is being changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self.form {
            Form::Small(list) => list.is_empty(),
            Form::Big(big) => big.len() == 0,
        }
    }
}

impl<C: Collection> Copy for CollectionRef<'_, C> {}

impl<C: Collection> Clone for CollectionRef<'_, C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B> Copy for Form<'_, B> {}

impl<B> Clone for Form<'_, B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C: Collection> fmt::Debug for CollectionRef<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of {}, {:?}", C::TYPE, self.len(), self.encoding)
    }
}

/// A collection that is being changed.
pub struct CollectionMut<'a, C: Collection> {
    pub(super) heap: &'a mut Heap,
    pub(super) hasher: HashKey,
    /// A small one; empty if there is a tree.
    pub(super) list: Vec<u8>,
    /// What OBJECT ENCODING says of it.
    pub(super) encoding: Encoding,
    pub(super) limits: C::Limits,
    pub(super) beside: C::Beside,
    /// The entry's box, if it has one.
    held: Option<&'a mut C::Big>,
    /// What the list has grown into.
    grown: Option<C::Big>,
}

/// What a changed collection is now.
pub(super) struct Changed {
    /// A small one; or memory to be used again.
    pub list: Vec<u8>,
    /// It has become big.
    pub grown: Option<Box<Big>>,
    /// The entry's box is worth no box any more, and its content is in the list.
    pub shrunk: bool,
    /// What OBJECT ENCODING says of it.
    pub encoding: Encoding,
    /// Bytes that were copied since a walk still needs them as they were.
    pub copied: usize,
}

impl<'a, C: Collection> CollectionMut<'a, C> {
    /// An empty one. `list` is memory to be used again.
    pub(super) fn empty(
        heap: &'a mut Heap,
        hasher: HashKey,
        mut list: Vec<u8>,
        limits: C::Limits,
    ) -> Self {
        list.clear();
        CollectionMut {
            heap,
            hasher,
            list,
            encoding: C::NEW,
            limits,
            beside: C::Beside::default(),
            held: None,
            grown: None,
        }
    }

    /// One that is there: `list` is what its block holds, or `big` its box.
    pub(super) fn held(
        heap: &'a mut Heap,
        hasher: HashKey,
        list: Vec<u8>,
        big: Option<&'a mut Big>,
        (encoding, limits): (Encoding, C::Limits),
    ) -> Self {
        CollectionMut {
            heap,
            hasher,
            list,
            encoding,
            limits,
            beside: C::Beside::default(),
            held: big.map(|big| C::big_mut(big).expect("the type was compared")),
            grown: None,
        }
    }

    /// To read.
    pub(super) fn to_ref(&self) -> CollectionRef<'_, C> {
        CollectionRef::new(&self.list, self.big(), self.encoding)
    }

    /// What is in the tree, if it is big.
    pub(super) fn big(&self) -> Option<&C::Big> {
        self.held.as_deref().or(self.grown.as_ref())
    }

    /// The same, to change with the heap.
    pub(super) fn big_mut(&mut self) -> Option<(&mut C::Big, &mut Heap)> {
        let big = self.held.as_deref_mut().or(self.grown.as_mut())?;
        Some((big, self.heap))
    }

    /// Whether it is a list.
    pub(super) fn is_small(&self) -> bool {
        self.held.is_none() && self.grown.is_none()
    }

    /// Puts a tree with the elements of the list in the list's place.
    pub(super) fn become_big(&mut self, big: C::Big) {
        assert!(self.is_small(), "there is one tree at most");
        self.list.clear();
        self.grown = Some(big);
    }

    /// Whether it has no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self.big() {
            Some(big) => big.len() == 0,
            None => self.list.is_empty(),
        }
    }

    /// Of a hash in which fields expire: when the first of them does.
    pub(super) fn first_time(&self) -> Option<i64> {
        self.big().and_then(C::first_time)
    }

    /// What it is now.
    pub(super) fn finish(mut self) -> Changed {
        let mut changed = Changed {
            list: self.list,
            grown: self.grown.map(|big| Box::new(big.into())),
            shrunk: false,
            encoding: self.encoding,
            copied: 0,
        };
        if let Some(held) = &mut self.held {
            changed.copied = held.take_copied();
            changed.shrunk = (1..=TREE_MIN).contains(&held.pages()) && !held.keeps_tree();
            if changed.shrunk {
                C::flatten(held, &mut changed.list);
            }
        }
        changed
    }
}

impl<C: Collection<Big = BigRecords<VALUED>>, const VALUED: bool> CollectionMut<'_, C> {
    /// Removes fields or members, those of a list by `remove`. Returns how many of them were there.
    pub(super) fn remove_records<'k>(
        &mut self,
        names: impl Iterator<Item = &'k [u8]>,
        remove: impl Fn(&mut Self, &[u8]) -> bool,
    ) -> usize {
        let are_few = are_few(&names);
        let Some((big, heap)) = self.big_mut().filter(|_| !are_few) else {
            return names.filter(|name| remove(self, name)).count();
        };
        let (mut removed, mut group) = (0, Group::new());
        let mut names = names.map(|name| (name, ()));
        while big.next_group(&mut group, &mut names, Aim::Remove) {
            for (key, ()) in group.iter() {
                removed += usize::from(big.remove_key(heap, key));
            }
        }
        removed
    }
}

impl Changed {
    /// Frees what it has become, if that was not put anywhere.
    pub fn discard(&mut self, heap: &mut Heap) {
        if let Some(mut big) = self.grown.take() {
            big.value_mut().dispose(heap);
        }
    }
}

/// The element at the start of a list, and how many bytes it takes.
#[inline]
pub(super) fn decode(list: &[u8]) -> (Element<'_>, usize) {
    Element::decode(list).expect("lists are made of whole elements")
}

/// The elements of a list.
pub(super) fn elements(list: &[u8]) -> impl Iterator<Item = Element<'_>> {
    let mut rest = list;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (element, len) = decode(rest);
        rest = &rest[len..];
        Some(element)
    })
}

/// Whether these are known to be so few that looking ahead would only take time: one, or none.
#[inline]
pub(super) fn are_few(items: &impl Iterator) -> bool {
    matches!(items.size_hint().1, Some(0 | 1))
}

/// How many elements a list has.
pub(super) fn count(list: &[u8]) -> usize {
    let (mut at, mut count) = (0, 0);
    while at < list.len() {
        at += skip(&list[at..]);
        count += 1;
    }
    count
}

/// Where an element begins in a list of records of `fields` elements each, if it is the first one of
/// its record.
#[inline]
pub(super) fn position(list: &[u8], wanted: &Encoded<'_>, fields: usize) -> Option<usize> {
    let mut at = 0;
    while at < list.len() {
        if wanted.is_at(&list[at..]) {
            return Some(at);
        }
        for _ in 0..fields {
            at += skip(&list[at..]);
        }
    }
    None
}

/// How many bytes the element at the start of a list takes.
#[inline]
pub(super) fn skip(list: &[u8]) -> usize {
    Element::skip(list).expect("lists are made of whole elements")
}
