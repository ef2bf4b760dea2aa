//! ZADD and ZINCRBY.

use super::limits;
use crate::command::parse::{SYNTAX, double};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::{Event, Key, ZsetMut};
use crate::resp::{Args, Reply, is_word};
use crate::spec::Flag::{DenyOom, Fast, Write};
use crate::spec::KeyFlag::{Access, RW, Update};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static ZADD: Definition = Definition {
    spec: Spec {
        name: "zadd",
        arity: -4,
        flags: Flags::of(&[Write, DenyOom, Fast]),
        keys: &[KeySpec::one(1, &[RW, Update])],
        since: "1.2.0",
        complexity: "O(log(N)) for each member, with N the number of members",
        summary: "Gives members of a sorted set scores; returns how many are new",
        history: &[
            ("2.4.0", "With several members."),
            ("3.0.2", "`XX`, `NX`, `CH` and `INCR`."),
            ("6.2.0", "`GT` and `LT`."),
        ],
        arguments: &[
            Argument::key("key"),
            Argument::one_of(
                "condition",
                &[Argument::word("nx", "NX"), Argument::word("xx", "XX")],
            )
            .since("3.0.2")
            .optional(),
            Argument::one_of(
                "comparison",
                &[Argument::word("gt", "GT"), Argument::word("lt", "LT")],
            )
            .since("6.2.0")
            .optional(),
            Argument::word("change", "CH").since("3.0.2").optional(),
            Argument::word("increment", "INCR")
                .since("3.0.2")
                .optional(),
            Argument::block(
                "score_member",
                &[Argument::double("score"), Argument::string("member")],
            )
            .multiple(),
        ],
        ..Spec::new(Group::SortedSet)
    },
    ..Definition::run(zadd)
};

pub(super) static ZINCRBY: Definition = Definition {
    spec: Spec {
        name: "zincrby",
        arity: 4,
        flags: Flags::of(&[Write, DenyOom, Fast]),
        keys: &[KeySpec::one(1, &[RW, Access, Update])],
        since: "1.2.0",
        complexity: "O(log(N)) with N the number of members",
        summary: "Adds to the score of a member of a sorted set; a missing one counts as 0",
        arguments: &[
            Argument::key("key"),
            Argument::integer("increment"),
            Argument::string("member"),
        ],
        ..Spec::new(Group::SortedSet)
    },
    ..Definition::run(|exec, args, reply| {
        let options = Options {
            incr: true,
            ..Options::default()
        };
        change(exec, args, 2, options, reply)
    })
};

const NO_NUMBER: Refused = Refused::new("ERR resulting score is not a number (NaN)");

/// What is done with members that are there, and with others.
#[derive(Clone, Copy, Default)]
pub(in crate::command) struct Options {
    /// Only those that are not there.
    pub nx: bool,
    /// Only those that are there.
    pub xx: bool,
    gt: bool,
    lt: bool,
    /// Changed ones are counted, too.
    pub ch: bool,
    incr: bool,
}

impl Options {
    /// Those in front of the scores, and where the scores begin.
    fn parse(args: &Args<'_>) -> Result<(Options, usize), Refused> {
        let (mut options, mut at) = (Options::default(), 2);
        while at < args.len() {
            let flag = match args.get(at) {
                word if is_word(word, "nx") => &mut options.nx,
                word if is_word(word, "xx") => &mut options.xx,
                word if is_word(word, "gt") => &mut options.gt,
                word if is_word(word, "lt") => &mut options.lt,
                word if is_word(word, "ch") => &mut options.ch,
                word if is_word(word, "incr") => &mut options.incr,
                _ => break,
            };
            *flag = true;
            at += 1;
        }
        let rest = args.len() - at;
        if rest == 0 || rest % 2 == 1 {
            return Err(SYNTAX);
        }
        let Options { nx, xx, gt, lt, .. } = options;
        if nx && xx {
            return Err(Refused::new(
                "ERR XX and NX options at the same time are not compatible",
            ));
        }
        if nx && (gt || lt) || gt && lt {
            return Err(Refused::new(
                "ERR GT, LT, and/or NX options at the same time are not compatible",
            ));
        }
        if options.incr && rest > 2 {
            return Err(Refused::new(
                "ERR INCR option supports a single increment-element pair",
            ));
        }
        Ok((options, at))
    }

