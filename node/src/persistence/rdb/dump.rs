//! What DUMP replies and RESTORE takes: type, value, version and checksum of one value, in Redis's form
//! (`createDumpPayload`).

use slotkeeper_tree::Part;

use super::lzf::Packer;
use super::reader::{Fed, Sink, ValueReader};
use super::writer::value::{self, Parts, written_type};
use super::{Format, OLDEST_VALKEY, RdbError, TYPE_STRING, crc64, encode, is_known};
use crate::data::{Entry, Head};

/// So much goes into the checksum in a step, in bytes.
const SUM_STEP: usize = 512 * 1024;

/// Version and checksum, which stand behind the value, in bytes.
const FOOTER: usize = 2 + 8;

/// A payload in the making.
#[derive(Debug)]
pub struct DumpWriter {
    out: Vec<u8>,
    /// So much of `out` is in the checksum.
    summed: usize,
    checksum: u64,
    packer: Option<Packer>,
    format: Format,
    /// A value of which not all parts have come.
    parts: Option<Parts>,
}

impl DumpWriter {
    /// Of no value yet. Strings are packed where that is worth it if `packing` says so.
    #[must_use]
    pub fn new(packing: bool) -> DumpWriter {
        DumpWriter {
            out: Vec::new(),
            summed: 0,
            checksum: 0,
            packer: packing.then(Packer::new),
            format: Format::Plain,
            parts: None,
        }
    }

    /// A value that is written at once.
    pub fn whole(&mut self, entry: &Entry<'_>) {
        self.out.push(written_type(entry.kind()));
        value::whole(&mut self.out, entry, self.packer.as_mut());
    }

    /// A long string, which is not packed: that would take long.
    pub fn long_string(&mut self, string: &[u8]) {
        self.out.reserve_exact(string.len() + FOOTER + 16);
        self.out.push(TYPE_STRING);
        encode::length(&mut self.out, string.len());
        self.out.extend_from_slice(string);
    }

    /// Begins a value that is written in parts.
    pub fn begin(&mut self, head: Head) {
        if head.first_time.is_some() {
            self.format = Format::Redis;
        }
        self.out.push(Parts::type_of(self.format, head));
        self.parts = Some(Parts::begin(&mut self.out, self.format, head));
    }

    /// The next part of it.
    pub fn part(&mut self, part: Part<'_>) {
        if let Some(parts) = &mut self.parts {
            parts.part(&mut self.out, part, self.packer.as_mut());
        }
    }

    /// Goes on with the checksum, for about 0.3 ms. Returns whether all is in it.
    pub fn sum(&mut self) -> bool {
        let end = self.out.len().min(self.summed + SUM_STEP);
        self.checksum = crc64(self.checksum, &self.out[self.summed..end]);
        self.summed = end;
        end == self.out.len()
    }

    /// How many bytes there are.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.out.capacity()
    }

    /// The payload of what was written.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        if let Some(parts) = self.parts.take() {
            parts.end(&mut self.out);
        }
        (self.out).extend_from_slice(&self.format.version().to_le_bytes());
        while !self.sum() {}
        self.out.extend_from_slice(&self.checksum.to_le_bytes());
        self.out
    }
}

/// A payload that is being read: its checksum is compared first. The payload itself is lent to each
/// step, and is the same in all of them.
#[derive(Debug, Default)]
pub struct DumpReader {
    checksum: u64,
    summed: usize,
    reader: ValueReader,
    read: usize,
}

/// Why a payload is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadDump {
    /// Its version is none that is read, or it is not what its checksum says.
    Footer,
    /// What it holds is no value, or none that is held here.
    Value,
}

impl DumpReader {
    /// Of a payload whose value goes to this key.
    #[must_use]
    pub fn new(key: &[u8]) -> DumpReader {
        DumpReader {
            reader: ValueReader::new(key),
            ..DumpReader::default()
        }
    }

    /// Whether the checksum is not compared yet.
    #[must_use]
    pub fn is_summing(&self, payload: &[u8]) -> bool {
        self.summed + 8 < payload.len()
    }

