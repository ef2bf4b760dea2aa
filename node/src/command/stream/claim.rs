//! Giving pending entries to another consumer: what XCLAIM and XAUTOCLAIM share.

use slotkeeper_tree::StreamId;

use super::show;
use super::told::Told;
use crate::data::{GroupMut, Pending};
use crate::resp::Reply;

/// Entries on their way to a consumer.
pub(super) struct Claim<'a> {
    pub consumer: &'a [u8],
    number: u32,
    is_new: bool,
    /// Milliseconds.
    pub min_idle: i64,
    pub now_ms: i64,
    /// When they count as delivered, in unix milliseconds.
    pub time: i64,
    /// How often they count as delivered; none to count one more.
    pub count: Option<u64>,
    /// Ids alone are asked for, and no delivery counted.
    pub just_ids: bool,
    /// What came of it.
    claimed: Vec<(StreamId, u64)>,
    deleted: Vec<StreamId>,
}

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claimed {
    /// It is the consumer's, and shown in the reply.
    Yes,
    /// It was not idle for long enough, or is not there.
    No,
    /// Its message is gone, and so is the entry.
    Deleted,
}

impl<'a> Claim<'a> {
    /// For a consumer, which is made if it is missing.
    pub(super) fn new(group: &mut GroupMut<'_>, consumer: &'a [u8], now_ms: i64) -> Claim<'a> {
        let (number, is_new) = group.make_consumer(consumer, now_ms);
        group.consumer_mut(number).seen = now_ms;
        Claim {
            consumer,
            number,
            is_new,
            min_idle: 0,
            now_ms,
            time: now_ms,
            count: None,
            just_ids: false,
            claimed: Vec::new(),
            deleted: Vec::new(),
        }
    }

    /// Whether the consumer was made.
    pub(super) fn is_new(&self) -> bool {
        self.is_new
    }

    /// The messages that are gone.
    pub(super) fn deleted(&self) -> &[StreamId] {
        &self.deleted
    }

    /// Claims the entry of a message, or one that is made if `force` says so.
    pub(super) fn take(
        &mut self,
        group: &mut GroupMut<'_>,
        id: StreamId,
        force: bool,
        reply: &mut Reply,
    ) -> Claimed {
        let held = group.view().pending(id);
        let Some(message) = group.messages().get(id) else {
            if held.is_none() {
                return Claimed::No;
            }
            group.acknowledge(id);
            self.deleted.push(id);
            return Claimed::Deleted;
        };
        let count = match held {
            None if !force => return Claimed::No,
            Some(held) if self.min_idle > 0 && self.now_ms - held.time() < self.min_idle => {
                return Claimed::No;
            }
            // One that is made counts as delivered once, as in Redis.
            held => held.map_or(1, |held| held.count()),
        };
        let count = self.count.unwrap_or(count + u64::from(!self.just_ids));
        group.put(Pending::new(id, self.number, self.time, count));
        group.consumer_mut(self.number).active = Some(self.now_ms);
        if self.just_ids {
            show::id(reply, id);
        } else {
            show::message(reply, &message);
        }
        self.claimed.push((id, count));
        Claimed::Yes
    }

    /// Says what replicas do; `moved` says that the group's last id is another one.
    pub(super) fn tell(&self, told: &mut Told, group: &GroupMut<'_>, moved: bool) {
        let last_id = group.view().last_id();
        if self.is_new && self.claimed.is_empty() {
            told.made(self.consumer);
        }
        told.acknowledged(&self.deleted);
        told.claimed(self.consumer, self.time, &self.claimed, last_id);
        if moved && self.claimed.is_empty() {
            told.set_id(last_id, group.view().entries_read());
        }
    }
}
