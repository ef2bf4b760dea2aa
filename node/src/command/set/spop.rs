//! SPOP: every member as likely as any other. Replicas are told which ones it were.

use slotkeeper_tree::AHEAD;
use slotkeeper_tree::element::{Element, Text};

use super::{limits, show};
use crate::command::parse::SYNTAX;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::{Event, SetMut};
use crate::random::Random;
use crate::resp::number::parse_integer;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Fast, Write};
use crate::spec::KeyFlag::{Access, Delete, RW};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static SPOP: Definition = Definition {
    spec: Spec {
        name: "spop",
        arity: -2,
        flags: Flags::of(&[Write, Fast]),
        keys: &[KeySpec::one(1, &[RW, Access, Delete])],
        tips: &["nondeterministic_output"],
        complexity: "O(N) with N the number of members that are removed",
        summary: "Removes random members of a set, and returns them",
        history: &[("3.2.0", "With `count`.")],
        arguments: &[
            Argument::key("key"),
            Argument::integer("count").optional().since("3.2.0"),
        ],
        ..Spec::new(Group::Set)
    },
    ..Definition::run(spop)
};

/// One SREM tells replicas of so many members at most.
const TOLD_AT_ONCE: usize = 1024;

/// What became of a set.
enum Popped {
    /// So many members are gone, perhaps all. These, if there is a stream to write.
    Members(usize, Vec<Vec<u8>>),
    /// All of them are gone, and nobody has to be told which.
    All,
}

fn spop(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    if args.len() > 3 {
        return Err(SYNTAX);
    }
    let count = args.opt(2).map(count).transpose()?;
    let mut random = Random::new(exec.node.random);
    let has_stream = exec.node.has_stream;
    let (db, key, limits) = (exec.session.db, args.key(exec.data, 1), limits(exec));
    let popped = exec.data.change_set(db, &key, limits, |set| {
        let len = set.view().len();
        match count {
            None if len == 0 => reply.null(),
            None => {}
            Some(count) => reply.set(count.min(len)),
        }
        let popped = match count {
            Some(count) if count >= len && len > 0 => {
                set.view().for_each(|member| show(reply, member));
                set.clear();
                Popped::All
            }
            _ => {
                let wanted = count.unwrap_or(1).min(len);
                let mut members = Vec::new();
                take(set, wanted, &mut random, |member| {
                    show(reply, member);
                    if has_stream {
                        members.push(member.bytes(&mut Text::new()).to_vec());
                    }
                });
                if count.is_some() {
                    repack(set, wanted);
                }
                Popped::Members(wanted, members)
            }
        };
        let has_changed = set.view().len() < len;
        (popped, has_changed.then_some(Event::SPop))
    })?;
    Ok(match popped {
        Popped::All => {
            // Redis reads such a set as SUNION does.
            exec.data.count_hit();
            Effect::rewritten(&[b"DEL", key.bytes])
        }
        Popped::Members(0, _) => Effect::None,
        // Nobody repeats it.
        Popped::Members(_, members) if members.is_empty() => Effect::AsWritten,
        Popped::Members(_, members) => removal(key.bytes, &members),
    })
}

fn count(text: &[u8]) -> Result<usize, Refused> {
    let count = parse_integer(text).and_then(|count| usize::try_from(count).ok());
    count.ok_or(const { Refused::new("ERR value is out of range, must be positive") })
}

