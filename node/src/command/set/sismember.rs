//! SISMEMBER and SMISMEMBER.

use crate::command::{Definition, Effect, Exec, Refused};
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Fast, ReadOnly};
use crate::spec::KeyFlag::{Access, RO};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static SISMEMBER: Definition = Definition {
    spec: Spec {
        name: "sismember",
        arity: 3,
        flags: Flags::of(&[ReadOnly, Fast]),
        keys: &[KeySpec::one(1, &[RO])],
        summary: "Returns whether something is a member of a set",
        arguments: &[Argument::key("key"), Argument::string("member")],
        ..Spec::new(Group::Set)
    },
    ..Definition::run(sismember)
};

pub(super) static SMISMEMBER: Definition = Definition {
    spec: Spec {
        name: "smismember",
        arity: -3,
        flags: Flags::of(&[ReadOnly, Fast]),
        keys: &[KeySpec::one(1, &[RO, Access])],
        since: "6.2.0",
        complexity: "O(N) with N the number of members that are asked about",
        summary: "Returns of each whether it is a member of a set",
        arguments: &[Argument::key("key"), Argument::string("member").multiple()],
        ..Spec::new(Group::Set)
    },
    ..Definition::run(smismember)
};

fn sismember(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let key = args.key(exec.data, 1);
    let set = exec.data.get_set(exec.session.db, &key)?;
    let is_member = set.is_some_and(|set| set.contains(args.get(2)));
    reply.integer(i64::from(is_member));
    Ok(Effect::None)
}

fn smismember(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let key = args.key(exec.data, 1);
    let set = exec.data.get_set(exec.session.db, &key)?;
    reply.array(args.len() - 2);
    let give = |is_member| reply.integer(i64::from(is_member));
    match set {
        Some(set) => set.contains_each(args.from(2), give),
        None => args.from(2).map(|_| false).for_each(give),
    }
    Ok(Effect::None)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn tells_members_from_others() {
        let mut bench = Bench::new();
        bench.reply("sadd s a 1");
        bench.reply("set str x");
        let wrong_type = "-WRONGTYPE Operation against a key holding the wrong kind of value";
        bench.replies(&[
            ("sismember s a", ":1"),
            ("sismember s 1", ":1"),
            ("sismember s 01", ":0"),
            ("sismember missing a", ":0"),
            ("smismember s a b 1", "*3|:1|:0|:1"),
            ("smismember missing a b", "*2|:0|:0"),
            ("sismember str a", wrong_type),
            ("smismember str a b", wrong_type),
        ]);
    }
}
