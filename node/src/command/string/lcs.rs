//! LCS: the longest common subsequence of two strings.

use crate::command::parse::{SYNTAX, integer};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::resp::{Args, Reply};
use crate::spec::Flag::ReadOnly;
use crate::spec::KeyFlag::{Access, RO};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static LCS: Definition = Definition {
    spec: Spec {
        name: "lcs",
        arity: -3,
        flags: Flags::of(&[ReadOnly]),
        keys: &[KeySpec::range(1, 1, 1, &[RO, Access])],
        since: "7.0.0",
        complexity: "O(N*M) with N and M the lengths of the strings",
        summary: "Returns the longest common subsequence of two strings",
        arguments: &[
            Argument::key("key1"),
            Argument::key("key2"),
            Argument::word("len", "LEN").optional(),
            Argument::word("idx", "IDX").optional(),
            Argument::integer("min-match-len")
                .token("MINMATCHLEN")
                .optional(),
            Argument::word("withmatchlen", "WITHMATCHLEN").optional(),
        ],
        ..Spec::new(Group::String)
    },
    ..Definition::run(lcs)
};

#[derive(Default)]
struct Options {
    len: bool,
    idx: bool,
    with_length: bool,
    shortest: usize,
}

/// A stretch that both strings have: where it begins in each, and its length.
#[derive(Debug, PartialEq, Eq)]
struct Match {
    a: usize,
    b: usize,
    length: usize,
}

fn lcs(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let db = exec.session.db;
    let mut string = |index| {
        let key = args.key(exec.data, index);
        exec.data
            .get_str(db, &key)
            .map(|string| string.unwrap_or_default().to_vec())
    };
    // Both are looked for, whatever the first one is.
    let (Ok(a), Ok(b)) = (string(1), string(2)) else {
        return Err(Refused::new(
            "ERR The specified keys must contain string values",
        ));
    };
    let options = parse(args)?;
    let cells = (a.len() as u64 + 1).saturating_mul(b.len() as u64 + 1);
    if cells.saturating_mul(4) > exec.node.config.proto_max_bulk_len as u64 {
        return Err(Refused::new(
            "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
        ));
    }
    let (length, matches) = matches(&a, &b);
    if options.len {
        reply.integer(length as i64);
    } else if options.idx {
        show_matches(reply, &options, length, &matches);
    } else {
        let parts = matches.iter().rev();
        let common: Vec<u8> = parts
            .flat_map(|m| &a[m.a..m.a + m.length])
            .copied()
            .collect();
        reply.bulk(&common);
    }
    Ok(Effect::None)
}

fn parse(args: &Args<'_>) -> Result<Options, Refused> {
    let mut options = Options::default();
    let mut at = 3;
    while at < args.len() {
        if args.is(at, "len") {
            options.len = true;
        } else if args.is(at, "idx") {
            options.idx = true;
        } else if args.is(at, "withmatchlen") {
            options.with_length = true;
        } else if args.is(at, "minmatchlen") && at + 1 < args.len() {
            options.shortest = usize::try_from(integer(args.get(at + 1))?).unwrap_or(0);
            at += 1;
        } else {
            return Err(SYNTAX);
        }
        at += 1;
    }
    if options.len && options.idx {
        return Err(Refused::new(
            "ERR If you want both the length and indexes, please just use IDX.",
        ));
    }
    Ok(options)
}

/// The length of the longest common subsequence, and the stretches that make it up, the last one
/// first. Where there are several, the one that Redis finds.
fn matches(a: &[u8], b: &[u8]) -> (usize, Vec<Match>) {
    let width = b.len() + 1;
    let mut longest = vec![0u32; (a.len() + 1) * width];
    for (i, left) in a.iter().enumerate() {
        for (j, right) in b.iter().enumerate() {
            longest[(i + 1) * width + j + 1] = if left == right {
                longest[i * width + j] + 1
            } else {
                longest[i * width + j + 1].max(longest[(i + 1) * width + j])
            };
        }
    }
    let (mut i, mut j) = (a.len(), b.len());
    let mut matches: Vec<Match> = Vec::new();
    while i > 0 && j > 0 {
        if a[i - 1] != b[j - 1] {
            if longest[(i - 1) * width + j] > longest[i * width + j - 1] {
                i -= 1;
            } else {
                j -= 1;
            }
            continue;
        }
        (i, j) = (i - 1, j - 1);
        match matches.last_mut() {
            Some(last) if last.a == i + 1 && last.b == j + 1 => {
                (last.a, last.b) = (i, j);
                last.length += 1;
            }
            _ => matches.push(Match {
                a: i,
                b: j,
                length: 1,
            }),
        }
    }
    (longest[a.len() * width + b.len()] as usize, matches)
}

fn show_matches(reply: &mut Reply, options: &Options, length: usize, matches: &[Match]) {
    let long_enough = |found: &&Match| found.length >= options.shortest;
    reply.map(2);
    reply.bulk(b"matches");
    reply.array(matches.iter().filter(long_enough).count());
    for found in matches.iter().filter(long_enough) {
        reply.array(if options.with_length { 3 } else { 2 });
        for start in [found.a, found.b] {
            reply.array(2);
            reply.integer(start as i64);
            reply.integer((start + found.length - 1) as i64);
        }
        if options.with_length {
            reply.integer(found.length as i64);
        }
    }
    reply.bulk(b"len");
    reply.integer(length as i64);
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn finds_what_is_common() {
        let mut bench = Bench::new();
        bench.reply("mset a ohmytext b mynewtext");
        assert_eq!(bench.reply("lcs a b"), "$6|mytext");
        assert_eq!(bench.reply("lcs a b len"), ":6");
        assert_eq!(
            bench.reply("lcs a b IDX"),
            "*4|$7|matches|*2|*2|*2|:4|:7|*2|:5|:8|*2|*2|:2|:3|*2|:0|:1|$3|len|:6"
        );
        assert_eq!(
            bench.reply("lcs a b idx minmatchlen 4 withmatchlen"),
            "*4|$7|matches|*1|*3|*2|:4|:7|*2|:5|:8|:4|$3|len|:6"
        );
        assert_eq!(bench.reply("lcs a missing"), "$0");
        assert_eq!(bench.reply("lcs a a"), "$8|ohmytext");
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = Bench::new();
        bench.replies(&[
            (
                "lcs a b len idx",
                "-ERR If you want both the length and indexes, please just use IDX.",
            ),
            ("lcs a b foo", "-ERR syntax error"),
            ("lcs a b minmatchlen", "-ERR syntax error"),
            (
                "lcs a b minmatchlen x",
                "-ERR value is not an integer or out of range",
            ),
        ]);
    }
}
