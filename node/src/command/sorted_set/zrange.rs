//! ZRANGE, and the commands that it replaces.

use super::Shape;
use super::range::{By, Range};
use crate::command::parse::{SYNTAX, integer};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::Direction::{self, Down, Up};
use crate::resp::{Args, Reply};
use crate::spec::Flag::ReadOnly;
use crate::spec::KeyFlag::{Access, RO};
use crate::spec::{Argument, Deprecated, Flags, Group, KeySpec, Spec};

const WITH_SCORES: Argument = Argument::word("withscores", "WITHSCORES").optional();
pub(super) const LIMIT: Argument = Argument::block(
    "offset_count",
    &[Argument::integer("offset"), Argument::integer("count")],
)
.token("LIMIT")
.optional();
pub(super) const SORT_BY: Argument = Argument::one_of(
    "sortby",
    &[
        Argument::word("byscore", "BYSCORE"),
        Argument::word("bylex", "BYLEX"),
    ],
)
.optional();

pub(super) static ZRANGE: Definition = Definition {
    spec: Spec {
        name: "zrange",
        since: "1.2.0",
        summary: "Returns members of a sorted set in a range of ranks, scores or strings",
        history: &[("6.2.0", "`REV`, `BYSCORE`, `BYLEX` and `LIMIT`.")],
        arguments: &[
            Argument::key("key"),
            Argument::string("start"),
            Argument::string("stop"),
            SORT_BY.since("6.2.0"),
            Argument::word("rev", "REV").since("6.2.0").optional(),
            LIMIT.since("6.2.0"),
            WITH_SCORES,
        ],
        ..family()
    },
    shows_value: true,
    ..Definition::run(|exec, args, reply| show(exec, args, reply, Kind::ANY))
};

pub(super) static ZREVRANGE: Definition = Definition {
    spec: Spec {
        name: "zrevrange",
        since: "1.2.0",
        summary: "Returns members of a sorted set in a range of ranks, from high scores to low ones",
        deprecated: replaced("`ZRANGE` with the `REV` argument"),
        arguments: &[
            Argument::key("key"),
            Argument::integer("start"),
            Argument::integer("stop"),
            WITH_SCORES,
        ],
        ..family()
    },
    ..Definition::run(|exec, args, reply| show(exec, args, reply, Kind::of(By::Rank, Down)))
};

pub(super) static ZRANGEBYSCORE: Definition = Definition {
    spec: Spec {
        name: "zrangebyscore",
        since: "1.0.5",
        summary: "Returns members of a sorted set in a range of scores",
        deprecated: replaced("`ZRANGE` with the `BYSCORE` argument"),
        history: &[("2.0.0", "`WITHSCORES`.")],
        arguments: &[
            Argument::key("key"),
            Argument::double("min"),
            Argument::double("max"),
            WITH_SCORES.since("2.0.0"),
            LIMIT,
        ],
        ..family()
    },
    ..Definition::run(|exec, args, reply| show(exec, args, reply, Kind::of(By::Score, Up)))
};

pub(super) static ZREVRANGEBYSCORE: Definition = Definition {
    spec: Spec {
        name: "zrevrangebyscore",
        since: "2.2.0",
        summary: "Returns members of a sorted set in a range of scores, from high scores to low ones",
        deprecated: replaced("`ZRANGE` with the `REV` and `BYSCORE` arguments"),
        history: &[("2.1.6", "`min` and `max` can be exclusive.")],
        arguments: &[
            Argument::key("key"),
            Argument::double("max"),
            Argument::double("min"),
            WITH_SCORES,
            LIMIT,
        ],
        ..family()
    },
    ..Definition::run(|exec, args, reply| show(exec, args, reply, Kind::of(By::Score, Down)))
};

pub(super) static ZRANGEBYLEX: Definition = Definition {
    spec: Spec {
        name: "zrangebylex",
        since: "2.8.9",
        summary: "Returns members of a sorted set of equal scores in a range of strings",
        deprecated: replaced("`ZRANGE` with the `BYLEX` argument"),
        arguments: &[
            Argument::key("key"),
            Argument::string("min"),
            Argument::string("max"),
            LIMIT,
        ],
        ..family()
    },
    ..Definition::run(|exec, args, reply| show(exec, args, reply, Kind::of(By::Lex, Up)))
};

