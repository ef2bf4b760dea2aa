//! XREADGROUP.

use slotkeeper_tree::StreamId;

use super::read::{self, Request};
use super::told::Told;
use super::{change_group, ids, show};
use crate::command::parse::c_text;
use crate::command::{Definition, Effect, Exec, Refused, parse};
use crate::data::{Event, GroupMut, Pending};
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Blocking, Write};
use crate::spec::{Argument, Flags, Group, Spec};

pub(super) static XREADGROUP: Definition = Definition {
    spec: Spec {
        name: "xreadgroup",
        arity: -7,
        flags: Flags::of(&[Write, Blocking]),
        keys: &[read::keys(4)],
        since: "5.0.0",
        complexity: "O(N log(M)) with N the messages that are returned and M those pending",
        summary: "Returns messages of streams to a consumer of a group, and may wait for some",
        arguments: &[
            Argument::block(
                "group-block",
                &[Argument::string("group"), Argument::string("consumer")],
            )
            .token("GROUP"),
            read::COUNT,
            read::BLOCK,
            Argument::word("noack", "NOACK").optional(),
            read::STREAMS,
        ],
        ..Spec::new(Group::Stream)
    },
    ..Definition::run(xreadgroup)
};

const MEANINGLESS: Refused = Refused::new(
    "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this \
     consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just \
     return an empty result set.",
);

#[cold]
fn no_group(key: &[u8], group: &[u8]) -> Refused {
    Refused::text(format!(
        "NOGROUP No such key '{}' or consumer group '{}' in XREADGROUP with GROUP option",
        parse::shown(key),
        parse::shown(group)
    ))
}

/// What is read of each stream: what is pending behind an id, or if there is none, new messages.
fn wanted(
    exec: &mut Exec<'_>,
    args: &Args<'_>,
    request: &Request<'_>,
) -> Result<Vec<Option<StreamId>>, Refused> {
    let (name, _) = request.group.unwrap_or_default();
    let wanted = request.places().map(|(at, id)| {
        let key = args.key(exec.data, at);
        let stream = exec.data.get_stream(exec.session.db, &key)?;
        if !stream.is_some_and(|stream| stream.has_group(name)) {
            return Err(no_group(args.get(at), name));
        }
        match c_text(args.get(id)) {
            b"$" => Err(MEANINGLESS),
            b">" => Ok(None),
            // As in Redis, the highest id stands for new messages.
            _ => ids::id(args.get(id)).map(|id| Some(id).filter(|id| *id != StreamId::MAX)),
        }
    });
    wanted.collect()
}

fn xreadgroup(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let request = Request::parse(args, true)?;
    let wanted = wanted(exec, args, &request)?;
    let (name, consumer) = request.group.unwrap_or_default();
    let (start, mut streams) = (reply.len(), 0);
    let mut commands = Vec::new();
    for ((at, _), wanted) in request.places().zip(wanted) {
        let key = args.key(exec.data, at);
        let mut told = Told::new(args.get(at), name);
        let now_ms = exec.now.unix_ms();
        let read = change_group(exec, &key, name, |group| {
            let mut reading = Reading::new(group, consumer, now_ms, &request);
            let has_some = match wanted {
                Some(id) => {
                    read::begin(reply, args.get(at));
                    reading.history(id, reply);
                    true
                }
                None => reading.new_messages(args.get(at), reply),
            };
            let is_new = reading.is_new;
            reading.tell(&mut told);
            (has_some, is_new.then_some(Event::XGroupCreateConsumer))
        })?;
        streams += usize::from(read.flatten() == Some(true));
        commands.extend(told.into_commands());
    }
    if streams > 0 {
        read::finish(reply, start, streams);
        return Ok(Effect::rewritten_all(commands));
    }
    request.wait(reply, exec.now, None, commands)
}

/// A consumer that reads from a group.
struct Reading<'a, 'g> {
    group: &'a mut GroupMut<'g>,
    consumer: &'a [u8],
    number: u32,
    is_new: bool,
    now_ms: i64,
    most: usize,
    no_ack: bool,
    /// The messages that are pending with it since now, and how often they were delivered.
    delivered: Vec<(StreamId, u64)>,
    /// Whether the group has come further.
    moved: bool,
}

