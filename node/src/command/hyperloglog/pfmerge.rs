//! PFMERGE.

use super::{Hll, HllMut, REGISTERS, empty};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::Event;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{DenyOom, Write};
use crate::spec::KeyFlag::{Access, Insert, RO, RW};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static PFMERGE: Definition = Definition {
    spec: Spec {
        name: "pfmerge",
        arity: -2,
        flags: Flags::of(&[Write, DenyOom]),
        keys: &[
            KeySpec::one(1, &[RW, Access, Insert]),
            KeySpec::rest(2, &[RO, Access]),
        ],
        since: "2.8.9",
        complexity: "O(N) with N the number of keys",
        summary: "Merges HyperLogLogs into one",
        arguments: &[
            Argument::key("destkey"),
            Argument::key_of("sourcekey", 1).multiple().optional(),
        ],
        ..Spec::new(Group::HyperLogLog)
    },
    ..Definition::run(pfmerge)
};

fn pfmerge(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let (mut registers, mut dense) = ([0; REGISTERS], false);
    let db = exec.session.db;
    let mut target = None;
    for index in 1..args.len() {
        let key = args.key(exec.data, index);
        if let Some(string) = exec.data.get_str(db, &key)? {
            let hll = Hll::of(string)?;
            dense |= hll.dense;
            hll.merge_into(&mut registers)?;
            if index == 1 {
                target = Some(string.to_vec());
            }
        }
    }
    let target = target.unwrap_or_else(empty);
    let mut made = HllMut::of(target, exec.node.config.hll_sparse_max_bytes)?;
    if dense {
        made.promote()?;
    }
    for (index, value) in registers.into_iter().enumerate() {
        if value > 0 {
            made.raise(index, value)?;
        }
    }
    let key = args.key(exec.data, 1);
    let bytes = made.into_changed();
    exec.data.set_raw(db, &key, bytes, true, Event::PfAdd);
    reply.ok();
    Ok(Effect::AsWritten)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn merges_into_the_first() {
        let mut bench = Bench::new();
        bench.reply("pfadd a 1 2 3");
        bench.reply("pfadd b 3 4 5");
        bench.reply("expire a 100");
        assert_eq!(bench.events("pfmerge d a b missing"), "pfadd d");
        bench.replies(&[
            ("pfcount d", ":5"),
            ("pfdebug encoding d", "+sparse"),
            ("pfmerge a b", "+OK"),
            ("pfcount a", ":5"),
            ("ttl a", ":100"),
            ("pfdebug todense b", ":1"),
            ("pfmerge d b", "+OK"),
            ("pfdebug encoding d", "+dense"),
            ("pfcount d", ":5"),
            ("pfmerge new", "+OK"),
            ("pfcount new", ":0"),
        ]);
    }

    /// What is merged and what is added one by one are the same bytes.
    #[test]
    fn a_long_sparse_one_becomes_dense() {
        let mut bench = Bench::new();
        for element in 0..1500 {
            bench.reply(&format!("pfadd a {element}"));
        }
        bench.reply("pfmerge d a");
        for (key, encoding) in [("a", "+sparse"), ("d", "+sparse")] {
            assert_eq!(bench.reply(&format!("pfdebug encoding {key}")), encoding);
        }
        bench.config.hll_sparse_max_bytes = 1000;
        bench.reply("pfmerge e a");
        assert_eq!(bench.reply("pfdebug encoding e"), "+dense");
        assert_eq!(bench.reply("pfcount e"), bench.reply("pfcount a"));
    }
}