    /// Reads on: some of what the checksum is of, or `budget` bytes of the value. What those complete
    /// goes to `sink`, which may refuse it. Returns whether the value is complete.
    ///
    /// # Errors
    /// When the payload is none, or the sink has refused; the reader is of no use afterwards.
    pub fn step(
        &mut self,
        payload: &[u8],
        budget: usize,
        sink: &mut Sink<'_>,
    ) -> Result<bool, BadDump> {
        let (value, version, checksum) = split(payload).ok_or(BadDump::Footer)?;
        if self.is_summing(payload) {
            let is_valkey = version >= OLDEST_VALKEY as u16;
            if !is_known(u32::from(version), is_valkey) {
                return Err(BadDump::Footer);
            }
            self.reader.set_valkey(is_valkey);
            let end = (payload.len() - 8).min(self.summed + SUM_STEP);
            self.checksum = crc64(self.checksum, &payload[self.summed..end]);
            self.summed = end;
            return match self.is_summing(payload) || self.checksum == checksum {
                true => Ok(false),
                false => Err(BadDump::Footer),
            };
        }
        let end = value.len().min(self.read.saturating_add(budget));
        let piece = &value[self.read..end];
        let Fed { consumed, done } =
            (self.reader.feed(piece, sink)).map_err(|_: RdbError| BadDump::Value)?;
        self.read += consumed;
        // As in Redis, what follows the value is passed over.
        if !done && end == value.len() {
            return Err(BadDump::Value);
        }
        Ok(done)
    }

    /// The memory of what is not whole yet, in bytes.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.reader.memory()
    }
}

/// The version of a payload; none if it is too short for one.
#[must_use]
pub fn dump_version(payload: &[u8]) -> Option<u16> {
    split(payload).map(|(_, version, _)| version)
}

/// The value of a payload, its version, and its checksum.
fn split(payload: &[u8]) -> Option<(&[u8], u16, u64)> {
    let (value, footer) = payload.split_last_chunk::<FOOTER>()?;
    let (version, checksum) = footer.split_first_chunk::<2>()?;
    let checksum = u64::from_le_bytes(checksum.try_into().ok()?);
    Some((value, u16::from_le_bytes(*version), checksum))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persistence::rdb::RdbItem;

    /// A payload with a right footer.
    fn sealed(value: &[u8], version: u16) -> Vec<u8> {
        let mut payload = [value, &version.to_le_bytes()].concat();
        payload.extend_from_slice(&crc64(0, &payload).to_le_bytes());
        payload
    }

    fn read(payload: &[u8], budget: usize) -> Result<Vec<String>, BadDump> {
        let (mut reader, mut items) = (DumpReader::new(b"k"), Vec::new());
        while !reader.step(payload, budget, &mut |item| {
            if let RdbItem::Entry { key, value, .. } = item {
                items.push(format!("{}={}", key.escape_ascii(), value.escape_ascii()));
            }
            Ok(())
        })? {}
        Ok(items)
    }

    #[test]
    fn what_is_written_is_read_in_any_steps() {
        let mut writer = DumpWriter::new(false);
        writer.long_string(b"a value");
        let payload = writer.finish();
        assert_eq!(payload, sealed(b"\0\x07a value", 10));
        for budget in [1, 2, 3, 100, usize::MAX] {
            assert_eq!(read(&payload, budget), Ok(vec!["k=a value".to_owned()]));
        }
    }

    #[test]
    fn versions_that_are_not_known_and_wrong_checksums_are_refused_first() {
        let value = b"\0\x01v";
        for version in [1, 9, 11, 12, 80] {
            assert!(read(&sealed(value, version), 9).is_ok(), "{version}");
        }
        for version in [0, 13, 79] {
            let refused = read(&sealed(value, version), 9);
            assert_eq!(refused, Err(BadDump::Footer), "{version}");
        }
        let mut payload = sealed(b"\xFFnone", 10);
        assert_eq!(read(&payload, 9), Err(BadDump::Value));
        *payload.last_mut().expect("it has a footer") ^= 1;
        assert_eq!(read(&payload, 9), Err(BadDump::Footer));
        assert_eq!(read(b"123456789", 9), Err(BadDump::Footer));
        assert_eq!(read(b"", 9), Err(BadDump::Footer));
    }

    #[test]
    fn a_value_that_is_cut_short_is_refused_and_what_follows_one_is_passed_over() {
        assert_eq!(read(&sealed(b"\0\x02v", 10), 1), Err(BadDump::Value));
        assert_eq!(read(&sealed(b"", 10), 1), Err(BadDump::Value));
        assert!(read(&sealed(b"\0\x01vmore", 10), 1).is_ok());
    }
}