pub(super) static ZREVRANGEBYLEX: Definition = Definition {
    spec: Spec {
        name: "zrevrangebylex",
        since: "2.8.9",
        summary: "Returns members of a sorted set of equal scores in a range of strings, backwards",
        deprecated: replaced("`ZRANGE` with the `REV` and `BYLEX` arguments"),
        arguments: &[
            Argument::key("key"),
            Argument::string("max"),
            Argument::string("min"),
            LIMIT,
        ],
        ..family()
    },
    ..Definition::run(|exec, args, reply| show(exec, args, reply, Kind::of(By::Lex, Down)))
};

const fn family() -> Spec {
    Spec {
        arity: -4,
        flags: Flags::of(&[ReadOnly]),
        keys: const { &[KeySpec::one(1, &[RO, Access])] },
        complexity: "O(log(N)+M) with N the number of members and M the number of those that are returned",
        ..Spec::new(Group::SortedSet)
    }
}

const fn replaced(replaced_by: &'static str) -> Option<Deprecated> {
    Some(Deprecated {
        since: "6.2.0",
        replaced_by,
    })
}

/// What the name of a command says of its range already.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    by: Option<By>,
    direction: Option<Direction>,
    /// The range is stored, so scores are no option.
    stores: bool,
}

impl Kind {
    /// Nothing.
    pub(super) const ANY: Kind = Kind {
        by: None,
        direction: None,
        stores: false,
    };
    /// No more than that it is stored.
    pub(super) const STORED: Kind = Kind {
        stores: true,
        ..Kind::ANY
    };

    const fn of(by: By, direction: Direction) -> Kind {
        Kind {
            by: Some(by),
            direction: Some(direction),
            stores: false,
        }
    }
}

/// What a request asks for.
pub(super) struct Request<'a> {
    pub range: Range<'a>,
    pub direction: Direction,
    pub with_scores: bool,
    /// Offset, and count if that is not negative.
    pub limit: (i64, i64),
}

impl<'a> Request<'a> {
    /// The one whose range begins at an argument.
    pub(super) fn parse(args: &Args<'a>, first: usize, kind: Kind) -> Result<Self, Refused> {
        let Kind {
            mut by,
            mut direction,
            stores,
        } = kind;
        let (mut with_scores, mut limit, mut at) = (false, (0, -1), first + 2);
        while at < args.len() {
            if !stores && args.is(at, "withscores") {
                with_scores = true;
            } else if args.is(at, "limit") && args.len() > at + 2 {
                limit = (integer(args.get(at + 1))?, integer(args.get(at + 2))?);
                at += 2;
            } else if direction.is_none() && args.is(at, "rev") {
                direction = Some(Down);
            } else if by.is_none() && args.is(at, "bylex") {
                by = Some(By::Lex);
            } else if by.is_none() && args.is(at, "byscore") {
                by = Some(By::Score);
            } else {
                return Err(SYNTAX);
            }
            at += 1;
        }
        let (by, direction) = (by.unwrap_or(By::Rank), direction.unwrap_or(Up));
        if limit.1 != -1 && by == By::Rank {
            return Err(Refused::new(
                "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or \
                 BYLEX",
            ));
        }
        if with_scores && by == By::Lex {
            return Err(Refused::new(
                "ERR syntax error, WITHSCORES not supported in combination with BYLEX",
            ));
        }
        let swapped = direction == Down && by != By::Rank;
        let (low, high) = if swapped {
            (first + 1, first)
        } else {
            (first, first + 1)
        };
        // Of a rank, Redis reads no limit.
        let limit = if by == By::Rank { (0, -1) } else { limit };
        Ok(Request {
            range: Range::parse(by, args, low, high)?,
            direction,
            with_scores,
            limit,
        })
    }
}

