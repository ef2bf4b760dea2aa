//! Writes an RDB file: what a walk hands out goes in, bytes in small buffers come out.

pub(super) mod value;

use bytes::Bytes;
use slotkeeper_tree::Part;

use self::value::{Parts, written_type};
use super::lzf::Packer;
use super::{Format, TYPE_STRING, crc64, encode, opcode};
use crate::data::{Entry, Head, Saver};

/// The name of our own remark: the id that the history had before, and its first offset that is
/// not part of it.
pub const SECOND_ID: &[u8] = b"slotkeeper-second-id";

/// Which history the file shows, and at which offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// The replication id.
    pub id: String,
    /// The offset.
    pub offset: u64,
    /// The id that the history had before, and the first offset that it does not have.
    pub second: Option<(String, u64)>,
}

/// A file in the making. What is finished waits in a buffer until it is taken.
#[derive(Debug)]
pub struct RdbWriter {
    out: Vec<u8>,
    /// So much of `out` is in the checksum.
    summed: usize,
    checksum: u64,
    /// The database of the next entry, as the reader will see it.
    db: Option<usize>,
    /// Entries that wait for the end of a large value.
    aside: Option<Aside>,
    /// Packs keys and values (`rdbcompression`). A value that is written in pieces stays as it is:
    /// its packed length would stand before the first piece.
    packer: Option<Packer>,
    format: Format,
    /// The value of which not all parts have come.
    parts: Option<Parts>,
    /// Bytes that were taken and have not left yet.
    in_flight: usize,
    bound: usize,
    written: u64,
    serialised: u64,
    keys: u64,
}

#[derive(Debug, Default)]
struct Aside {
    bytes: Vec<u8>,
    db: Option<usize>,
}

impl RdbWriter {
    /// A file that begins now. `unix_secs` and `used_memory` are remarks. Of `bound` unsent bytes
    /// the walk takes one half at most; the other one is for those who change keys meanwhile, so
    /// that neither takes all the room that a slow reader gives.
    #[must_use]
    pub fn new(
        format: Format,
        history: &History,
        unix_secs: i64,
        used_memory: u64,
        bound: usize,
    ) -> RdbWriter {
        let mut out = format.signature().into_bytes();
        let mut remark = |name: &[u8], value: &str| {
            out.push(opcode::AUX);
            encode::string(&mut out, name, None);
            encode::string(&mut out, value.as_bytes(), None);
        };
        let (name, release) = format.release();
        remark(name, release);
        remark(b"redis-bits", "64");
        remark(b"ctime", &unix_secs.to_string());
        remark(b"used-mem", &used_memory.to_string());
        remark(b"repl-stream-db", "0");
        remark(b"repl-id", &history.id);
        remark(b"repl-offset", &history.offset.to_string());
        if let Some((id, end)) = &history.second {
            remark(SECOND_ID, &format!("{id}:{end}"));
        }
        remark(b"aof-base", "0");
        RdbWriter {
            out,
            summed: 0,
            checksum: 0,
            db: None,
            aside: None,
            packer: None,
            format,
            parts: None,
            in_flight: 0,
            bound,
            written: 0,
            serialised: 0,
            keys: 0,
        }
    }

    /// The same, with keys and values packed where that is worth it.
    #[must_use]
    pub fn packing(self, packing: bool) -> RdbWriter {
        RdbWriter {
            packer: packing.then(Packer::new),
            ..self
        }
    }

    /// What is finished, to be sent or written. It counts as unsent until [`sent`](Self::sent) or
    /// [`set_in_flight`](Self::set_in_flight) says otherwise.
    pub fn take(&mut self) -> Bytes {
        self.checksum = crc64(self.checksum, &self.out[self.summed..]);
        self.summed = 0;
        self.in_flight += self.out.len();
        self.written += self.out.len() as u64;
        Bytes::from(std::mem::take(&mut self.out))
    }

    /// So many of the bytes that were taken have left.
    pub fn sent(&mut self, len: usize) {
        self.in_flight = self.in_flight.saturating_sub(len);
    }

    /// So many of the bytes that were taken have not left yet.
    pub fn set_in_flight(&mut self, len: usize) {
        self.in_flight = len;
    }

    /// Ends the file; what is left is to be taken.
    pub fn finish(&mut self) {
        self.out.push(opcode::EOF);
        self.checksum = crc64(self.checksum, &self.out[self.summed..]);
        self.out.extend_from_slice(&self.checksum.to_le_bytes());
        self.summed = self.out.len();
    }

    /// Bytes that wait for nothing but the reader.
    fn leaving(&self) -> usize {
        self.out.len() + self.in_flight
    }

