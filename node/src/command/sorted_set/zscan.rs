//! ZSCAN.

use slotkeeper_tree::element::Text;

use crate::command::scanning::{self, ScanOptions};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::Encoding;
use crate::resp::number::{DoubleText, format_g17};
use crate::resp::{Args, Reply};
use crate::spec::Flag::ReadOnly;
use crate::spec::KeyFlag::{Access, RO};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static ZSCAN: Definition = Definition {
    spec: Spec {
        name: "zscan",
        arity: -3,
        flags: Flags::of(&[ReadOnly]),
        keys: &[KeySpec::one(1, &[RO, Access])],
        tips: &["nondeterministic_output"],
        since: "2.8.0",
        complexity: "O(1) for every call, O(N) for a whole scan of N members",
        summary: "Returns some members of a sorted set with scores, and a cursor; 0 begins and ends it",
        arguments: &[
            Argument::key("key"),
            Argument::integer("cursor"),
            Argument::pattern("pattern").token("MATCH").optional(),
            Argument::integer("count").token("COUNT").optional(),
        ],
        ..Spec::new(Group::SortedSet)
    },
    ..Definition::run(zscan)
};

fn zscan(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let cursor = scanning::cursor(args.get(2))?;
    let key = args.key(exec.data, 1);
    let Some(zset) = exec.data.get_zset(exec.session.db, &key)? else {
        return Ok(scanning::nothing(reply));
    };
    let options = ScanOptions::parse(args, 3, false)?;
    // Redis prints the scores of a skiplist with all their digits here, and only here.
    let all_digits = zset.encoding() == Encoding::Skiplist;
    scanning::answer(reply, |reply| {
        let mut count = 0;
        let next = zset.scan(cursor, options.count, |record| {
            let mut text = Text::new();
            let member = record.member.bytes(&mut text);
            if options.matches(member) {
                reply.bulk(member);
                if all_digits {
                    reply.bulk(format_g17(record.score).as_bytes());
                } else {
                    reply.bulk(DoubleText::new(record.score).as_bytes());
                }
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
    fn shows_a_small_set_at_once() {
        let mut bench = Bench::new();
        bench.reply("zadd z 1 a 0.1 b");
        for (line, reply) in [
            ("zscan z 0", "*2|$1|0|*4|$1|b|$3|0.1|$1|a|$1|1"),
            ("zscan z 0 match a count 1", "*2|$1|0|*2|$1|a|$1|1"),
            ("zscan z 0 match x", "*2|$1|0|*0"),
            ("zscan missing 0", "*2|$1|0|*0"),
            ("zscan z x", "-ERR invalid cursor"),
            ("zscan z 0 count 0", "-ERR syntax error"),
        ] {
            assert_eq!(bench.reply(line), reply, "{line}");
        }
        bench.config.zset_max_listpack_entries = 1;
        bench.reply("zadd y 1 a 0.1 b");
        let all_digits = "*2|$1|0|*2|$1|b|$19|0.10000000000000001";
        assert_eq!(bench.reply("zscan y 0 match b"), all_digits);
    }

    #[test]
    fn shows_every_member_of_a_big_set_once_while_scores_change() {
        let mut bench = Bench::new();
        for member in 0..1000 {
            bench.reply(&format!("zadd z {member} stays:{member}"));
        }
        let (mut cursor, mut shown, mut calls) = ("0".to_owned(), Vec::new(), 0);
        loop {
            let reply = bench.reply(&format!("zscan z {cursor} count 20 match stays:*"));
            let parts: Vec<_> = reply.split('|').collect();
            cursor = parts[2].to_owned();
            let members = parts[4..].iter().skip(1).step_by(4);
            shown.extend(members.map(|member| (*member).to_owned()));
            calls += 1;
            for member in 0..30 {
                bench.reply(&format!("zincrby z -500 stays:{}", member * calls % 1000));
                bench.reply(&format!("zadd z 7 goes:{calls}:{member}"));
                bench.reply(&format!("zrem z goes:{}:{member}", calls - 1));
            }
            if cursor == "0" {
                break;
            }
        }
        assert!(calls > 10, "{calls} calls");
        assert_eq!(shown.len(), 1000);
        assert_eq!(shown.iter().collect::<BTreeSet<_>>().len(), 1000);
    }
}
