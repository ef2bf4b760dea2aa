//! XTRIM.

use super::trim::{self, Options};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::Event;
use crate::resp::{Args, Reply};
use crate::spec::Flag::Write;
use crate::spec::KeyFlag::{Delete, RW};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static XTRIM: Definition = Definition {
    spec: Spec {
        name: "xtrim",
        arity: -4,
        flags: Flags::of(&[Write]),
        keys: &[KeySpec::one(1, &[RW, Delete])],
        tips: &["nondeterministic_output"],
        since: "5.0.0",
        complexity: "O(N) with N the number of messages that go",
        summary: "Takes the first messages of a stream away; returns how many",
        history: &[("6.2.0", "`MINID` and `LIMIT`.")],
        arguments: &[
            Argument::key("key"),
            Argument::block("trim", trim::ARGUMENTS),
        ],
        ..Spec::new(Group::Stream)
    },
    ..Definition::run(xtrim)
};

fn xtrim(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let options = Options::parse(exec, args, false)?;
    let trim = options.trim.expect("without one it was refused");
    let (db, key) = (exec.session.db, args.key(exec.data, 1));
    let trimmed = exec.data.change_stream(db, &key, false, |stream| {
        let gone = trim.run(stream);
        let rewritten = (gone > 0 && trim.is_rough()).then(|| {
            let mut argv = args.to_owned();
            trim.rewrite(stream, &mut argv);
            trim::without_limit(&mut argv, args.len());
            argv
        });
        ((gone, rewritten), (gone > 0).then_some(Event::XTrim))
    })?;
    let (gone, rewritten) = trimmed.unwrap_or_default();
    reply.integer(gone.cast_signed());
    Ok(match rewritten {
        _ if gone == 0 => Effect::None,
        Some(argv) => Effect::Rewritten(vec![argv]),
        None => Effect::AsWritten,
    })
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    fn filled(bench: &mut Bench, count: usize) {
        bench.reply("del s");
        for ms in 1..=count {
            bench.reply(&format!("xadd s {ms} field value"));
        }
    }

    #[test]
    fn takes_the_first_ones_away() {
        let mut bench = Bench::new();
        filled(&mut bench, 1000);
        bench.replies(&[
            ("xtrim s maxlen 1000", ":0"),
            ("xtrim s maxlen = 998", ":2"),
            ("xtrim s minid 3", ":0"),
            ("xtrim s minid = 501-0", ":498"),
            (
                "xrange s - + count 1",
                "*1|*2|$5|501-0|*2|$5|field|$5|value",
            ),
            ("xtrim s maxlen 0", ":500"),
            ("exists s", ":1"),
            ("xlen s", ":0"),
            ("xtrim missing maxlen 0", ":0"),
        ]);
        filled(&mut bench, 5);
        assert_eq!(bench.effect("xtrim s maxlen 5"), "");
        assert_eq!(bench.events("xtrim s maxlen 4"), "xtrim s");
        assert_eq!(bench.effect("xtrim s maxlen 3"), "xtrim s maxlen 3");
    }

    /// Nodes are as many messages as stream-node-max-entries says, if they have room for them.
    #[test]
    fn about_so_many_are_whole_nodes() {
        let mut bench = Bench::new();
        bench.config.stream_node_max_entries = 10;
        filled(&mut bench, 100);
        bench.replies(&[
            ("xtrim s maxlen ~ 95", ":0"),
            ("xtrim s maxlen ~ 85", ":10"),
            ("xtrim s minid ~ 25", ":10"),
            ("xtrim s maxlen ~ 0 limit 35", ":30"),
            ("xlen s", ":50"),
        ]);
        let told = bench.effect("xtrim s maxlen ~ 35 limit 1000");
        assert_eq!(told, "xtrim s maxlen = 40");
        assert_eq!(bench.effect("xtrim s minid ~ 75"), "xtrim s minid = 71-0");
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = Bench::new();
        bench.reply("set str x");
        let wrong_type = "-WRONGTYPE Operation against a key holding the wrong kind of value";
        bench.replies(&[
            (
                "xtrim s maxlen",
                "-ERR wrong number of arguments for 'xtrim' command",
            ),
            (
                "xtrim s limit 5",
                "-ERR syntax error, LIMIT cannot be used without specifying a trimming strategy",
            ),
            (
                "xtrim s limit 0",
                "-ERR syntax error, XTRIM must be called with a trimming strategy",
            ),
            ("xtrim s foo 5", "-ERR syntax error"),
            ("xtrim s maxlen 5 foo", "-ERR syntax error"),
            (
                "xtrim s minid x",
                "-ERR Invalid stream ID specified as stream command argument",
            ),
            ("xtrim str maxlen 0", wrong_type),
        ]);
    }
}