impl<'a, 'g> Reading<'a, 'g> {
    fn new(
        group: &'a mut GroupMut<'g>,
        consumer: &'a [u8],
        now_ms: i64,
        request: &Request<'_>,
    ) -> Reading<'a, 'g> {
        let (number, is_new) = group.make_consumer(consumer, now_ms);
        group.consumer_mut(number).seen = now_ms;
        Reading {
            group,
            consumer,
            number,
            is_new,
            now_ms,
            most: request.most(),
            no_ack: request.no_ack,
            delivered: Vec::new(),
            moved: false,
        }
    }

    /// Shows messages that no consumer of the group got yet. Returns whether there were any.
    fn new_messages(&mut self, key: &[u8], reply: &mut Reply) -> bool {
        let (messages, facts) = (self.group.messages(), self.group.facts());
        let from = self.group.view().last_id().next();
        let all = from.map(|from| messages.range(from, true));
        let mut all = all.into_iter().flatten().peekable();
        if all.peek().is_none() {
            return false;
        }
        read::begin(reply, key);
        let mut read = self.group.view().entries_read();
        let all = all.inspect(|message| {
            let id = message.id;
            read = facts.read_after(id, read);
            self.group.set_last(id, read);
            self.moved = true;
            if !self.no_ack {
                let entry = Pending::new(id, self.number, self.now_ms, 1);
                self.group.put(entry);
                self.delivered.push((id, 1));
            }
        });
        show::messages(reply, all, self.most);
        if !self.no_ack {
            self.group.consumer_mut(self.number).active = Some(self.now_ms);
        }
        true
    }

    /// Shows again what is pending with the consumer behind an id.
    fn history(&mut self, behind: StreamId, reply: &mut Reply) {
        let (mut some, most) = (Vec::new(), self.most);
        if let Some(from) = behind.next() {
            self.group.view().for_each_owned(self.number, from, |id| {
                if some.len() < most {
                    some.push(id);
                }
                some.len() < most
            });
        }
        reply.array(some.len());
        for id in some {
            let Some(message) = self.group.messages().get(id) else {
                reply.array(2);
                show::id(reply, id);
                reply.null_array();
                continue;
            };
            show::message(reply, &message);
            let held = self.group.view().pending(id);
            let count = held.map_or(0, |held| held.count()) + 1;
            let entry = Pending::new(id, self.number, self.now_ms, count);
            self.group.put(entry);
            self.delivered.push((id, count));
        }
    }

