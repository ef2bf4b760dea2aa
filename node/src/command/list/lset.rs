//! LSET.

use super::{limits, position};
use crate::command::parse::{NO_SUCH_KEY, integer};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::Event;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{DenyOom, Write};
use crate::spec::KeyFlag::{RW, Update};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static LSET: Definition = Definition {
    spec: Spec {
        name: "lset",
        arity: 4,
        flags: Flags::of(&[Write, DenyOom]),
        keys: &[KeySpec::one(1, &[RW, Update])],
        complexity: "O(log(N)) with N the length of the list",
        summary: "Sets the element of an index; negative ones count from the end",
        arguments: &[
            Argument::key("key"),
            Argument::integer("index"),
            Argument::string("element"),
        ],
        ..Spec::new(Group::List)
    },
    ..Definition::run(lset)
};

fn lset(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let (db, key, limits) = (exec.session.db, args.key(exec.data, 1), limits(exec));
    let element = args.get(3);
    exec.data.change_list(db, &key, limits, |list| {
        match find(list.view().len(), args.get(2)) {
            Err(refused) => (Err(refused), None),
            Ok(at) => {
                list.will_add(element.len(), 1);
                list.set(at, element);
                (Ok(()), Some(Event::LSet))
            }
        }
    })??;
    reply.ok();
    Ok(Effect::AsWritten)
}

/// The position that is meant.
fn find(len: usize, index: &[u8]) -> Result<usize, Refused> {
    if len == 0 {
        return Err(NO_SUCH_KEY);
    }
    let position = position(integer(index)?, len);
    position.ok_or(const { Refused::new("ERR index out of range") })
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn sets_an_element() {
        let mut bench = Bench::new();
        bench.reply("rpush l a b c");
        assert_eq!(bench.effect("lset l 1 x"), "lset l 1 x");
        assert_eq!(bench.events("lset l -1 7"), "lset l");
        assert_eq!(bench.reply("lrange l 0 -1"), "*3|$1|a|$1|x|$1|7");
    }

    #[test]
    fn refuses_as_redis_does_and_changes_nothing() {
        let mut bench = Bench::new();
        bench.reply("rpush l a");
        bench.replies(&[
            ("lset missing 0 x", "-ERR no such key"),
            ("lset l 1 x", "-ERR index out of range"),
            ("lset l -2 x", "-ERR index out of range"),
            ("lset l x x", "-ERR value is not an integer or out of range"),
        ]);
        assert_eq!(bench.events("lset l 1 x"), "");
        assert_eq!(bench.reply("exists missing"), ":0");
        assert_eq!(bench.reply("lrange l 0 -1"), "*1|$1|a");
    }
}
