//! HGETDEL: replicas get an HDEL.

use super::timed::{FIELDS, NO_COUNT, check_type, fields, hdel};
use super::{limits, show};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::Event;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Fast, Write};
use crate::spec::KeyFlag::{Access, Delete, RW};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static HGETDEL: Definition = Definition {
    spec: Spec {
        name: "hgetdel",
        arity: -5,
        flags: Flags::of(&[Write, Fast]),
        keys: &[KeySpec::one(1, &[RW, Access, Delete])],
        since: "8.0.0",
        complexity: "O(N) with N the number of fields",
        summary: "Returns the values of fields of a hash, and removes the fields",
        arguments: &[Argument::key("key"), FIELDS],
        ..Spec::new(Group::Hash)
    },
    ..Definition::run(hgetdel)
};

fn hgetdel(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let (db, key, limits) = (exec.session.db, args.key(exec.data, 1), limits(exec));
    check_type(exec, &key)?;
    let fields = fields(args, 2, NO_COUNT)?;
    reply.array(fields.len());
    let mut removed = Vec::new();
    exec.data.change_hash(db, &key, limits, |hash| {
        for field in fields.map(|index| args.get(index)) {
            match hash.view().get(field) {
                Some(value) => show(reply, value),
                None => reply.null(),
            }
            if hash.remove(field) {
                removed.push(field);
            }
        }
        ((), (!removed.is_empty()).then_some(Event::HDel))
    })?;
    Ok(match removed.is_empty() {
        true => Effect::None,
        false => Effect::Rewritten(vec![hdel(&key, &removed)]),
    })
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn gives_values_and_removes_their_fields() {
        let mut bench = Bench::new();
        bench.reply("hset h a 1 b 2 c 3 d 4");
        let reply = bench.reply("hgetdel h FIELDS 3 a x a");
        assert_eq!(reply, "*3|$1|1|$-1|$-1");
        assert_eq!(bench.effect("hgetdel h FIELDS 2 b x"), "HDEL h b");
        assert_eq!(bench.effect("hgetdel h FIELDS 1 x"), "");
        assert_eq!(bench.events("hgetdel h FIELDS 1 c"), "hdel h");
        assert_eq!(bench.events("hgetdel h FIELDS 1 d"), "hdel h;del h");
        assert_eq!(bench.reply("hgetdel h FIELDS 1 d"), "*1|$-1");
        assert_eq!(bench.reply("exists h"), ":0");
    }
}
