//! BITOP: AND, OR, XOR and NOT of whole strings.

use crate::command::parse::{SYNTAX, lower};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::{Event, Key, Reader};
use crate::resp::{Args, Reply};
use crate::spec::Flag::{DenyOom, Write};
use crate::spec::KeyFlag::{Access, OW, RO, Update};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static BITOP: Definition = Definition {
    spec: Spec {
        name: "bitop",
        arity: -4,
        flags: Flags::of(&[Write, DenyOom]),
        keys: &[
            KeySpec::one(2, &[OW, Update]),
            KeySpec::rest(3, &[RO, Access]),
        ],
        since: "2.6.0",
        complexity: "O(N) with N the length of all strings together",
        summary: "Stores what strings give bit by bit; returns its length",
        arguments: &[
            Argument::one_of(
                "operation",
                &[
                    Argument::word("and", "AND"),
                    Argument::word("or", "OR"),
                    Argument::word("xor", "XOR"),
                    Argument::word("not", "NOT"),
                ],
            ),
            Argument::key("destkey"),
            Argument::key_of("key", 1).multiple(),
        ],
        ..Spec::new(Group::Bitmap)
    },
    ..Definition::run(bitop)
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    And,
    Or,
    Xor,
    Not,
}

impl Operation {
    fn parse(args: &Args<'_>) -> Result<Operation, Refused> {
        match lower(args.get(1)).as_slice() {
            b"and" => Ok(Operation::And),
            b"or" => Ok(Operation::Or),
            b"xor" => Ok(Operation::Xor),
            b"not" => Ok(Operation::Not),
            _ => Err(SYNTAX),
        }
    }

    /// Applies it to what there is and one more string, which is not the longer one.
    fn apply(self, made: &mut [u8], string: &[u8]) {
        let pairs = made.iter_mut().zip(string);
        match self {
            Operation::And => {
                pairs.for_each(|(made, byte)| *made &= byte);
                made[string.len()..].fill(0);
            }
            Operation::Or => pairs.for_each(|(made, byte)| *made |= byte),
            Operation::Xor => pairs.for_each(|(made, byte)| *made ^= byte),
            Operation::Not => {}
        }
    }
}

fn bitop(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let operation = Operation::parse(args)?;
    if operation == Operation::Not && args.len() != 4 {
        return Err(Refused::new(
            "ERR BITOP NOT must be called with a single source key.",
        ));
    }
    let db = exec.session.db;
    let mut keys = Vec::with_capacity(args.len() - 3);
    for index in 3..args.len() {
        let key = args.key(exec.data, index);
        exec.data.get_str(db, &key)?;
        keys.push(key);
    }
    let made = compute(operation, &exec.data.reader(), db, &keys);
    let target = args.key(exec.data, 2);
    reply.integer(made.len() as i64);
    if made.is_empty() {
        let removed = exec.data.remove(db, &target);
        return Ok(Effect::if_changed(removed));
    }
    exec.data.set_raw(db, &target, made, false, Event::Set);
    Ok(Effect::AsWritten)
}

/// What strings give; what is missing at the end of one counts as zeros.
fn compute(operation: Operation, reader: &Reader<'_>, db: usize, keys: &[Key<'_>]) -> Vec<u8> {
    let string = |key| {
        let entry = reader.get(db, key);
        entry.and_then(|entry| entry.as_str().ok()).unwrap_or(b"")
    };
    let len = keys.iter().map(|key| string(key).len()).max();
    let mut made = Vec::with_capacity(len.unwrap_or(0));
    made.extend_from_slice(string(&keys[0]));
    made.resize(len.unwrap_or(0), 0);
    for key in &keys[1..] {
        operation.apply(&mut made, string(key));
    }
    if operation == Operation::Not {
        made.iter_mut().for_each(|byte| *byte = !*byte);
    }
    made
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    fn get(bench: &mut Bench, key: &str) -> Vec<u8> {
        let key = bench.data.key(key.as_bytes());
        let string = bench.data.get_str(0, &key).unwrap();
        string.unwrap_or_default().to_vec()
    }

    #[test]
    fn computes_bit_by_bit() {
        let mut bench = Bench::new();
        bench.reply("mset a abcdefghi b ABC empty \"\"");
        bench.reply("set d x ex 100");
        bench.replies(&[("bitop and d a b", ":9"), ("ttl d", ":-1")]);
        assert_eq!(get(&mut bench, "d"), b"ABC\0\0\0\0\0\0");
        bench.reply("bitop OR d a b");
        assert_eq!(get(&mut bench, "d"), b"abcdefghi");
        bench.reply("bitop xor d a b missing");
        assert_eq!(get(&mut bench, "d"), b"   defghi");
        bench.reply("bitop and d a missing");
        assert_eq!(get(&mut bench, "d"), [0; 9]);
        bench.reply("bitop xor a a a");
        assert_eq!(get(&mut bench, "a"), [0; 9], "one of its own sources");
        bench.reply("bitop not d b");
        assert_eq!(get(&mut bench, "d"), [0xBE, 0xBD, 0xBC]);
        bench.reply("set n 7");
        bench.replies(&[("bitop or d n", ":1"), ("object encoding d", "$3|raw")]);
    }

    #[test]
    fn nothing_removes_the_key() {
        let mut bench = Bench::new();
        bench.reply("mset d 1 empty \"\"");
        assert_eq!(bench.events("bitop or d d"), "set d");
        assert_eq!(bench.events("bitop or d missing empty"), "del d");
        assert_eq!(bench.effect("bitop or d missing"), "");
        assert_eq!(bench.reply("bitop not d missing"), ":0");
        bench.plant_hash("h");
        bench.reply("set a 1");
        assert_eq!(bench.effect("bitop or h a"), "bitop or h a");
        assert_eq!(bench.reply("get h"), "$1|1");
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = Bench::new();
        bench.plant_hash("h");
        bench.replies(&[
            ("bitop foo d a", "-ERR syntax error"),
            (
                "bitop not d a b",
                "-ERR BITOP NOT must be called with a single source key.",
            ),
            (
                "bitop and d a h",
                "-WRONGTYPE Operation against a key holding the wrong kind of value",
            ),
        ]);
    }
}
