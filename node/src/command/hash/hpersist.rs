//! HPERSIST.

use super::limits;
use super::timed::{FIELDS, NO_COUNT, check_type, fields};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::Event;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Fast, Write};
use crate::spec::KeyFlag::{RW, Update};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static HPERSIST: Definition = Definition {
    spec: Spec {
        name: "hpersist",
        arity: -5,
        flags: Flags::of(&[Write, Fast]),
        keys: &[KeySpec::one(1, &[RW, Update])],
        since: "7.4.0",
        complexity: "O(N) with N the number of fields",
        summary: "Removes the time to live of fields of a hash",
        arguments: &[Argument::key("key"), FIELDS],
        ..Spec::new(Group::Hash)
    },
    ..Definition::run(hpersist)
};

/// What became of a field, as it is replied.
const MISSING: i64 = -2;
const ENDLESS: i64 = -1;
const DONE: i64 = 1;

fn hpersist(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let (db, key, limits) = (exec.session.db, args.key(exec.data, 1), limits(exec));
    check_type(exec, &key)?;
    let fields = fields(args, 2, NO_COUNT)?;
    reply.array(fields.len());
    let changed = exec.data.change_hash(db, &key, limits, |hash| {
        let mut changed = false;
        for field in fields.map(|index| args.get(index)) {
            let view = hash.view();
            let code = match (view.get(field), view.time(field)) {
                (None, _) => MISSING,
                (Some(_), None) => ENDLESS,
                (Some(_), Some(_)) => DONE,
            };
            if code == DONE {
                changed |= hash.set_time(field, None);
            }
            reply.integer(code);
        }
        (changed, changed.then_some(Event::HPersist))
    })?;
    Ok(Effect::if_changed(changed))
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn removes_times() {
        let mut bench = Bench::new();
        bench.reply("hset h a 1 b 2");
        bench.reply("hexpire h 10 FIELDS 1 a");
        let line = "hpersist h FIELDS 3 a b x";
        assert_eq!(bench.reply(line), "*3|:1|:-1|:-2");
        assert_eq!(bench.reply("httl h FIELDS 1 a"), "*1|:-1");
        assert_eq!(bench.effect(line), "");
        assert_eq!(bench.events(line), "");
        bench.reply("hexpire h 10 FIELDS 1 a");
        assert_eq!(bench.events(line), "hpersist h");
        bench.reply("hexpire h 10 FIELDS 1 a");
        assert_eq!(bench.effect(line), line);
        assert_eq!(bench.reply("hpersist missing FIELDS 1 a"), "*1|:-2");
        assert_eq!(bench.data.timed_hashes(0), 0);
        // As in Redis, what OBJECT ENCODING says stays.
        assert_eq!(bench.reply("object encoding h"), "$10|listpackex");
    }
}
