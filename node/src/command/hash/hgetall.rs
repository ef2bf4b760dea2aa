//! HGETALL, HKEYS and HVALS.

use super::show;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::resp::{Args, Reply};
use crate::spec::Flag::ReadOnly;
use crate::spec::KeyFlag::{Access, RO};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static HGETALL: Definition = Definition {
    spec: Spec {
        name: "hgetall",
        summary: "Returns all fields of a hash with their values",
        ..family()
    },
    shows_value: true,
    ..Definition::run(|exec, args, reply| show_all(exec, args, reply, Parts::Both))
};

pub(super) static HKEYS: Definition = Definition {
    spec: Spec {
        name: "hkeys",
        summary: "Returns all fields of a hash",
        ..family()
    },
    shows_value: true,
    ..Definition::run(|exec, args, reply| show_all(exec, args, reply, Parts::Fields))
};

pub(super) static HVALS: Definition = Definition {
    spec: Spec {
        name: "hvals",
        summary: "Returns all values of a hash",
        ..family()
    },
    shows_value: true,
    ..Definition::run(|exec, args, reply| show_all(exec, args, reply, Parts::Values))
};

const fn family() -> Spec {
    Spec {
        arity: 2,
        flags: Flags::of(&[ReadOnly]),
        keys: const { &[KeySpec::one(1, &[RO, Access])] },
        tips: &["nondeterministic_output_order"],
        since: "2.0.0",
        complexity: "O(N) with N the number of fields",
        arguments: const { &[Argument::key("key")] },
        ..Spec::new(Group::Hash)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Parts {
    Fields,
    Values,
    Both,
}

fn show_all(
    exec: &mut Exec<'_>,
    args: &Args<'_>,
    reply: &mut Reply,
    parts: Parts,
) -> Result<Effect, Refused> {
    let key = args.key(exec.data, 1);
    let hash = exec.data.get_hash(exec.session.db, &key)?;
    let len = hash.map_or(0, |hash| hash.shown());
    if parts == Parts::Both {
        reply.map(len);
    } else {
        reply.array(len);
    }
    let each = |field, value| {
        if parts != Parts::Values {
            show(reply, field);
        }
        if parts != Parts::Fields {
            show(reply, value);
        }
    };
    if let Some(hash) = hash {
        hash.for_each(each);
    }
    Ok(Effect::None)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn gives_all_of_a_hash() {
        let mut bench = Bench::new();
        bench.reply("hset h b x a 1");
        assert_eq!(bench.reply("hgetall h"), "*4|$1|b|$1|x|$1|a|$1|1");
        assert_eq!(bench.reply("hkeys h"), "*2|$1|b|$1|a");
        assert_eq!(bench.reply("hvals h"), "*2|$1|x|$1|1");
        for line in ["hgetall missing", "hkeys missing", "hvals missing"] {
            assert_eq!(bench.reply(line), "*0", "{line}");
        }
        bench.session.resp3 = true;
        assert_eq!(bench.reply("hgetall h"), "%2|$1|b|$1|x|$1|a|$1|1");
        assert_eq!(bench.reply("hkeys h"), "*2|$1|b|$1|a");
        assert_eq!(bench.reply("hgetall missing"), "%0");
    }
}
