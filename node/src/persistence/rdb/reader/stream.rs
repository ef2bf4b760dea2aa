//! Streams on their way in: nodes of messages, counters, groups with what is pending.
//!
//! The older two forms lack some numbers: the first one has no counters but the last id, and the
//! second one does not tell when a consumer got something last.

mod node;

use slotkeeper_tree::StreamId;

use super::cursor::{Step, take};
use super::input::Input;
use super::value::Keyed;
use super::{RdbItem, Sink, emit};
use crate::data::Type;
use crate::persistence::rdb::RdbError;

pub use self::node::PackedPairs;

/// What comes next of a stream, and what is remembered of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamState {
    /// Which of the three forms it is in.
    form: u8,
    /// How many messages have come, and the id of the last one.
    messages: u64,
    top: StreamId,
    /// How many groups, consumers and entries are still to come.
    groups: u64,
    consumers: u64,
    entries: u64,
    next: Next,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Nodes,
    /// The id of a node; so many are still to come.
    NodeId(u64),
    /// A node of that id.
    Node(u64, StreamId),
    /// So many of these numbers are there: length, last id, first id, highest deleted id, messages
    /// added.
    Counters(usize, [u64; 8]),
    Groups,
    GroupName,
    /// So many of these are there: last id, messages read.
    GroupNumbers(usize, [u64; 3]),
    Pending,
    PendingId,
    PendingTime(StreamId),
    PendingCount(StreamId, i64),
    Consumers,
    ConsumerName,
    Seen,
    /// When it was seen.
    Active(i64),
    Owned,
    OwnedId,
}

fn id(numbers: &[u64]) -> StreamId {
    StreamId {
        ms: numbers[0],
        seq: numbers[1],
    }
}

impl StreamState {
    pub fn new(form: u8) -> StreamState {
        StreamState {
            form,
            messages: 0,
            top: StreamId::MIN,
            groups: 0,
            consumers: 0,
            entries: 0,
            next: Next::Nodes,
        }
    }

    pub fn step(
        mut self,
        input: &mut Input<'_>,
        keyed: &mut Keyed,
        sink: &mut Sink<'_>,
    ) -> Step<Option<StreamState>> {
        let next = match self.next {
            Next::Nodes => {
                let nodes = take!(input.length());
                keyed.begin(Type::Stream, sink)?;
                after_nodes(nodes)
            }
            Next::NodeId(left) => {
                let bytes = take!(input.string());
                let bytes: &[u8; 16] = bytes[..].try_into().map_err(|_| damaged())?;
                Next::Node(left, StreamId::from_bytes(*bytes))
            }
            Next::Node(left, base) => {
                self.take_node(base, &take!(input.string()), sink)?;
                after_nodes(left - 1)
            }
            Next::Counters(have, mut numbers) => {
                numbers[have] = take!(input.length());
                let all = if self.form == 1 { 3 } else { 8 };
                if have + 1 == all {
                    self.count(&numbers, sink)?;
                    Next::Groups
                } else {
                    Next::Counters(have + 1, numbers)
                }
            }
            Next::Groups => {
                self.groups = take!(input.length());
                return self.next_group(sink);
            }
            _ => return self.step_group(input, keyed, sink),
        };
        Ok(Some(Some(StreamState { next, ..self })))
    }

    /// The same within a group.
    fn step_group(
        mut self,
        input: &mut Input<'_>,
        keyed: &mut Keyed,
        sink: &mut Sink<'_>,
    ) -> Step<Option<StreamState>> {
        let next = match self.next {
            Next::GroupName => {
                keyed.first.keep(take!(input.string()));
                Next::GroupNumbers(0, [0; 3])
            }
            Next::GroupNumbers(have, mut numbers) => {
                numbers[have] = take!(input.length());
                let all = if self.form == 1 { 2 } else { 3 };
                if have + 1 == all {
                    self.begin_group(&numbers, keyed, sink)?;
                    Next::Pending
                } else {
                    Next::GroupNumbers(have + 1, numbers)
                }
            }
            Next::Pending => {
                self.entries = take!(input.length());
                self.next_pending()
            }
            Next::PendingId => Next::PendingTime(StreamId::from_bytes(take!(input.array()))),
            Next::PendingTime(id) => {
                Next::PendingCount(id, i64::from_le_bytes(take!(input.array())))
            }
            Next::PendingCount(id, time) => {
                let count = take!(input.length());
                emit(sink, RdbItem::Pending { id, time, count })?;
                self.entries -= 1;
                self.next_pending()
            }
            Next::Consumers => {
                self.consumers = take!(input.length());
                return self.next_consumer(sink);
            }
            Next::ConsumerName => {
                keyed.first.keep(take!(input.string()));
                Next::Seen
            }
            Next::Seen => {
                let seen = i64::from_le_bytes(take!(input.array()));
                if self.form == 3 {
                    Next::Active(seen)
                } else {
                    // As Redis has it: as far as one can tell.
                    begin_consumer(seen, Some(seen), keyed, sink)?;
                    Next::Owned
                }
            }
            Next::Active(seen) => {
                let active = i64::from_le_bytes(take!(input.array()));
                begin_consumer(seen, (active != -1).then_some(active), keyed, sink)?;
                Next::Owned
            }
            Next::Owned => {
                self.entries = take!(input.length());
                return self.next_owned(sink);
            }
            Next::OwnedId => {
                let id = StreamId::from_bytes(take!(input.array()));
                emit(sink, RdbItem::Owned(id))?;
                self.entries -= 1;
                return self.next_owned(sink);
            }
            _ => unreachable!("the others are not of a group"),
        };
        Ok(Some(Some(StreamState { next, ..self })))
    }