    /// Says what replicas do.
    fn tell(self, told: &mut Told) {
        let (last_id, read) = (
            self.group.view().last_id(),
            self.group.view().entries_read(),
        );
        if self.is_new && self.delivered.is_empty() {
            told.made(self.consumer);
        }
        told.claimed(self.consumer, self.now_ms, &self.delivered, last_id);
        if self.moved {
            told.set_id(last_id, read);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::command::testing::{Bench, START_MS};
    use crate::request::Awaited;

    fn bench() -> Bench {
        let mut bench = Bench::new();
        for ms in 1..=4 {
            bench.reply(&format!("xadd s {ms}-0 a {ms}"));
        }
        bench.reply("xgroup create s g 0");
        bench
    }

    #[test]
    fn each_message_goes_to_one_consumer_and_is_shown_to_it_again() {
        let mut bench = bench();
        let one = |ms: u8| format!("*2|$3|{ms}-0|*2|$1|a|$1|{ms}");
        let read = |some: &[u8]| {
            let some: Vec<_> = some.iter().map(|ms| one(*ms)).collect();
            let head = format!("*1|*2|$1|s|*{}", some.len());
            [vec![head], some].concat().join("|")
        };
        for (line, some) in [
            ("xreadgroup group g alice count 2 streams s >", &[1, 2][..]),
            ("xreadgroup group g bob count 1 streams s >", &[3]),
            ("xreadgroup group g alice streams s 0", &[1, 2]),
            ("xreadgroup group g alice streams s 1-0", &[2]),
            ("xreadgroup group g bob count 5 streams s 0", &[3]),
            ("xreadgroup group g carol streams s 0", &[]),
            ("xreadgroup group g carol noack streams s >", &[4]),
            ("xreadgroup group g carol streams s 0", &[]),
        ] {
            assert_eq!(bench.reply(line), read(some), "{line}");
        }
        assert_eq!(bench.reply("xreadgroup group g alice streams s >"), "*-1");
        assert_eq!(
            bench.reply("xpending s g - + 9"),
            "*3|*4|$3|1-0|$5|alice|:0|:2|*4|$3|2-0|$5|alice|:0|:3|*4|$3|3-0|$3|bob|:0|:2"
        );
        bench.reply("xdel s 2-0");
        assert_eq!(
            bench.reply("xreadgroup group g alice streams s 1-0"),
            "*1|*2|$1|s|*1|*2|$3|2-0|*-1"
        );
        // After the group was set back, they change hands.
        bench.reply("xgroup setid s g 0");
        bench.reply("xreadgroup group g dave streams s >");
        assert_eq!(
            bench.reply("xpending s g"),
            "*4|:4|$3|1-0|$3|4-0|*2|*2|$5|alice|$1|1|*2|$4|dave|$1|3"
        );
        bench.session.resp3 = true;
        let both = bench.reply("xreadgroup group g dave streams s s 0 0");
        assert!(both.starts_with("%2|$1|s|*3|"), "{both}");
    }

    #[test]
    fn replicas_are_told_what_was_delivered_to_whom() {
        let mut bench = bench();
        assert_eq!(
            bench.effect("xreadgroup group g alice count 2 streams s >"),
            format!(
                "XCLAIM s g alice 0 1-0 2-0 TIME {START_MS} RETRYCOUNT 1 FORCE JUSTID LASTID 2-0;\
                 XGROUP SETID s g 2-0 ENTRIESREAD 2"
            )
        );
        assert_eq!(
            bench.effect("xreadgroup group g bob noack count 1 streams s >"),
            "XGROUP CREATECONSUMER s g bob;XGROUP SETID s g 3-0 ENTRIESREAD 3"
        );
        bench.advance_ms(5);
        assert_eq!(
            bench.effect("xreadgroup group g alice streams s 1-0"),
            format!(
                "XCLAIM s g alice 0 2-0 TIME {} RETRYCOUNT 2 FORCE JUSTID LASTID 3-0",
                START_MS + 5
            )
        );
        assert_eq!(bench.effect("xreadgroup group g bob streams s 0"), "");
        assert_eq!(
            bench.events("xreadgroup group g carol streams s 0"),
            "xgroup-createconsumer s"
        );
        assert_eq!(bench.events("xreadgroup group g carol streams s >"), "");
    }

    #[test]
    fn waits_for_new_messages_alone() {
        let mut bench = bench();
        bench.reply("xgroup setid s g $");
        let block = bench.block("xreadgroup group g alice block 9 streams s >");
        let group = Awaited::Group(b"g".to_vec());
        assert_eq!((block.keys, block.awaited), (7..8, group));
        assert_eq!(block.deadline, Some(bench.now.mono_ms() + 9));
        let made = [["XGROUP", "CREATECONSUMER", "s", "g", "alice"].map(str::as_bytes)];
        assert_eq!(
            block.changed,
            made.map(|argv| argv.map(<[u8]>::to_vec).to_vec())
        );
        let block = bench.block("xreadgroup group g alice block 9 streams s >");
        assert!(block.changed.is_empty(), "it is there now");
        assert_eq!(
            bench.reply("xreadgroup group g alice block 9 streams s 0"),
            "*1|*2|$1|s|*0"
        );
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = bench();
        bench.reply("set str x");
        let none = |key: &str, group: &str| {
            format!(
                "-NOGROUP No such key '{key}' or consumer group '{group}' in XREADGROUP with GROUP option"
            )
        };
        for (line, reply) in [
            ("xreadgroup group none c streams s >", none("s", "none")),
            ("xreadgroup group g c streams s missing > >", none("missing", "g")),
            ("xreadgroup group g c streams s x",
             "-ERR Invalid stream ID specified as stream command argument".to_owned()),
            ("xreadgroup group g c streams s a >",
             "-ERR Unbalanced 'xreadgroup' list of streams: for each stream key an ID or '>' must be specified.".to_owned()),
            ("xreadgroup count 1 count 1 streams s >",
             "-ERR Missing GROUP option for XREADGROUP".to_owned()),
            ("xreadgroup group g c streams str >",
             "-WRONGTYPE Operation against a key holding the wrong kind of value".to_owned()),
        ] {
            assert_eq!(bench.reply(line), reply, "{line}");
        }
        assert!(
            bench
                .reply("xreadgroup group g c streams s $")
                .starts_with("-ERR The $ ID is meaningless")
        );
        assert_eq!(bench.reply("xinfo consumers s g"), "*0", "nobody was made");
    }
}
