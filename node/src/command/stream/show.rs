//! Messages and ids in replies.

use slotkeeper_tree::element::Text;
use slotkeeper_tree::{Message, StreamId};

use super::ids::IdText;
use crate::resp::Reply;

/// An id as a bulk string.
pub(super) fn id(reply: &mut Reply, id: StreamId) {
    reply.bulk(IdText::new(id).bytes());
}

/// A message: its id, and its fields and values in one array.
pub(super) fn message(reply: &mut Reply, message: &Message<'_>) {
    reply.array(2);
    id(reply, message.id);
    reply.array(message.len() * 2);
    for (field, value) in message.pairs() {
        reply.bulk(field.bytes(&mut Text::new()));
        reply.bulk(value.bytes(&mut Text::new()));
    }
}

/// An array of what `write` writes, which returns how much it was.
pub(super) fn counted(reply: &mut Reply, write: impl FnOnce(&mut Reply) -> usize) -> usize {
    let start = reply.len();
    let count = write(reply);
    reply.put_before(start, |reply| reply.array(count));
    count
}

/// An array of messages up to an id, so many at most.
pub(super) fn messages<'a>(
    reply: &mut Reply,
    all: impl Iterator<Item = Message<'a>>,
    most: usize,
) -> usize {
    counted(reply, |reply| {
        let mut count = 0;
        for one in all.take(most) {
            message(reply, &one);
            count += 1;
        }
        count
    })
}
