//! XDEL.

use slotkeeper_tree::StreamId;

use super::ids;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::Event;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Fast, Write};
use crate::spec::KeyFlag::{Delete, RW};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static XDEL: Definition = Definition {
    spec: Spec {
        name: "xdel",
        arity: -3,
        flags: Flags::of(&[Write, Fast]),
        keys: &[KeySpec::one(1, &[RW, Delete])],
        since: "5.0.0",
        complexity: "O(log(N)) for each id, with N the number of messages",
        summary: "Deletes messages of a stream; returns how many were there",
        arguments: &[Argument::key("key"), Argument::string("id").multiple()],
        ..Spec::new(Group::Stream)
    },
    ..Definition::run(xdel)
};

fn xdel(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let (db, key) = (exec.session.db, args.key(exec.data, 1));
    match exec.data.get_to_change(db, &key) {
        Some(entry) => {
            entry.as_stream()?;
        }
        None => {
            reply.integer(0);
            return Ok(Effect::None);
        }
    }
    let ids: Result<Vec<StreamId>, Refused> = args.from(2).map(ids::id).collect();
    let ids = ids?;
    let gone = exec.data.change_stream(db, &key, false, |stream| {
        let gone = ids.iter().filter(|id| stream.remove(**id)).count();
        (gone, (gone > 0).then_some(Event::XDel))
    })?;
    let gone = gone.unwrap_or(0);
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
    fn deletes_and_remembers_the_highest_one() {
        let mut bench = Bench::new();
        bench.reply("set str x");
        for id in ["1-1", "1-2", "2-0"] {
            bench.reply(&format!("xadd s {id} a {id}"));
        }
        assert_eq!(bench.events("xdel s 1-2"), "xdel s");
        assert_eq!(bench.effect("xdel s 1-2 7"), "");
        assert_eq!(bench.effect("xdel s 1-1 1-1 7"), "xdel s 1-1 1-1 7");
        let info = bench.reply("xinfo stream s");
        assert!(info.contains("$20|max-deleted-entry-id|$3|1-2|"), "{info}");
        bench.replies(&[
            ("xlen s", ":1"),
            ("xdel missing x", ":0"),
            (
                "xdel s 2-0 x",
                "-ERR Invalid stream ID specified as stream command argument",
            ),
            ("xlen s", ":1"),
            (
                "xdel str 1",
                "-WRONGTYPE Operation against a key holding the wrong kind of value",
            ),
        ]);
    }
}
