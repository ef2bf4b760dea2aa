//! A frozen stream, handed out in the order of an RDB file.
//!
//! Nodes of messages; then the counters; then each group with what is pending, and its consumers with
//! what is pending with each.

use std::collections::VecDeque;
use std::sync::Arc;

use slotkeeper_tree::element::Element;
use slotkeeper_tree::{Entries, Frozen, Messages, Part, StreamId};

use super::Facts;
use super::consumers::{Chunk, Consumer};
use super::group::{Group, Owned, Pending};
use crate::data::entry::{FrozenValue, Heap};

/// What a small thing counts as in a step, in bytes.
const SMALL: usize = 64;

/// A stream as it was at one moment.
pub struct FrozenStream {
    /// Gone when all is handed out.
    walk: Option<Arc<()>>,
    facts: Facts,
    messages: Frozen<Messages>,
    groups: VecDeque<FrozenGroup>,
    group_count: u64,
    /// Whether the counters were handed out.
    counted: bool,
}

struct FrozenGroup {
    name: Box<[u8]>,
    last_id: StreamId,
    entries_read: Option<u64>,
    pending: Frozen<Entries<Pending>>,
    owned: Frozen<Entries<Owned>>,
    consumers: VecDeque<Chunk>,
    consumer_count: u64,
    /// The next one in the first chunk.
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
    pub fn new(walk: Arc<()>, facts: Facts, messages: Frozen<Messages>) -> FrozenStream {
        FrozenStream {
            walk: Some(walk),
            facts,
            messages,
            groups: VecDeque::new(),
            group_count: 0,
            counted: false,
        }
    }

    pub fn add_group(
        &mut self,
        name: &[u8],
        group: &Group,
        pending: Frozen<Entries<Pending>>,
        owned: Frozen<Entries<Owned>>,
    ) {
        self.group_count += 1;
        self.groups.push_back(FrozenGroup {
            name: name.into(),
            last_id: group.last_id,
            entries_read: group.entries_read,
            pending,
            owned,
            consumers: group.consumers.chunks().into(),
            consumer_count: group.consumers.len() as u64,
            next: 0,
            stage: Stage::Head,
        });
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
            && let Some(group) = self.groups.front_mut()
        {
            if group.step(heap, &mut left, sink) {
                self.groups.pop_front();
            }
        }
        let is_over = self.groups.is_empty();
        if is_over {
            self.walk = None;
        }
        is_over
    }

    fn discard(&mut self, heap: &mut Heap, leaves: usize) -> bool {
        if !self.messages.is_over() {
            if !self.messages.discard(heap, leaves) {
                return false;
            }
        } else if let Some(group) = self.groups.front_mut() {
            let chunks = leaves.min(group.consumers.len());
            group.consumers.drain(..chunks);
            let over = group.pending.discard(heap, leaves) && group.owned.discard(heap, leaves);
            if !over || !group.consumers.is_empty() {
                return false;
            }
            self.groups.pop_front();
        }
        let is_over = self.groups.is_empty();
        if is_over {
            self.walk = None;
        }
        is_over
    }
}

impl FrozenGroup {
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
                Stage::Consumers => {
                    let Some(chunk) = self.consumers.front() else {
                        return true;
                    };
                    match chunk.get(self.next) {
                        None => {
                            self.consumers.pop_front();
                            self.next = 0;
                        }
                        Some(None) => self.next += 1,
                        Some(Some(consumer)) => {
                            show(consumer, sink);
                            self.stage = Stage::Owned(consumer.pending());
                        }
                    }
                }
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
