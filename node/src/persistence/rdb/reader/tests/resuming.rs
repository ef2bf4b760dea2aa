//! Elements that arrive in pieces: nothing is read twice, and nothing is held that has not come.

use super::super::super::encode;
use super::super::super::lzf::Packer;
use super::*;

/// A file in the making.
struct File(Vec<u8>);

impl File {
    fn new() -> File {
        File(b"REDIS0010\xfe\x00".to_vec())
    }

    fn bytes(mut self, bytes: &[u8]) -> File {
        self.0.extend_from_slice(bytes);
        self
    }

    fn plain(mut self, string: &[u8]) -> File {
        encode::string(&mut self.0, string, None);
        self
    }

    fn packed(mut self, string: &[u8]) -> File {
        encode::string(&mut self.0, string, Some(&mut Packer::new()));
        self
    }

    fn end(self) -> Vec<u8> {
        let mut file = self.bytes(b"\xff").0;
        let sum = crc64(0, &file);
        file.extend_from_slice(&sum.to_le_bytes());
        file
    }
}

/// Everything that there is in a file, most of it of all lengths.
fn everything() -> Vec<u8> {
    let text = "0123456789".repeat(40);
    let text = text.as_bytes();
    let file = File::new()
        .bytes(b"\xfa\x04name\x05value\xfb\x41\x00\x02\xf8\x05\xf9\x01\xf4\x01\x02\x03")
        .bytes(b"\xfd\x02\0\0\0\x00\x01k\x01v")
        .bytes(b"\xfc\x03\0\0\0\0\0\0\0\x00")
        .packed(text)
        .plain(&text[..333])
        .bytes(b"\x00")
        .plain(b"-70000")
        .packed(text)
        .bytes(b"\x00\x80\0\0\0\x03abc\x81\0\0\0\0\0\0\0\x03def")
        .bytes(b"\x04\x01h\x02")
        .packed(&text[..200])
        .plain(b"12")
        .plain(&text[..70])
        .packed(&text[..300])
        .bytes(b"\xfc\x03\0\0\0\0\0\0\0\x04\x01e\x00\x00\x01f\x01g");
    let file = streams(lists(file));
    file.bytes(b"\x10\x01p\x0c\x0c\0\0\0\x02\0\x81a\x02\x01\x01\xff")
        .bytes(b"\x02\x01s\x03")
        .packed(&text[..200])
        .plain(b"12")
        .plain(&text[..70])
        .bytes(b"\x02\x01n\x00")
        .bytes(b"\x0b\x01i\x0c\x02\0\0\0\x02\0\0\0\xff\xff\x01\0")
        .bytes(b"\x14\x01l\x0c\x0c\0\0\0\x02\0\x81a\x02\x01\x01\xff")
        .bytes(b"\x05\x01z\x02\x01a\0\0\0\0\0\0\x04\xc0\x01b\0\0\0\0\0\0\x04\x40")
        .bytes(b"\x03\x01o\x03\x01a\x032.5\x01b\xfe\x01c\xff")
        .bytes(b"\x11\x01q\x0c\x0c\0\0\0\x02\0\x81a\x02\x01\x01\xff")
        .bytes(b"\x18\x01t\x03\0\0\0\0\0\0\0\x02\x41\x00\x01a\x01b\x00\x01c")
        .packed(&text[..200])
        .bytes(b"\x16\x01u\x01\x03\x01a\x01b")
        .bytes(b"\x19\x01v\x03\0\0\0\0\0\0\0\x0e\x0e\0\0\0\x03\0\x81a\x02\x01\x01\x03\x01\xff")
        .bytes(b"\x17\x01w\x0e\x0e\0\0\0\x03\0\x81a\x02\x01\x01\x03\x01\xff")
        .end()
}

/// One in each form; of the last one, a node is empty, and one a single element.
fn lists(file: File) -> File {
    const ZIPLIST: &[u8] = b"\x11\0\0\0\x0d\0\0\0\x02\0\0\x01a\x03\xfe\x64\xff";
    let listpack = [&b"\x0a\0\0\0\x01\0\x81a\x02\xff"[..], b"\x07\0\0\0\0\0\xff"];
    file.bytes(b"\x01\x01a\x02")
        .plain(b"12")
        .packed(&[b'e'; 200])
        .bytes(b"\x0a\x01b")
        .plain(ZIPLIST)
        .bytes(b"\x0e\x01c\x02")
        .plain(ZIPLIST)
        .plain(ZIPLIST)
        .bytes(b"\x12\x01d\x04\x02")
        .plain(listpack[1])
        .bytes(b"\x01")
        .packed(&[b'p'; 300])
        .bytes(b"\x02")
        .plain(listpack[0])
        .bytes(b"\x02")
        .plain(listpack[0])
        .bytes(b"\x01\x01e\x00\x12\x01f\x01\x02")
        .plain(listpack[1])
}

