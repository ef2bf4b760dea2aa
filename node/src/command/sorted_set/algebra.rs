//! Unions, intersections and differences.

use super::sources::{Source, check};
use crate::command::parse::{SYNTAX, double, integer};
use crate::command::{Exec, Refused};
use crate::data::{Key, Reader, ZsetMut};
use crate::resp::{Args, is_word};
use crate::spec::{Argument, BeginSearch, FindKeys, KeyFlag, KeySpec};

/// What is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Union,
    Inter,
    Diff,
    /// Of the intersection, only how many members it has.
    InterCard,
}

/// What becomes of the scores of a member that is in several sets.
#[derive(Clone, Copy, Debug)]
enum Aggregate {
    Sum,
    Min,
    Max,
}

impl Aggregate {
    fn of(self, one: f64, other: f64) -> f64 {
        match self {
            // Infinities that cancel each other out are nothing, as in Redis.
            Aggregate::Sum => number(one + other),
            Aggregate::Min => one.min(other),
            Aggregate::Max => one.max(other),
        }
    }
}

/// 0 for what is no number.
fn number(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// What a request asks for.
pub(super) struct Request<'a> {
    op: Op,
    keys: Vec<Key<'a>>,
    weights: Vec<f64>,
    aggregate: Aggregate,
    pub with_scores: bool,
    /// 0: none.
    limit: usize,
}

pub(super) const fn keys_from(index: u8, flags: &'static [KeyFlag]) -> KeySpec {
    KeySpec::new(
        BeginSearch::Index(index),
        FindKeys::KeyNum {
            number: 0,
            first: 1,
            step: 1,
        },
        flags,
    )
}

pub(super) const WEIGHTS: Argument = Argument::integer("weight")
    .token("WEIGHTS")
    .optional()
    .multiple();
pub(super) const AGGREGATE: Argument = Argument::one_of(
    "aggregate",
    &[
        Argument::word("sum", "SUM"),
        Argument::word("min", "MIN"),
        Argument::word("max", "MAX"),
    ],
)
.token("AGGREGATE")
.optional();

impl<'a> Request<'a> {
    /// The one whose number of keys is at an argument. `stores`: the result goes to a key.
    pub(super) fn parse(
        exec: &mut Exec<'_>,
        args: &Args<'a>,
        first: usize,
        (op, name, stores): (Op, &str, bool),
    ) -> Result<Request<'a>, Refused> {
        let count = integer(args.get(first))?;
        let count = usize::try_from(count).ok().filter(|count| *count > 0);
        let count = count.ok_or_else(|| {
            Refused::text(format!(
                "ERR at least 1 input key is needed for '{name}' command"
            ))
        })?;
        if count > args.len() - first - 1 {
            return Err(SYNTAX);
        }
        let end = first + 1 + count;
        let keys: Vec<_> = (first + 1..end).map(|at| args.key(exec.data, at)).collect();
        check(exec, &keys)?;
        let mut request = Request {
            op,
            weights: vec![1.0; keys.len()],
            keys,
            aggregate: Aggregate::Sum,
            with_scores: false,
            limit: 0,
        };
        request.options(args, end, stores)?;
        Ok(request)
    }

    fn options(&mut self, args: &Args<'a>, first: usize, stores: bool) -> Result<(), Refused> {
        let weighted = matches!(self.op, Op::Union | Op::Inter);
        let shown = !stores && self.op != Op::InterCard;
        let (mut at, count) = (first, self.keys.len());
        while at < args.len() {
            let left = args.len() - at - 1;
            if weighted && left >= count && args.is(at, "weights") {
                for (weight, at) in self.weights.iter_mut().zip(at + 1..) {
                    *weight = double(args.get(at))
                        .map_err(|_| const { Refused::new("ERR weight value is not a float") })?;
                }
                at += count + 1;
            } else if weighted && left >= 1 && args.is(at, "aggregate") {
                self.aggregate = match args.get(at + 1) {
                    word if is_word(word, "sum") => Aggregate::Sum,
                    word if is_word(word, "min") => Aggregate::Min,
                    word if is_word(word, "max") => Aggregate::Max,
                    _ => return Err(SYNTAX),
                };
                at += 2;
            } else if shown && args.is(at, "withscores") {
                self.with_scores = true;
                at += 1;
            } else if self.op == Op::InterCard && left >= 1 && args.is(at, "limit") {
                let limit = integer(args.get(at + 1)).ok();
                self.limit = limit
                    .and_then(|limit| usize::try_from(limit).ok())
                    .ok_or(const { Refused::new("ERR LIMIT can't be negative") })?;
                at += 2;
            } else {
                return Err(SYNTAX);
            }
        }
        Ok(())
    }

    /// The sets with their weights.
    fn sources<'r>(&self, reader: &Reader<'r>, db: usize) -> Vec<(Option<Source<'r>>, f64)> {
        let read = |key| Source::read(reader, db, key).ok().flatten();
        let sources = self.keys.iter().map(read);
        sources.zip(self.weights.iter().copied()).collect()
    }

    /// Puts what is asked for into a new set.
    pub(super) fn compute(&self, reader: &Reader<'_>, db: usize, made: &mut ZsetMut<'_>) {
        let mut sources = self.sources(reader, db);
        if self.op == Op::Diff {
            return diff(&sources, made);
        }
        // Smallest first: so sums come in the same order as in Redis.
        sources.sort_by_key(|(source, _)| source.map_or(0, |source| source.len()));
        if self.op == Op::Union {
            return union(&sources, self.aggregate, made);
        }
        inter(&sources, self.aggregate, |member, score| {
            made.set(member, score);
            true
        });
    }

    /// How many members the intersection has, up to the limit.
    pub(super) fn count(&self, reader: &Reader<'_>, db: usize) -> usize {
        let mut sources = self.sources(reader, db);
        sources.sort_by_key(|(source, _)| source.map_or(0, |source| source.len()));
        let mut count = 0;
        inter(&sources, self.aggregate, |_, _| {
            count += 1;
            count != self.limit
        });
        count
    }
}

fn union(sources: &[(Option<Source<'_>>, f64)], aggregate: Aggregate, made: &mut ZsetMut<'_>) {
    for (source, weight) in sources {
        let Some(source) = source else { continue };
        source.for_each_while(|member, score| {
            let score = number(weight * score);
            let old = made.view().score(member);
            made.set(member, old.map_or(score, |old| aggregate.of(old, score)));
            true
        });
    }
}

fn inter(
    sources: &[(Option<Source<'_>>, f64)],
    aggregate: Aggregate,
    mut found: impl FnMut(&[u8], f64) -> bool,
) {
    let [(Some(first), weight), others @ ..] = sources else {
        return;
    };
    first.for_each_while(|member, score| {
        let first = number(weight * score);
        let scores = others.iter().map(|(source, weight)| {
            let score = source.as_ref()?.score(member)?;
            Some(weight * score)
        });
        let all = scores.into_iter().try_fold(first, |sum, score| {
            // As the first one, what is no number would be 0; but only after it was added.
            Some(aggregate.of(sum, score?))
        });
        all.is_none_or(|score| found(member, number(score)))
    });
}

fn diff(sources: &[(Option<Source<'_>>, f64)], made: &mut ZsetMut<'_>) {
    let [(Some(first), _), others @ ..] = sources else {
        return;
    };
    first.for_each_while(|member, score| {
        let is_in = |source: &Option<Source<'_>>| {
            (source.as_ref()).is_some_and(|source| source.score(member).is_some())
        };
        if !others.iter().any(|(source, _)| is_in(source)) {
            made.set(member, score);
        }
        true
    });
}
