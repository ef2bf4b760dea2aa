//! XREAD.

use slotkeeper_tree::StreamId;

use super::ids::{self, IdText};
use super::read::{self, Request};
use super::show;
use crate::command::parse::c_text;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::Stream;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Blocking, ReadOnly};
use crate::spec::{Flags, Group, Spec};

pub(super) static XREAD: Definition = Definition {
    spec: Spec {
        name: "xread",
        arity: -4,
        flags: Flags::of(&[ReadOnly, Blocking]),
        keys: &[read::keys(1)],
        since: "5.0.0",
        complexity: "O(N) with N the number of messages that are returned",
        summary: "Returns the messages of streams behind ids, and may wait for some",
        arguments: &[read::COUNT, read::BLOCK, read::STREAMS],
        ..Spec::new(Group::Stream)
    },
    ..Definition::run(xread)
};

const ONLY_GROUPS: Refused = Refused::new(
    "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> \
     option.",
);

/// The ids behind which each stream is to be read.
fn wanted(
    exec: &mut Exec<'_>,
    args: &Args<'_>,
    request: &Request<'_>,
) -> Result<Vec<StreamId>, Refused> {
    let wanted = request.places().map(|(key, id)| {
        let key = args.key(exec.data, key);
        let stream = exec.data.get_stream(exec.session.db, &key)?;
        match c_text(args.get(id)) {
            b"$" => Ok(stream.map_or(StreamId::MIN, Stream::last_id)),
            b">" => Err(ONLY_GROUPS),
            _ => ids::id(args.get(id)),
        }
    });
    wanted.collect()
}

fn xread(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let request = Request::parse(args, false)?;
    let ids = wanted(exec, args, &request)?;
    let (start, mut streams) = (reply.len(), 0);
    for ((at, _), id) in request.places().zip(&ids) {
        let key = args.key(exec.data, at);
        let Some(stream) = exec.data.get_stream(exec.session.db, &key)? else {
            continue;
        };
        let from = id.next().filter(|from| *from <= stream.top_id());
        if let Some(from) = from {
            read::begin(reply, args.get(at));
            show::messages(reply, stream.range(from, true), request.most());
            streams += 1;
        }
    }
    if streams > 0 {
        read::finish(reply, start, streams);
        return Ok(Effect::None);
    }
    // What is behind the last message now must not be looked up again.
    let has_last = request.places().any(|(_, id)| args.is(id, "$"));
    let again = has_last.then(|| {
        let mut argv = args.to_owned();
        for ((_, at), id) in request.places().zip(&ids) {
            argv[at] = IdText::new(*id).to_vec();
        }
        argv
    });
    request.wait(reply, exec.now, again, Vec::new())
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;
    use crate::request::Awaited;

    #[test]
    fn shows_what_is_behind_each_id() {
        let mut bench = Bench::new();
        for (key, id) in [("a", "1-1"), ("a", "1-2"), ("b", "5-0")] {
            bench.reply(&format!("xadd {key} {id} f v"));
        }
        let one = |id: &str| format!("*2|$3|{id}|*2|$1|f|$1|v");
        for (line, shown) in [
            (
                "xread streams a 0",
                format!("*1|*2|$1|a|*2|{}|{}", one("1-1"), one("1-2")),
            ),
            (
                "xread count 1 streams a b 0 0",
                format!("*2|*2|$1|a|*1|{}|*2|$1|b|*1|{}", one("1-1"), one("5-0")),
            ),
            (
                "xread count 0 streams a b none 1-2 4 0",
                format!("*1|*2|$1|b|*1|{}", one("5-0")),
            ),
            ("xread streams a b $ $", "*-1".to_owned()),
            (
                "xread streams a 18446744073709551615-18446744073709551615",
                "*-1".to_owned(),
            ),
            ("xread streams none 0", "*-1".to_owned()),
        ] {
            assert_eq!(bench.reply(line), shown, "{line}");
        }
        bench.session.resp3 = true;
        assert_eq!(
            bench.reply("xread count 1 streams a b 0 0"),
            format!("%2|$1|a|*1|{}|$1|b|*1|{}", one("1-1"), one("5-0"))
        );
        assert_eq!(bench.reply("xread streams none 0"), "_");
        bench.reply("xdel a 1-2");
        assert_eq!(bench.reply("xread streams a 1-1"), "_");
    }

    #[test]
    fn waits_for_what_comes_from_now_on() {
        let mut bench = Bench::new();
        bench.reply("xadd a 1-1 f v");
        let block = bench.block("xread block 0 streams a b 1-1 5");
        assert_eq!((block.keys, block.awaited), (4..6, Awaited::Stream));
        assert_eq!((block.deadline, block.request), (None, None));
        let block = bench.block("xread count 2 block 50 streams a b $ $");
        assert_eq!(block.deadline, Some(bench.now.mono_ms() + 50));
        let again = block.request.unwrap().join(&b' ');
        assert_eq!(again, b"xread count 2 block 50 streams a b 1-1 0-0");
        assert!(bench.reply("xread block 0 streams a 0").starts_with("*1|"));
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = Bench::new();
        bench.reply("set str x");
        bench.replies(&[
            ("xread streams a b 0",
             "-ERR Unbalanced 'xread' list of streams: for each stream key an ID or '$' must be specified."),
            ("xread count 1 block", "-ERR syntax error"),
            ("xread count x streams a 0", "-ERR value is not an integer or out of range"),
            ("xread block x streams a 0", "-ERR timeout is not an integer or out of range"),
            ("xread block -1 streams a 0", "-ERR timeout is negative"),
            ("xread noack streams a 0",
             "-ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead."),
            ("xread group g c streams a 0",
             "-ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead."),
            ("xread streams a >",
             "-ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option."),
            ("xread streams a x", "-ERR Invalid stream ID specified as stream command argument"),
            ("xread streams a +", "-ERR Invalid stream ID specified as stream command argument"),
            ("xread streams str 0", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ]);
    }
}
