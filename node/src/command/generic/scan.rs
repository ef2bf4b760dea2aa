//! SCAN.

use crate::command::scanning::{self, ScanOptions};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::Entry;
use crate::resp::{Args, Reply, is_word};
use crate::spec::Flag::ReadOnly;
use crate::spec::{Argument, Flags, Group, Spec};

pub(super) static SCAN: Definition = Definition {
    spec: Spec {
        name: "scan",
        arity: -2,
        flags: Flags::of(&[ReadOnly]),
        tips: &["nondeterministic_output", "request_policy:special"],
        since: "2.8.0",
        complexity: "O(1) for every call, O(N) for a whole scan of N keys",
        summary: "Returns some of the keys, and the next cursor; 0 starts and ends a scan",
        history: &[("6.0.0", "With `TYPE`.")],
        arguments: &[
            Argument::integer("cursor"),
            Argument::pattern("pattern").token("MATCH").optional(),
            Argument::integer("count").token("COUNT").optional(),
            Argument::string("type")
                .token("TYPE")
                .optional()
                .since("6.0.0"),
        ],
        ..Spec::new(Group::Generic)
    },
    ..Definition::run(scan)
};

fn scan(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let cursor = scanning::cursor(args.get(1))?;
    let options = ScanOptions::parse(args, 2, true)?;
    scanning::answer(reply, |reply| {
        let (db, mut count) = (exec.session.db, 0);
        let mut show = |entry: &Entry<'_>| {
            let name = entry.kind().name();
            let typed = (options.kind).is_none_or(|kind| is_word(kind, name));
            if typed && options.matches(entry.key()) {
                reply.bulk(entry.key());
                count += 1;
            }
        };
        let next = exec.data.scan(db, cursor, options.count, &mut show);
        (next, count)
    });
    Ok(Effect::None)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::command::testing::Bench;

    #[test]
    fn shows_every_key_once() {
        let mut bench = Bench::new();
        for number in 0..100 {
            bench.reply(&format!("set key:{number} x"));
        }
        let (mut cursor, mut keys) = ("0".to_owned(), Vec::new());
        loop {
            let reply = bench.reply(&format!("scan {cursor} count 7 match key:* type STRING"));
            let parts: Vec<_> = reply.split('|').collect();
            cursor = parts[2].to_owned();
            keys.extend(
                parts[4..]
                    .iter()
                    .skip(1)
                    .step_by(2)
                    .map(|k| (*k).to_owned()),
            );
            if cursor == "0" {
                break;
            }
        }
        assert_eq!(keys.len(), 100);
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), 100);
        assert_eq!(bench.reply("scan 0 count 1000 match x"), "*2|$1|0|*0");
        assert_eq!(bench.reply("scan 0 count 1000 type list"), "*2|$1|0|*0");
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = Bench::new();
        bench.replies(&[
            ("scan x", "-ERR invalid cursor"),
            ("scan 1x", "-ERR invalid cursor"),
            ("scan 0 count 0", "-ERR syntax error"),
            (
                "scan 0 count x",
                "-ERR value is not an integer or out of range",
            ),
            ("scan 0 match", "-ERR syntax error"),
            ("scan 0 foo x", "-ERR syntax error"),
        ]);
    }
}
