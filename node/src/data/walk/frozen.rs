//! Big values in a walk: they are frozen, not waited for, and are sent in parts while clients go on
//! changing them.

use super::step::{LEAST_PIECE, is_frozen_first};
use super::{Head, Saver, Targets, Walks};
use crate::data::Type;
use crate::data::entry::{EntryMut, FrozenValue, Heap, LARGE};

/// A big value as it was when the walk began, on its way.
pub(super) struct FrozenEntry {
    kind: Type,
    db: usize,
    key: Vec<u8>,
    expire_at: Option<i64>,
    pub value: Box<dyn FrozenValue>,
    begun: bool,
    /// Who gets it.
    pub targets: Targets,
}

/// So much more than was copied of a frozen value is handed out: writers pay, so that they cannot
/// outrun the walk and copy all of it.
fn price(copied: usize) -> usize {
    copied * 5 / 2
}

/// With so much of that still to be handed out, in bytes, writers of big values wait.
const DEBT_MAX: usize = 4 << 20;

impl Walks {
    /// Keeps a big value as it is now, to be sent later to these walks. False if it is none.
    pub(super) fn freeze(
        &mut self,
        heap: &mut Heap,
        db: usize,
        entry: &mut EntryMut<'_>,
        targets: Targets,
    ) -> bool {
        if !is_frozen_first(&entry.view()) {
            return false;
        }
        let Some(big) = entry.big_mut() else {
            return false;
        };
        let value = big.value_mut().freeze(heap);
        let view = entry.view();
        self.frozen.push_back(FrozenEntry {
            kind: view.kind(),
            db,
            key: view.key().to_vec(),
            expire_at: view.expire_at(),
            value,
            begun: false,
            targets,
        });
        true
    }

    /// A writer has copied so many bytes of a big value that the walk still needs.
    pub fn pay(&mut self, heap: &mut Heap, copied: usize) {
        self.debt += price(copied);
        while self.debt > 0
            && self.large.is_none()
            && let Some(first) = self.frozen.front()
            && self.have_room(first.targets)
        {
            self.send_frozen(heap, self.debt.clamp(LEAST_PIECE, LARGE));
        }
    }

    /// Whether writers of big values need not wait for [`WalkWait::Debt`].
    pub fn is_paid(&self) -> bool {
        self.debt < DEBT_MAX
    }

    /// Sends about so many bytes of the first big value, fewer if they are more work than others.
    pub(super) fn send_frozen(&mut self, heap: &mut Heap, budget: usize) {
        let Some(mut first) = self.frozen.pop_front() else {
            return;
        };
        let targets = first.targets;
        let budget = budget.div_ceil(first.value.effort());
        if !std::mem::replace(&mut first.begun, true) {
            let head = Head {
                kind: first.kind,
                len: first.value.len(),
                first_time: first.value.first_time(),
            };
            self.tell(targets, |saver| {
                saver.begin(first.db, &first.key, first.expire_at, head);
            });
        }
        let over = (first.value).step(heap, budget, &mut |part| {
            self.tell(targets, |saver| saver.part(part));
        });
        self.debt = self.debt.saturating_sub(budget);
        if over {
            self.tell(targets, Saver::end_large);
        } else {
            self.frozen.push_front(first);
        }
        if self.frozen.is_empty() {
            self.debt = 0;
        }
    }
}
