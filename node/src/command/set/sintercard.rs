//! SINTERCARD.

use super::algebra::{self, by_size, intersect, sets};
use super::sinter::COMPLEXITY;
use crate::command::parse::{SYNTAX, numkeys};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::resp::number::parse_integer;
use crate::resp::{Args, Reply};
use crate::spec::Flag::ReadOnly;
use crate::spec::KeyFlag::{Access, RO};
use crate::spec::{Argument, BeginSearch, FindKeys, Flags, Group, KeySpec, Spec};

pub(super) static SINTERCARD: Definition = Definition {
    spec: Spec {
        name: "sintercard",
        arity: -3,
        flags: Flags::of(&[ReadOnly]),
        keys: &[KeySpec::new(
            BeginSearch::Index(1),
            FindKeys::KeyNum {
                number: 0,
                first: 1,
                step: 1,
            },
            &[RO, Access],
        )],
        since: "7.0.0",
        complexity: COMPLEXITY,
        summary: "Returns how many members all sets have in common, up to a limit",
        arguments: &[
            Argument::integer("numkeys"),
            Argument::key("key").multiple(),
            Argument::integer("limit").token("LIMIT").optional(),
        ],
        ..Spec::new(Group::Set)
    },
    ..Definition::run(sintercard)
};

fn sintercard(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let behind_keys = 2 + numkeys(args, 1)?;
    let limit = limit(args, behind_keys)?;
    let keys = algebra::keys(exec, args, 2..behind_keys)?;
    let sets = by_size(&sets(&exec.data.reader(), exec.session.db, &keys));
    let mut count = 0;
    intersect(&sets.unwrap_or_default(), |_| {
        count += 1;
        count != limit
    });
    reply.integer(count);
    Ok(Effect::None)
}

/// The last LIMIT of the options; 0 for none.
fn limit(args: &Args<'_>, first: usize) -> Result<i64, Refused> {
    let mut limit = 0;
    for at in (first..args.len()).step_by(2) {
        let value = args.opt(at + 1).filter(|_| args.is(at, "limit"));
        let value = parse_integer(value.ok_or(SYNTAX)?).filter(|limit| *limit >= 0);
        limit = value.ok_or(const { Refused::new("ERR LIMIT can't be negative") })?;
    }
    Ok(limit)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn counts_what_all_have_up_to_a_limit() {
        let mut bench = Bench::new();
        bench.reply("sadd a 1 2 3 x");
        bench.reply("sadd b x 3 2 y z");
        bench.replies(&[
            ("sintercard 2 a b", ":3"),
            ("sintercard 1 a", ":4"),
            ("sintercard 2 a b limit 2", ":2"),
            ("sintercard 2 a b limit 0", ":3"),
            ("sintercard 2 a b limit 9", ":3"),
            ("sintercard 2 a b limit 1 limit 2", ":2"),
            ("sintercard 2 a missing", ":0"),
        ]);
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = Bench::new();
        bench.reply("sadd a 1");
        let none = "-ERR numkeys should be greater than 0";
        let negative = "-ERR LIMIT can't be negative";
        bench.replies(&[
            ("sintercard 0 a", none),
            ("sintercard x a", none),
            (
                "sintercard 5 a",
                "-ERR Number of keys can't be greater than number of args",
            ),
            ("sintercard 1 a limit", "-ERR syntax error"),
            ("sintercard 1 a a", "-ERR syntax error"),
            ("sintercard 1 a foo 1", "-ERR syntax error"),
            ("sintercard 1 a limit -1", negative),
            ("sintercard 1 a limit x", negative),
        ]);
    }
}
