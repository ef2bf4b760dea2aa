//! ZRANGESTORE.

use slotkeeper_tree::element::Text;

use super::limits;
use super::zrange::{Kind, LIMIT, Request, SORT_BY};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::Event;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{DenyOom, Write};
use crate::spec::KeyFlag::{Access, OW, RO, Update};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static ZRANGESTORE: Definition = Definition {
    spec: Spec {
        name: "zrangestore",
        arity: -5,
        flags: Flags::of(&[Write, DenyOom]),
        keys: &[
            KeySpec::one(1, &[OW, Update]),
            KeySpec::one(2, &[RO, Access]),
        ],
        since: "6.2.0",
        complexity: "O(log(N)+M*log(M)) with N the number of members and M the number of those that are stored",
        summary: "Stores the members of a sorted set in a range at another key; returns how many",
        arguments: &[
            Argument::key("dst"),
            Argument::key_of("src", 1),
            Argument::string("min"),
            Argument::string("max"),
            SORT_BY,
            Argument::word("rev", "REV").optional(),
            LIMIT,
        ],
        ..Spec::new(Group::SortedSet)
    },
    ..Definition::run(zrangestore)
};

fn zrangestore(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let request = Request::parse(args, 3, Kind::STORED)?;
    let db = exec.session.db;
    let (to, from) = (args.key(exec.data, 1), args.key(exec.data, 2));
    let source = exec.data.get_zset(db, &from)?;
    let found = source.map(|zset| {
        request
            .range
            .select(&zset, request.direction, request.limit)
    });
    let event = Event::ZRangeStore;
    let limits = limits(exec);
    let (stored, changed) = exec
        .data
        .replace_zset(db, &to, limits, event, |made, reader| {
            let zset = reader.get(db, &from).and_then(|entry| entry.as_zset().ok());
            if let Some((zset, found)) = zset.zip(found) {
                zset.show(found.rank, found.count, found.direction, |record| {
                    made.set(record.member.bytes(&mut Text::new()), record.score);
                });
            }
            made.view().len()
        });
    reply.integer(stored as i64);
    Ok(Effect::if_changed(changed))
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn stores_a_range_or_removes_what_was_there() {
        let mut bench = Bench::new();
        bench.reply("zadd z 1 a 2 b 3 c 4 d");
        bench.reply("set d x");
        assert_eq!(bench.events("zrangestore d z 1 2"), "zrangestore d");
        assert_eq!(
            bench.reply("zrange d 0 -1 withscores"),
            "*4|$1|b|$1|2|$1|c|$1|3"
        );
        bench.replies(&[
            ("zrangestore d z 4 (1 byscore rev limit 0 2", ":2"),
            ("zrange d 0 -1", "*2|$1|c|$1|d"),
            ("zrangestore z z 0 0", ":1"),
            ("zrange z 0 -1", "*1|$1|a"),
            ("zrangestore d z 0 -1 withscores", "-ERR syntax error"),
        ]);
        assert_eq!(bench.events("zrangestore d missing 0 -1"), "del d");
        assert_eq!(bench.reply("exists d"), ":0");
        assert_eq!(bench.effect("zrangestore d missing 0 -1"), "");
    }
}