    /// Whether the score that a member had has a part in the one that it gets.
    fn depends_on_old(self) -> bool {
        self.nx || self.xx || self.gt || self.lt || self.incr
    }

    /// The score that a member gets; none if it stays as it is.
    fn apply(self, old: Option<f64>, given: f64) -> Result<Option<f64>, Refused> {
        let Some(old) = old else {
            return Ok((!self.xx).then_some(given));
        };
        if self.nx {
            return Ok(None);
        }
        let score = if self.incr { old + given } else { given };
        if score.is_nan() {
            return Err(NO_NUMBER);
        }
        let stays = self.gt && score <= old || self.lt && score >= old;
        Ok((!stays).then_some(score))
    }
}

/// What came of the scores.
#[derive(Default)]
struct Outcome {
    added: usize,
    updated: usize,
    /// That of the last member, unless the options kept it as it was.
    score: Option<f64>,
}

fn zadd(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let (options, first) = Options::parse(args)?;
    change(exec, args, first, options, reply)
}

fn change(
    exec: &mut Exec<'_>,
    args: &Args<'_>,
    first: usize,
    options: Options,
    reply: &mut Reply,
) -> Result<Effect, Refused> {
    let at = (first..args.len()).step_by(2);
    let scored = at.map(|at| Ok((double(args.get(at))?, args.get(at + 1))));
    let scored: Vec<_> = scored.collect::<Result<_, Refused>>()?;
    let key = args.key(exec.data, 1);
    add(exec, &key, &scored, options, reply)
}

/// Gives members scores.
pub(in crate::command) fn add(
    exec: &mut Exec<'_>,
    key: &Key<'_>,
    scored: &[(f64, &[u8])],
    options: Options,
    reply: &mut Reply,
) -> Result<Effect, Refused> {
    let (db, limits) = (exec.session.db, limits(exec));
    let event = if options.incr {
        Event::ZIncr
    } else {
        Event::ZAdd
    };
    let outcome = exec.data.change_zset(db, key, limits, |zset| {
        if !(options.xx && zset.is_empty()) {
            zset.announce(scored.len());
        }
        let items = scored.iter().map(|(score, member)| (*member, *score));
        let outcome = set_all(zset, items, options);
        let changed = |it: &Outcome| it.added + it.updated > 0;
        let event = outcome.as_ref().is_ok_and(changed).then_some(event);
        (outcome, event)
    })??;
    match (options.incr, outcome.score) {
        (true, Some(score)) => reply.double(score),
        (true, None) => reply.null(),
        (false, _) => {
            let updated = if options.ch { outcome.updated } else { 0 };
            reply.integer((outcome.added + updated) as i64);
        }
    }
    Ok(Effect::if_changed(outcome.added + outcome.updated > 0))
}

