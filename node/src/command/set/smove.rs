//! SMOVE.

use super::limits;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::Event;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Fast, Write};
use crate::spec::KeyFlag::{Access, Delete, Insert, RW};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static SMOVE: Definition = Definition {
    spec: Spec {
        name: "smove",
        arity: 4,
        flags: Flags::of(&[Write, Fast]),
        keys: &[
            KeySpec::one(1, &[RW, Access, Delete]),
            KeySpec::one(2, &[RW, Insert]),
        ],
        summary: "Moves a member from one set to another; returns whether it was there",
        arguments: &[
            Argument::key("source"),
            Argument::key_of("destination", 1),
            Argument::string("member"),
        ],
        ..Spec::new(Group::Set)
    },
    ..Definition::run(smove)
};

fn smove(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let (db, limits, member) = (exec.session.db, limits(exec), args.get(3));
    let (from, to) = (args.key(exec.data, 1), args.key(exec.data, 2));
    let source = exec.data.get_to_change(db, &from);
    let Some(source) = source.map(|entry| entry.as_set()).transpose()? else {
        reply.integer(0);
        return Ok(Effect::None);
    };
    let is_member = source.contains(member);
    let target = exec.data.get_to_change(db, &to);
    target.map(|entry| entry.as_set()).transpose()?;
    reply.integer(i64::from(is_member));
    if !is_member || from.bytes == to.bytes {
        return Ok(Effect::None);
    }
    exec.data.change_set(db, &from, limits, |set| {
        (set.remove(member), Some(Event::SRem))
    })?;
    exec.data.change_set(db, &to, limits, |set| {
        set.announce(member, 1);
        let new = set.add(member);
        (new, new.then_some(Event::SAdd))
    })?;
    Ok(Effect::AsWritten)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn moves_a_member_and_the_last_one_takes_its_set_with_it() {
        let mut bench = Bench::new();
        bench.reply("sadd a 1 x y");
        assert_eq!(bench.reply("smove a b x"), ":1");
        assert_eq!(bench.reply("smove a b x"), ":0");
        assert_eq!(bench.reply("smembers b"), "*1|$1|x");
        assert_eq!(bench.effect("smove a b nothing"), "");
        assert_eq!(bench.effect("smove missing b x"), "");
        assert_eq!(bench.events("smove a b 1"), "srem a;sadd b");
        bench.reply("sadd a x");
        assert_eq!(bench.events("smove a b x"), "srem a", "it is there already");
        assert_eq!(bench.events("smove a b y"), "srem a;del a;sadd b");
        assert_eq!(bench.reply("exists a"), ":0");
        assert_eq!(bench.reply("smove b b y"), ":1");
        assert_eq!(bench.reply("smove b b z"), ":0");
        assert_eq!(bench.effect("smove b b y"), "", "nothing moves");
    }

    #[test]
    fn refuses_other_types_but_not_beside_a_source_that_is_missing() {
        let mut bench = Bench::new();
        bench.reply("sadd s a");
        bench.reply("set str x");
        let wrong_type = "-WRONGTYPE Operation against a key holding the wrong kind of value";
        bench.replies(&[
            ("smove str s a", wrong_type),
            ("smove s str a", wrong_type),
            ("smove s str nothing", wrong_type),
            ("smove missing str a", ":0"),
        ]);
        assert_eq!(bench.reply("smembers s"), "*1|$1|a");
    }
}
