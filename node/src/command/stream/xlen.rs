//! XLEN.

use crate::command::{Definition, Effect};
use crate::spec::Flag::{Fast, ReadOnly};
use crate::spec::KeyFlag::RO;
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static XLEN: Definition = Definition {
    spec: Spec {
        name: "xlen",
        arity: 2,
        flags: Flags::of(&[ReadOnly, Fast]),
        keys: &[KeySpec::one(1, &[RO])],
        since: "5.0.0",
        summary: "Returns how many messages a stream has",
        arguments: &[Argument::key("key")],
        ..Spec::new(Group::Stream)
    },
    ..Definition::run(|exec, args, reply| {
        let key = args.key(exec.data, 1);
        let stream = exec.data.get_stream(exec.session.db, &key)?;
        reply.integer(stream.map_or(0, |stream| stream.len() as i64));
        Ok(Effect::None)
    })
};

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn counts_messages() {
        let mut bench = Bench::new();
        bench.reply("set str x");
        bench.replies(&[
            ("xlen s", ":0"),
            ("xadd s 1-1 a 1", "$3|1-1"),
            ("xadd s 1-2 a 1", "$3|1-2"),
            ("xlen s", ":2"),
            ("xdel s 1-1 1-2", ":2"),
            ("xlen s", ":0"),
            ("exists s", ":1"),
            (
                "xlen str",
                "-WRONGTYPE Operation against a key holding the wrong kind of value",
            ),
        ]);
    }
}
