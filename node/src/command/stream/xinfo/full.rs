//! XINFO STREAM FULL.

use slotkeeper_tree::StreamId;

use super::show_progress;
use crate::command::stream::show;
use crate::data::{Group, Stream};
use crate::resp::Reply;

/// The messages and groups of a stream; of each kind up to `count`, or all if it is 0.
pub(super) fn show(reply: &mut Reply, stream: &Stream, count: usize) {
    let most = if count == 0 { usize::MAX } else { count };
    let facts = stream.facts();
    reply.bulk(b"entries");
    show::messages(reply, stream.range(StreamId::MIN, true), most);
    reply.bulk(b"groups");
    reply.array(stream.group_count());
    stream.for_each_group(|name, group| {
        reply.map(7);
        reply.bulk(b"name");
        reply.bulk(name);
        show_progress(reply, group, facts);
        reply.bulk(b"pel-count");
        reply.integer(group.pending_len().cast_signed());
        reply.bulk(b"pending");
        show_pending(reply, group, most);
        reply.bulk(b"consumers");
        show_consumers(reply, group, most);
    });
}

fn show_pending(reply: &mut Reply, group: &Group, most: usize) {
    show::counted(reply, |reply| {
        let mut count = 0;
        group.for_each_pending(StreamId::MIN, |entry| {
            if count == most {
                return false;
            }
            count += 1;
            reply.array(4);
            show::id(reply, entry.id());
            reply.bulk(group.consumer_of(entry.consumer()).name());
            reply.integer(entry.time());
            reply.integer(entry.count().cast_signed());
            true
        });
        count
    });
}

fn show_consumers(reply: &mut Reply, group: &Group, most: usize) {
    reply.array(group.consumers().len());
    for (number, consumer) in group.consumers() {
        reply.map(5);
        reply.bulk(b"name");
        reply.bulk(consumer.name());
        reply.bulk(b"seen-time");
        reply.integer(consumer.seen);
        reply.bulk(b"active-time");
        reply.integer(consumer.active.unwrap_or(-1));
        reply.bulk(b"pel-count");
        reply.integer(consumer.pending().cast_signed());
        reply.bulk(b"pending");
        show::counted(reply, |reply| {
            let mut count = 0;
            group.for_each_owned(number, StreamId::MIN, |id| {
                if count == most {
                    return false;
                }
                count += 1;
                let entry = group.pending(id);
                let entry = entry.expect("what a consumer has, its group has");
                reply.array(3);
                show::id(reply, id);
                reply.integer(entry.time());
                reply.integer(entry.count().cast_signed());
                true
            });
            count
        });
    }
}
