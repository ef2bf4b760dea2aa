//! How a walk goes through the tables, and sends what is large in pieces.

use super::{
    Database, Detached, Entry, EntryMut, Heap, Key, LARGE, LargeValue, Slot, SlotTable, Targets,
    WalkId, WalkState, Walks, age, key_slot,
};
use crate::data::only_slot;
use crate::data::table::Table;

/// How much of a step's budget, in bytes, an entry takes that is saved already.
const VISIT_COST: usize = 16;
/// How much an entry takes beside its key and value.
const OVERHEAD: usize = 16;
/// The smallest piece of a large value, but for the last.
pub(super) const LEAST_PIECE: usize = 4096;

/// A step that is being taken.
struct Pass {
    /// Which of the walks goes.
    at: usize,
    /// How much of the budget is left, in bytes.
    left: usize,
    /// A large value is being sent and cannot go on, so no other one may begin.
    no_large: bool,
    /// Something has to wait for the saver of another walk, or for a large value.
    is_stuck: bool,
}

/// How far a visit of a segment came, and the large string that ended it, with those that want it.
struct Visited {
    next: Option<u64>,
    large: Option<(Vec<u8>, Targets)>,
}

/// Whether a value is sent in parts, as it was when it was frozen.
pub(super) fn is_frozen_first(entry: &Entry<'_>) -> bool {
    !entry.is_written_whole()
}

impl Walks {
    /// Hands out about `budget` bytes more for a walk. Tables that were taken over and are saved now
    /// come back in `garbage`. It does not end while more may be taken over (`open`).
    pub fn step(
        &mut self,
        dbs: &mut [Database],
        heap: &mut Heap,
        id: WalkId,
        (budget, open): (usize, bool),
        garbage: &mut Vec<Box<[SlotTable]>>,
    ) -> WalkState {
        let Some(at) = self.active.iter().position(|walk| walk.id == id) else {
            return WalkState::Done;
        };
        let bit = self.active[at].bit();
        let mut pass = Pass {
            at,
            left: budget,
            no_large: false,
            is_stuck: false,
        };
        while !self.active[at].done {
            if self.active[at].saver.pauses_walk() || pass.is_stuck {
                return WalkState::PausedAtBound;
            }
            if pass.left == 0 {
                return WalkState::More;
            }
            if let Some(targets) = self.sending() {
                if self.have_room(targets) {
                    // What is left of a step is not worth a tiny piece, unless the step is as small.
                    if self.large.is_some() && pass.left < budget.min(LEAST_PIECE) {
                        return WalkState::More;
                    }
                    self.send_more(dbs, heap, &mut pass.left);
                    continue;
                }
                if targets & bit != 0 {
                    return WalkState::PausedAtBound;
                }
                pass.no_large = true;
            }
            let detached = self.detached.iter().position(|it| it.targets & bit != 0);
            if let Some(detached) = detached {
                garbage.extend(self.save_detached(heap, detached, &mut pass));
            } else if self.active[at].cursor.db < dbs.len() {
                self.save_live(dbs, heap, &mut pass);
            } else if open || self.is_awaited(bit) {
                return WalkState::PausedAtBound;
            } else {
                self.active[at].done = true;
            }
        }
        WalkState::Done
    }

    /// Who gets the value that is being sent in pieces, if there is one.
    fn sending(&self) -> Option<Targets> {
        match &self.large {
            Some(large) => Some(large.targets),
            None => self.frozen.front().map(|frozen| frozen.targets),
        }
    }

    /// Whether a large value is still to come for this walk.
    fn is_awaited(&self, bit: Targets) -> bool {
        let large = self.large.as_ref().map(|large| large.targets);
        let frozen = self.frozen.iter().map(|frozen| frozen.targets);
        frozen.chain(large).any(|targets| targets & bit != 0)
    }

    /// Goes on with the value that is being sent in pieces.
    fn send_more(&mut self, dbs: &[Database], heap: &mut Heap, left: &mut usize) {
        let piece = (*left).clamp(LEAST_PIECE, LARGE);
        *left = left.saturating_sub(piece);
        if self.large.is_none() {
            self.send_frozen(heap, piece);
        } else if let Some(LargeValue {
            owned: Some(entry), ..
        }) = self.send_piece(dbs, piece)
        {
            entry.release(heap);
        }
    }

    /// Saves what is not saved of the segment at the walk's cursor.
    fn save_live(&mut self, dbs: &mut [Database], heap: &mut Heap, pass: &mut Pass) {
        let walk = &mut self.active[pass.at];
        let (db, index) = (walk.cursor.db, walk.cursor.table);
        let slot = Slot::new(index as u16).expect("there are no more tables than slots");
        if !walk.covers(slot) {
            walk.cursor.advance(dbs, None);
            return;
        }
        let position = walk.cursor.position;
        let visited = self.save_segment(dbs[db].table_mut(index), heap, (db, position), None, pass);
        if let Some((key, targets)) = visited.large {
            self.begin_large(dbs[db].table(index), (db, slot), key, targets);
        }
        self.active[pass.at].cursor.advance(dbs, visited.next);
    }