/// Removes so many members, of which there are as many, after `visit` has seen each.
fn take(
    set: &mut SetMut<'_>,
    count: usize,
    random: &mut Random,
    mut visit: impl FnMut(Element<'_>),
) {
    let (mut len, end) = (set.view().len(), set.view().len() - count);
    while len > end {
        // Those that go before another one shift it by a few places at most.
        let mut ranks = [0; AHEAD];
        let ranks = &mut ranks[..AHEAD.min(len - end)];
        for rank in ranks.iter_mut() {
            *rank = random.below(len as u64) as usize;
            len -= 1;
        }
        set.look_ahead(ranks);
        for rank in ranks {
            (set.take(*rank, &mut visit)).expect("the rank is below the length");
        }
    }
}

/// When few stay and many go, Redis puts those that stay in a new set, which has the encoding of
/// one.
fn repack(set: &mut SetMut<'_>, gone: usize) {
    const GONE_FOR_EACH: usize = 5;
    if gone > 0 && set.view().len() * GONE_FOR_EACH <= gone {
        set.repack();
    }
}

/// What replicas do: remove these members.
fn removal(key: &[u8], members: &[Vec<u8>]) -> Effect {
    let command = |members: &[Vec<u8>]| {
        let mut argv = vec![b"SREM".to_vec(), key.to_vec()];
        argv.extend_from_slice(members);
        argv
    };
    Effect::Rewritten(members.chunks(TOLD_AT_ONCE).map(command).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::command::testing::Bench;

    #[test]
    fn removes_what_it_returns_and_tells_replicas_which_it_was() {
        let mut bench = Bench::new();
        assert_eq!(bench.reply("spop missing"), "$-1");
        assert_eq!(bench.reply("spop missing 2"), "*0");
        bench.reply("sadd s a");
        assert_eq!(bench.effect("spop s 0"), "");
        assert_eq!(bench.events("spop s 0"), "");
        assert_eq!(bench.effect("spop s"), "SREM s a");
        assert_eq!(bench.reply("exists s"), ":0");
        bench.reply("sadd s a");
        assert_eq!(bench.events("spop s"), "spop s;del s");
        bench.reply("sadd s a b");
        assert_eq!(bench.events("spop s"), "spop s");
        bench.reply("sadd s a b");
        assert_eq!(bench.effect("spop s 2"), "DEL s", "no need to say which");
        bench.reply("sadd s a b");
        assert_eq!(bench.events("spop s 9"), "spop s;del s");
        assert_eq!(bench.reply("dbsize"), ":0");
        bench.reply("sadd s a b c");
        let told = bench.effect("spop s 2");
        let words: Vec<_> = told.split(' ').collect();
        assert!(words.len() == 4 && words[2] != words[3], "{told}");
        for member in &words[2..] {
            assert_eq!(bench.reply(&format!("sismember s {member}")), ":0");
        }
        assert_eq!(bench.reply("scard s"), ":1");
        bench.session.resp3 = true;
        bench.reply("sadd s a b c");
        assert!(bench.reply("spop s 2").starts_with("~2|"));
        assert_eq!(bench.reply("spop missing 2"), "~0");
        assert_eq!(bench.reply("spop missing"), "_");
    }

    #[test]
    fn a_count_that_takes_all_is_a_hit() {
        let mut bench = Bench::new();
        bench.reply("sadd s a b c");
        for (line, hits) in [
            ("spop s", 0),
            ("spop s 1", 0),
            ("spop s 1", 1),
            ("spop s 1", 1),
        ] {
            bench.reply(line);
            assert_eq!(bench.data.stats().hits, hits, "{line}");
        }
    }

    #[test]
    fn many_members_are_told_in_several_commands() {
        let mut bench = Bench::new();
        for member in 0..3000 {
            bench.reply(&format!("sadd s member:{member}"));
        }
        let told = bench.effect("spop s 2500");
        let counts: Vec<_> = told
            .split(';')
            .map(|line| line.split(' ').count() - 2)
            .collect();
        assert_eq!(counts, [1024, 1024, 452]);
        assert_eq!(bench.reply("scard s"), ":500");
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = Bench::new();
        bench.reply("sadd s a");
        bench.reply("set str x");
        let positive = "-ERR value is out of range, must be positive";
        let wrong_type = "-WRONGTYPE Operation against a key holding the wrong kind of value";
        bench.replies(&[
            ("spop s -1", positive),
            ("spop s x", positive),
            ("spop s 9223372036854775808", positive),
            ("spop s 1 2", "-ERR syntax error"),
            ("spop str", wrong_type),
            ("spop str 0", wrong_type),
        ]);
    }

    #[test]
    fn those_few_that_stay_are_packed_again() {
        let mut bench = Bench::new();
        for member in 0..600 {
            bench.reply(&format!("sadd s member:{member}"));
        }
        bench.reply("spop s 300");
        assert_eq!(bench.reply("object encoding s"), "$9|hashtable");
        bench.reply("spop s 249");
        assert_eq!(bench.reply("object encoding s"), "$9|hashtable");
        for member in 0..600 {
            bench.reply(&format!("sadd s member:{member}"));
        }
        bench.reply("spop s 500");
        assert_eq!(bench.reply("object encoding s"), "$8|listpack");
    }

    /// For each seed another one, and none more often.
    #[test]
    fn every_member_is_as_likely_as_any_other() {
        let seeds = 3000;
        for members in [5, 100] {
            let mut seen: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
            let mut bench = Bench::new();
            for member in 0..members {
                bench.reply(&format!("sadd s a-longer-name-of-a-member:{member}"));
            }
            let (key, limits) = (bench.data.key(b"s"), bench.config.set_limits());
            for seed in 0..seeds {
                let popped = bench.data.change_set(0, &key, limits, |set| {
                    let mut members = Vec::new();
                    take(set, 2, &mut Random::new(seed), |member| {
                        members.push(member.bytes(&mut Text::new()).to_vec());
                    });
                    members.iter().for_each(|member| assert!(set.add(member)));
                    (members, Some(Event::SPop))
                });
                for member in popped.unwrap() {
                    *seen.entry(member).or_default() += 1;
                }
            }
            let expected = 2 * seeds / members;
            assert_eq!(seen.len() as u64, members);
            for (member, times) in seen {
                let near = expected / 2..expected * 3 / 2;
                assert!(near.contains(&times), "{member:?}: {times} of {expected}");
            }
        }
    }
}
