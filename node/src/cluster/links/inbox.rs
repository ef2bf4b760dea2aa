//! What has arrived of a link's messages, within bounds.
//!
//! Any host that reaches the bus port may send, and nothing proves who it is: ids are no secret,
//! every PONG tells them. So a message is taken up to the length of the longest gossip, from any sender.
//! What is longer is PUBLISH, taken on the link of a member only, and with a bound for all links
//! together: an id that is merely claimed gains a place in that.

use crate::cluster::bus::{
    BadFrame, ENTRY_BYTES, FORGOTTEN_BYTES, HEADER_BYTES, SENDER_BYTES, frame_length, is_publish,
};
use crate::cluster::node::Moment;
use crate::time::Now;

/// The largest number of nodes in a cluster (Redis Cluster specification): one of that size may greet a
/// node that knows no other yet.
const NODES: usize = 1000;
/// The longest PUBLISH: the hard `client-output-buffer-limit pubsub`. A longer one would end its
/// subscribers instead of reaching them.
const PUBLISH_MAX: usize = 32 << 20;
/// How much may be on its way in long messages, on all links together.
const LONG_TOTAL: usize = 64 << 20;
/// An empty buffer that has grown beyond this is given back.
const KEPT: usize = 16 << 10;

/// The longest PING, PONG or MEET of a cluster of that many nodes: the header, what the sender says of
/// itself, an entry for each node (all may be suspected at once), and one for each that was told
/// to be forgotten.
pub(in crate::cluster) fn gossip_max(nodes: usize) -> usize {
    HEADER_BYTES + SENDER_BYTES + nodes.max(NODES) * (ENTRY_BYTES + FORGOTTEN_BYTES)
}

/// Bytes that are not handled yet.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    bytes: Vec<u8>,
    /// Up to here they are handled.
    done: usize,
    /// How many of the next bytes belong to a message that is skipped.
    skip: usize,
    /// The length of the long message that is being taken; 0 for none.
    long: usize,
    /// When the message began that is not whole yet.
    since: Option<Moment>,
}

/// What is to be done with the message at the front.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Front {
    /// Handle it; its length.
    Whole(usize),
    /// Wait for it though it is long.
    Long(usize),
    /// Let it pass.
    Skipped(usize),
}

impl Inbox {
    /// The memory that it takes, in bytes.
    pub(super) fn allocated(&self) -> usize {
        self.bytes.capacity()
    }

    /// The length of the long message that is being taken; 0 for none.
    pub(super) fn long(&self) -> usize {
        self.long
    }

    /// When the message began that is not whole yet.
    pub(super) fn unfinished_since(&self) -> Option<Moment> {
        self.since
    }

    /// Takes in what has arrived.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let skipped = self.skip.min(bytes.len());
        self.skip -= skipped;
        if skipped > 0 && self.skip == 0 {
            self.since = None;
        }
        self.bytes.extend_from_slice(&bytes[skipped..]);
    }

    /// What is to be done with the front, none until there is more: for a link that is proven to
    /// be a member's or not, when that much is on its way in long messages of other links.
    pub(super) fn judge(
        &self,
        gossip_max: usize,
        proven: bool,
        long_elsewhere: usize,
    ) -> Option<Result<Front, BadFrame>> {
        let rest = &self.bytes[self.done..];
        let length = match frame_length(rest) {
            Ok(length) => length?,
            Err(error) => return Some(Err(error)),
        };
        if length <= gossip_max || length == self.long {
            return (rest.len() >= length).then_some(Ok(Front::Whole(length)));
        }
        if !proven {
            return Some(Err(BadFrame::TooLong(length)));
        }
        let publish = is_publish(rest)?;
        let fits = length <= PUBLISH_MAX && long_elsewhere + length <= LONG_TOTAL;
        Some(Ok(if publish && fits {
            Front::Long(length)
        } else {
            Front::Skipped(length)
        }))
    }

    /// The message at the front, which is whole.
    pub(super) fn front(&self, length: usize) -> &[u8] {
        &self.bytes[self.done..self.done + length]
    }

    /// The message at the front is handled.
    pub(super) fn drop_front(&mut self, length: usize) {
        self.done += length;
        (self.long, self.since) = (0, None);
    }

    /// The message at the front is waited for though it is long.
    pub(super) fn expect_long(&mut self, length: usize) {
        self.long = length;
    }

    /// The message at the front is not taken.
    pub(super) fn skip(&mut self, length: usize) {
        let here = length.min(self.bytes.len() - self.done);
        self.drop_front(here);
        self.skip = length - here;
    }

    /// Everything that can be handled is: gives back the memory of what was.
    pub(super) fn settle(&mut self, now: Now) {
        self.bytes.drain(..self.done);
        self.done = 0;
        if self.bytes.is_empty() && self.bytes.capacity() > KEPT {
            self.bytes = Vec::new();
        }
        if self.bytes.is_empty() && self.skip == 0 {
            self.since = None;
        } else {
            self.since.get_or_insert(Moment::of(now));
        }
    }
}
