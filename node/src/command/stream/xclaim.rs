//! XCLAIM.

use slotkeeper_tree::StreamId;

use super::claim::{Claim, Claimed};
use super::told::Told;
use super::{change_group, ids, no_group, show};
use crate::command::{Definition, Effect, Exec, Refused, parse};
use crate::data::{Event, GroupMut};
use crate::resp::number::parse_integer;
use crate::resp::{Args, Reply, is_word};
use crate::spec::Flag::{Fast, Write};
use crate::spec::KeyFlag::{RW, Update};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static XCLAIM: Definition = Definition {
    spec: Spec {
        name: "xclaim",
        arity: -6,
        flags: Flags::of(&[Write, Fast]),
        keys: &[KeySpec::one(1, &[RW, Update])],
        tips: &["nondeterministic_output"],
        since: "5.0.0",
        complexity: "O(log(N)) for each id, with N the number of pending entries",
        summary: "Gives pending entries of a group to another consumer",
        arguments: &[
            Argument::key("key"),
            Argument::string("group"),
            Argument::string("consumer"),
            Argument::string("min-idle-time"),
            Argument::string("id").multiple(),
            Argument::integer("ms").token("IDLE").optional(),
            Argument::unix_time("unix-time-milliseconds")
                .token("TIME")
                .optional(),
            Argument::integer("count").token("RETRYCOUNT").optional(),
            Argument::word("force", "FORCE").optional(),
            Argument::word("justid", "JUSTID").optional(),
            Argument::string("lastid").token("LASTID").optional(),
        ],
        ..Spec::new(Group::Stream)
    },
    ..Definition::run(xclaim)
};

struct Request {
    min_idle: i64,
    ids: Vec<StreamId>,
    force: bool,
    just_ids: bool,
    time: Option<i64>,
    count: Option<u64>,
    last_id: StreamId,
}

fn number(text: &[u8], what: &str) -> Result<i64, Refused> {
    parse_integer(text).ok_or_else(|| Refused::text(format!("ERR Invalid {what} for XCLAIM")))
}

impl Request {
    fn parse(args: &Args<'_>, now_ms: i64) -> Result<Request, Refused> {
        let mut request = Request {
            min_idle: number(args.get(4), "min-idle-time argument")?.max(0),
            ids: args.from(5).map_while(|text| ids::id(text).ok()).collect(),
            force: false,
            just_ids: false,
            time: None,
            count: None,
            last_id: StreamId::MIN,
        };
        let mut at = 5 + request.ids.len();
        while let Some(word) = args.opt(at) {
            let value = args.opt(at + 1);
            match value {
                _ if is_word(word, "force") => request.force = true,
                _ if is_word(word, "justid") => request.just_ids = true,
                Some(value) => {
                    request.parse_value(word, value, now_ms)?;
                    at += 1;
                }
                None => return Err(unknown(word)),
            }
            at += 1;
        }
        Ok(request)
    }

    fn parse_value(&mut self, word: &[u8], value: &[u8], now_ms: i64) -> Result<(), Refused> {
        if is_word(word, "idle") {
            let idle = number(value, "IDLE option argument")?;
            self.time = Some(now_ms.wrapping_sub(idle));
        } else if is_word(word, "time") {
            self.time = Some(number(value, "TIME option argument")?);
        } else if is_word(word, "retrycount") {
            let count = number(value, "RETRYCOUNT option argument")?;
            self.count = u64::try_from(count).ok();
        } else if is_word(word, "lastid") {
            self.last_id = ids::id(value)?;
        } else {
            return Err(unknown(word));
        }
        Ok(())
    }

    /// When entries count as delivered: what is given, unless it cannot be.
    fn delivered(&self, now_ms: i64, latest: i64) -> i64 {
        let time = self.time.filter(|time| (0..=latest).contains(time));
        time.unwrap_or(now_ms)
    }

    fn run(
        &self,
        group: &mut GroupMut<'_>,
        (consumer, delivered, now_ms): (&[u8], i64, i64),
        told: &mut Told,
        reply: &mut Reply,
    ) -> bool {
        let moved = self.last_id > group.view().last_id();
        if moved {
            let read = group.view().entries_read();
            group.set_last(self.last_id, read);
        }
        let mut claim = Claim::new(group, consumer, now_ms);
        claim.min_idle = self.min_idle;
        claim.time = delivered;
        claim.count = self.count;
        claim.just_ids = self.just_ids;
        show::counted(reply, |reply| {
            let mut take = |id| claim.take(group, id, self.force, reply);
            let ids = self.ids.iter();
            ids.filter(|id| take(**id) == Claimed::Yes).count()
        });
        claim.tell(told, group, moved);
        claim.is_new()
    }
}

#[cold]
fn unknown(word: &[u8]) -> Refused {
    Refused::text(format!(
        "ERR Unrecognized XCLAIM option '{}'",
        parse::shown(word)
    ))
}

fn xclaim(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let (db, key, name) = (exec.session.db, args.key(exec.data, 1), args.get(2));
    let stream = exec.data.get_stream(db, &key)?;
    if !stream.is_some_and(|stream| stream.has_group(name)) {
        return Err(no_group(args.get(1), name));
    }
    let now_ms = exec.now.unix_ms();
    let request = Request::parse(args, now_ms)?;
    // What a master tells is as it says, whatever this clock says: Redis takes its own time for a later
    // one there, too, and then a replica differs from its master.
    let latest = if exec.node.is_replica {
        i64::MAX
    } else {
        now_ms
    };
    let delivered = request.delivered(now_ms, latest);
    let mut told = Told::new(args.get(1), name);
    change_group(exec, &key, name, |group| {
        let is_new = request.run(group, (args.get(3), delivered, now_ms), &mut told, reply);
        ((), is_new.then_some(Event::XGroupCreateConsumer))
    })?;
    Ok(told.into_effect())
}

