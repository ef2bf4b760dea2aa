//! HLEN.

use crate::command::{Definition, Effect, Exec, Refused};
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Fast, ReadOnly};
use crate::spec::KeyFlag::RO;
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static HLEN: Definition = Definition {
    spec: Spec {
        name: "hlen",
        arity: 2,
        flags: Flags::of(&[ReadOnly, Fast]),
        keys: &[KeySpec::one(1, &[RO])],
        since: "2.0.0",
        summary: "Returns the number of fields of a hash",
        arguments: &[Argument::key("key")],
        ..Spec::new(Group::Hash)
    },
    ..Definition::run(hlen)
};

fn hlen(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let key = args.key(exec.data, 1);
    // As in Redis, what has expired counts until it is removed.
    let hash = exec.data.see_hash(exec.session.db, &key)?;
    reply.integer(hash.map_or(0, |hash| hash.len()) as i64);
    Ok(Effect::None)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn counts_fields() {
        let mut bench = Bench::new();
        bench.reply("hset h a 1 b 2");
        assert_eq!(bench.reply("hlen h"), ":2");
        assert_eq!(bench.reply("hlen missing"), ":0");
    }
}
