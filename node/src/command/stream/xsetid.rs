//! XSETID.

use slotkeeper_tree::StreamId;

use super::ids;
use crate::command::parse::{NO_SUCH_KEY, SYNTAX, integer};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::{Event, Stream};
use crate::resp::{Args, Reply};
use crate::spec::Flag::{DenyOom, Fast, Write};
use crate::spec::KeyFlag::{RW, Update};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static XSETID: Definition = Definition {
    spec: Spec {
        name: "xsetid",
        arity: -3,
        flags: Flags::of(&[Write, DenyOom, Fast]),
        keys: &[KeySpec::one(1, &[RW, Update])],
        since: "5.0.0",
        summary: "Sets the last id of a stream, and its other counters",
        history: &[("7.0.0", "`ENTRIESADDED` and `MAXDELETEDID`.")],
        arguments: &[
            Argument::key("key"),
            Argument::string("last-id"),
            Argument::integer("entries-added")
                .token("ENTRIESADDED")
                .since("7.0.0")
                .optional(),
            Argument::string("max-deleted-id")
                .token("MAXDELETEDID")
                .since("7.0.0")
                .optional(),
        ],
        ..Spec::new(Group::Stream)
    },
    ..Definition::run(xsetid)
};

struct Wanted {
    last_id: StreamId,
    entries_added: Option<u64>,
    max_deleted: Option<StreamId>,
}

fn parse(args: &Args<'_>) -> Result<Wanted, Refused> {
    let mut wanted = Wanted {
        last_id: ids::id(args.get(2))?,
        entries_added: None,
        max_deleted: None,
    };
    for at in (3..args.len()).step_by(2) {
        let Some(value) = args.opt(at + 1) else {
            return Err(SYNTAX);
        };
        if args.is(at, "entriesadded") {
            let negative = Refused::new("ERR entries_added must be positive");
            let added = u64::try_from(integer(value)?).map_err(|_| negative)?;
            wanted.entries_added = Some(added);
        } else if args.is(at, "maxdeletedid") {
            let id = ids::id(value)?;
            if wanted.last_id < id {
                return Err(Refused::new(
                    "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id",
                ));
            }
            wanted.max_deleted = Some(id).filter(|id| *id != StreamId::MIN);
        } else {
            return Err(SYNTAX);
        }
    }
    Ok(wanted)
}

impl Wanted {
    /// What speaks against it.
    fn check(&self, stream: &Stream) -> Result<(), Refused> {
        if self.last_id < stream.max_deleted() {
            return Err(Refused::new(
                "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id",
            ));
        }
        if self.last_id < stream.top_id() {
            return Err(Refused::new(
                "ERR The ID specified in XSETID is smaller than the target stream top item",
            ));
        }
        if (self.entries_added).is_some_and(|added| added < stream.len() as u64) {
            return Err(Refused::new(
                "ERR The entries_added specified in XSETID is smaller than the target stream length",
            ));
        }
        Ok(())
    }
}

fn xsetid(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let wanted = parse(args)?;
    let (db, key) = (exec.session.db, args.key(exec.data, 1));
    let set = exec.data.change_stream(db, &key, false, |stream| {
        let checked = wanted.check(stream.view());
        if checked.is_ok() {
            stream.set_facts(wanted.last_id, wanted.entries_added, wanted.max_deleted);
        }
        let event = checked.is_ok().then_some(Event::XSetId);
        (checked, event)
    })?;
    set.ok_or(NO_SUCH_KEY)??;
    reply.ok();
    Ok(Effect::AsWritten)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn sets_counters_that_do_not_contradict_the_messages() {
        let mut bench = Bench::new();
        bench.reply("xadd s 5-1 a 1");
        bench.reply("xadd s 5-2 a 1");
        bench.reply("xdel s 5-1");
        bench.reply("set str x");
        assert_eq!(bench.events("xsetid s 6-0"), "xsetid s");
        assert_eq!(bench.effect("xsetid s 6-0"), "xsetid s 6-0");
        bench.replies(&[
            ("xsetid s 9-0 entriesadded 12 maxdeletedid 8-0", "+OK"),
            ("xsetid s 5-2", "-ERR The ID specified in XSETID is smaller than current max_deleted_entry_id"),
            ("xsetid s 9-1 entriesadded 0",
             "-ERR The entries_added specified in XSETID is smaller than the target stream length"),
            ("xsetid s 9-1 entriesadded -1", "-ERR entries_added must be positive"),
            ("xsetid s 9-1 maxdeletedid 9-2",
             "-ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id"),
            ("xsetid s 9-1 foo 1", "-ERR syntax error"),
            ("xsetid s 9-1 entriesadded", "-ERR syntax error"),
            ("xsetid s x", "-ERR Invalid stream ID specified as stream command argument"),
            ("xsetid missing 1-1", "-ERR no such key"),
            ("xsetid str 1-1", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("xadd t 5-2 a 1", "$3|5-2"),
            ("xsetid t 5-1", "-ERR The ID specified in XSETID is smaller than the target stream top item"),
            ("xadd s * a 1", "$15|1700000000000-0"),
        ]);
        let info = bench.reply("xinfo stream s");
        assert!(info.contains("$13|entries-added|:13|"), "{info}");
    }
}
