//! Streams on their way into the keyspace.

use super::{Incomplete, Loader};
use crate::data::{Event, GroupMut, Partition, StreamLimits, StreamMut};
use crate::persistence::rdb::RdbItem;

impl Loader {
    /// Takes up a part of the stream that is coming.
    ///
    /// # Errors
    /// When a name comes twice, or what is pending does not fit together.
    pub(super) fn put_stream(
        &mut self,
        data: &mut Partition,
        item: &RdbItem<'_>,
        limits: StreamLimits,
    ) -> Result<(), String> {
        let Some(Incomplete { key, group, .. }) = &mut self.coming else {
            return Ok(());
        };
        let at = data.key(key);
        let changed = data.change_stream(self.db, &at, true, |stream| {
            let fits = change(stream, group, item, limits);
            (fits, Some(Event::XAdd))
        });
        match changed {
            Ok(Some(true)) => Ok(()),
            _ => Err(unfit(key, item)),
        }
    }
}

/// Returns whether it fits to what came before.
fn change(
    stream: &mut StreamMut<'_>,
    coming: &mut (Vec<u8>, u32),
    item: &RdbItem<'_>,
    limits: StreamLimits,
) -> bool {
    match *item {
        RdbItem::Message { id, ref pairs } => {
            stream.load(id, pairs.clone(), limits);
            true
        }
        RdbItem::Counters {
            last_id,
            max_deleted,
            entries_added,
        } => {
            stream.set_facts(last_id, Some(entries_added), Some(max_deleted));
            true
        }
        RdbItem::Group {
            name,
            last_id,
            entries_read,
            is_old,
        } => {
            let estimate = || stream.view().facts().added_up_to(last_id);
            let read = if is_old { estimate() } else { entries_read };
            coming.0 = name.to_vec();
            stream.create_group(name, last_id, read)
        }
        _ => {
            let changed = stream.group(&coming.0, |it| change_group(it, &mut coming.1, item));
            changed.unwrap_or(false)
        }
    }
}

fn change_group(group: &mut GroupMut<'_>, consumer: &mut u32, item: &RdbItem<'_>) -> bool {
    match *item {
        RdbItem::Pending { id, time, count } => group.load_pending(id, time, count),
        RdbItem::Consumer { name, seen, active } => {
            let (number, is_new) = group.make_consumer(name, seen);
            group.consumer_mut(number).active = active;
            *consumer = number;
            is_new
        }
        RdbItem::Owned(id) => group.load_owner(*consumer, id),
        _ => group.view().is_whole(),
    }
}

#[cold]
fn unfit(key: &[u8], item: &RdbItem<'_>) -> String {
    let what = match item {
        RdbItem::Group { .. } => "a group twice",
        RdbItem::Consumer { .. } => "a consumer twice",
        RdbItem::Pending { .. } => "a pending entry twice",
        RdbItem::Owned(_) => "a pending entry with two consumers, or one that its group has not",
        _ => "a pending entry without a consumer",
    };
    format!("The stream '{}' has {what}", key.escape_ascii())
}

#[cfg(test)]
mod tests {
    use slotkeeper_tree::StreamId;

    use super::*;
    use crate::config::Config;
    use crate::data::{Layout, Type};
    use crate::time::Now;

    fn id(ms: u64) -> StreamId {
        StreamId { ms, seq: 0 }
    }

    fn group(is_old: bool) -> RdbItem<'static> {
        RdbItem::Group {
            name: b"g",
            last_id: id(5),
            entries_read: None,
            is_old,
        }
    }

    fn consumer(name: &'static [u8]) -> RdbItem<'static> {
        RdbItem::Consumer {
            name,
            seen: 9,
            active: None,
        }
    }

    fn pending(ms: u64) -> RdbItem<'static> {
        RdbItem::Pending {
            id: id(ms),
            time: 7,
            count: 3,
        }
    }

    /// Loads a stream that had seven messages and has none, its key `s`; returns what is said of it.
    fn load(expire_at: Option<i64>, items: &[RdbItem<'_>]) -> (Partition, Result<(), String>) {
        let now = Now {
            unix_us: 1_000_000,
            mono_us: 1_000_000,
        };
        let mut data = Partition::new(Layout::Databases(1), [1, 2]);
        data.begin(now, false);
        let (limits, mut loader) = (Config::default().limits(), Loader::default());
        let begin = RdbItem::Begin {
            kind: Type::Stream,
            key: b"s",
            expire_at,
        };
        let counters = RdbItem::Counters {
            last_id: id(5),
            max_deleted: id(2),
            entries_added: 7,
        };
        let items = [begin, counters].into_iter().chain(items.iter().cloned());
        let mut put = |item| loader.put(&mut data, item, true, limits, now);
        let loaded = items.chain([RdbItem::End]).try_for_each(&mut put);
        (data, loaded)
    }

    #[test]
    fn an_empty_stream_is_there_with_its_groups() {
        let owned = RdbItem::Owned(id(4));
        let items = [
            group(true),
            pending(4),
            consumer(b"a"),
            owned,
            RdbItem::GroupEnd,
        ];
        let (mut data, loaded) = load(Some(2000), &items);
        assert_eq!(loaded, Ok(()));
        let key = data.key(b"s");
        let entry = data.peek(0, &key).expect("loaded");
        assert_eq!(
            (entry.encoding(), entry.expire_at()),
            ("stream", Some(2000))
        );
        let stream = entry.as_stream().expect("a stream");
        let counters = (
            stream.last_id(),
            stream.max_deleted(),
            stream.entries_added(),
        );
        assert_eq!(counters, (id(5), id(2), 7));
        let looked = stream.group(b"g", |group| {
            assert_eq!(group.entries_read(), Some(7), "estimated, as it is old");
            let entry = group.pending(id(4)).expect("loaded");
            assert_eq!((entry.time(), entry.count()), (7, 3));
            let owner = group.consumer_of(entry.consumer());
            assert_eq!(
                (owner.name(), owner.pending(), owner.seen),
                (&b"a"[..], 1, 9)
            );
        });
        looked.expect("loaded");
    }

    #[test]
    fn one_that_has_expired_is_passed_over() {
        let (data, loaded) = load(Some(1000), &[group(false), RdbItem::GroupEnd]);
        assert!(loaded == Ok(()) && data.is_empty());
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let owned = || RdbItem::Owned(id(4));
        for (items, what) in [
            (
                vec![group(false), RdbItem::GroupEnd, group(false)],
                "a group twice",
            ),
            (
                vec![group(false), consumer(b"a"), consumer(b"a")],
                "a consumer twice",
            ),
            (
                vec![group(false), pending(4), pending(4)],
                "a pending entry twice",
            ),
            (
                vec![group(false), pending(4), consumer(b"a"), owned(), owned()],
                "a pending entry with two consumers, or one that its group has not",
            ),
            (
                vec![group(false), consumer(b"a"), owned()],
                "a pending entry with two consumers, or one that its group has not",
            ),
            (
                vec![group(false), pending(4), consumer(b"a"), RdbItem::GroupEnd],
                "a pending entry without a consumer",
            ),
        ] {
            let (_, loaded) = load(None, &items);
            assert_eq!(loaded, Err(format!("The stream 's' has {what}")));
        }
    }
}