    fn take_node(
        &mut self,
        base: StreamId,
        list: &[u8],
        sink: &mut Sink<'_>,
    ) -> Result<(), RdbError> {
        // All of it is looked at before anything of it is believed.
        node::read(base, list, &mut |_, _| Ok(()))?;
        node::read(base, list, &mut |id, pairs| {
            if id <= self.top {
                return Err(damaged());
            }
            self.top = id;
            self.messages += 1;
            emit(sink, RdbItem::Message { id, pairs })
        })
    }

    fn count(&self, numbers: &[u64; 8], sink: &mut Sink<'_>) -> Result<(), RdbError> {
        let (len, last_id) = (numbers[0], id(&numbers[1..]));
        let (max_deleted, entries_added) = match self.form {
            1 => (StreamId::MIN, len),
            _ => (id(&numbers[5..]), numbers[7]),
        };
        if len != self.messages || self.top > last_id || entries_added < len {
            return Err(damaged());
        }
        let counters = RdbItem::Counters {
            last_id,
            max_deleted,
            entries_added,
        };
        emit(sink, counters)
    }

    fn begin_group(
        &self,
        numbers: &[u64; 3],
        keyed: &Keyed,
        sink: &mut Sink<'_>,
    ) -> Result<(), RdbError> {
        let is_old = self.form == 1;
        // What is not known is -1.
        let read = i64::try_from(numbers[2]).ok().map(i64::unsigned_abs);
        let group = RdbItem::Group {
            name: keyed.first.bytes(),
            last_id: id(numbers),
            entries_read: read.filter(|_| !is_old),
            is_old,
        };
        emit(sink, group)
    }

    /// What comes before a group, or at the end of the last one.
    fn next_group(self, sink: &mut Sink<'_>) -> Step<Option<StreamState>> {
        if self.groups == 0 {
            emit(sink, RdbItem::End)?;
            return Ok(Some(None));
        }
        let next = Next::GroupName;
        Ok(Some(Some(StreamState { next, ..self })))
    }

    fn next_pending(&self) -> Next {
        if self.entries == 0 {
            Next::Consumers
        } else {
            Next::PendingId
        }
    }

    /// What comes before a consumer, or at the end of the last one.
    fn next_consumer(mut self, sink: &mut Sink<'_>) -> Step<Option<StreamState>> {
        if self.consumers == 0 {
            emit(sink, RdbItem::GroupEnd)?;
            self.groups -= 1;
            return self.next_group(sink);
        }
        let next = Next::ConsumerName;
        Ok(Some(Some(StreamState { next, ..self })))
    }

    /// What comes before an entry of a consumer, or behind the last one.
    fn next_owned(mut self, sink: &mut Sink<'_>) -> Step<Option<StreamState>> {
        if self.entries == 0 {
            self.consumers -= 1;
            return self.next_consumer(sink);
        }
        let next = Next::OwnedId;
        Ok(Some(Some(StreamState { next, ..self })))
    }
}

fn after_nodes(left: u64) -> Next {
    match left {
        0 => Next::Counters(0, [0; 8]),
        left => Next::NodeId(left),
    }
}

fn begin_consumer(
    seen: i64,
    active: Option<i64>,
    keyed: &Keyed,
    sink: &mut Sink<'_>,
) -> Result<(), RdbError> {
    let consumer = RdbItem::Consumer {
        name: keyed.first.bytes(),
        seen,
        active,
    };
    emit(sink, consumer)
}

fn damaged() -> RdbError {
    RdbError::Packed("stream")
}