fn set_all<'k>(
    zset: &mut ZsetMut<'_>,
    items: impl Iterator<Item = (&'k [u8], f64)>,
    options: Options,
) -> Result<Outcome, Refused> {
    let mut outcome = Outcome::default();
    if !options.depends_on_old() {
        (outcome.added, outcome.updated) = zset.set_each(items);
        return Ok(outcome);
    }
    for (member, given) in items {
        let old = zset.view().score(member);
        outcome.score = options.apply(old, given)?;
        match (old, outcome.score) {
            (None, Some(score)) => {
                zset.set(member, score);
                outcome.added += 1;
            }
            (Some(old), Some(score)) if score != old => {
                zset.set(member, score);
                outcome.updated += 1;
            }
            _ => {}
        }
    }
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn sets_scores_and_counts_the_new_members() {
        let mut bench = Bench::new();
        bench.replies(&[
            ("zadd z 1 a 2 b 3 a", ":2"),
            ("zadd z 1 c 2 b", ":1"),
            ("zadd z ch 5 c 2 b 1 d", ":2"),
            ("zadd z nx 9 a 9 e", ":1"),
            ("zadd z xx 9 a 9 f", ":0"),
            ("zadd z xx ch gt 8 a 10 b", ":1"),
            ("zadd z ch lt 8 a 11 b 3 g", ":2"),
            ("zadd missing xx 1 a", ":0"),
            ("exists missing", ":0"),
            ("zadd z incr 1.5 a", "$3|9.5"),
            ("zadd z nx incr 1 a", "$-1"),
            ("zadd z xx incr 1 x", "$-1"),
            ("zadd z gt incr -1 a", "$-1"),
            ("zincrby z 2 new", "$1|2"),
            ("zincrby z -inf new", "$4|-inf"),
            (
                "zincrby z inf new",
                "-ERR resulting score is not a number (NaN)",
            ),
            (
                "zrange z 0 -1 withscores",
                "*14|$3|new|$4|-inf|$1|d|$1|1|$1|g|$1|3|$1|c|$1|5|$1|e|$1|9|$1|a|$3|9.5|$1|b|$2|10",
            ),
        ]);
    }

    #[test]
    fn tells_of_changes_only() {
        let mut bench = Bench::new();
        assert_eq!(bench.effect("zadd z 1 a"), "zadd z 1 a");
        assert_eq!(bench.effect("zadd z 1 a"), "");
        assert_eq!(bench.events("zadd z 1 a"), "");
        assert_eq!(bench.events("zadd z 2 a 3 b"), "zadd z");
        assert_eq!(bench.events("zadd z incr 2 a"), "zincr z");
        assert_eq!(bench.events("zincrby z 2 a"), "zincr z");
        assert_eq!(bench.events("zadd z -0 a"), "zadd z");
        assert_eq!(bench.effect("zadd z 0 a"), "");
        assert_eq!(bench.reply("zscore z a"), "$1|0", "as a listpack has it");
        bench.config.zset_max_listpack_entries = 0;
        bench.reply("zadd y -0 a");
        assert_eq!(bench.reply("zscore y a"), "$2|-0");
        assert_eq!(bench.effect("zadd y 0 a"), "");
        assert_eq!(bench.reply("zscore y a"), "$2|-0", "the same score stays");
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = Bench::new();
        bench.reply("set s 1");
        let gt = "-ERR GT, LT, and/or NX options at the same time are not compatible";
        bench.replies(&[
            ("zadd z 1 a 2", "-ERR syntax error"),
            ("zadd z nx ch", "-ERR syntax error"),
            ("zadd z x a", "-ERR value is not a valid float"),
            ("zadd z 1 a nan b", "-ERR value is not a valid float"),
            ("zadd z 1e999 b", "-ERR value is not a valid float"),
            ("exists z", ":0"),
            (
                "zadd z nx xx 1 a",
                "-ERR XX and NX options at the same time are not compatible",
            ),
            ("zadd z nx gt 1 a", gt),
            ("zadd z gt lt 1 a", gt),
            (
                "zadd z incr 1 a 2 b",
                "-ERR INCR option supports a single increment-element pair",
            ),
            (
                "zadd s 1 a",
                "-WRONGTYPE Operation against a key holding the wrong kind of value",
            ),
        ]);
    }

    /// When redis-server 7.2 says another encoding, it is said here, too.
    #[test]
    fn the_encoding_follows_the_directives_and_stays() {
        let mut bench = Bench::new();
        let encoding = |bench: &mut Bench| bench.reply("object encoding z");
        let short = "x".repeat(64);
        bench.reply(&format!("zadd z 1 {short}"));
        assert_eq!(encoding(&mut bench), "$8|listpack");
        bench.reply(&format!("zadd z 1 {short}x"));
        assert_eq!(encoding(&mut bench), "$8|skiplist");
        bench.reply(&format!("zrem z {short}x"));
        assert_eq!(encoding(&mut bench), "$8|skiplist");
        bench.reply("del z");
        for number in 0..128 {
            bench.reply(&format!("zadd z {number} {number}"));
        }
        assert_eq!(encoding(&mut bench), "$8|listpack");
        bench.reply("zadd z 7.5 5");
        assert_eq!(encoding(&mut bench), "$8|listpack");
        bench.reply("zadd z 128 128");
        assert_eq!(encoding(&mut bench), "$8|skiplist");
        assert_eq!(bench.reply("zcard z"), ":129");
        bench.config.zset_max_listpack_entries = 0;
        bench.reply("zadd y 1 a");
        assert_eq!(bench.reply("object encoding y"), "$8|skiplist");
    }
}
