//! DEL and UNLINK: the same here, since values are freed in the background anyway.

use crate::command::{Definition, Effect, Exec, Refused};
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Fast, Write};
use crate::spec::KeyFlag::{Delete, RM};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static DEL: Definition = Definition {
    spec: Spec {
        name: "del",
        flags: Flags::of(&[Write]),
        complexity: "O(N) with N the number of keys",
        summary: "Removes keys",
        ..removal()
    },
    ..Definition::run(del)
};

pub(super) static UNLINK: Definition = Definition {
    spec: Spec {
        name: "unlink",
        flags: Flags::of(&[Write, Fast]),
        since: "4.0.0",
        complexity: "O(N) with N the number of keys",
        summary: "Removes keys and frees their memory in the background",
        ..removal()
    },
    ..Definition::run(del)
};

const fn removal() -> Spec {
    Spec {
        arity: -2,
        keys: const { &[KeySpec::rest(1, &[RM, Delete])] },
        tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
        arguments: const { &[Argument::key("key").multiple()] },
        ..Spec::new(Group::Generic)
    }
}

fn del(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let db = exec.session.db;
    let mut removed = 0;
    for index in 1..args.len() {
        let key = args.key(exec.data, index);
        removed += i64::from(exec.data.remove(db, &key));
    }
    reply.integer(removed);
    Ok(Effect::if_changed(removed > 0))
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn counts_what_was_there() {
        let mut bench = Bench::new();
        bench.reply("mset a 1 b 2 c 3");
        assert_eq!(bench.reply("del a b a x"), ":2");
        assert_eq!(bench.effect("unlink c"), "unlink c");
        assert_eq!(bench.effect("del c"), "");
        assert_eq!(bench.reply("dbsize"), ":0");
    }
}
