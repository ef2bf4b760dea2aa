//! PFADD.

use super::hash::register_of;
use super::{ESTIMATE_END, HEAD, Hll, HllMut, OUTDATED, dense, empty};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::{Event, Key};
use crate::resp::{Args, Reply};
use crate::spec::Flag::{DenyOom, Fast, Write};
use crate::spec::KeyFlag::{Insert, RW};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static PFADD: Definition = Definition {
    spec: Spec {
        name: "pfadd",
        arity: -2,
        flags: Flags::of(&[Write, DenyOom, Fast]),
        keys: &[KeySpec::one(1, &[RW, Insert])],
        since: "2.8.9",
        complexity: "O(1) for each element",
        summary: "Adds elements to a HyperLogLog; returns 1 if that changed it",
        arguments: &[
            Argument::key("key"),
            Argument::string("element").multiple().optional(),
        ],
        ..Spec::new(Group::HyperLogLog)
    },
    ..Definition::run(pfadd)
};

fn pfadd(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let (db, key) = (exec.session.db, args.key(exec.data, 1));
    let string = match exec.data.get_to_change(db, &key) {
        Some(entry) => Some(entry.as_str()?),
        None => None,
    };
    let is_dense = match string {
        Some(string) => Hll::of(string)?.dense,
        None => false,
    };
    let changed = if is_dense {
        add_in_place(exec, db, &key, args)
    } else {
        let is_new = string.is_none();
        let bytes = string.map_or_else(empty, <[u8]>::to_vec);
        add(exec, db, &key, args, (bytes, is_new))?
    };
    reply.integer(i64::from(changed));
    Ok(Effect::if_changed(changed))
}

/// To a dense one: a byte or two for each element that raises a register.
fn add_in_place(exec: &mut Exec<'_>, db: usize, key: &Key<'_>, args: &Args<'_>) -> bool {
    let mut last = None;
    for element in args.from(2) {
        let (index, value) = register_of(element);
        let entry = exec.data.peek(db, key);
        let Some(bytes) = entry.and_then(|entry| entry.as_str().ok()) else {
            break;
        };
        if dense::get(&bytes[HEAD..], index) < value {
            last = Some(bytes[ESTIMATE_END]);
            let (at, new, len) = dense::patch(&bytes[HEAD..], index, value);
            exec.data.set_range(db, key, HEAD + at, &new[..len], None);
        }
    }
    let Some(last) = last else {
        return false;
    };
    let event = Some(Event::PfAdd);
    exec.data
        .set_range(db, key, ESTIMATE_END, &[last | OUTDATED], event);
    true
}

/// To a sparse one, which is put together anew: it is short.
fn add(
    exec: &mut Exec<'_>,
    db: usize,
    key: &Key<'_>,
    args: &Args<'_>,
    (bytes, is_new): (Vec<u8>, bool),
) -> Result<bool, Refused> {
    let mut hll = HllMut::of(bytes, exec.node.config.hll_sparse_max_bytes)?;
    let mut changed = is_new;
    for element in args.from(2) {
        let (index, value) = register_of(element);
        changed |= hll.raise(index, value)?;
    }
    if changed {
        let bytes = hll.into_changed();
        exec.data.set_raw(db, key, bytes, true, Event::PfAdd);
    }
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;
    use crate::random::Random;

    #[test]
    fn says_whether_anything_changed() {
        let mut bench = Bench::new();
        assert_eq!(bench.events("pfadd h"), "pfadd h");
        assert_eq!(bench.effect("pfadd h"), "");
        assert_eq!(bench.events("pfadd h a b"), "pfadd h");
        assert_eq!(bench.events("pfadd h a b"), "");
        bench.reply("expire h 100");
        bench.replies(&[
            ("pfadd h a", ":0"),
            ("pfadd h c", ":1"),
            ("ttl h", ":100"),
            ("type h", "+string"),
            ("object encoding h", "$3|raw"),
            ("pfcount h", ":3"),
            ("pfdebug todense h", ":1"),
            ("ttl h", ":100"),
            ("pfadd h a b c", ":0"),
            ("pfadd h d", ":1"),
            ("pfcount h", ":4"),
        ]);
        assert_eq!(bench.events("pfadd h d"), "");
        assert_eq!(bench.events("pfadd h e f g"), "pfadd h");
        assert_eq!(bench.reply("pfcount h"), ":7");
    }

    #[test]
    fn becomes_dense_when_it_is_too_long() {
        let mut bench = Bench::new();
        bench.config.hll_sparse_max_bytes = 100;
        let mut lengths = Vec::new();
        for element in 0..60 {
            bench.reply(&format!("pfadd h {element}"));
            lengths.push(bench.reply("strlen h"));
        }
        let dense = lengths.iter().position(|len| len == ":12304").unwrap();
        assert!((20..50).contains(&dense), "{lengths:?}");
        assert_eq!(bench.reply("pfdebug encoding h"), "+dense");
        assert_eq!(bench.reply("pfcount h"), ":60");
    }

    /// Clients may write into the string what they like.
    #[test]
    fn hostile_strings_are_refused_or_counted() {
        let (mut bench, mut random) = (Bench::new(), Random::new(3));
        let (mut refused, mut counted) = (0, 0);
        for round in 0..600 {
            bench.reply("del h");
            bench.reply("pfadd h a b c d e f g");
            let key = bench.data.key(b"h");
            let len = 32 + random.below(8) as usize;
            for _ in 0..1 + round % 4 {
                let at = 4 + random.below(len as u64 - 4) as usize;
                let byte = [random.below(256) as u8];
                bench.data.set_range(0, &key, at, &byte, None);
            }
            for line in [
                "pfadd h x y z",
                "pfcount h",
                "pfcount h h",
                "pfmerge d h",
                "pfdebug decode h",
            ] {
                let reply = bench.reply(line);
                refused += usize::from(reply.starts_with('-'));
                counted += usize::from(reply.starts_with(':'));
            }
        }
        assert!(refused > 200 && counted > 20, "{refused} {counted}");
    }

    #[test]
    fn refuses_what_is_none() {
        let mut bench = Bench::new();
        bench.plant_hash("hash");
        bench.reply("set s HYLLfoo");
        bench.reply("set long HYLL2xxxxxxxxxxxxxxxxxxxxxxx");
        let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
        let none = "-WRONGTYPE Key is not a valid HyperLogLog string value.";
        for (key, reply) in [("hash", wrong), ("s", none), ("long", none)] {
            for line in [
                "pfadd K x",
                "pfcount K",
                "pfcount x K",
                "pfmerge d K",
                "pfdebug todense K",
            ] {
                assert_eq!(bench.reply(&line.replace('K', key)), reply, "{line}");
            }
        }
        bench.reply("pfadd h a b c");
        bench.reply("append h x");
        let corrupt = "-INVALIDOBJ Corrupted HLL object detected";
        let before = bench.reply("get h");
        for line in [
            "pfcount h",
            "pfcount x h",
            "pfmerge d h",
            "pfdebug todense h",
        ] {
            assert_eq!(bench.reply(line), corrupt, "{line}");
        }
        assert_eq!(bench.reply("get h"), before);
        // Its registers are all there.
        assert_eq!(bench.reply("pfadd h x"), ":1");
        // Two registers of all, and a head of any bytes.
        bench.reply("set h HYLL\u{1}xxxxxxxxxxx\u{1}");
        assert_eq!(bench.reply("pfadd h x"), corrupt);
    }
}
