//! XADD.

use slotkeeper_tree::StreamId;
use slotkeeper_tree::element::Element;

use super::ids::{self, IdText};
use super::trim::{self, Options, Trim};
use crate::command::parse::c_text;
use crate::command::table::wrong_arity;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::{Event, StreamMut};
use crate::resp::{Args, Reply, is_word};
use crate::spec::Flag::{DenyOom, Fast, Write};
use crate::spec::KeyFlag::{RW, Update};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static XADD: Definition = Definition {
    spec: Spec {
        name: "xadd",
        arity: -5,
        flags: Flags::of(&[Write, DenyOom, Fast]),
        keys: &[KeySpec::one(1, &[RW, Update])
            .note("UPDATE instead of INSERT because of the optional trimming feature")],
        tips: &["nondeterministic_output"],
        since: "5.0.0",
        complexity: "O(1), and O(N) for a trim, with N the number of messages that go",
        summary: "Adds a message to a stream, and may trim it; returns the message's id",
        history: &[
            ("6.2.0", "`NOMKSTREAM`, `MINID` and `LIMIT`."),
            ("7.0.0", "An id may be `<ms>-*`."),
        ],
        arguments: &[
            Argument::key("key"),
            Argument::word("nomkstream", "NOMKSTREAM")
                .since("6.2.0")
                .optional(),
            Argument::block("trim", trim::ARGUMENTS).optional(),
            Argument::one_of(
                "id-selector",
                &[Argument::word("auto-id", "*"), Argument::string("id")],
            ),
            Argument::block(
                "data",
                &[Argument::string("field"), Argument::string("value")],
            )
            .multiple(),
        ],
        ..Spec::new(Group::Stream)
    },
    ..Definition::run(xadd)
};

/// The most bytes of a message, as in Redis.
const MESSAGE_MAX: usize = 1 << 30;

/// The id that a message is to get.
#[derive(Clone, Copy)]
pub(super) enum Wanted {
    /// One of now.
    Auto,
    /// The next one of a time.
    Of(u64),
    /// This one.
    Exactly(StreamId),
}

impl Wanted {
    pub(super) fn parse(text: &[u8]) -> Result<Wanted, Refused> {
        if is_word(text, "*") {
            return Ok(Wanted::Auto);
        }
        if let Some(ms) = c_text(text).strip_suffix(b"-*") {
            return match ids::parts(ms)? {
                (ms, None) => Ok(Wanted::Of(ms)),
                _ => Err(ids::INVALID),
            };
        }
        ids::id(text).map(Wanted::Exactly)
    }

    /// Whether any message may have it.
    fn check(self) -> Result<(), Refused> {
        match self {
            Wanted::Exactly(StreamId::MIN) => Err(Refused::new(
                "ERR The ID specified in XADD must be greater than 0-0",
            )),
            _ => Ok(()),
        }
    }

    /// The id behind the last one of a stream.
    fn after(self, last: StreamId, now_ms: i64) -> Result<StreamId, Refused> {
        const TOO_LOW: Refused = Refused::new(
            "ERR The ID specified in XADD is equal or smaller than the target stream top item",
        );
        let next = last.next().ok_or(Refused::new(
            "ERR The stream has exhausted the last possible ID, unable to add more items",
        ))?;
        let of = |ms| StreamId { ms, seq: 0 };
        match self {
            Wanted::Auto => Ok(next.max(of(now_ms.unsigned_abs()))),
            Wanted::Of(ms) if ms == last.ms && next.ms == ms => Ok(next),
            Wanted::Of(ms) if ms > last.ms => Ok(of(ms)),
            Wanted::Exactly(id) if id > last => Ok(id),
            _ => Err(TOO_LOW),
        }
    }
}

fn xadd(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let options = Options::parse(exec, args, true)?;
    let (at, first) = (options.at, options.at + 1);
    let wanted = args.opt(at).map(Wanted::parse).transpose()?;
    let Some(wanted) =
        wanted.filter(|_| args.len() > first && (args.len() - first).is_multiple_of(2))
    else {
        return Err(wrong_arity("xadd"));
    };
    wanted.check()?;
    if args.from(first).map(<[u8]>::len).sum::<usize>() > MESSAGE_MAX {
        return Err(Refused::new("ERR Elements are too large to be stored"));
    }
    let (db, key, now_ms) = (exec.session.db, args.key(exec.data, 1), exec.now.unix_ms());
    let limits = exec.node.config.stream_limits();
    let needs_rewrite =
        !matches!(wanted, Wanted::Exactly(_)) || options.trim.is_some_and(|trim| trim.is_rough());
    let add = |stream: &mut StreamMut<'_>| {
        let id = match wanted.after(stream.view().last_id(), now_ms) {
            Ok(id) => id,
            Err(refused) => return (Err(refused), None),
        };
        let pairs = (first..args.len()).step_by(2).map(|at| {
            let (field, value) = (args.get(at), args.get(at + 1));
            (Element::new(field), Element::new(value))
        });
        stream.append(id, pairs, limits);
        let gone = options.trim.map_or(0, |trim| trim.run(stream));
        let rewritten = needs_rewrite.then(|| rewritten(args, id, options, stream));
        (Ok((id, gone, rewritten)), Some(Event::XAdd))
    };
    let added = (exec.data).change_stream(db, &key, !options.no_mkstream, add)?;
    let Some(added) = added else {
        reply.null();
        return Ok(Effect::None);
    };
    let (id, gone, rewritten) = added?;
    if gone > 0 {
        exec.data.note(db, &key, Event::XTrim);
    }
    reply.bulk(IdText::new(id).bytes());
    Ok(rewritten.map_or(Effect::AsWritten, |argv| Effect::Rewritten(vec![argv])))
}

