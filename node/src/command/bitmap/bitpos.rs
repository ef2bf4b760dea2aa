//! BITPOS. As in 7.2, the arguments are looked at whether the key exists or not.

use super::bits::find;
use super::range::{Range, UNIT};
use crate::command::parse::{SYNTAX, integer};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::resp::{Args, Reply};
use crate::spec::Flag::ReadOnly;
use crate::spec::KeyFlag::{Access, RO};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static BITPOS: Definition = Definition {
    spec: Spec {
        name: "bitpos",
        arity: -3,
        flags: Flags::of(&[ReadOnly]),
        keys: &[KeySpec::one(1, &[RO, Access])],
        since: "2.8.7",
        complexity: "O(N) with N the length of the range",
        summary: "Returns the number of the first bit of a string that is 1, or 0",
        history: &[("7.0.0", "With `BYTE` and `BIT`.")],
        arguments: &[
            Argument::key("key"),
            Argument::integer("bit"),
            Argument::block(
                "range",
                &[
                    Argument::integer("start"),
                    Argument::block("end-unit-block", &[Argument::integer("end"), UNIT]).optional(),
                ],
            )
            .optional(),
        ],
        ..Spec::new(Group::Bitmap)
    },
    ..Definition::run(bitpos)
};

fn bitpos(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let bit = match integer(args.get(2))? {
        0 => false,
        1 => true,
        _ => return Err(Refused::new("ERR The bit argument must be 1 or 0.")),
    };
    let range = match args.len() {
        3 => Range::ALL,
        4..=6 => Range::parse(args, 3, true)?,
        _ => return Err(SYNTAX),
    };
    let key = args.key(exec.data, 1);
    let Some(string) = exec.data.get_str(exec.session.db, &key)? else {
        // Nothing but zeros.
        reply.integer(if bit { -1 } else { 0 });
        return Ok(Effect::None);
    };
    let bits = range.within(string.len());
    let found = bits.and_then(|(first, last)| find(string, bit, first, last));
    let found = match (found, bits) {
        (Some(at), _) => at.cast_signed(),
        // Behind a string, zeros follow; not behind the end of a range.
        (None, Some((_, last))) if !bit && range.end.is_none() => last.cast_signed() + 1,
        (None, _) => -1,
    };
    reply.integer(found);
    Ok(Effect::None)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn finds_the_first_bit_of_a_range() {
        let mut bench = Bench::new();
        bench.reply("set a xyz");
        bench.reply("setbit ones 0 1");
        for bit in 1..16 {
            bench.reply(&format!("setbit ones {bit} 1"));
        }
        bench.reply("append empty \"\"");
        bench.replies(&[
            ("bitpos a 1", ":1"),
            ("bitpos a 0", ":0"),
            ("bitpos a 1 1", ":9"),
            ("bitpos a 1 -1", ":17"),
            ("bitpos a 0 1 1 byte", ":8"),
            ("bitpos a 1 5 6 BIT", ":-1"),
            ("bitpos a 0 1 5 bit", ":5"),
            ("bitpos a 1 3", ":-1"),
            ("bitpos a 1 2 1", ":-1"),
            ("bitpos ones 0", ":16"),
            ("bitpos ones 0 1", ":16"),
            ("bitpos ones 0 0 -1", ":-1"),
            ("bitpos ones 0 2", ":-1"),
            ("bitpos empty 0", ":-1"),
            ("bitpos missing 0", ":0"),
            ("bitpos missing 1", ":-1"),
            ("bitpos missing 0 5 6", ":0"),
        ]);
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = Bench::new();
        bench.plant_hash("h");
        let number = "-ERR value is not an integer or out of range";
        let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
        bench.replies(&[
            ("bitpos a 2", "-ERR The bit argument must be 1 or 0."),
            ("bitpos a x", number),
            ("bitpos a 0 x", number),
            ("bitpos a 0 0 x", number),
            ("bitpos a 0 0 1 foo", "-ERR syntax error"),
            ("bitpos a 0 0 1 bit 5", "-ERR syntax error"),
            ("bitpos h 0", wrong),
        ]);
    }
}
