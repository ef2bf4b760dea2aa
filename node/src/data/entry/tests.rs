//! Entries: values of every form, changed and freed.

use super::*;
use crate::data::{Encoding, Type, WrongType, rounds};

fn meta(expire_at: Option<i64>) -> Meta {
    Meta {
        expire_at,
        kind: Kind::STRING,
        raw: false,
        clock: 0xAB_CDEF,
        generation: 13,
    }
}

/// Runs `change` on an entry in a table's word, checks its value after, and frees it.
fn with_entry(value: &[u8], change: impl FnOnce(&mut EntryMut<'_>, &mut Heap) -> Vec<u8>) {
    let mut heap = Heap::plain();
    let entry = EntryBox::new(&mut heap, b"name", [value, b""], meta(Some(77)));
    let mut word = 0x1234 << 48 | entry.into_address();
    // SAFETY: the word owns the entry.
    let mut entry = unsafe { EntryMut::from_word(&mut word) };
    let expected = change(&mut entry, &mut heap);
    assert_eq!(entry.view().bytes(), expected);
    assert_eq!(entry.view().key(), b"name");
    assert_eq!(word >> 48, 0x1234);
    // SAFETY: the word goes out of use.
    unsafe { EntryBox::from_address(word & ADDRESS) }.release(&mut heap);
    while heap.has_waste() {
        heap.free_waste(&mut 100);
    }
    assert_eq!(heap.used(), 0);
}

#[test]
fn keeps_every_length_of_key_and_value() {
    let mut heap = Heap::plain();
    for key_len in [0, 1, 252, 253, 65_535, 65_536] {
        for value_len in [0, 1, 252, 253, 1000, 65_535, LARGE, LARGE + 1, 200_000] {
            for ttl in [None, Some(i64::MIN), Some(1_700_000_000_000)] {
                let (key, value) = (vec![b'k'; key_len], vec![b'v'; value_len]);
                let (head, tail) = value.split_at(value_len / 2);
                let entry = EntryBox::new(&mut heap, &key, [head, tail], meta(ttl));
                let view = entry.view();
                assert!(view.key() == key && view.bytes() == value);
                assert_eq!(view.expire_at(), ttl);
                assert_eq!((view.meta().clock, view.meta().generation), (0xAB_CDEF, 13));
                assert!(heap.used() >= key_len + value_len);
                assert!(view.memory() >= key_len + value_len);
                entry.release(&mut heap);
                assert_eq!(heap.used(), 0);
            }
        }
    }
}

#[test]
fn a_short_string_takes_its_length_and_six_bytes() {
    let mut heap = Heap::new();
    let entry = EntryBox::new(&mut heap, b"key:123456", [&[b'v'; 64], &[]], meta(None));
    assert_eq!(heap.used(), 80);
    entry.release(&mut heap);
}

#[test]
fn overwrites_in_place_only_what_fits_the_block() {
    with_entry(&[b'a'; 60], |entry, _| {
        assert!(!entry.overwrite(&[b'b'; 90], meta(Some(1))), "too long");
        assert!(
            !entry.overwrite(&[b'b'; 20], meta(Some(1))),
            "wastes memory"
        );
        assert!(!entry.overwrite(&[b'b'; 60], meta(None)), "another layout");
        assert!(entry.overwrite(&[b'b'; 58], meta(Some(99))));
        assert_eq!(entry.view().expire_at(), Some(99));
        vec![b'b'; 58]
    });
    with_entry(&[b'a'; LARGE + 1], |entry, _| {
        assert!(!entry.overwrite(b"b", meta(Some(1))));
        assert!(entry.overwrite_expire(Some(5)) && !entry.overwrite_expire(None));
        vec![b'a'; LARGE + 1]
    });
}

#[test]
fn appends_in_place_while_the_block_has_room() {
    with_entry(b"12345", |entry, heap| {
        assert_eq!(entry.view().encoding(), "int");
        let mut len = 5;
        while entry.append(heap, b"6").is_some() {
            len += 1;
            assert_eq!(entry.view().bytes().len(), len);
            assert_eq!(entry.view().encoding(), "raw");
        }
        assert!((5..13).contains(&len));
        entry.view().bytes().to_vec()
    });
    with_entry(&[b'a'; LARGE + 1], |entry, heap| {
        let appends = rounds(50_000, 50) as usize;
        for count in 1..=appends {
            assert_eq!(entry.append(heap, b"bcd"), Some(LARGE + 1 + 3 * count));
        }
        [vec![b'a'; LARGE + 1], b"bcd".repeat(appends)].concat()
    });
}

#[test]
fn writes_within_a_value_in_place_and_behind_a_large_one() {
    with_entry(b"hello world", |entry, heap| {
        assert_eq!(entry.write_at(heap, 6, b"Redis"), Some(11));
        assert_eq!(entry.write_at(heap, 7, b"Redis"), None);
        b"hello Redis".to_vec()
    });
    with_entry(&[b'a'; LARGE + 1], |entry, heap| {
        assert_eq!(entry.write_at(heap, LARGE + 3, b"z"), Some(LARGE + 4));
        [vec![b'a'; LARGE + 1], vec![0, 0, b'z']].concat()
    });
}

#[test]
fn is_remade_under_another_name() {
    let mut heap = Heap::plain();
    for len in [3, LARGE + 9] {
        let value = vec![b'x'; len];
        let entry = EntryBox::new(&mut heap, b"old", [&value, b""], meta(None));
        let entry = entry.remade(&mut heap, b"a new name", meta(Some(8)));
        assert!(entry.view().key() == b"a new name" && entry.view().bytes() == value);
        assert_eq!(entry.view().expire_at(), Some(8));
        entry.release(&mut heap);
        assert_eq!(heap.used(), 0);
    }
}

#[test]
fn type_and_encoding_take_a_byte_that_a_string_has_not() {
    let mut heap = Heap::plain();
    for encoding in [Encoding::Listpack, Encoding::HashTable] {
        for ttl in [None, Some(77)] {
            let kind = Kind::new(Type::Hash, encoding);
            let typed = Meta { kind, ..meta(ttl) };
            let string = EntryBox::new(&mut heap, b"name", [b"value", b""], meta(ttl));
            let before = heap.used();
            let hash = EntryBox::new(&mut heap, b"name", [b"valu", b""], typed);
            assert_eq!(heap.used(), 2 * before, "four bytes and one are five");
            let view = hash.view();
            assert_eq!((view.meta().kind, view.expire_at()), (kind, ttl));
            assert_eq!((view.key(), view.bytes()), (&b"name"[..], &b"valu"[..]));
            assert_eq!(view.encoding(), encoding.name());
            assert_eq!(view.as_str(), Err(WrongType));
            assert_eq!(string.view().as_str(), Ok(&b"value"[..]));
            let hash = hash.remade(&mut heap, b"other", typed);
            assert_eq!(hash.view().meta().kind, kind);
            hash.release(&mut heap);
            string.release(&mut heap);
        }
    }
    assert_eq!(heap.used(), 0);
}

#[test]
fn a_value_of_another_type_is_not_written_over_a_string() {
    with_entry(b"12345", |entry, _| {
        let kind = Kind::new(Type::Hash, Encoding::Listpack);
        let typed = Meta {
            kind,
            ..meta(Some(1))
        };
        assert!(!entry.overwrite(b"1234", typed));
        b"12345".to_vec()
    });
}

#[test]
fn clock_and_generation_change_alone() {
    with_entry(b"v", |entry, _| {
        entry.set_clock(0x01_0203);
        entry.set_generation(15);
        let changed = entry.view().meta();
        assert_eq!((changed.clock, changed.generation), (0x01_0203, 15));
        assert_eq!((changed.expire_at, changed.raw), (Some(77), false));
        b"v".to_vec()
    });
}