/// The request with the id that the message got, and without what is rough.
fn rewritten(
    args: &Args<'_>,
    id: StreamId,
    options: Options,
    stream: &StreamMut<'_>,
) -> Vec<Vec<u8>> {
    let mut argv = args.to_owned();
    argv[options.at] = IdText::new(id).to_vec();
    if let Some(trim) = options.trim.filter(Trim::is_rough) {
        trim.rewrite(stream, &mut argv);
        trim::without_limit(&mut argv, options.at);
    }
    argv
}

#[cfg(test)]
mod tests {
    use crate::command::testing::{Bench, START_MS};

    #[test]
    fn ids_go_up() {
        let mut bench = Bench::new();
        let now = |seq: u64| format!("${}|{START_MS}-{seq}", START_MS.to_string().len() + 2);
        assert_eq!(bench.reply("xadd s * a 1"), now(0));
        assert_eq!(bench.reply("xadd s * a 1"), now(1));
        bench.now.unix_us -= 5_000_000;
        assert_eq!(bench.reply("xadd s * a 1"), now(2), "the clock went back");
        let low =
            "-ERR The ID specified in XADD is equal or smaller than the target stream top item";
        bench.replies(&[
            ("xadd t 5-* a 1", "$3|5-0"),
            ("xadd t 5-* a 1", "$3|5-1"),
            ("xadd t 0-* a 1", low),
            ("xadd t 5 a 1", low),
            ("xadd t 5-1 a 1", low),
            (
                "xadd t 5-18446744073709551615 a 1",
                "$22|5-18446744073709551615",
            ),
            ("xadd t 5-* a 1", low),
            ("xadd t 6 a 1", "$3|6-0"),
            ("xadd u 0-* a 1", "$3|0-1"),
            (
                "xadd u 0-0 a 1",
                "-ERR The ID specified in XADD must be greater than 0-0",
            ),
            (
                "xadd u 0-0 a",
                "-ERR wrong number of arguments for 'xadd' command",
            ),
            (
                "xadd u maxlen 1 limit 1 x a 1",
                "-ERR Invalid stream ID specified as stream command argument",
            ),
            (
                "xadd u 18446744073709551615-18446744073709551615 a 1",
                "$41|18446744073709551615-18446744073709551615",
            ),
            (
                "xadd u * a 1",
                "-ERR The stream has exhausted the last possible ID, unable to add more items",
            ),
            ("xadd n nomkstream 1-1 a 1", "$-1"),
            ("exists n", ":0"),
            ("xadd n 1-1 a 1 b 2", "$3|1-1"),
            ("type n", "+stream"),
            ("object encoding n", "$6|stream"),
            ("xrange n - +", "*1|*2|$3|1-1|*4|$1|a|$1|1|$1|b|$1|2"),
        ]);
    }

    #[test]
    fn replicas_get_the_id_and_what_was_trimmed() {
        let mut bench = Bench::new();
        assert_eq!(
            bench.effect("xadd s * a 1"),
            format!("xadd s {START_MS}-0 a 1")
        );
        assert_eq!(bench.effect("xadd t 1-1 a 1"), "xadd t 1-1 a 1");
        assert_eq!(bench.effect("xadd t 1-* a 1"), "xadd t 1-2 a 1");
        assert_eq!(
            bench.effect("xadd t maxlen 2 1-5 a 1"),
            "xadd t maxlen 2 1-5 a 1"
        );
        assert_eq!(
            bench.effect("xadd t maxlen ~ 1 limit 100 1-6 a 1"),
            "xadd t maxlen = 3 1-6 a 1"
        );
        assert_eq!(
            bench.effect("xadd t minid ~ 1-6 1-7 a 1"),
            "xadd t minid = 1-2 1-7 a 1"
        );
        assert_eq!(bench.effect("xadd none nomkstream * a 1"), "");
        assert_eq!(bench.events("xadd t * a 1"), "xadd t");
        assert_eq!(bench.events("xadd t maxlen 1 * a 1"), "xadd t;xtrim t");
        assert_eq!(bench.events("xadd t maxlen 1 nomkstream 1-1 a 1"), "");
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = Bench::new();
        bench.reply("set str x");
        let arity = "-ERR wrong number of arguments for 'xadd' command";
        let invalid = "-ERR Invalid stream ID specified as stream command argument";
        bench.replies(&[
            ("xadd s * a 1 b", arity),
            ("xadd s maxlen 5 *", arity),
            ("xadd s maxlen 5 * a", arity),
            ("xadd s x a 1", invalid),
            ("xadd s 1-2-3 a 1", invalid),
            ("xadd s *-1 a 1", invalid),
            (
                "xadd s maxlen -1 * a 1",
                "-ERR The MAXLEN argument must be >= 0.",
            ),
            (
                "xadd s maxlen x * a 1",
                "-ERR value is not an integer or out of range",
            ),
            (
                "xadd s maxlen 5 limit 5 * a 1",
                "-ERR syntax error, LIMIT cannot be used without the special ~ option",
            ),
            (
                "xadd s limit 5 * a 1",
                "-ERR syntax error, LIMIT cannot be used without specifying a trimming strategy",
            ),
            (
                "xadd s maxlen ~ 5 limit -1 * a 1",
                "-ERR The LIMIT argument must be >= 0.",
            ),
            (
                "xadd s maxlen 5 minid 5 * a 1",
                "-ERR syntax error, MAXLEN and MINID options at the same time are not compatible",
            ),
            ("exists s", ":0"),
            (
                "xadd str * a 1",
                "-WRONGTYPE Operation against a key holding the wrong kind of value",
            ),
        ]);
    }
}
