//! XACK.

use slotkeeper_tree::StreamId;

use super::ids;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Fast, Write};
use crate::spec::KeyFlag::{RW, Update};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static XACK: Definition = Definition {
    spec: Spec {
        name: "xack",
        arity: -4,
        flags: Flags::of(&[Write, Fast]),
        keys: &[KeySpec::one(1, &[RW, Update])],
        since: "5.0.0",
        complexity: "O(log(N)) for each id, with N the number of pending entries",
        summary: "Acknowledges messages of a group; returns how many were pending",
        arguments: &[
            Argument::key("key"),
            Argument::string("group"),
            Argument::string("id").multiple(),
        ],
        ..Spec::new(Group::Stream)
    },
    ..Definition::run(xack)
};

fn xack(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let (db, key, group) = (exec.session.db, args.key(exec.data, 1), args.get(2));
    let stream = exec.data.get_stream(db, &key)?;
    if !stream.is_some_and(|stream| stream.has_group(group)) {
        reply.integer(0);
        return Ok(Effect::None);
    }
    let ids: Result<Vec<StreamId>, Refused> = args.from(3).map(ids::id).collect();
    let ids = ids?;
    let gone = exec.data.change_stream(db, &key, false, |stream| {
        let gone = stream.group(group, |group| {
            let gone = |id: &&StreamId| group.acknowledge(**id).is_some();
            ids.iter().filter(gone).count()
        });
        // As in Redis, no event.
        (gone, None)
    })?;
    let gone = gone.flatten().unwrap_or(0);
    reply.integer(gone as i64);
    Ok(if gone > 0 {
        Effect::AsWritten
    } else {
        Effect::None
    })
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn takes_pending_entries_out_or_refuses_all() {
        let mut bench = Bench::new();
        bench.reply("set str x");
        for id in ["1-1", "1-2", "1-3"] {
            bench.reply(&format!("xadd s {id} a 1"));
        }
        bench.reply("xgroup create s g 0");
        bench.reply("xreadgroup group g alice streams s >");
        let invalid = "-ERR Invalid stream ID specified as stream command argument";
        bench.replies(&[
            ("xack s g 1-1 x", invalid),
            ("xpending s g", "*4|:3|$3|1-1|$3|1-3|*1|*2|$5|alice|$1|3"),
            ("xack s none x", ":0"),
            ("xack missing g x", ":0"),
            ("xack s g 1-1 1-1 9-9", ":1"),
            ("xpending s g", "*4|:2|$3|1-2|$3|1-3|*1|*2|$5|alice|$1|2"),
            (
                "xack str g 1",
                "-WRONGTYPE Operation against a key holding the wrong kind of value",
            ),
        ]);
        assert_eq!(bench.effect("xack s g 1-1"), "");
        assert_eq!(bench.events("xack s g 1-2"), "");
        assert_eq!(bench.effect("xack s g 1-3"), "xack s g 1-3");
        assert_eq!(bench.reply("xpending s g"), "*4|:0|$-1|$-1|*-1");
    }
}
