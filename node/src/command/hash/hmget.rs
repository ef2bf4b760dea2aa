//! HMGET.

use super::show;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Fast, ReadOnly};
use crate::spec::KeyFlag::{Access, RO};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static HMGET: Definition = Definition {
    spec: Spec {
        name: "hmget",
        arity: -3,
        flags: Flags::of(&[ReadOnly, Fast]),
        keys: &[KeySpec::one(1, &[RO, Access])],
        since: "2.0.0",
        complexity: "O(N) with N the number of fields",
        summary: "Returns the values of fields of a hash",
        arguments: &[Argument::key("key"), Argument::string("field").multiple()],
        ..Spec::new(Group::Hash)
    },
    ..Definition::run(hmget)
};

fn hmget(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let key = args.key(exec.data, 1);
    let hash = exec.data.get_hash(exec.session.db, &key)?;
    reply.array(args.len() - 2);
    let give = |value| match value {
        Some(value) => show(reply, value),
        None => reply.null(),
    };
    match hash {
        Some(hash) => hash.get_each(args.from(2), give),
        None => args.from(2).map(|_| None).for_each(give),
    }
    Ok(Effect::None)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn gives_values_in_the_order_of_the_request() {
        let mut bench = Bench::new();
        bench.reply("hset h a 1 b x");
        assert_eq!(bench.reply("hmget h b y a b"), "*4|$1|x|$-1|$1|1|$1|x");
        assert_eq!(bench.reply("hmget missing a b"), "*2|$-1|$-1");
    }
}