/// One in each form: a message, a group with one entry that is pending with one of two consumers.
fn streams(mut file: File) -> File {
    const NODE: &[u8] = b"\x1d\0\0\0\x0a\0\x01\x01\0\x01\x01\x01\x81f\x02\0\x01\x02\x01\0\x01\0\x01\x81v\x02\x04\x01\xff";
    let id = b"\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\x01";
    for (form, counters, read, active) in [
        (15, &b"\x05\x01"[..], &b""[..], &b""[..]),
        (19, b"\x05\x01\x05\x01\x03\0\x41\x00", b"\x02", b""),
        (
            21,
            b"\x05\x01\x05\x01\0\0\x01",
            b"\x81\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\xff\xff\xff\xff\xff\xff\xff\xff",
        ),
    ] {
        file = file
            .bytes(&[form, 2, b'x', form, 1])
            .plain(id)
            .plain(NODE)
            .bytes(b"\x01")
            .bytes(counters)
            .bytes(b"\x01\x01g\x05\x01")
            .bytes(read)
            .bytes(b"\x01")
            .bytes(id)
            .bytes(b"\x07\0\0\0\0\0\0\0\x03\x02\x01a\x08\0\0\0\0\0\0\0")
            .bytes(active)
            .bytes(b"\x01")
            .bytes(id)
            .bytes(b"\x01b\x09\0\0\0\0\0\0\0")
            .bytes(active)
            .bytes(b"\x00");
    }
    file.bytes(b"\x13\x01y\x00\x00\x05\x01\x00\x00\x05\x01\x09\x00")
}

/// All items, a text each.
fn items<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
    let (mut reader, mut items) = (RdbReader::new(), Vec::new());
    for piece in pieces {
        let fed = reader.feed(piece, &mut |item| {
            items.push(format!("{item:?}"));
            Ok(())
        });
        assert_eq!(fed.expect("valid").consumed, piece.len());
    }
    assert!(reader.is_done());
    items
}

#[test]
fn every_split_gives_the_same() {
    let file = everything();
    let whole = items([&file[..]]);
    assert_eq!(whole.len(), 59 + 3 * 10 + 3 + 17, "{whole:#?}");
    assert_eq!(items(file.chunks(1)), whole);
    for cut in 0..=file.len() {
        let (start, end) = file.split_at(cut);
        assert_eq!(items([start, end]), whole, "cut at {cut}");
        let (middle, end) = end.split_at(end.len().min(3));
        assert_eq!(items([start, middle, end]), whole, "cut at {cut}");
    }
}

/// Feeds pieces of 16 KB; the value at the end, and how many bytes were looked at or moved.
fn feed_pieces(file: &[u8]) -> (Vec<u8>, u64) {
    let (mut reader, mut value) = (RdbReader::new(), Vec::new());
    for piece in file.chunks(16 * 1024) {
        let fed = reader.feed(piece, &mut |item| {
            if let RdbItem::Entry {
                value: Cow::Owned(owned),
                ..
            } = item
            {
                value = owned;
            }
            Ok(())
        });
        fed.expect("valid");
    }
    assert!(reader.is_done() && reader.memory() < 1024);
    (value, reader.held.looked)
}

#[test]
fn a_large_string_costs_linear_work_and_is_built_where_it_stays() {
    for (len, is_packed) in [(64 << 20, false), (8 << 20, true)] {
        let value: Vec<u8> = (0..len).map(|at| (at / 300) as u8).collect();
        let file = File::new().bytes(b"\x00\x01k");
        let file = if is_packed {
            file.packed(&value)
        } else {
            file.plain(&value)
        };
        let file = file.end();
        assert!(!is_packed || file.len() < len / 20);
        let (read, looked) = feed_pieces(&file);
        assert!(read == value && read.capacity() == len);
        // Each byte once, and what is moved when the memory of the string doubles.
        let bound = file.len() + 2 * len + 16 * 1024;
        assert!(looked <= bound as u64, "{looked} for {}", file.len());
    }
}

#[test]
fn no_more_is_held_than_has_arrived() {
    let file = File::new()
        .bytes(b"\x00\x01k")
        .plain(&[b'x'; 1 << 20])
        .end();
    let (mut reader, mut fed) = (RdbReader::new(), 0);
    for piece in file.chunks(1000).take(900) {
        reader.feed(piece, &mut |_| Ok(())).expect("valid");
        fed += piece.len();
        assert!(reader.memory() <= 2 * fed + 4096, "{fed}");
    }
    assert!(reader.memory() >= fed - 100, "it is counted");
}

#[test]
fn announcements_hold_no_memory() {
    for start in [
        // A key, a value and a packed value of almost 4 GB, and a hash of 2^63 fields.
        &b"\x00\x80\xff\xff\x00\x00abc"[..],
        b"\x00\x01k\x81\0\0\0\0\xff\xff\x00\x00abc",
        b"\x00\x01k\xc3\x80\xff\xff\x00\x00\x80\xff\xff\x00\x00\x02abc",
        b"\x04\x01k\x81\x7f\xff\xff\xff\xff\xff\xff\xff\x01a\x01b\x01",
    ] {
        let file = File::new().bytes(start).0;
        let mut reader = RdbReader::new();
        let fed = reader.feed(&file, &mut |_| Ok(())).expect("unfinished");
        assert!(!fed.done && fed.consumed == file.len());
        assert!(reader.memory() <= 8192, "{}", start.escape_ascii());
    }
}

#[test]
fn lengths_that_no_value_has_are_refused_at_once() {
    let outcome = |start: &[u8]| {
        let file = File::new().bytes(start).0;
        RdbReader::new().feed(&file, &mut |_| Ok(()))
    };
    let refused = |len| Err(RdbError::TooLarge(len));
    assert_eq!(
        outcome(b"\x00\x80\xff\xff\xff\xff"),
        refused(u64::from(u32::MAX))
    );
    assert_eq!(
        outcome(b"\x00\x01k\x81\x7f\0\0\0\0\0\0\0"),
        refused(0x7f << 56)
    );
    assert_eq!(
        outcome(b"\x00\x01k\xc3\x01\x81\x7f\0\0\0\0\0\0\0"),
        refused(0x7f << 56)
    );
    let ratio = outcome(b"\x00\x01k\xc3\x01\x80\xff\xff\x00\x00");
    assert_eq!(ratio, Err(RdbError::Compression), "a byte unpacks to less");
}