fn show(
    exec: &mut Exec<'_>,
    args: &Args<'_>,
    reply: &mut Reply,
    kind: Kind,
) -> Result<Effect, Refused> {
    let request = Request::parse(args, 2, kind)?;
    let key = args.key(exec.data, 1);
    let zset = exec.data.get_zset(exec.session.db, &key)?;
    let shape = Shape::of(reply, request.with_scores);
    let Some(zset) = zset else {
        reply.array(0);
        return Ok(Effect::None);
    };
    let found = (request.range).select(&zset, request.direction, request.limit);
    shape.begin(reply, found.count);
    zset.show(found.rank, found.count, found.direction, |record| {
        shape.show(reply, record);
    });
    Ok(Effect::None)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    fn bench() -> Bench {
        let mut bench = Bench::new();
        bench.reply("zadd z 1 a 2 b 3 c 4 d 5 e");
        bench.reply("zadd l 0 a 0 b 0 c 0 d");
        bench
    }

    /// The members of a reply, as words.
    fn members(bench: &mut Bench, line: &str) -> String {
        let reply = bench.reply(line);
        let words: Vec<_> = reply.split('|').skip(2).step_by(2).collect();
        words.join(" ")
    }

    #[test]
    fn gives_ranges_of_every_kind_in_both_directions() {
        let mut bench = bench();
        for (line, expected) in [
            ("zrange z 0 -1", "a b c d e"),
            ("zrange z 1 2", "b c"),
            ("zrange z -2 -1", "d e"),
            ("zrange z 3 1", ""),
            ("zrange z 9 10", ""),
            ("zrange z 0 1 rev", "e d"),
            ("zrevrange z 0 1", "e d"),
            ("zrevrange z -2 -1", "b a"),
            ("zrange z (1 3 byscore", "b c"),
            ("zrange z 3 (1 byscore rev", "c b"),
            ("zrange z -inf +inf byscore limit 1 2", "b c"),
            ("zrange z +inf -inf byscore rev limit 1 2", "d c"),
            ("zrangebyscore z 2 4 limit 1 -1", "c d"),
            ("zrangebyscore z 2 4 limit 1 0", ""),
            ("zrangebyscore z 2 4 limit -1 5", ""),
            ("zrangebyscore z 2 4 limit 7 5", ""),
            ("zrangebyscore z 4 2", ""),
            ("zrevrangebyscore z 4 (2", "d c"),
            ("zrevrangebyscore z 2 4", ""),
            ("zrange l [b + bylex", "b c d"),
            ("zrange l (b [c bylex", "c"),
            ("zrange l + - bylex rev limit 1 2", "c b"),
            ("zrangebylex l - (c", "a b"),
            ("zrangebylex l [bb [zz limit 0 1", "c"),
            ("zrevrangebylex l (c -", "b a"),
            ("zrangebylex l + -", ""),
            ("zrange missing 0 -1", ""),
            ("zrange z 0 -1 limit 1 -1", "a b c d e"),
        ] {
            assert_eq!(members(&mut bench, line), expected, "{line}");
        }
    }

    #[test]
    fn shows_scores_as_the_protocol_has_them() {
        let mut bench = bench();
        let flat = "*4|$1|a|$1|1|$1|b|$1|2";
        assert_eq!(bench.reply("zrange z 0 1 withscores"), flat);
        assert_eq!(bench.reply("zrangebyscore z 1 2 withscores"), flat);
        bench.session.resp3 = true;
        let nested = "*2|*2|$1|a|,1|*2|$1|b|,2";
        assert_eq!(bench.reply("zrange z 0 1 withscores"), nested);
        assert_eq!(bench.reply("zrange z 0 1"), "*2|$1|a|$1|b");
    }

    #[test]
    fn a_big_set_gives_the_same() {
        let mut bench = Bench::new();
        for number in 0..1000 {
            bench.reply(&format!("zadd z {} m{number:04}", number / 2));
        }
        for (line, expected) in [
            ("zrange z 500 502", "m0500 m0501 m0502"),
            ("zrange z 0 2 rev", "m0999 m0998 m0997"),
            ("zrange z (249 251 byscore", "m0500 m0501 m0502 m0503"),
            ("zrange z 251 (249 byscore rev limit 1 2", "m0502 m0501"),
            ("zrevrange z -2 -1", "m0001 m0000"),
        ] {
            assert_eq!(members(&mut bench, line), expected, "{line}");
        }
        assert_eq!(bench.reply("zrank z m0700"), ":700");
        assert_eq!(bench.reply("zrevrank z m0700"), ":299");
        assert_eq!(bench.reply("zcount z 100 199"), ":200");
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = bench();
        let limit = "-ERR syntax error, LIMIT is only supported in combination with either \
                     BYSCORE or BYLEX";
        let integer = "-ERR value is not an integer or out of range";
        bench.replies(&[
            ("zrange z 0 -1 foo", "-ERR syntax error"),
            ("zrange z 0 -1 limit 1", "-ERR syntax error"),
            ("zrange z 0 1 limit 1 2", limit),
            ("zrevrange z 0 1 limit 1 2", limit),
            ("zrevrange z 0 1 rev", "-ERR syntax error"),
            ("zrangebyscore z 0 1 byscore", "-ERR syntax error"),
            ("zrange z a 1", integer),
            ("zrange z 0 1 byscore limit x 1", integer),
            ("zrange z a 1 byscore", "-ERR min or max is not a float"),
            (
                "zrange z a 1 bylex",
                "-ERR min or max not valid string range item",
            ),
            (
                "zrange z - + bylex withscores",
                "-ERR syntax error, WITHSCORES not supported in combination with BYLEX",
            ),
        ]);
    }
}
