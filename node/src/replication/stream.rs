//! The replication stream: what changed, in order, as bytes with an offset; and its recent past,
//! from which a replica continues after a cut link.

use std::collections::VecDeque;

use bytes::Bytes;

use super::ReplId;
use crate::resp::encode_command;

/// The stream of this node: its own as a master, its master's, byte for byte, as a replica.
#[derive(Debug)]
pub struct Stream {
    id: ReplId,
    /// The id that the history had before, and the first offset that it does not have.
    second: Option<(ReplId, u64)>,
    /// How many bytes the history has; the last one's number.
    offset: u64,
    /// None until a replica may need it: then changes only count.
    backlog: Option<Backlog>,
    /// What this turn adds and no replica was given yet.
    turn: Vec<u8>,
    /// The database that the stream has selected; none when the next command must say it.
    db: Option<usize>,
}

/// The last bytes of the stream.
#[derive(Debug)]
struct Backlog {
    bytes: VecDeque<u8>,
    limit: usize,
}

/// What is kept of the stream, for INFO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The first offset that is kept.
    pub first: u64,
    /// How many bytes.
    pub len: usize,
}

/// Whether a replica continues or starts from scratch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It continues: this part of the stream first.
    Continue(Bytes),
    /// It needs the whole data set.
    Full,
}

/// Decides what PSYNC gets.
#[must_use]
pub fn decide(stream: &Stream, id: &[u8], from: i64) -> Decision {
    let part = ReplId::parse(id)
        .zip(u64::try_from(from).ok())
        .and_then(|(id, from)| stream.since(id, from));
    match part {
        Some(part) => Decision::Continue(part),
        None => Decision::Full,
    }
}

impl Stream {
    /// A new history.
    #[must_use]
    pub fn new(id: ReplId) -> Stream {
        Stream {
            id,
            second: None,
            offset: 0,
            backlog: None,
            turn: Vec::new(),
            db: None,
        }
    }

    /// The id of the history.
    #[must_use]
    pub fn id(&self) -> ReplId {
        self.id
    }

    /// The id that the history had before, and the first offset that belongs to it no more.
    #[must_use]
    pub fn second(&self) -> Option<(ReplId, u64)> {
        self.second
    }

    /// The offset: how many bytes the history has.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// What is kept; none while nothing needs to be.
    #[must_use]
    pub fn kept(&self) -> Option<Kept> {
        let len = self.backlog.as_ref()?.bytes.len();
        let first = self.offset + 1 - len as u64;
        Some(Kept { first, len })
    }

    /// The memory that the kept part takes, in bytes.
    #[must_use]
    pub fn memory(&self) -> usize {
        let backlog = self.backlog.as_ref();
        backlog.map_or(0, |backlog| backlog.bytes.capacity()) + self.turn.capacity()
    }

    /// From now on the stream is kept, in at most that many bytes.
    pub fn keep(&mut self, limit: usize) {
        match &mut self.backlog {
            Some(backlog) => {
                backlog.limit = limit;
                backlog.make_room(0);
                backlog.bytes.shrink_to(limit);
            }
            None => {
                let bytes = VecDeque::new();
                self.backlog = Some(Backlog { bytes, limit });
                self.db = None;
            }
        }
    }

    /// Whether the stream is kept; otherwise changes are only [counted](Stream::count).
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.backlog.is_some()
    }

    /// Counts a change that has no reader, so that the offset tells that the data have changed.
    pub fn count(&mut self) {
        self.offset += 1;
    }

    /// Appends encoded commands that changed the database `db`.
    pub fn commands(&mut self, db: usize, encoded: &[u8]) {
        let start = self.turn.len();
        if self.db != Some(db) {
            self.db = Some(db);
            encode_command(&mut self.turn, &[&b"SELECT"[..], db.to_string().as_bytes()]);
        }
        self.turn.extend_from_slice(encoded);
        self.appended(start);
    }

    /// Appends a command that belongs to no database: PING, REPLCONF GETACK.
    pub fn control(&mut self, argv: &[&str]) {
        if self.backlog.is_some() {
            let start = self.turn.len();
            encode_command(&mut self.turn, argv);
            self.appended(start);
        }
    }

    /// Appends bytes of our master's stream after they were executed.
    pub fn relay(&mut self, bytes: &[u8]) {
        let start = self.turn.len();
        self.turn.extend_from_slice(bytes);
        self.appended(start);
    }

    fn appended(&mut self, start: usize) {
        let added = &self.turn[start..];
        self.offset += added.len() as u64;
        if let Some(backlog) = &mut self.backlog {
            backlog.append(added);
        }
    }

    /// What was appended since the last call, to be shared by all replicas that are online.
    pub fn take_turn(&mut self) -> Bytes {
        if self.turn.is_empty() {
            return Bytes::new();
        }
        let turn = Bytes::copy_from_slice(&self.turn);
        self.turn.clear();
        self.turn.shrink_to(1 << 20);
        turn
    }

    /// Forgets what [`take_turn`](Stream::take_turn) would give: no replica is there to send it to.
    pub fn drop_turn(&mut self) {
        self.turn.clear();
        self.turn.shrink_to(1 << 20);
    }

    /// Whether [`take_turn`](Stream::take_turn) has something to give.
    #[must_use]
    pub fn has_turn(&self) -> bool {
        !self.turn.is_empty()
    }

    /// The next command names its database again, since a new reader starts here.
    pub fn forget_db(&mut self) {
        self.db = None;
    }

    /// The stream from the byte with the number `from` on, if the history `id` is ours up to there
    /// and the bytes are still kept.
    #[must_use]
    pub fn since(&self, id: ReplId, from: u64) -> Option<Bytes> {
        let ours = id == self.id
            || self
                .second
                .is_some_and(|(old, end)| id == old && from <= end);
        let kept = self.kept()?;
        if !ours || from < kept.first || from > self.offset + 1 {
            return None;
        }
        let skip = usize::try_from(from - kept.first).ok()?;
        let bytes = &self.backlog.as_ref()?.bytes;
        Some(bytes.range(skip..).copied().collect())
    }

    /// The history goes on under an id of its own: this node became a master. Replicas of the old
    /// id continue from any offset up to here.
    pub fn promote(&mut self, id: ReplId, backlog: usize) {
        self.second = Some((self.id, self.offset + 1));
        self.id = id;
        self.keep(backlog);
        self.forget_db();
    }

    /// The history goes on under the id that our master has given itself.
    pub fn renamed(&mut self, id: ReplId) {
        if id != self.id {
            self.second = Some((self.id, self.offset + 1));
            self.id = id;
        }
    }

    /// Takes over another history at an offset: what a full sync announced, or a file held.
    /// Nothing of the own past is kept.
    pub fn adopt(&mut self, id: ReplId, second: Option<(ReplId, u64)>, offset: u64) {
        self.id = id;
        self.second = second;
        self.offset = offset;
        self.turn.clear();
        self.forget_db();
        if let Some(backlog) = &mut self.backlog {
            backlog.bytes.clear();
        }
    }

    /// A new history after the data set was lost or thrown away, under this id.
    pub fn start_anew(&mut self, id: ReplId) {
        let offset = self.offset;
        self.adopt(id, None, offset);
    }
}

