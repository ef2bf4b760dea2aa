//! DEBUG DIGEST and DIGEST-VALUE: what tells two data sets apart, whatever their order and encoding.
//!
//! The digests are those of redis-server 7.0: equal data sets have equal digests on both.

use slotkeeper_tree::StreamId;
use slotkeeper_tree::element::{Element, Text};

use crate::data::{Entry, Partition, Type, Value};
use crate::resp::number::format_g17;
use crate::sha1::sha1;

/// How many keys are looked at from one beat to the next.
const KEYS: usize = 1000;

/// A digest. What is mixed in one after the other counts in this order; what is added, in any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Digest([u8; 20]);

impl Digest {
    /// Adds something whose place does not matter.
    fn add(&mut self, bytes: &[u8]) {
        for (byte, other) in self.0.iter_mut().zip(sha1(bytes)) {
            *byte ^= other;
        }
    }

    /// Mixes in what comes next.
    fn mix(&mut self, bytes: &[u8]) {
        self.add(bytes);
        self.0 = sha1(&self.0);
    }

    fn mix_element(&mut self, element: Element<'_>) {
        self.mix(element.bytes(&mut Text::new()));
    }

    /// As 40 hexadecimal digits.
    pub(super) fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Of all keys. `goes_on` is asked after every thousand keys; none when it said no.
    pub(super) fn of_all(data: &Partition, mut goes_on: impl FnMut() -> bool) -> Option<Digest> {
        let mut all = Digest::default();
        for db in (0..data.databases()).filter(|&db| data.len(db) > 0) {
            all.mix(&(db as u32).to_be_bytes());
            let mut cursor = 0;
            loop {
                cursor = data.scan(db, cursor, KEYS, &mut |entry| {
                    let mut one = Digest::default();
                    one.mix(entry.key());
                    one.mix_value(entry);
                    all.add(&one.0);
                });
                if !goes_on() {
                    return None;
                }
                if cursor == 0 {
                    break;
                }
            }
        }
        Some(all)
    }

    /// Of a value, its type and whether it expires.
    pub(super) fn of_value(entry: &Entry<'_>) -> Digest {
        let mut digest = Digest::default();
        digest.mix_value(entry);
        digest
    }

    fn mix_value(&mut self, entry: &Entry<'_>) {
        self.mix(&type_number(entry.kind()).to_be_bytes());
        match entry.value() {
            Value::Str(text) => self.mix(text),
            Value::List(list) => {
                for element in list.elements(0, true) {
                    self.mix_element(element);
                }
            }
            Value::Set(set) => set.for_each(|member| self.add(member.bytes(&mut Text::new()))),
            Value::Hash(hash) => hash.for_each(|field, value| {
                let mut one = Digest::default();
                one.mix_element(field);
                one.mix_element(value);
                // As in redis-server: whether it expires, not when.
                if hash.time_of(field).is_some() {
                    one.add(b"!!hexpire!!");
                }
                self.add(&one.0);
            }),
            Value::Zset(zset) => zset.for_each(|record| {
                let mut one = Digest::default();
                one.mix_element(record.member);
                one.mix(format_g17(record.score).as_bytes());
                self.add(&one.0);
            }),
            Value::Stream(stream) => {
                for message in stream.range(StreamId::MIN, true) {
                    let StreamId { ms, seq } = message.id;
                    self.mix(format!("{ms}.{seq}").as_bytes());
                    for (field, value) in message.pairs() {
                        self.mix_element(field);
                        self.mix_element(value);
                    }
                }
            }
        }
        if entry.expire_at().is_some() {
            self.add(b"!!expire!!");
        }
    }
}

/// The number of a type in redis-server.
fn type_number(of: Type) -> u32 {
    match of {
        Type::String => 0,
        Type::List => 1,
        Type::Set => 2,
        Type::Zset => 3,
        Type::Hash => 4,
        Type::Stream => 6,
    }
}
