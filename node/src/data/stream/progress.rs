//! How far a group has come: what Redis calls entries-read and lag.
//!
//! The rules are those of Redis 7.2. The counters tell how many messages lie before one as long as
//! none was deleted between them.

use slotkeeper_tree::StreamId;

/// The counters of a stream at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// How many messages it has.
    pub len: u64,
    /// The id of the first one; 0-0 without one.
    pub first_id: StreamId,
    /// The id that was given last.
    pub last_id: StreamId,
    /// The highest id of a message that was deleted.
    pub max_deleted: StreamId,
    /// How many messages were ever added.
    pub entries_added: u64,
}

impl Facts {
    /// Whether a message at or above that id may have been deleted while ones before it were not.
    #[must_use]
    pub fn has_tombstones_from(&self, id: StreamId) -> bool {
        self.len > 0
            && self.max_deleted != StreamId::MIN
            && self.first_id <= self.max_deleted
            && id <= self.max_deleted
    }

    /// How many messages were added up to that id; none if the counters do not tell.
    #[must_use]
    pub fn added_up_to(&self, id: StreamId) -> Option<u64> {
        if self.entries_added == 0 {
            return Some(0);
        }
        if id == self.last_id || self.len == 0 && id < self.last_id {
            return Some(self.entries_added);
        }
        let is_whole = self.max_deleted == StreamId::MIN || self.max_deleted < self.first_id;
        if id > self.last_id || !is_whole || id > self.first_id {
            return None;
        }
        let before = self.entries_added.saturating_sub(self.len);
        Some(before + u64::from(id == self.first_id))
    }

    /// How many messages a group has still to get; none if the counters do not tell. Negative if
    /// somebody has set them so.
    #[must_use]
    pub fn lag(&self, last_id: StreamId, entries_read: Option<u64>) -> Option<i64> {
        if self.entries_added == 0 {
            return Some(0);
        }
        let read = entries_read.filter(|_| !self.has_tombstones_from(last_id));
        let read = read.or_else(|| self.added_up_to(last_id))?;
        Some(self.entries_added.wrapping_sub(read).cast_signed())
    }

    /// The counter of a group after it got the message of that id.
    #[must_use]
    pub fn read_after(&self, id: StreamId, entries_read: Option<u64>) -> Option<u64> {
        match entries_read.filter(|_| !self.has_tombstones_from(id)) {
            Some(read) => Some(read.saturating_add(1)),
            None if self.entries_added > 0 => self.added_up_to(id),
            None => entries_read,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(ms: u64) -> StreamId {
        StreamId { ms, seq: 0 }
    }

    /// Messages 10, 20, 30 of five that were added.
    const FACTS: Facts = Facts {
        len: 3,
        first_id: StreamId { ms: 10, seq: 0 },
        last_id: StreamId { ms: 30, seq: 0 },
        max_deleted: StreamId::MIN,
        entries_added: 5,
    };

    #[test]
    fn counters_tell_where_nothing_was_deleted() {
        for (at, added) in [
            (5, Some(2)),
            (10, Some(3)),
            (20, None),
            (30, Some(5)),
            (40, None),
        ] {
            assert_eq!(FACTS.added_up_to(id(at)), added, "{at}");
        }
        assert_eq!(FACTS.lag(id(20), Some(4)), Some(1));
        assert_eq!(FACTS.lag(id(20), None), None);
        assert_eq!(FACTS.lag(id(30), None), Some(0));
        assert_eq!(FACTS.lag(id(0), None), Some(3));
        assert_eq!(FACTS.read_after(id(20), Some(3)), Some(4));
        assert_eq!(FACTS.read_after(id(10), None), Some(3));
    }

    #[test]
    fn a_deleted_message_in_between_takes_that_away() {
        let facts = Facts {
            max_deleted: id(20),
            ..FACTS
        };
        assert_eq!(facts.lag(id(10), Some(3)), None);
        assert_eq!(facts.lag(id(25), Some(4)), Some(1));
        assert_eq!(facts.read_after(id(15), Some(3)), None);
        assert_eq!(facts.read_after(id(30), Some(4)), Some(5));
        let before = Facts {
            max_deleted: id(9),
            ..FACTS
        };
        assert_eq!(before.lag(id(0), Some(2)), Some(3));
        let empty = Facts { len: 0, ..FACTS };
        assert_eq!(empty.added_up_to(id(7)), Some(5));
        let new = Facts {
            entries_added: 0,
            ..empty
        };
        assert_eq!(new.lag(id(7), None), Some(0));
    }
}
