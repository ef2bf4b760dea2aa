//! BITFIELD and BITFIELD_RO.

use super::field::{FieldType, Overflow};
use super::{bit_offset, open};
use crate::command::parse::{SYNTAX, integer, lower};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::{Event, Key};
use crate::resp::{Args, Reply};
use crate::spec::Flag::{DenyOom, Fast, ReadOnly, Write};
use crate::spec::KeyFlag::{Access, RO, RW, Update, VariableFlags};
use crate::spec::{Argument, Flags, Group, KeyFlag, KeySpec, Spec};

const TYPE: Argument = Argument::string("encoding");
const OFFSET: Argument = Argument::integer("offset");
const GET: &[Argument] = &[TYPE, OFFSET];

pub(super) static BITFIELD: Definition = Definition {
    spec: Spec {
        name: "bitfield",
        arity: -2,
        flags: Flags::of(&[Write, DenyOom]),
        keys: &[KeySpec::one(1, &[RW, Access, Update, VariableFlags])
            .note("It changes the key only with `SET` or `INCRBY`")
            .by_request(key_flags)],
        since: "3.2.0",
        complexity: "O(1) for each operation",
        summary: "Reads, sets and adds to integers of any width at any bit of a string",
        arguments: &[
            Argument::key("key"),
            Argument::one_of(
                "operation",
                &[
                    Argument::block("get-block", GET).token("GET"),
                    Argument::block(
                        "write",
                        &[
                            Argument::one_of(
                                "overflow-block",
                                &[
                                    Argument::word("wrap", "WRAP"),
                                    Argument::word("sat", "SAT"),
                                    Argument::word("fail", "FAIL"),
                                ],
                            )
                            .token("OVERFLOW")
                            .optional(),
                            Argument::one_of(
                                "write-operation",
                                &[
                                    Argument::block(
                                        "set-block",
                                        &[TYPE, OFFSET, Argument::integer("value")],
                                    )
                                    .token("SET"),
                                    Argument::block(
                                        "incrby-block",
                                        &[TYPE, OFFSET, Argument::integer("increment")],
                                    )
                                    .token("INCRBY"),
                                ],
                            ),
                        ],
                    ),
                ],
            )
            .multiple()
            .optional(),
        ],
        ..Spec::new(Group::Bitmap)
    },
    ..Definition::run(bitfield)
};

pub(super) static BITFIELD_RO: Definition = Definition {
    spec: Spec {
        name: "bitfield_ro",
        arity: -2,
        flags: Flags::of(&[ReadOnly, Fast]),
        keys: &[KeySpec::one(1, &[RO, Access])],
        since: "6.0.0",
        complexity: "O(1) for each operation",
        summary: "Reads integers of any width at any bit of a string",
        arguments: &[
            Argument::key("key"),
            Argument::block("get-block", GET)
                .token("GET")
                .multiple_token()
                .optional(),
        ],
        ..Spec::new(Group::Bitmap)
    },
    ..Definition::run(|exec, args, reply| {
        let operations = parse(exec, args)?;
        if operations.iter().any(Operation::writes) {
            return Err(Refused::new(
                "ERR BITFIELD_RO only supports the GET subcommand",
            ));
        }
        read(exec, args, &operations, reply)
    })
};