#[cfg(test)]
mod tests {
    use crate::command::testing::{Bench, START_MS};

    fn bench() -> Bench {
        let mut bench = Bench::new();
        for ms in 1..=3 {
            bench.reply(&format!("xadd s {ms}-0 a {ms}"));
        }
        bench.reply("xgroup create s g 0");
        bench.reply("xreadgroup group g alice count 2 streams s >");
        bench.advance_ms(100);
        bench
    }

    #[test]
    fn entries_change_hands() {
        let mut bench = bench();
        bench.replies(&[
            ("xclaim s g bob 101 1-0", "*0"),
            ("xclaim s g bob 100 1-0 9-9", "*1|*2|$3|1-0|*2|$1|a|$1|1"),
            ("xclaim s g bob 50 1-0", "*0"),
            ("xpending s g - + 9 bob", "*1|*4|$3|1-0|$3|bob|:0|:2"),
            ("xclaim s g bob 0 1-0 justid idle 30", "*1|$3|1-0"),
            ("xpending s g - + 9 bob", "*1|*4|$3|1-0|$3|bob|:30|:2"),
            (
                "xclaim s g bob 0 1-0 retrycount 7 time 5 justid",
                "*1|$3|1-0",
            ),
            (
                "xpending s g 1 1 9",
                "*1|*4|$3|1-0|$3|bob|:1700000000095|:7",
            ),
            ("xclaim s g bob 0 3-0 justid", "*0"),
            ("xclaim s g bob 0 3-0 force justid", "*1|$3|3-0"),
            ("xpending s g 3 3 9", "*1|*4|$3|3-0|$3|bob|:0|:1"),
            ("xdel s 2-0", ":1"),
            ("xclaim s g bob 0 2-0", "*0"),
            ("xpending s g - + 9 alice", "*0"),
        ]);
    }

    #[test]
    fn replicas_are_told_ids_times_and_counts() {
        let mut bench = bench();
        let now = START_MS + 100;
        assert_eq!(
            bench.effect("xclaim s g bob 0 1-0 2-0"),
            format!("XCLAIM s g bob 0 1-0 2-0 TIME {now} RETRYCOUNT 2 FORCE JUSTID LASTID 2-0")
        );
        assert_eq!(bench.effect("xclaim s g bob 0 9-0"), "");
        assert_eq!(
            bench.events("xclaim s g dave 0 9-0"),
            "xgroup-createconsumer s"
        );
        assert_eq!(
            bench.effect("xclaim s g carol 0 9-0 lastid 3-0"),
            "XGROUP CREATECONSUMER s g carol;XGROUP SETID s g 3-0 ENTRIESREAD 2"
        );
        bench.reply("xdel s 1-0");
        assert_eq!(bench.effect("xclaim s g bob 0 1-0"), "XACK s g 1-0");
        // What it tells has the same effect there.
        let there = "xclaim s g bob 0 2-0 time 1700000000000 retrycount 5 force justid lastid 3-0";
        bench.reply(there);
        assert_eq!(
            bench.reply("xpending s g - + 9"),
            "*1|*4|$3|2-0|$3|bob|:100|:5"
        );
    }

    #[test]
    fn a_replica_whose_clock_is_behind_takes_the_time_of_its_master() {
        let later = START_MS + 5_000;
        let claimed = format!("xclaim s g bob 0 1-0 time {later} justid");
        let idle_then = |is_replica| {
            let mut bench = bench();
            bench.is_replica = is_replica;
            bench.reply(&claimed);
            bench.advance_ms(5_000);
            bench.reply("xpending s g - + 9 bob")
        };
        assert_eq!(idle_then(true), "*1|*4|$3|1-0|$3|bob|:100|:1");
        assert_eq!(idle_then(false), "*1|*4|$3|1-0|$3|bob|:5000|:1");
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = bench();
        bench.reply("set str x");
        bench.replies(&[
            (
                "xclaim none g c 0 1",
                "-NOGROUP No such key 'none' or consumer group 'g'",
            ),
            (
                "xclaim s none c x 1",
                "-NOGROUP No such key 's' or consumer group 'none'",
            ),
            (
                "xclaim s g c x 1",
                "-ERR Invalid min-idle-time argument for XCLAIM",
            ),
            (
                "xclaim s g c 0 1 foo 2",
                "-ERR Unrecognized XCLAIM option 'foo'",
            ),
            (
                "xclaim s g c 0 1 idle",
                "-ERR Unrecognized XCLAIM option 'idle'",
            ),
            (
                "xclaim s g c 0 1 idle x",
                "-ERR Invalid IDLE option argument for XCLAIM",
            ),
            (
                "xclaim s g c 0 1 time x",
                "-ERR Invalid TIME option argument for XCLAIM",
            ),
            (
                "xclaim s g c 0 1 retrycount x",
                "-ERR Invalid RETRYCOUNT option argument for XCLAIM",
            ),
            (
                "xclaim s g c 0 1 lastid x",
                "-ERR Invalid stream ID specified as stream command argument",
            ),
            (
                "xclaim str g c 0 1",
                "-WRONGTYPE Operation against a key holding the wrong kind of value",
            ),
        ]);
    }
}
