//! HRANDFIELD: every field as likely as any other.

use slotkeeper_tree::element::Element;

use super::show;
use crate::command::draw::{self, OUT_OF_RANGE};
use crate::command::parse::SYNTAX;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::random::Random;
use crate::resp::{Args, Reply};
use crate::spec::Flag::ReadOnly;
use crate::spec::KeyFlag::{Access, RO};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static HRANDFIELD: Definition = Definition {
    spec: Spec {
        name: "hrandfield",
        arity: -2,
        flags: Flags::of(&[ReadOnly]),
        keys: &[KeySpec::one(1, &[RO, Access])],
        tips: &["nondeterministic_output"],
        since: "6.2.0",
        complexity: "O(N) with N the number of fields that are returned",
        summary: "Returns random fields of a hash; a negative count allows repeats",
        arguments: &[
            Argument::key("key"),
            Argument::block(
                "options",
                &[
                    Argument::integer("count"),
                    Argument::word("withvalues", "WITHVALUES").optional(),
                ],
            )
            .optional(),
        ],
        ..Spec::new(Group::Hash)
    },
    ..Definition::run(hrandfield)
};

fn hrandfield(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let wanted = parse(args)?;
    let mut random = Random::new(exec.node.random);
    let most = exec.node.config.proto_max_bulk_len;
    let key = args.key(exec.data, 1);
    let hash = exec.data.get_hash(exec.session.db, &key)?;
    // On a replica all fields may have expired.
    let hash = hash.filter(|hash| hash.shown() > 0);
    match (hash, wanted) {
        (None, None) => reply.null(),
        (None, Some(_)) => reply.array(0),
        (Some(hash), None) => show(reply, draw::one(&hash, &mut random).0),
        (Some(hash), Some((count, values))) if count < 0 => {
            let (count, to) = (count.unsigned_abs(), (reply, most));
            let begin = |reply: &mut Reply, count| begin(reply, count, values);
            draw::repeatedly(&hash, count, &mut random, to, begin, |reply, pair| {
                show_pair(reply, pair, values);
            })?;
        }
        (Some(hash), Some((count, values))) => {
            let count = usize::try_from(count)
                .unwrap_or(usize::MAX)
                .min(hash.shown());
            begin(reply, count, values);
            draw::different(&hash, count, &mut random, |pair| {
                show_pair(reply, pair, values);
            });
        }
    }
    Ok(Effect::None)
}

/// The count, and whether values are asked for, too; none for a single field.
fn parse(args: &Args<'_>) -> Result<Option<(i64, bool)>, Refused> {
    let Some(count) = args.opt(2) else {
        return Ok(None);
    };
    let count = draw::count(count)?;
    let with_values = args.is(3, "withvalues");
    if args.len() > 4 || args.len() == 4 && !with_values {
        return Err(SYNTAX);
    }
    if with_values && count.unsigned_abs() > i64::MAX.unsigned_abs() / 2 {
        return Err(OUT_OF_RANGE);
    }
    Ok(Some((count, with_values)))
}

/// In RESP3 each field with its value is an array of its own.
fn begin(reply: &mut Reply, count: usize, values: bool) {
    let flat = values && !reply.resp3();
    reply.array(if flat { count * 2 } else { count });
}

fn show_pair(reply: &mut Reply, (field, value): (Element<'_>, Element<'_>), values: bool) {
    if values && reply.resp3() {
        reply.array(2);
    }
    show(reply, field);
    if values {
        show(reply, value);
    }
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn gives_one_many_or_all() {
        let mut bench = Bench::new();
        assert_eq!(bench.reply("hrandfield missing"), "$-1");
        assert_eq!(bench.reply("hrandfield missing 3"), "*0");
        bench.reply("hset h a 1");
        for (line, reply) in [
            ("hrandfield h", "$1|a"),
            ("hrandfield h 0", "*0"),
            ("hrandfield h 5", "*1|$1|a"),
            ("hrandfield h -3", "*3|$1|a|$1|a|$1|a"),
            ("hrandfield h 5 WITHVALUES", "*2|$1|a|$1|1"),
            ("hrandfield h -2 withvalues", "*4|$1|a|$1|1|$1|a|$1|1"),
        ] {
            assert_eq!(bench.reply(line), reply, "{line}");
        }
        bench.session.resp3 = true;
        let pairs = bench.reply("hrandfield h -2 withvalues");
        assert_eq!(pairs, "*2|*2|$1|a|$1|1|*2|$1|a|$1|1");
    }

    #[test]
    fn refuses_as_redis_does_and_what_would_take_all_memory() {
        let mut bench = Bench::new();
        bench.reply("hset h a 1");
        let range = "-ERR value is out of range";
        bench.replies(&[
            (
                "hrandfield h x",
                "-ERR value is not an integer or out of range",
            ),
            ("hrandfield h 1 foo", "-ERR syntax error"),
            ("hrandfield h 1 withvalues x", "-ERR syntax error"),
            ("hrandfield h 5000000000000000000 withvalues", range),
            ("hrandfield h -9223372036854775807 withvalues", range),
            ("hrandfield h -9223372036854775807", range),
        ]);
        bench.config.proto_max_bulk_len = 100;
        assert_eq!(bench.reply("hrandfield h -20"), range);
        assert!(bench.reply("hrandfield h -10").starts_with("*10|"));
    }
}