/// With GET alone, the key is only read.
fn key_flags(args: &Args<'_>) -> &'static [KeyFlag] {
    let mut at = 2;
    while at < args.len() {
        let behind = args.len() - at - 1;
        at += match () {
            () if args.is(at, "get") && behind >= 2 => 3,
            () if args.is(at, "overflow") && behind >= 1 => 2,
            () => return &[RW, Access, Update],
        };
    }
    &[RO, Access]
}

struct Operation {
    kind: FieldType,
    offset: u64,
    action: Action,
}

enum Action {
    Get,
    Set(i64, Overflow),
    IncrBy(i64, Overflow),
}

impl Operation {
    fn writes(&self) -> bool {
        !matches!(self.action, Action::Get)
    }

    /// The last bit that it writes.
    fn last_written(&self) -> Option<u64> {
        let last = self.offset + u64::from(self.kind.bits) - 1;
        self.writes().then_some(last)
    }
}

fn parse(exec: &Exec<'_>, args: &Args<'_>) -> Result<Vec<Operation>, Refused> {
    let (mut operations, mut overflow, mut at) = (Vec::new(), Overflow::Wrap, 2);
    while at < args.len() {
        let behind = args.len() - at - 1;
        if args.is(at, "overflow") && behind >= 1 {
            overflow = match lower(args.get(at + 1)).as_slice() {
                b"wrap" => Overflow::Wrap,
                b"sat" => Overflow::Sat,
                b"fail" => Overflow::Fail,
                _ => return Err(Refused::new("ERR Invalid OVERFLOW type specified")),
            };
            at += 2;
            continue;
        }
        let get = args.is(at, "get") && behind >= 2;
        let set = args.is(at, "set") && behind >= 3;
        let incr = args.is(at, "incrby") && behind >= 3;
        if !(get || set || incr) {
            return Err(SYNTAX);
        }
        let kind = FieldType::parse(args.get(at + 1))?;
        let unit = Some(u64::from(kind.bits));
        let offset = bit_offset(exec, args.get(at + 2), unit)?;
        let action = match () {
            () if get => Action::Get,
            () if set => Action::Set(integer(args.get(at + 3))?, overflow),
            () => Action::IncrBy(integer(args.get(at + 3))?, overflow),
        };
        operations.push(Operation {
            kind,
            offset,
            action,
        });
        at += if get { 3 } else { 4 };
    }
    Ok(operations)
}

fn bitfield(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let operations = parse(exec, args)?;
    let Some(last) = operations.iter().filter_map(Operation::last_written).max() else {
        return read(exec, args, &operations, reply);
    };
    let (db, key) = (exec.session.db, args.key(exec.data, 1));
    // As in Redis, the string grows even where nothing is written in the end. Replicas are told.
    let mut changed = open(exec, db, &key, (last / 8) as usize + 1)?;
    reply.array(operations.len());
    for operation in &operations {
        changed |= perform(exec, db, &key, operation, reply);
    }
    if !changed {
        return Ok(Effect::None);
    }
    exec.data.note(db, &key, Event::SetBit);
    Ok(Effect::AsWritten)
}

/// GET alone.
fn read(
    exec: &mut Exec<'_>,
    args: &Args<'_>,
    operations: &[Operation],
    reply: &mut Reply,
) -> Result<Effect, Refused> {
    let key = args.key(exec.data, 1);
    let string = exec
        .data
        .get_str(exec.session.db, &key)?
        .unwrap_or_default();
    reply.array(operations.len());
    for operation in operations {
        reply.integer(operation.kind.read(string, operation.offset));
    }
    Ok(Effect::None)
}

/// One operation on a string that is there. Returns whether it changed it.
fn perform(
    exec: &mut Exec<'_>,
    db: usize,
    key: &Key<'_>,
    operation: &Operation,
    reply: &mut Reply,
) -> bool {
    let Operation { kind, offset, .. } = *operation;
    let entry = exec.data.peek(db, key);
    let string = entry.and_then(|entry| entry.as_str().ok()).unwrap_or(b"");
    let old = kind.read(string, offset);
    let (new, shown) = match operation.action {
        Action::Get => (None, Some(old)),
        Action::Set(value, overflow) => {
            let new = kind.fit(kind.given(value), overflow);
            (new, new.map(|_| old))
        }
        Action::IncrBy(by, overflow) => {
            let new = kind.fit(i128::from(old) + i128::from(by), overflow);
            (new, new)
        }
    };
    match shown {
        Some(number) => reply.integer(number),
        None => reply.null(),
    }
    let Some(new) = new.filter(|new| *new != old) else {
        return false;
    };
    let (at, bytes) = kind.write(string, offset, new);
    exec.data.set_range(db, key, at, &bytes, None);
    true
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn a_replica_gets_what_did_not_fail() {
        let (mut master, mut replica) = (Bench::new(), Bench::new());
        for (line, is_written) in [
            (
                "bitfield k set u8 0 255 overflow fail incrby u8 0 1 incrby u8 8 1",
                true,
            ),
            (
                "bitfield k overflow fail incrby u8 0 1 set i4 100 -9",
                false,
            ),
            ("bitfield k overflow fail incrby u8 0 1", false),
            (
                "bitfield k overflow sat incrby u8 0 9 overflow fail incrby u2 20 3",
                true,
            ),
            ("bitfield k overflow fail incrby u2 20 3 get u8 0", false),
        ] {
            let effect = master.effect(line);
            let is_first_growth = line.contains("set i4 100");
            assert_eq!(!effect.is_empty(), is_written || is_first_growth, "{line}");
            if !effect.is_empty() {
                replica.reply(&effect);
            }
            assert_eq!(master.reply("get k"), replica.reply("get k"), "{line}");
        }
    }

    #[test]
    fn reads_and_writes_fields() {
        let mut bench = Bench::new();
        bench.replies(&[
            (
                "bitfield b set u8 #0 200 get u8 0 get i8 0",
                "*3|:0|:200|:-56",
            ),
            ("bitfield b incrby i5 100 1 get u4 0", "*2|:1|:12"),
            ("strlen b", ":14"),
            (
                "bitfield b set i64 #1 -5 get i64 64 get u63 64",
                "*3|:8388608|:-5|:9223372036854775805",
            ),
            ("bitfield b", "*0"),
            ("bitfield missing get u8 0 overflow sat", "*1|:0"),
            ("bitfield_ro b get u8 0 get u1 #1", "*2|:200|:1"),
            ("bitfield_ro missing get i64 4294967295", "*1|:0"),
            ("exists missing", ":0"),
        ]);
    }

    #[test]
    fn follows_the_overflow_that_was_set_last() {
        let mut bench = Bench::new();
        bench.replies(&[
            ("bitfield b set u2 102 3 incrby u2 102 1", "*2|:0|:0"),
            (
                "bitfield b set u2 102 3 overflow sat incrby u2 102 1 overflow fail incrby u2 102 1 get u2 102",
                "*4|:0|:3|$-1|:3",
            ),
            ("bitfield b overflow fail set u2 102 4", "*1|$-1"),
            ("bitfield b overflow sat set u2 102 -1", "*1|:3"),
            ("bitfield b overflow sat incrby i8 0 -200 incrby i8 0 -1", "*2|:-128|:-128"),
        ]);
    }

    #[test]
    fn only_a_change_is_one() {
        let mut bench = Bench::new();
        let line = "bitfield b set u8 0 1 set u8 8 2";
        assert_eq!(bench.events(line), "setbit b");
        assert_eq!(bench.effect(line), "");
        assert_eq!(bench.events(line), "");
        assert_eq!(bench.effect("bitfield b get u8 0"), "");
        let grows = "bitfield b overflow fail set u2 100 4";
        assert_eq!(bench.effect(grows), grows, "it has become longer");
        assert_eq!(bench.effect(grows), "");
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = Bench::new();
        bench.plant_hash("h");
        let kind = "-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not \
                    supported but i64 is.";
        let offset = "-ERR bit offset is not an integer or out of range";
        let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
        bench.replies(&[
            ("bitfield b get u64 0", kind),
            ("bitfield b get u8 -1", offset),
            ("bitfield b get u8 #x", offset),
            ("bitfield b get u8 #536870912", offset),
            ("bitfield b get u8 #9223372036854775807", offset),
            (
                "bitfield b set u8 0 x",
                "-ERR value is not an integer or out of range",
            ),
            ("bitfield b get u8", "-ERR syntax error"),
            ("bitfield b foo u8 0", "-ERR syntax error"),
            (
                "bitfield b set u8 0 1 overflow foo",
                "-ERR Invalid OVERFLOW type specified",
            ),
            (
                "bitfield_ro b set u8 0 1",
                "-ERR BITFIELD_RO only supports the GET subcommand",
            ),
            ("bitfield h get u8 0", wrong),
            ("bitfield h set u8 0 0", wrong),
            ("bitfield_ro h get u8 0", wrong),
            ("exists b", ":0"),
        ]);
    }
}
