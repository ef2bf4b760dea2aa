//! HRANDFIELD: every field as likely as any other.

use std::collections::BTreeSet;

use slotkeeper_tree::element::Element;

use super::show;
use crate::command::parse::{NO_OPPOSITE, SYNTAX, integer};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::Hash;
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

const OUT_OF_RANGE: Refused = Refused::new("ERR value is out of range");

fn hrandfield(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let wanted = parse(args)?;
    let mut random = Random::new(exec.node.random);
    let most = exec.node.config.proto_max_bulk_len;
    let key = args.key(exec.data, 1);
    let hash = exec.data.get_hash(exec.session.db, &key)?;
    match (hash, wanted) {
        (None, None) => reply.null(),
        (None, Some(_)) => reply.array(0),
        (Some(hash), None) => {
            let rank = random.below(hash.len() as u64) as usize;
            if let Some((field, _)) = hash.nth(rank) {
                show(reply, field);
            }
        }
        (Some(hash), Some((count, with_values))) => {
            let mut pairs = Pairs { reply, with_values };
            if count < 0 {
                pairs.again_and_again(&hash, count.unsigned_abs(), &mut random, most)?;
            } else {
                let count = usize::try_from(count).unwrap_or(usize::MAX);
                pairs.different(&hash, count.min(hash.len()), &mut random);
            }
        }
    }
    Ok(Effect::None)
}

/// The count, and whether values are asked for, too; none for a single field.
fn parse(args: &Args<'_>) -> Result<Option<(i64, bool)>, Refused> {
    let Some(count) = args.opt(2) else {
        return Ok(None);
    };
    let count = integer(count)?;
    if count == i64::MIN {
        return Err(NO_OPPOSITE);
    }
    let with_values = args.is(3, "withvalues");
    if args.len() > 4 || args.len() == 4 && !with_values {
        return Err(SYNTAX);
    }
    if with_values && count.unsigned_abs() > i64::MAX.unsigned_abs() / 2 {
        return Err(OUT_OF_RANGE);
    }
    Ok(Some((count, with_values)))
}

struct Pairs<'a> {
    reply: &'a mut Reply,
    with_values: bool,
}

impl Pairs<'_> {
    fn begin(&mut self, count: usize) {
        // In RESP3 each pair is an array of its own.
        let flat = self.with_values && !self.reply.resp3();
        self.reply.array(if flat { count * 2 } else { count });
    }

    fn show(&mut self, (field, value): (Element<'_>, Element<'_>)) {
        if self.with_values && self.reply.resp3() {
            self.reply.array(2);
        }
        show(self.reply, field);
        if self.with_values {
            show(self.reply, value);
        }
    }

    /// So many, each drawn from all. A reply of more than `most` bytes is refused, since a short
    /// request would let the node hold any amount of memory.
    fn again_and_again(
        &mut self,
        hash: &Hash<'_>,
        count: u64,
        random: &mut Random,
        most: usize,
    ) -> Result<(), Refused> {
        // The shortest bulk string takes six bytes.
        let count = usize::try_from(count)
            .ok()
            .filter(|count| *count <= most / 6);
        let count = count.ok_or(OUT_OF_RANGE)?;
        let start = self.reply.len();
        self.begin(count);
        let len = hash.len() as u64;
        for _ in 0..count {
            let pair = hash.nth(random.below(len) as usize);
            self.show(pair.expect("the rank is below the length"));
            if self.reply.len() - start > most {
                self.reply.truncate(start);
                return Err(OUT_OF_RANGE);
            }
        }
        Ok(())
    }

    /// So many different ones.
    fn different(&mut self, hash: &Hash<'_>, count: usize, random: &mut Random) {
        self.begin(count);
        let len = hash.len();
        if count * 3 >= len {
            // Each is taken with the chance that fits what is still to be found.
            let (mut wanted, mut left) = (count as u64, len as u64);
            hash.for_each_while(|field, value| {
                if random.below(left) < wanted {
                    self.show((field, value));
                    wanted -= 1;
                }
                left -= 1;
                wanted > 0
            });
            return;
        }
        for rank in ranks(len, count, random) {
            let pair = hash.nth(rank);
            self.show(pair.expect("the rank is below the length"));
        }
    }
}

/// So many different ranks below `len` (R. W. Floyd's algorithm).
fn ranks(len: usize, count: usize, random: &mut Random) -> BTreeSet<usize> {
    let mut ranks = BTreeSet::new();
    for bound in len - count..len {
        let rank = random.below(bound as u64 + 1) as usize;
        if !ranks.insert(rank) {
            ranks.insert(bound);
        }
    }
    ranks
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
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

    #[test]
    fn every_field_is_as_likely_as_any_other() {
        for fields in [10, 300] {
            let mut bench = Bench::new();
            for field in 0..fields {
                bench.reply(&format!("hset h f{field} x"));
            }
            let key = bench.data.key(b"h");
            for count in [fields / 5, fields / 2] {
                let mut seen: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
                for seed in 0..2000 {
                    let hash = bench.data.get_hash(0, &key).unwrap().unwrap();
                    let mut reply = Reply::new();
                    let with_values = false;
                    let mut pairs = Pairs {
                        reply: &mut reply,
                        with_values,
                    };
                    pairs.different(&hash, count, &mut Random::new(seed));
                    let text = reply.take();
                    let names = text.split(|byte| *byte == b'\n').skip(2).step_by(2);
                    let names: BTreeSet<Vec<u8>> = names.map(<[u8]>::to_vec).collect();
                    assert_eq!(names.len(), count, "each once");
                    for name in names {
                        *seen.entry(name).or_default() += 1;
                    }
                }
                let expected = 2000 * count / fields;
                assert_eq!(seen.len(), fields);
                for (name, times) in seen {
                    let near = expected * 7 / 10..expected * 13 / 10;
                    assert!(near.contains(&times), "{name:?}: {times} of {expected}");
                }
            }
        }
    }
}
