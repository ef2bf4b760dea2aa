//! LPOS.

use slotkeeper_tree::element::Element;

use crate::command::parse::{NO_OPPOSITE, SYNTAX, integer};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::List;
use crate::resp::{Args, Reply};
use crate::spec::Flag::ReadOnly;
use crate::spec::KeyFlag::{Access, RO};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static LPOS: Definition = Definition {
    spec: Spec {
        name: "lpos",
        arity: -3,
        flags: Flags::of(&[ReadOnly]),
        keys: &[KeySpec::one(1, &[RO, Access])],
        since: "6.0.6",
        complexity: "O(N) with N the number of elements that are looked at",
        summary: "Returns the index of elements that equal one; a negative rank searches from the end",
        arguments: &[
            Argument::key("key"),
            Argument::string("element"),
            Argument::integer("rank").token("RANK").optional(),
            Argument::integer("num-matches").token("COUNT").optional(),
            Argument::integer("len").token("MAXLEN").optional(),
        ],
        ..Spec::new(Group::List)
    },
    ..Definition::run(lpos)
};

/// What is looked for.
struct Search<'a> {
    element: Element<'a>,
    forward: bool,
    /// So many matches are passed over first.
    skipped: usize,
    /// So many are wanted, in an array; none for the first one alone.
    count: Option<usize>,
    /// So many elements are looked at.
    looked_at: usize,
}

fn lpos(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let search = Search::parse(args)?;
    let key = args.key(exec.data, 1);
    let list = exec.data.get_list(exec.session.db, &key)?;
    let mut found = list.iter().flat_map(|list| search.run(list));
    if let Some(count) = search.count {
        let found: Vec<usize> = found.take(count).collect();
        reply.array(found.len());
        found.iter().for_each(|at| reply.integer(*at as i64));
    } else if let Some(at) = found.next() {
        reply.integer(at as i64);
    } else {
        reply.null();
    }
    Ok(Effect::None)
}

impl<'a> Search<'a> {
    fn parse(args: &Args<'a>) -> Result<Search<'a>, Refused> {
        let mut search = Search {
            element: Element::new(args.get(2)),
            forward: true,
            skipped: 0,
            count: None,
            looked_at: usize::MAX,
        };
        for at in (3..args.len()).step_by(2) {
            let value = args.opt(at + 1).ok_or(SYNTAX)?;
            if args.is(at, "rank") {
                let rank = rank(integer(value)?)?;
                search.forward = rank > 0;
                search.skipped = rank.unsigned_abs() as usize - 1;
            } else if args.is(at, "count") {
                search.count = Some(limit(value, "COUNT")?);
            } else if args.is(at, "maxlen") {
                search.looked_at = limit(value, "MAXLEN")?;
            } else {
                return Err(SYNTAX);
            }
        }
        Ok(search)
    }

    /// The positions of what is found.
    fn run<'l>(&'l self, list: &'l List<'_>) -> impl Iterator<Item = usize> + 'l {
        let last = list.len() - 1;
        let first = if self.forward { 0 } else { last };
        let elements = list.elements(first, self.forward).take(self.looked_at);
        let found = elements.enumerate().filter(|(_, it)| *it == self.element);
        found
            .skip(self.skipped)
            .map(move |(at, _)| if self.forward { at } else { last - at })
    }
}

fn rank(rank: i64) -> Result<i64, Refused> {
    match rank {
        0 => Err(Refused::new(
            "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or \
             use negative to start from the end of the list",
        )),
        i64::MIN => Err(NO_OPPOSITE),
        rank => Ok(rank),
    }
}

/// A number of elements, 0 for all.
fn limit(text: &[u8], name: &str) -> Result<usize, Refused> {
    let number = integer(text).ok().and_then(|it| usize::try_from(it).ok());
    match number {
        Some(0) => Ok(usize::MAX),
        Some(number) => Ok(number),
        None => Err(Refused::text(format!("ERR {name} can't be negative"))),
    }
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn finds_equal_elements() {
        let mut bench = Bench::new();
        bench.reply("rpush l a 2 c a 2 2 d");
        bench.replies(&[
            ("lpos l a", ":0"),
            ("lpos l 2 RANK 2", ":4"),
            ("lpos l 2 RANK -1", ":5"),
            ("lpos l 2 RANK -2 COUNT 0", "*2|:4|:1"),
            ("lpos l 2 COUNT 2", "*2|:1|:4"),
            ("lpos l 2 count 0", "*3|:1|:4|:5"),
            ("lpos l 2 rank 4", "$-1"),
            ("lpos l 2 rank 4 count 1", "*0"),
            ("lpos l d maxlen 6", "$-1"),
            ("lpos l d maxlen 7", ":6"),
            ("lpos l a rank -1 maxlen 3 count 0", "*0"),
            ("lpos l a rank -1 maxlen 4 count 0", "*1|:3"),
            ("lpos l x", "$-1"),
            ("lpos missing x", "$-1"),
            ("lpos missing x count 1", "*0"),
        ]);
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = Bench::new();
        bench.reply("rpush l a");
        let integer = "-ERR value is not an integer or out of range";
        bench.replies(&[
            ("lpos l a rank", "-ERR syntax error"),
            ("lpos l a first 1", "-ERR syntax error"),
            ("lpos l a count -1", "-ERR COUNT can't be negative"),
            ("lpos l a maxlen x", "-ERR MAXLEN can't be negative"),
            ("lpos l a rank x", integer),
            (
                "lpos l a rank -9223372036854775808",
                "-ERR value is out of range, value must between -9223372036854775807 and \
                 9223372036854775807",
            ),
        ]);
        let zero = bench.reply("lpos l a rank 0");
        assert!(zero.starts_with("-ERR RANK can't be zero"), "{zero}");
    }
}