    /// Saves what is not saved of tables that were taken over. Returns them when nothing is left.
    fn save_detached(
        &mut self,
        heap: &mut Heap,
        index: usize,
        pass: &mut Pass,
    ) -> Option<Box<[SlotTable]>> {
        let mut detached = self.detached.remove(index)?;
        while let Some(slot_table) = detached.tables.get_mut(detached.next) {
            let (table, from) = (slot_table.table_mut(), (detached.db, detached.position));
            let visited = self.save_segment(table, heap, from, Some(detached.targets), pass);
            detached.position = visited.next.unwrap_or(0);
            detached.next += usize::from(visited.next.is_none());
            let frozen = !self.frozen.is_empty() && !pass.no_large;
            let paused = self.active[pass.at].saver.pauses_walk() || pass.is_stuck;
            let stop = pass.left == 0 || paused || visited.large.is_some() || frozen;
            if let Some((key, targets)) = visited.large {
                let table = slot_table.table_mut();
                self.begin_large(table, (detached.db, only_slot()), key, targets);
                if let Some(large) = &mut self.large {
                    large.owned = table.remove(heap, large.hash, &large.key);
                }
            }
            if stop {
                self.detached.insert(index, detached);
                return None;
            }
        }
        let Detached { tables, .. } = detached;
        Some(tables)
    }

    /// Saves what is not saved of a segment, up to the first large string. What was `detached` is
    /// saved for all walks that were under way then.
    fn save_segment(
        &mut self,
        table: &mut Table,
        heap: &mut Heap,
        (db, position): (usize, u64),
        detached: Option<Targets>,
        pass: &mut Pass,
    ) -> Visited {
        let (mut large, own) = (None, self.active[pass.at].generation);
        let next = table.visit_mut(position, |mut entry| {
            let paused = self.active[pass.at].saver.pauses_walk();
            let frozen = !self.frozen.is_empty() && !pass.no_large;
            if pass.left == 0 || large.is_some() || frozen || paused {
                return false;
            }
            let (targets, generation) = self.targets_of(&entry, own, detached);
            if targets == 0 {
                pass.left = pass.left.saturating_sub(VISIT_COST);
                return true;
            }
            let view = entry.view();
            let (is_large, is_big) = (view.is_large(), is_frozen_first(&view));
            if (pass.no_large && (is_large || is_big)) || !self.have_room(targets) {
                pass.is_stuck = true;
                return false;
            }
            let mut cost = VISIT_COST;
            if is_large {
                large = Some((view.key().to_vec(), targets));
                entry.set_generation(generation);
            } else {
                if !is_big {
                    cost = view.key().len() + view.bytes().len() + OVERHEAD;
                }
                self.save(heap, db, &mut entry, targets, generation);
            }
            pass.left = pass.left.saturating_sub(cost);
            true
        });
        Visited { next, large }
    }

    /// For which walks an entry is to be saved that the walk `own` has come to, none if there is no
    /// need; and the number that it bears then.
    ///
    /// What is large or detached goes to all that want it. What is not, to the older ones that want it, too:
    /// its new number says that they have it.
    fn targets_of(
        &self,
        entry: &EntryMut<'_>,
        own: u8,
        detached: Option<Targets>,
    ) -> (Targets, u8) {
        let view = entry.view();
        let generation = view.meta().generation;
        let of_some = self.active.iter().any(|walk| walk.slots.is_some());
        let slot = || match of_some {
            true => key_slot(view.key()),
            false => only_slot(),
        };
        if let Some(detached) = detached {
            // The tables go when one walk has passed them.
            return (self.unsaved(generation, slot()) & detached, self.newest);
        }
        if age(self.newest, generation) <= age(self.newest, own) {
            return (0, generation);
        }
        let all = self.unsaved(generation, slot());
        if view.is_large() || is_frozen_first(&view) {
            return (all, self.newest);
        }
        let is_older = |generation: u8| age(self.newest, generation) >= age(self.newest, own);
        let older = self.active.iter().filter(|walk| is_older(walk.generation));
        let older: Targets = older.map(super::Walk::bit).sum();
        (all & older, own)
    }

    /// Begins to send a large string to these walks.
    fn begin_large(
        &mut self,
        table: &Table,
        (db, slot): (usize, Slot),
        key: Vec<u8>,
        targets: Targets,
    ) {
        let hash = self.hasher.hash(&key);
        let entry = table.get(hash, &key).expect("it was just seen").view();
        let (expire_at, len) = (entry.expire_at(), entry.bytes().len());
        self.tell(targets, |saver| saver.begin_large(db, &key, expire_at, len));
        self.large_values += 1;
        self.large = Some(LargeValue {
            db,
            key,
            hash,
            slot,
            sent: 0,
            owned: None,
            number: self.large_values,
            targets,
        });
    }

    /// Sends up to `max` bytes of the large string. Returns it when that was the end of it.
    pub(super) fn send_piece(&mut self, dbs: &[Database], max: usize) -> Option<LargeValue> {
        let mut large = self.large.take()?;
        let entry = match &large.owned {
            Some(entry) => entry.view(),
            None => {
                let key: Key<'_> = large.key();
                let found = dbs[large.db].get(&key);
                found.expect("it is sent to its end before it goes").view()
            }
        };
        let rest = &entry.bytes()[large.sent..];
        let piece = &rest[..rest.len().min(max)];
        let is_over = piece.len() == rest.len();
        self.tell(large.targets, |saver| {
            saver.piece(piece);
            if is_over {
                saver.end_large();
            }
        });
        large.sent += piece.len();
        if is_over {
            return Some(large);
        }
        self.large = Some(large);
        None
    }
}
