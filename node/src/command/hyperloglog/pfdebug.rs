//! PFDEBUG: GETREG, DECODE, ENCODING and TODENSE.

use super::{Hll, REGISTERS, Registers, sparse};
use crate::command::parse::{lower, shown};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::{Event, Key};
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Admin, DenyOom, Write};
use crate::spec::KeyFlag::{Access, RW};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static PFDEBUG: Definition = Definition {
    spec: Spec {
        name: "pfdebug",
        is_internal: true,
        arity: 3,
        flags: Flags::of(&[Write, DenyOom, Admin]),
        keys: &[KeySpec::one(2, &[RW, Access])],
        since: "2.8.9",
        complexity: "O(1)",
        summary: "Shows the registers or the encoding of a HyperLogLog, or makes it dense",
        arguments: &[Argument::string("subcommand"), Argument::key("key")],
        ..Spec::new(Group::HyperLogLog)
    },
    ..Definition::run(pfdebug)
};

fn pfdebug(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let (db, key) = (exec.session.db, args.key(exec.data, 2));
    let Some(entry) = exec.data.get_to_change(db, &key) else {
        return Err(Refused::new("ERR The specified key does not exist"));
    };
    let hll = Hll::of(entry.as_str()?)?;
    match lower(args.get(1)).as_slice() {
        b"getreg" => {
            let mut registers: Registers = [0; REGISTERS];
            hll.merge_into(&mut registers)?;
            reply.array(REGISTERS);
            for value in registers {
                reply.integer(i64::from(value));
            }
            make_dense(exec, &key)
        }
        b"decode" if hll.dense => Err(Refused::new("ERR HLL encoding is not sparse")),
        b"decode" => {
            reply.bulk(decoded(hll.registers()).as_bytes());
            Ok(Effect::None)
        }
        b"encoding" => {
            reply.simple(if hll.dense { "dense" } else { "sparse" });
            Ok(Effect::None)
        }
        b"todense" => {
            let is_dense = hll.dense;
            let effect = make_dense(exec, &key)?;
            reply.integer(i64::from(!is_dense));
            Ok(effect)
        }
        _ => Err(Refused::text(format!(
            "ERR Unknown PFDEBUG subcommand '{}'",
            shown(args.get(1))
        ))),
    }
}

/// Makes it dense, if it is sparse.
fn make_dense(exec: &mut Exec<'_>, key: &Key<'_>) -> Result<Effect, Refused> {
    let db = exec.session.db;
    let entry = exec.data.peek(db, key);
    let Some(string) = entry.and_then(|entry| entry.as_str().ok()) else {
        return Ok(Effect::None);
    };
    let hll = Hll::of(string)?;
    if hll.dense {
        return Ok(Effect::None);
    }
    let made = hll.to_dense()?;
    exec.data.set_raw(db, key, made, true, Event::Touched);
    Ok(Effect::AsWritten)
}

/// The runs of a sparse one: `z` and `Z` of zeros, `v` of a value.
fn decoded(registers: &[u8]) -> String {
    let runs = sparse::iter(registers).map(|run| match (run.value, run.bytes) {
        (0, 1) => format!("z:{}", run.count),
        (0, _) => format!("Z:{}", run.count),
        (value, _) => format!("v:{value},{}", run.count),
    });
    runs.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn shows_registers_and_encoding() {
        let mut bench = Bench::new();
        bench.reply("pfadd h a b c");
        bench.replies(&[
            ("pfdebug encoding h", "+sparse"),
            (
                "pfdebug decode h",
                "$44|Z:8436 v:1,1 Z:4274 v:2,1 Z:3068 v:1,1 Z:603",
            ),
            (
                "pfdebug encoding missing",
                "-ERR The specified key does not exist",
            ),
            ("pfdebug foo h", "-ERR Unknown PFDEBUG subcommand 'foo'"),
        ]);
        assert_eq!(bench.effect("pfdebug getreg h"), "pfdebug getreg h");
        bench.replies(&[
            ("pfdebug encoding h", "+dense"),
            ("pfdebug todense h", ":0"),
            ("pfdebug decode h", "-ERR HLL encoding is not sparse"),
            ("pfcount h", ":3"),
        ]);
        let registers = bench.reply("pfdebug getreg h");
        let set = registers.split('|').skip(1).filter(|value| *value != ":0");
        assert_eq!(set.count(), 3);
        assert_eq!(bench.effect("pfdebug getreg h"), "");
    }
}
