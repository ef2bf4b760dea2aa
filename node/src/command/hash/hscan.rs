//! HSCAN.

use super::show;
use crate::command::scanning::{self, ScanOptions};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::resp::{Args, Reply};
use crate::spec::Flag::ReadOnly;
use crate::spec::KeyFlag::{Access, RO};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

use slotkeeper_tree::element::Text;

pub(super) static HSCAN: Definition = Definition {
    spec: Spec {
        name: "hscan",
        arity: -3,
        flags: Flags::of(&[ReadOnly]),
        keys: &[KeySpec::one(1, &[RO, Access])],
        tips: &["nondeterministic_output"],
        since: "2.8.0",
        complexity: "O(1) for every call, O(N) for a whole scan of N fields",
        summary: "Returns some fields of a hash with their values, and a cursor; 0 starts and ends a scan",
        arguments: &[
            Argument::key("key"),
            Argument::integer("cursor"),
            Argument::pattern("pattern").token("MATCH").optional(),
            Argument::integer("count").token("COUNT").optional(),
        ],
        ..Spec::new(Group::Hash)
    },
    ..Definition::run(hscan)
};

fn hscan(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let cursor = scanning::cursor(args.get(2))?;
    let key = args.key(exec.data, 1);
    let Some(hash) = exec.data.get_hash(exec.session.db, &key)? else {
        return Ok(scanning::nothing(reply));
    };
    let options = ScanOptions::parse(args, 3, false)?;
    scanning::answer(reply, |reply| {
        let mut count = 0;
        let next = hash.scan(cursor, options.count, |field, value| {
            let mut text = Text::new();
            let field = field.bytes(&mut text);
            if options.matches(field) {
                reply.bulk(field);
                show(reply, value);
                count += 2;
            }
        });
        (next, count)
    });
    Ok(Effect::None)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::command::testing::Bench;

    #[test]
    fn shows_a_small_hash_at_once() {
        let mut bench = Bench::new();
        bench.reply("hset h a 1 b 2");
        for (line, reply) in [
            ("hscan h 0", "*2|$1|0|*4|$1|a|$1|1|$1|b|$1|2"),
            ("hscan h 0 match b count 1", "*2|$1|0|*2|$1|b|$1|2"),
            ("hscan h 0 match x", "*2|$1|0|*0"),
            ("hscan missing 0", "*2|$1|0|*0"),
        ] {
            assert_eq!(bench.reply(line), reply, "{line}");
        }
    }

    #[test]
    fn shows_every_field_of_a_big_hash_once_while_it_changes() {
        let mut bench = Bench::new();
        for field in 0..1000 {
            bench.reply(&format!("hset h stays:{field} x"));
        }
        let (mut cursor, mut shown, mut calls) = ("0".to_owned(), Vec::new(), 0);
        loop {
            let reply = bench.reply(&format!("hscan h {cursor} count 20 match stays:*"));
            let parts: Vec<_> = reply.split('|').collect();
            cursor = parts[2].to_owned();
            let fields = parts[4..].iter().skip(1).step_by(4);
            shown.extend(fields.map(|field| (*field).to_owned()));
            calls += 1;
            for field in 0..30 {
                bench.reply(&format!("hset h goes:{calls}:{field} x"));
                bench.reply(&format!("hdel h goes:{}:{field}", calls - 1));
            }
            if cursor == "0" {
                break;
            }
        }
        assert!(calls > 10, "{calls} calls");
        assert_eq!(shown.len(), 1000);
        assert_eq!(shown.iter().collect::<BTreeSet<_>>().len(), 1000);
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = Bench::new();
        bench.reply("hset h a 1");
        bench.reply("set s 1");
        bench.replies(&[
            ("hscan h x", "-ERR invalid cursor"),
            ("hscan s x", "-ERR invalid cursor"),
            ("hscan missing 0 foo", "*2|$1|0|*0"),
            ("hscan h 0 foo", "-ERR syntax error"),
            ("hscan h 0 type string", "-ERR syntax error"),
            ("hscan h 0 count 0", "-ERR syntax error"),
            (
                "hscan h 0 count x",
                "-ERR value is not an integer or out of range",
            ),
        ]);
    }
}
