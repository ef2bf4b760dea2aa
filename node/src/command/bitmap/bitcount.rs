//! BITCOUNT. As in 7.2, the arguments are looked at whether the key exists or not.

use super::bits::count_range;
use super::range::{Range, UNIT};
use crate::command::parse::SYNTAX;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::resp::{Args, Reply};
use crate::spec::Flag::ReadOnly;
use crate::spec::KeyFlag::{Access, RO};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static BITCOUNT: Definition = Definition {
    spec: Spec {
        name: "bitcount",
        arity: -2,
        flags: Flags::of(&[ReadOnly]),
        keys: &[KeySpec::one(1, &[RO, Access])],
        since: "2.6.0",
        complexity: "O(N) with N the length of the range",
        summary: "Returns how many bits of a string, or of a range of it, are set",
        history: &[("7.0.0", "With `BYTE` and `BIT`.")],
        arguments: &[
            Argument::key("key"),
            Argument::block(
                "range",
                &[Argument::integer("start"), Argument::integer("end"), UNIT],
            )
            .optional(),
        ],
        ..Spec::new(Group::Bitmap)
    },
    ..Definition::run(bitcount)
};

fn bitcount(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let range = match args.len() {
        2 => Range::ALL,
        4 | 5 => Range::parse(args, 2, false)?,
        _ => return Err(SYNTAX),
    };
    let key = args.key(exec.data, 1);
    let string = exec
        .data
        .get_str(exec.session.db, &key)?
        .unwrap_or_default();
    // A range of negative numbers that ends before it begins is empty even where both would be
    // brought to the start of the string.
    let backward = (range.end).is_some_and(|end| range.start < 0 && end < 0 && range.start > end);
    let bits = range.within(string.len()).filter(|_| !backward);
    let ones = bits.map_or(0, |(first, last)| count_range(string, first, last));
    reply.integer(ones.cast_signed());
    Ok(Effect::None)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn counts_bits_of_a_range() {
        let mut bench = Bench::new();
        bench.reply("set a foobar");
        bench.replies(&[
            ("bitcount a", ":26"),
            ("bitcount a 0 0", ":4"),
            ("bitcount a 1 1 byte", ":6"),
            ("bitcount a 5 30 BIT", ":17"),
            ("bitcount a -2 -1", ":7"),
            ("bitcount a 7 9", ":0"),
            ("bitcount a 2 1", ":0"),
            ("bitcount a -100 -200", ":0"),
            ("bitcount a -200 -100", ":4"),
            ("bitcount missing", ":0"),
            ("bitcount missing 0 -1", ":0"),
        ]);
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = Bench::new();
        bench.reply("set a foobar");
        bench.plant_hash("h");
        let number = "-ERR value is not an integer or out of range";
        let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
        bench.replies(&[
            ("bitcount a 0", "-ERR syntax error"),
            ("bitcount a 0 1 foo", "-ERR syntax error"),
            ("bitcount a 0 1 bit bit", "-ERR syntax error"),
            ("bitcount a x 1", number),
            ("bitcount a 0 x", number),
            ("bitcount a 0 x foo", number),
            ("bitcount missing 0 x", number),
            ("bitcount missing 0", "-ERR syntax error"),
            ("bitcount h", wrong),
        ]);
    }
}
