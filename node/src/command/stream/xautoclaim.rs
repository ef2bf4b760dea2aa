//! XAUTOCLAIM.

use slotkeeper_tree::StreamId;

use super::claim::{Claim, Claimed};
use super::told::Told;
use super::{change_group, ids, no_group, show};
use crate::command::parse::SYNTAX;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::{Event, GroupMut};
use crate::resp::number::parse_integer;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Fast, Write};
use crate::spec::KeyFlag::{Delete, RW};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static XAUTOCLAIM: Definition = Definition {
    spec: Spec {
        name: "xautoclaim",
        arity: -6,
        flags: Flags::of(&[Write, Fast]),
        keys: &[KeySpec::one(1, &[RW, Delete])],
        tips: &["nondeterministic_output"],
        since: "6.2.0",
        complexity: "O(N) with N the entries that are looked at: ten times COUNT at most",
        summary: "Gives pending entries that were idle for long to another consumer",
        history: &[("7.0.0", "The reply lists entries whose messages are gone.")],
        arguments: &[
            Argument::key("key"),
            Argument::string("group"),
            Argument::string("consumer"),
            Argument::string("min-idle-time"),
            Argument::string("start"),
            Argument::integer("count").token("COUNT").optional(),
            Argument::word("justid", "JUSTID").optional(),
        ],
        ..Spec::new(Group::Stream)
    },
    ..Definition::run(xautoclaim)
};

/// So many entries are looked at for each that is asked for.
const ATTEMPTS: u64 = 10;
/// A larger count is refused, as in Redis.
const COUNT_MAX: i64 = i64::MAX / 16;
/// So many are listed before they change.
const AT_ONCE: usize = 64;

struct Request {
    min_idle: i64,
    start: StreamId,
    count: u64,
    just_ids: bool,
}

impl Request {
    fn parse(args: &Args<'_>) -> Result<Request, Refused> {
        let min_idle = parse_integer(args.get(4)).ok_or(Refused::new(
            "ERR Invalid min-idle-time argument for XAUTOCLAIM",
        ))?;
        let mut request = Request {
            min_idle: min_idle.max(0),
            start: ids::bound(args.get(5), false)?,
            count: 100,
            just_ids: false,
        };
        let mut at = 6;
        while at < args.len() {
            if args.is(at, "count") && at + 1 < args.len() {
                at += 1;
                let count = parse_integer(args.get(at));
                let count = count.filter(|count| (1..=COUNT_MAX).contains(count));
                let count = count.ok_or(Refused::new("ERR COUNT must be > 0"))?;
                request.count = count.unsigned_abs();
            } else if args.is(at, "justid") {
                request.just_ids = true;
            } else {
                return Err(SYNTAX);
            }
            at += 1;
        }
        Ok(request)
    }

    /// Claims, and shows what it has. Returns where the next one is to go on.
    fn run(
        &self,
        group: &mut GroupMut<'_>,
        claim: &mut Claim<'_>,
        reply: &mut Reply,
    ) -> Option<StreamId> {
        let (mut count, mut attempts) = (self.count, self.count.saturating_mul(ATTEMPTS));
        let mut next = Some(self.start);
        show::counted(reply, |reply| {
            let mut claimed = 0;
            while let Some(from) = next.filter(|_| count > 0 && attempts > 0) {
                let mut some = Vec::new();
                group.view().for_each_pending(from, |entry| {
                    some.push(entry.id());
                    some.len() < AT_ONCE
                });
                if some.is_empty() {
                    next = None;
                }
                for id in some {
                    if count == 0 || attempts == 0 {
                        break;
                    }
                    attempts -= 1;
                    let what = claim.take(group, id, false, reply);
                    claimed += usize::from(what == Claimed::Yes);
                    count -= u64::from(what != Claimed::No);
                    next = id.next();
                }
            }
            claimed
        });
        first_from(group, next?)
    }
}

/// The first entry from an id on.
fn first_from(group: &GroupMut<'_>, from: StreamId) -> Option<StreamId> {
    let mut first = None;
    group.view().for_each_pending(from, |entry| {
        first = Some(entry.id());
        false
    });
    first
}

