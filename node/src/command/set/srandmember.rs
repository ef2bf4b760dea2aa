//! SRANDMEMBER: every member as likely as any other.

use super::show;
use crate::command::draw;
use crate::command::parse::SYNTAX;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::random::Random;
use crate::resp::{Args, Reply};
use crate::spec::Flag::ReadOnly;
use crate::spec::KeyFlag::{Access, RO};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static SRANDMEMBER: Definition = Definition {
    spec: Spec {
        name: "srandmember",
        arity: -2,
        flags: Flags::of(&[ReadOnly]),
        keys: &[KeySpec::one(1, &[RO, Access])],
        tips: &["nondeterministic_output"],
        complexity: "O(N) with N the number of members that are returned",
        summary: "Returns random members of a set; a negative count allows repeats",
        history: &[("2.6.0", "With `count`.")],
        arguments: &[
            Argument::key("key"),
            Argument::integer("count").optional().since("2.6.0"),
        ],
        ..Spec::new(Group::Set)
    },
    ..Definition::run(srandmember)
};

fn srandmember(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    if args.len() > 3 {
        return Err(SYNTAX);
    }
    let count = args.opt(2).map(draw::count).transpose()?;
    let mut random = Random::new(exec.node.random);
    let most = exec.node.config.proto_max_bulk_len;
    let key = args.key(exec.data, 1);
    let set = exec.data.get_set(exec.session.db, &key)?;
    match (set, count) {
        (None, None) => reply.null(),
        (None, Some(_)) => reply.array(0),
        (Some(set), None) => show(reply, draw::one(&set, &mut random)),
        (Some(set), Some(count)) if count < 0 => {
            let (count, to) = (count.unsigned_abs(), (reply, most));
            draw::repeatedly(&set, count, &mut random, to, Reply::array, show)?;
        }
        (Some(set), Some(count)) => {
            let count = usize::try_from(count).unwrap_or(usize::MAX).min(set.len());
            reply.array(count);
            draw::different(&set, count, &mut random, |member| show(reply, member));
        }
    }
    Ok(Effect::None)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn gives_one_many_or_all() {
        let mut bench = Bench::new();
        assert_eq!(bench.reply("srandmember missing"), "$-1");
        assert_eq!(bench.reply("srandmember missing 3"), "*0");
        bench.reply("sadd s a");
        for (line, reply) in [
            ("srandmember s", "$1|a"),
            ("srandmember s 0", "*0"),
            ("srandmember s 5", "*1|$1|a"),
            ("srandmember s -3", "*3|$1|a|$1|a|$1|a"),
        ] {
            assert_eq!(bench.reply(line), reply, "{line}");
        }
        bench.session.resp3 = true;
        assert_eq!(bench.reply("srandmember s 5"), "*1|$1|a", "no set");
        assert_eq!(bench.reply("srandmember missing"), "_");
    }

    #[test]
    fn refuses_as_redis_does_and_what_would_take_all_memory() {
        let mut bench = Bench::new();
        bench.reply("sadd s a");
        let range = "-ERR value is out of range";
        bench.replies(&[
            (
                "srandmember s x",
                "-ERR value is not an integer or out of range",
            ),
            ("srandmember s 1 2", "-ERR syntax error"),
            ("srandmember s -9223372036854775807", range),
            ("srandmember missing -9223372036854775807", "*0"),
        ]);
        assert!(
            bench
                .reply("srandmember s -9223372036854775808")
                .starts_with(range)
        );
        bench.config.proto_max_bulk_len = 100;
        assert_eq!(bench.reply("srandmember s -20"), range);
        assert!(bench.reply("srandmember s -10").starts_with("*10|"));
    }
}
