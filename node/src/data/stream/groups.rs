//! The groups of a stream, which a walk shares with it.
//!
//! Freezing all groups at once would be one call whose length is that of the table. So a walk only
//! notes that it needs them as they are now: it takes one after the other as it comes to it, and what
//! changes a group before that saves it first. When the stream goes meanwhile, the walk keeps the
//! table and frees it.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::{Arc, Mutex, MutexGuard};

use super::frozen::FrozenGroup;
use super::group::Group;
use super::life::dispose_groups;
use crate::data::entry::Heap;

/// Groups by their names.
pub(super) type ByName = BTreeMap<Box<[u8]>, Group>;

/// The groups of a stream, with what a walk needs of them.
#[derive(Default)]
pub(super) struct Groups {
    all: ByName,
    /// Bytes of their pages.
    pages: usize,
    walk: Walk,
    /// How many walks have begun; a group bears the number of the last one that need not save it.
    walks: u64,
    /// What the walk has not taken yet of groups that were changed or removed since it began.
    saved: BTreeMap<Box<[u8]>, FrozenGroup>,
    /// The last group that the walk has looked at.
    behind: Option<Box<[u8]>>,
    /// Whether the stream is gone, so that groups are freed once the walk has them.
    is_orphan: bool,
}

/// What a walk wants of the groups.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Walk {
    /// There is none.
    #[default]
    None,
    /// All of them as they were.
    Wants,
    /// No more than to free what was saved for it.
    GivenUp,
}

/// What a walk finds next.
pub(super) enum Next {
    /// A group as it was.
    Group(Box<FrozenGroup>),
    /// One that is not the walk's.
    Passed,
    /// There are no more.
    End,
}

impl Groups {
    /// These ones.
    pub fn of(all: ByName) -> Groups {
        let pages = all.values().map(Group::pages).sum();
        Groups {
            all,
            pages,
            ..Groups::default()
        }
    }

    pub fn all(&self) -> &ByName {
        &self.all
    }

    /// Bytes of their pages.
    pub fn pages(&self) -> usize {
        self.pages
    }

    /// The first group after the one of that name, or the first of all.
    pub fn after(&self, name: Option<&[u8]>) -> Option<(&[u8], &Group)> {
        let behind = name.map_or(Unbounded, Excluded);
        let next = self.all.range::<[u8], _>((behind, Unbounded)).next();
        next.map(|(name, group)| (&**name, group))
    }

    /// Adds a group whose name is new.
    pub fn insert(&mut self, name: &[u8], mut group: Group) {
        group.walk = self.walks;
        self.pages += group.pages();
        self.all.insert(name.into(), group);
    }

    /// Takes a group out; a walk that needs it has it saved.
    pub fn remove(&mut self, heap: &mut Heap, name: &[u8]) -> Option<Group> {
        self.save(heap, name);
        let group = self.all.remove(name)?;
        self.pages -= group.pages();
        Some(group)
    }

    /// Changes a group; a walk that needs it has it saved. Returns also how many bytes were copied for
    /// the walk.
    pub fn change<R>(
        &mut self,
        heap: &mut Heap,
        name: &[u8],
        change: impl FnOnce(&mut Heap, &mut Group) -> R,
    ) -> Option<(R, usize)> {
        let saved = self.save(heap, name);
        let group = self.all.get_mut(name)?;
        let before = group.pages();
        let result = change(heap, group);
        self.pages = self.pages - before + group.pages();
        let copied = group.pending.take_copied() + group.owned.take_copied();
        Some((result, copied + saved))
    }

    /// Changes the first group after the one of that name in a way that a walk need not know of.
    pub fn touch_after<R>(
        &mut self,
        name: Option<&[u8]>,
        change: impl FnOnce(&[u8], &mut Group) -> R,
    ) -> Option<R> {
        let behind = name.map_or(Unbounded, Excluded);
        let next = self.all.range_mut::<[u8], _>((behind, Unbounded)).next();
        let (name, group) = next?;
        let before = group.pages();
        let result = change(name, group);
        self.pages = self.pages - before + group.pages();
        Some(result)
    }

    /// Whether a walk is not at its end.
    pub fn is_frozen(&self) -> bool {
        self.walk != Walk::None
    }

    /// A walk begins, which needs the groups as they are now.
    pub fn freeze(&mut self) {
        debug_assert!(!self.is_frozen() && self.saved.is_empty());
        self.walk = Walk::Wants;
        self.walks += 1;
        self.behind = None;
    }

    /// What the walk finds next, in the order of names. At the end it is over.
    pub fn next(&mut self, heap: &mut Heap) -> Next {
        let live = self.after(self.behind.as_deref());
        let live: Option<Box<[u8]>> = live.map(|(name, _)| name.into());
        let saved = self.saved.first_entry();
        if let Some(saved) = saved.filter(|it| live.as_ref().is_none_or(|live| it.key() <= live)) {
            return Next::Group(Box::new(saved.remove()));
        }
        let Some(name) = live else {
            self.end(heap);
            return Next::End;
        };
        self.save(heap, &name);
        let group = self.saved.remove(&name);
        if self.is_orphan
            && let Some(mut gone) = self.all.remove(&name)
        {
            gone.dispose(heap);
        }
        self.behind = Some(name);
        group.map_or(Next::Passed, |group| Next::Group(Box::new(group)))
    }

    /// A group that was saved for a walk, which wants none any more. After the last one it is over.
    pub fn give_up(&mut self, heap: &mut Heap) -> Option<FrozenGroup> {
        self.walk = Walk::GivenUp;
        let next = self.saved.pop_first().map(|(_, group)| group);
        if next.is_none() {
            self.end(heap);
        }
        next
    }

    /// The stream is gone: its groups are freed in steps, by the walk if there is one.
    pub fn dispose(&mut self, heap: &mut Heap) {
        self.is_orphan = true;
        if !self.is_frozen() {
            self.end(heap);
        }
    }

    fn end(&mut self, heap: &mut Heap) {
        self.walk = Walk::None;
        self.behind = None;
        if self.is_orphan {
            self.pages = 0;
            dispose_groups(std::mem::take(&mut self.all), heap);
        }
    }

    /// Saves a group for the walk that needs it as it is now. Returns how many bytes that takes.
    fn save(&mut self, heap: &mut Heap, name: &[u8]) -> usize {
        if self.walk != Walk::Wants {
            return 0;
        }
        let group = self.all.get_mut(name);
        let Some(group) = group.filter(|group| group.walk != self.walks) else {
            return 0;
        };
        group.walk = self.walks;
        let saved = FrozenGroup::new(heap, name, group);
        self.saved.insert(name.into(), saved);
        size_of::<FrozenGroup>() + name.len()
    }
}

/// Groups that a stream and the walk over it have in common. One thread has both, and each is done
/// with them before the other one begins, so nothing ever waits for the lock.
#[derive(Clone, Default)]
pub(super) struct SharedGroups(Arc<Mutex<Groups>>);

/// Why the groups are there at once.
const ALONE: &str = "whatever has the groups gives them back before anything else wants them";

impl SharedGroups {
    pub fn new(groups: Groups) -> SharedGroups {
        SharedGroups(Arc::new(Mutex::new(groups)))
    }

    /// The groups, until what this returns is dropped.
    pub fn lock(&self) -> MutexGuard<'_, Groups> {
        self.0.try_lock().expect(ALONE)
    }
}

impl std::fmt::Debug for SharedGroups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(&self.lock().all).finish()
    }
}