fn xautoclaim(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let request = Request::parse(args)?;
    let (db, key, name) = (exec.session.db, args.key(exec.data, 1), args.get(2));
    let stream = exec.data.get_stream(db, &key)?;
    if !stream.is_some_and(|stream| stream.has_group(name)) {
        return Err(no_group(args.get(1), name));
    }
    let now_ms = exec.now.unix_ms();
    let mut told = Told::new(args.get(1), name);
    change_group(exec, &key, name, |group| {
        let mut claim = Claim::new(group, args.get(3), now_ms);
        claim.min_idle = request.min_idle;
        claim.just_ids = request.just_ids;
        let start = reply.len();
        let next = request.run(group, &mut claim, reply);
        reply.put_before(start, |reply| {
            reply.array(3);
            show::id(reply, next.unwrap_or(StreamId::MIN));
        });
        reply.array(claim.deleted().len());
        claim.deleted().iter().for_each(|id| show::id(reply, *id));
        claim.tell(&mut told, group, false);
        ((), claim.is_new().then_some(Event::XGroupCreateConsumer))
    })?;
    Ok(told.into_effect())
}

#[cfg(test)]
mod tests {
    use crate::command::testing::{Bench, START_MS};

    fn bench(messages: u64) -> Bench {
        let mut bench = Bench::new();
        for ms in 1..=messages {
            bench.reply(&format!("xadd s {ms}-0 a 1"));
        }
        bench.reply("xgroup create s g 0");
        bench.reply("xreadgroup group g alice streams s >");
        bench.advance_ms(100);
        bench
    }

    #[test]
    fn idle_entries_change_hands_and_those_without_a_message_go() {
        let mut bench = bench(4);
        bench.reply("xdel s 2-0");
        bench.replies(&[
            (
                "xautoclaim s g bob 100 0 count 1",
                "*3|$3|2-0|*1|*2|$3|1-0|*2|$1|a|$1|1|*0",
            ),
            (
                "xautoclaim s g bob 50 (1-0 count 2 justid",
                "*3|$3|4-0|*1|$3|3-0|*1|$3|2-0",
            ),
            ("xautoclaim s g bob 50 - justid", "*3|$3|0-0|*1|$3|4-0|*0"),
            ("xautoclaim s g bob 101 0", "*3|$3|0-0|*0|*0"),
            ("xpending s g", "*4|:3|$3|1-0|$3|4-0|*1|*2|$3|bob|$1|3"),
            (
                "xpending s g - + 9",
                "*3|*4|$3|1-0|$3|bob|:0|:2|*4|$3|3-0|$3|bob|:0|:1|*4|$3|4-0|$3|bob|:0|:1",
            ),
        ]);
    }

    #[test]
    fn it_looks_at_ten_times_the_count() {
        let mut bench = bench(300);
        bench.replies(&[
            (
                "xautoclaim s g bob 200 - count 9 justid",
                "*3|$4|91-0|*0|*0",
            ),
            (
                "xautoclaim s g bob 200 - count 29 justid",
                "*3|$5|291-0|*0|*0",
            ),
            (
                "xautoclaim s g bob 200 - count 30 justid",
                "*3|$3|0-0|*0|*0",
            ),
        ]);
        let now = START_MS + 100;
        let told = bench.effect("xautoclaim s g bob 0 299 justid");
        assert_eq!(
            told,
            format!(
                "XCLAIM s g bob 0 299-0 300-0 TIME {now} RETRYCOUNT 1 FORCE JUSTID LASTID 300-0"
            )
        );
        assert_eq!(bench.effect("xautoclaim s g bob 50 299"), "");
        assert_eq!(
            bench.effect("xautoclaim s g carol 500 0"),
            "XGROUP CREATECONSUMER s g carol"
        );
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = bench(1);
        bench.reply("set str x");
        bench.replies(&[
            (
                "xautoclaim s g c x 0",
                "-ERR Invalid min-idle-time argument for XAUTOCLAIM",
            ),
            (
                "xautoclaim s g c 0 x",
                "-ERR Invalid stream ID specified as stream command argument",
            ),
            ("xautoclaim s g c 0 0 count 0", "-ERR COUNT must be > 0"),
            ("xautoclaim s g c 0 0 count", "-ERR syntax error"),
            ("xautoclaim s g c 0 0 foo", "-ERR syntax error"),
            (
                "xautoclaim s none c 0 0",
                "-NOGROUP No such key 's' or consumer group 'none'",
            ),
            (
                "xautoclaim none g c 0 0",
                "-NOGROUP No such key 'none' or consumer group 'g'",
            ),
            (
                "xautoclaim str g c 0 0",
                "-WRONGTYPE Operation against a key holding the wrong kind of value",
            ),
        ]);
    }
}