    /// Whether writers that were held go on: they get a worthwhile part of the room, not each byte
    /// that becomes free.
    #[must_use]
    pub fn has_room(&self) -> bool {
        match &self.aside {
            Some(_) => !self.holds_writers(),
            None => self.leaving() <= self.bound / 4 * 3,
        }
    }

    /// The memory that it holds, in bytes; with what was taken and has not left, if that waits
    /// nowhere else.
    #[must_use]
    pub fn memory(&self, with_taken: bool) -> usize {
        let aside = self
            .aside
            .as_ref()
            .map_or(0, |aside| aside.bytes.capacity());
        let taken = if with_taken { self.in_flight } else { 0 };
        self.out.capacity() + aside + taken
    }

    /// How many bytes were taken so far.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written
    }

    /// How many bytes of entries were serialised so far, taken or not: what the walk costs.
    #[must_use]
    pub fn serialised(&self) -> u64 {
        self.serialised
    }

    /// How many keys were written so far.
    #[must_use]
    pub fn keys(&self) -> u64 {
        self.keys
    }
}

/// Appends what stands before type, key and value: the database if it changes, the time to live.
fn begin(out: &mut Vec<u8>, selected: &mut Option<usize>, db: usize, expire_at: Option<i64>) {
    if *selected != Some(db) {
        *selected = Some(db);
        out.push(opcode::SELECTDB);
        encode::length(out, db);
    }
    if let Some(at) = expire_at {
        out.push(opcode::EXPIRETIME_MS);
        out.extend_from_slice(&at.to_le_bytes());
    }
}

impl Saver for RdbWriter {
    fn table(&mut self, db: usize, keys: usize, expires: usize) {
        self.db = Some(db);
        self.out.push(opcode::SELECTDB);
        encode::length(&mut self.out, db);
        self.out.push(opcode::RESIZEDB);
        encode::length(&mut self.out, keys);
        encode::length(&mut self.out, expires);
    }

    fn entry(&mut self, db: usize, entry: &Entry<'_>) {
        let (out, selected) = match &mut self.aside {
            Some(aside) => (&mut aside.bytes, &mut aside.db),
            None => (&mut self.out, &mut self.db),
        };
        let mut packer = self.packer.as_mut();
        begin(out, selected, db, entry.expire_at());
        out.push(written_type(entry.kind()));
        encode::string(out, entry.key(), packer.as_deref_mut());
        value::whole(out, entry, packer);
        self.serialised += (entry.key().len() + entry.value_len()) as u64;
        self.keys += 1;
    }

    fn begin_large(&mut self, db: usize, key: &[u8], expire_at: Option<i64>, len: usize) {
        let packer = self.packer.as_mut();
        begin(&mut self.out, &mut self.db, db, expire_at);
        self.out.push(TYPE_STRING);
        encode::string(&mut self.out, key, packer);
        encode::length(&mut self.out, len);
        self.aside = Some(Aside::default());
        self.keys += 1;
    }

    fn begin(&mut self, db: usize, key: &[u8], expire_at: Option<i64>, head: Head) {
        assert!(
            self.format != Format::Plain || head.first_time.is_none(),
            "the version of the file covers what was there when it began"
        );
        begin(&mut self.out, &mut self.db, db, expire_at);
        self.out.push(Parts::type_of(self.format, head));
        encode::string(&mut self.out, key, self.packer.as_mut());
        self.parts = Some(Parts::begin(&mut self.out, self.format, head));
        self.aside = Some(Aside::default());
        self.keys += 1;
    }

    fn part(&mut self, part: Part<'_>) {
        let before = self.out.len();
        if let Some(parts) = &mut self.parts {
            parts.part(&mut self.out, part, self.packer.as_mut());
        }
        self.serialised += (self.out.len() - before) as u64;
    }

    fn piece(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
        self.serialised += bytes.len() as u64;
    }

    fn end_large(&mut self) {
        if let Some(parts) = self.parts.take() {
            parts.end(&mut self.out);
        }
        let aside = self.aside.take().unwrap_or_default();
        self.out.extend_from_slice(&aside.bytes);
        self.db = aside.db.or(self.db);
    }

    fn pauses_walk(&self) -> bool {
        // What is put aside does not count: it leaves only when the walk goes on.
        self.leaving() >= self.bound / 2
    }

    fn holds_writers(&self) -> bool {
        match &self.aside {
            Some(aside) => aside.bytes.len() >= self.bound / 2,
            None => self.leaving() >= self.bound,
        }
    }
}

#[cfg(test)]
mod tests;
