//! HGET, HEXISTS and HSTRLEN.

use slotkeeper_tree::element::Element;

use super::show;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::resp::Args;
use crate::spec::Flag::{Fast, ReadOnly};
use crate::spec::KeyFlag::{Access, RO};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static HGET: Definition = Definition {
    spec: Spec {
        name: "hget",
        keys: &[KeySpec::one(1, &[RO, Access])],
        summary: "Returns the value of a field of a hash",
        ..family()
    },
    ..Definition::run(|exec, args, reply| {
        with_value(exec, args, |value| match value {
            Some(value) => show(reply, value),
            None => reply.null(),
        })
    })
};

pub(super) static HEXISTS: Definition = Definition {
    spec: Spec {
        name: "hexists",
        summary: "Returns whether a hash has a field",
        ..family()
    },
    ..Definition::run(|exec, args, reply| {
        with_value(exec, args, |value| {
            reply.integer(i64::from(value.is_some()));
        })
    })
};

pub(super) static HSTRLEN: Definition = Definition {
    spec: Spec {
        name: "hstrlen",
        since: "3.2.0",
        summary: "Returns the length of the value of a field of a hash",
        ..family()
    },
    ..Definition::run(|exec, args, reply| {
        with_value(exec, args, |value| {
            reply.integer(value.map_or(0, Element::text_len) as i64);
        })
    })
};

const fn family() -> Spec {
    Spec {
        arity: 3,
        flags: Flags::of(&[ReadOnly, Fast]),
        keys: const { &[KeySpec::one(1, &[RO])] },
        since: "2.0.0",
        arguments: const { &[Argument::key("key"), Argument::string("field")] },
        ..Spec::new(Group::Hash)
    }
}

/// Shows the value of the field, if there is one.
fn with_value(
    exec: &mut Exec<'_>,
    args: &Args<'_>,
    show: impl FnOnce(Option<Element<'_>>),
) -> Result<Effect, Refused> {
    let key = args.key(exec.data, 1);
    let hash = exec.data.get_hash(exec.session.db, &key)?;
    show(hash.and_then(|hash| hash.get(args.get(2))));
    Ok(Effect::None)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn gives_values_lengths_and_whether_there_are_any() {
        let mut bench = Bench::new();
        bench.reply("hset h a hello n -12");
        for (line, reply) in [
            ("hget h a", "$5|hello"),
            ("hget h n", "$3|-12"),
            ("hget h x", "$-1"),
            ("hget missing a", "$-1"),
            ("hexists h n", ":1"),
            ("hexists h x", ":0"),
            ("hexists missing x", ":0"),
            ("hstrlen h a", ":5"),
            ("hstrlen h n", ":3"),
            ("hstrlen h x", ":0"),
            ("hstrlen missing x", ":0"),
        ] {
            assert_eq!(bench.reply(line), reply, "{line}");
        }
    }

    #[test]
    fn a_value_of_another_type_is_refused() {
        let mut bench = Bench::new();
        bench.reply("set s 1");
        for line in [
            "hget s a",
            "hexists s a",
            "hstrlen s a",
            "hmget s a",
            "hgetall s",
            "hkeys s",
            "hvals s",
            "hlen s",
            "hdel s a",
            "hsetnx s a 1",
            "hincrby s a 1",
            "hincrbyfloat s a 1",
            "hrandfield s",
            "hrandfield s 1",
            "hscan s 0",
        ] {
            let reply = bench.reply(line);
            let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
            assert_eq!(reply, wrong, "{line}");
        }
    }
}