impl Backlog {
    /// Appends bytes; of more than the limit, the last ones.
    fn append(&mut self, added: &[u8]) {
        let added = &added[added.len().saturating_sub(self.limit)..];
        self.make_room(added.len());
        self.bytes.extend(added);
    }

    /// Makes room for that many bytes: the oldest ones go, and the memory never exceeds the limit.
    fn make_room(&mut self, more: usize) {
        let excess = (self.bytes.len() + more).saturating_sub(self.limit);
        self.bytes.drain(..excess);
        let (len, capacity) = (self.bytes.len(), self.bytes.capacity());
        if len + more > capacity {
            let wanted = (2 * capacity).clamp(len + more, self.limit.max(len + more));
            self.bytes.reserve_exact(wanted - len);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(digit: u8) -> ReplId {
        ReplId::from_bits([digit; 20])
    }

    #[test]
    fn counts_only_until_somebody_may_read() {
        let mut stream = Stream::new(id(1));
        stream.count();
        assert_eq!((stream.offset(), stream.kept()), (1, None));
        assert_eq!(stream.since(id(1), 1), None);
        stream.keep(100);
        assert_eq!(stream.since(id(1), 2), Some(Bytes::new()));
        assert_eq!(stream.since(id(1), 1), None);
    }

    #[test]
    fn selects_the_database_once() {
        let mut stream = Stream::new(id(1));
        stream.keep(1000);
        stream.commands(0, b"<one>");
        stream.commands(0, b"<two>");
        stream.commands(2, b"<three>");
        stream.control(&["PING"]);
        let text = "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n<one><two>\
                    *2\r\n$6\r\nSELECT\r\n$1\r\n2\r\n<three>*1\r\n$4\r\nPING\r\n";
        assert_eq!(stream.take_turn(), text);
        assert_eq!(stream.take_turn(), "");
        assert_eq!(stream.offset(), text.len() as u64);
        assert_eq!(stream.since(id(1), 1).as_deref(), Some(text.as_bytes()));
        assert_eq!(stream.since(id(2), 1), None, "another history");
        assert_eq!(
            stream.since(id(1), text.len() as u64 + 2),
            None,
            "the future"
        );
    }

    #[test]
    fn keeps_the_last_bytes() {
        let mut stream = Stream::new(id(1));
        stream.keep(4);
        stream.relay(b"abcdef");
        assert_eq!(stream.kept(), Some(Kept { first: 3, len: 4 }));
        assert_eq!(stream.since(id(1), 2), None);
        assert_eq!(stream.since(id(1), 3).as_deref(), Some(&b"cdef"[..]));
        stream.keep(2);
        assert_eq!(stream.kept(), Some(Kept { first: 5, len: 2 }));
    }

    #[test]
    fn a_promoted_replica_continues_for_its_old_peers() {
        let mut stream = Stream::new(id(1));
        stream.keep(100);
        stream.relay(b"0123456789");
        stream.promote(id(2), 100);
        stream.relay(b"own");
        assert_eq!(stream.second(), Some((id(1), 11)));
        assert_eq!(stream.since(id(1), 9).as_deref(), Some(&b"89own"[..]));
        assert_eq!(stream.since(id(1), 11).as_deref(), Some(&b"own"[..]));
        assert_eq!(
            stream.since(id(1), 12),
            None,
            "it has seen what we have not"
        );
        assert_eq!(stream.since(id(2), 12).as_deref(), Some(&b"wn"[..]));
    }

    #[test]
    fn adopting_forgets_the_own_past() {
        let mut stream = Stream::new(id(1));
        stream.keep(100);
        stream.relay(b"abc");
        stream.adopt(id(2), None, 70);
        assert_eq!((stream.offset(), stream.has_turn()), (70, false));
        assert_eq!(stream.since(id(2), 71).as_deref(), Some(&b""[..]));
        assert_eq!(stream.since(id(2), 70), None);
        stream.renamed(id(3));
        assert_eq!(stream.second(), Some((id(2), 71)));
    }
}
