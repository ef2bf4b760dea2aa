//! SSCAN.

use slotkeeper_tree::element::Text;

use crate::command::scanning::{self, ScanOptions};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::resp::{Args, Reply};
use crate::spec::Flag::ReadOnly;
use crate::spec::KeyFlag::{Access, RO};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static SSCAN: Definition = Definition {
    spec: Spec {
        name: "sscan",
        arity: -3,
        flags: Flags::of(&[ReadOnly]),
        keys: &[KeySpec::one(1, &[RO, Access])],
        tips: &["nondeterministic_output"],
        since: "2.8.0",
        complexity: "O(1) for every call, O(N) for a whole scan of N members",
        summary: "Returns some members of a set, and a cursor; 0 starts and ends a scan",
        arguments: &[
            Argument::key("key"),
            Argument::integer("cursor"),
            Argument::pattern("pattern").token("MATCH").optional(),
            Argument::integer("count").token("COUNT").optional(),
        ],
        ..Spec::new(Group::Set)
    },
    ..Definition::run(sscan)
};

fn sscan(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let cursor = scanning::cursor(args.get(2))?;
    let key = args.key(exec.data, 1);
    let Some(set) = exec.data.get_set(exec.session.db, &key)? else {
        return Ok(scanning::nothing(reply));
    };
    let options = ScanOptions::parse(args, 3, false)?;
    scanning::answer(reply, |reply| {
        let mut count = 0;
        let next = set.scan(cursor, options.count, |member| {
            let mut text = Text::new();
            let member = member.bytes(&mut text);
            if options.matches(member) {
                reply.bulk(member);
                count += 1;
            }
        });
        (next, count)
    });
    Ok(Effect::None)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::command::testing::Bench;

    #[test]
    fn shows_a_small_set_at_once() {
        let mut bench = Bench::new();
        bench.reply("sadd s a b 1");
        for (line, reply) in [
            ("sscan s 0", "*2|$1|0|*3|$1|a|$1|b|$1|1"),
            ("sscan s 0 match [a1] count 1", "*2|$1|0|*2|$1|a|$1|1"),
            ("sscan s 0 match x", "*2|$1|0|*0"),
            ("sscan missing 0", "*2|$1|0|*0"),
            ("sscan s x", "-ERR invalid cursor"),
            ("sscan missing 0 foo", "*2|$1|0|*0"),
            ("sscan s 0 foo", "-ERR syntax error"),
            ("sscan s 0 count 0", "-ERR syntax error"),
        ] {
            assert_eq!(bench.reply(line), reply, "{line}");
        }
    }

    /// From many members to few and back, between the calls of one scan each.
    #[test]
    fn shows_every_member_that_stays_while_the_set_grows_and_shrinks() {
        let mut bench = Bench::new();
        for member in 0..300 {
            bench.reply(&format!("sadd s stays:{member}"));
        }
        for grows in [true, false] {
            let (mut cursor, mut shown, mut calls) = ("0".to_owned(), BTreeMap::new(), 0);
            loop {
                let reply = bench.reply(&format!("sscan s {cursor} count 20"));
                let parts: Vec<_> = reply.split('|').collect();
                cursor = parts[2].to_owned();
                for member in parts[4..].iter().skip(1).step_by(2) {
                    *shown.entry((*member).to_owned()).or_insert(0) += 1;
                }
                let command = if grows { "sadd" } else { "srem" };
                for member in calls * 100..(calls + 1) * 100 {
                    bench.reply(&format!("{command} s goes:{member}"));
                }
                calls += 1;
                if cursor == "0" {
                    break;
                }
            }
            assert!(calls > 5, "{calls} calls");
            for member in 0..300 {
                assert_eq!(shown.get(&format!("stays:{member}")), Some(&1));
            }
        }
    }
}
