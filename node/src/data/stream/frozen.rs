//! A frozen stream, handed out in the order of an RDB file.
//!
//! Nodes of messages; then the counters; then each group with what is pending, and its consumers with
//! what is pending with each.

use slotkeeper_tree::element::Element;
use slotkeeper_tree::{Entries, Frozen, Messages, Part, StreamId};

use super::Facts;
use super::consumers::{Chunk, Chunks, Consumer};
use super::group::{Group, Owned, Pending};
use super::groups::{Next, SharedGroups};
use crate::data::entry::{FrozenValue, Heap, freeze_tree};

/// What a small thing counts as in a step, in bytes.
const SMALL: usize = 64;

/// A stream as it was at one moment.
pub struct FrozenStream {
    facts: Facts,
    messages: Frozen<Messages>,
    /// Where the groups are taken from, until that was the last one.
    groups: Option<SharedGroups>,
    /// The group that is being handed out.
    group: Option<Box<FrozenGroup>>,
    group_count: u64,
    /// Whether the counters were handed out.
    counted: bool,
}

/// A group as it was at one moment.
pub(super) struct FrozenGroup {
    name: Box<[u8]>,
    last_id: StreamId,
    entries_read: Option<u64>,
    pending: Frozen<Entries<Pending>>,
    owned: Frozen<Entries<Owned>>,
    /// The chunk whose consumers are being handed out, and those after it.
    chunk: Option<Chunk>,
    chunks: Chunks,
    consumer_count: u64,
    /// The next one in the chunk.
    next: usize,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Head,
    Pending,
    Consumers,
    /// What is pending with the consumer of that number: so many are still to come.
    Owned(u64),
}

impl FrozenStream {
    /// One with these groups, which have just been frozen.
    pub fn new(
        facts: Facts,
        messages: Frozen<Messages>,
        groups: Option<SharedGroups>,
    ) -> FrozenStream {
        let group_count = groups.as_ref().map_or(0, |it| it.lock().all().len() as u64);
        FrozenStream {
            facts,
            messages,
            groups,
            group: None,
            group_count,
            counted: false,
        }
    }

    /// Hands the counters out.
    fn count(&mut self, sink: &mut dyn FnMut(Part<'_>)) {
        self.counted = true;
        let facts = self.facts;
        sink(Part::Length(facts.len));
        for id in [facts.last_id, facts.first_id, facts.max_deleted] {
            lengths(id, sink);
        }
        sink(Part::Length(facts.entries_added));
        sink(Part::Length(self.group_count));
    }
}

fn lengths(id: StreamId, sink: &mut dyn FnMut(Part<'_>)) {
    sink(Part::Length(id.ms));
    sink(Part::Length(id.seq));
}

impl FrozenValue for FrozenStream {
    /// So many nodes of an RDB file.
    fn len(&self) -> u64 {
        self.messages.nodes()
    }

    /// The nodes of a file are put together message by message.
    fn effort(&self) -> usize {
        2
    }

    fn step(&mut self, heap: &mut Heap, budget: usize, sink: &mut dyn FnMut(Part<'_>)) -> bool {
        let mut left = budget;
        if !self.counted {
            if !self.messages.step(heap, budget, &mut *sink) {
                return false;
            }
            self.count(sink);
            // What is left of the budget is not known.
            left = 0;
        }
        while left > 0
            && let Some(groups) = &self.groups
        {
            if let Some(group) = &mut self.group {
                if group.step(heap, &mut left, sink) {
                    self.group = None;
                }
                continue;
            }
            left = left.saturating_sub(SMALL);
            let next = groups.lock().next(heap);
            match next {
                Next::Group(group) => self.group = Some(group),
                Next::Passed => {}
                Next::End => self.groups = None,
            }
        }
        self.groups.is_none()
    }

    fn discard(&mut self, heap: &mut Heap, leaves: usize) -> bool {
        if !self.messages.is_over() && !self.messages.discard(heap, leaves) {
            return false;
        }
        if let Some(group) = &mut self.group {
            if !group.discard(heap, leaves) {
                return false;
            }
            self.group = None;
        }
        if let Some(groups) = &self.groups {
            self.group = groups.lock().give_up(heap).map(Box::new);
            if self.group.is_none() {
                self.groups = None;
            }
        }
        self.groups.is_none()
    }
}

impl FrozenGroup {
    /// A group as it is now.
    pub fn new(heap: &mut Heap, name: &[u8], group: &mut Group) -> FrozenGroup {
        FrozenGroup {
            name: name.into(),
            last_id: group.last_id,
            entries_read: group.entries_read,
            pending: freeze_tree(&mut group.pending, heap),
            owned: freeze_tree(&mut group.owned, heap),
            chunk: None,
            chunks: group.consumers.chunks(),
            consumer_count: group.consumers.len() as u64,
            next: 0,
            stage: Stage::Head,
        }
    }

    /// Passes over up to so many leaves of each part. Returns whether that was all.
    fn discard(&mut self, heap: &mut Heap, leaves: usize) -> bool {
        self.chunk = None;
        let has_chunks = (0..leaves.max(1)).all(|_| self.chunks.next().is_some());
        let pending = self.pending.is_over() || self.pending.discard(heap, leaves);
        let owned = self.owned.is_over() || self.owned.discard(heap, leaves);
        pending && owned && !has_chunks
    }

    /// Hands out more. Returns whether that was all.
    fn step(&mut self, heap: &mut Heap, left: &mut usize, sink: &mut dyn FnMut(Part<'_>)) -> bool {
        while *left > 0 {
            *left = left.saturating_sub(SMALL);
            match self.stage {
                Stage::Head => {
                    sink(Part::Whole(Element::Str(&self.name)));
                    lengths(self.last_id, sink);
                    // Redis writes -1 for what is not known.
                    sink(Part::Length(self.entries_read.unwrap_or(u64::MAX)));
                    sink(Part::Length(self.pending.len()));
                    self.stage = Stage::Pending;
                }
                Stage::Pending => match self.pending.item() {
                    Some(entry) => {
                        sink(Part::Fixed(&entry.id().to_bytes()));
                        sink(Part::Fixed(&entry.time().to_le_bytes()));
                        sink(Part::Length(entry.count()));
                        self.pending.advance(heap);
                    }
                    None => {
                        sink(Part::Length(self.consumer_count));
                        self.stage = Stage::Consumers;
                    }
                },
                Stage::Consumers => match self.chunk.as_ref().map(|chunk| chunk.get(self.next)) {
                    None | Some(None) => {
                        self.chunk = self.chunks.next();
                        self.next = 0;
                        if self.chunk.is_none() {
                            return true;
                        }
                    }
                    Some(Some(None)) => self.next += 1,
                    Some(Some(Some(consumer))) => {
                        show(consumer, sink);
                        self.stage = Stage::Owned(consumer.pending());
                    }
                },
                Stage::Owned(0) => {
                    self.next += 1;
                    self.stage = Stage::Consumers;
                }
                Stage::Owned(more) => {
                    let owned = self
                        .owned
                        .item()
                        .expect("each consumer knows how many it has");
                    sink(Part::Fixed(&owned.id().to_bytes()));
                    self.owned.advance(heap);
                    self.stage = Stage::Owned(more - 1);
                }
            }
        }
        false
    }
}

fn show(consumer: &Consumer, sink: &mut dyn FnMut(Part<'_>)) {
    sink(Part::Whole(Element::Str(consumer.name())));
    sink(Part::Fixed(&consumer.seen.to_le_bytes()));
    sink(Part::Length(consumer.pending()));
}
