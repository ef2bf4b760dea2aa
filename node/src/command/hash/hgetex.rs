//! HGETEX: replicas get what it did to the times.

use super::timed::{
    FIELDS, NO_COUNT, check_type, command, fields, hdel, hpexpireat, is_past, time,
};
use super::{limits, show};
use crate::command::expiry::{EXPIRATION_OR_PERSIST, Scale};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::{Event, Key};
use crate::resp::number::Decimal;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Fast, Write};
use crate::spec::KeyFlag::{Access, RW, Update};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static HGETEX: Definition = Definition {
    spec: Spec {
        name: "hgetex",
        arity: -5,
        flags: Flags::of(&[Write, Fast]),
        keys: &[KeySpec::one(1, &[RW, Access, Update]).note("It changes times to live")],
        since: "8.0.0",
        complexity: "O(N) with N the number of fields",
        summary: "Returns the values of fields of a hash, and sets or removes their time to live",
        arguments: &[Argument::key("key"), EXPIRATION_OR_PERSIST, FIELDS],
        ..Spec::new(Group::Hash)
    },
    ..Definition::run(hgetex)
};

/// What becomes of the times.
#[derive(Clone, Copy)]
enum Change {
    None,
    Persist,
    At(i64),
    Delete,
}

impl Change {
    /// With the index of FIELDS.
    fn parse(exec: &Exec<'_>, args: &Args<'_>) -> Result<(Change, usize), Refused> {
        if let Some(scale) = Scale::of(args.get(2)) {
            let at = time(exec, scale, args.get(3), "hgetex")?;
            let change = match is_past(exec, at) {
                true => Change::Delete,
                false => Change::At(at),
            };
            return Ok((change, 4));
        }
        Ok(match args.is(2, "persist") {
            true => (Change::Persist, 3),
            false => (Change::None, 2),
        })
    }

    fn event(self) -> Option<Event> {
        match self {
            Change::None => None,
            Change::Persist => Some(Event::HPersist),
            Change::At(_) => Some(Event::HExpire),
            Change::Delete => Some(Event::HDel),
        }
    }

    /// What replicas get of it.
    fn told(self, key: &Key<'_>, changed: &[&[u8]]) -> Vec<Vec<u8>> {
        match self {
            Change::At(at) => hpexpireat(key, at, changed),
            Change::Delete => hdel(key, changed),
            Change::Persist | Change::None => {
                let count = Decimal::new(changed.len() as i64);
                let words: [&[u8]; 4] = [b"HPERSIST", key.bytes, b"FIELDS", count.as_bytes()];
                command(&words, changed)
            }
        }
    }
}

fn hgetex(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let (db, key, limits) = (exec.session.db, args.key(exec.data, 1), limits(exec));
    check_type(exec, &key)?;
    let (change, at) = Change::parse(exec, args)?;
    let fields = fields(args, at, NO_COUNT)?;
    reply.array(fields.len());
    let mut changed = Vec::new();
    exec.data.change_hash(db, &key, limits, |hash| {
        for field in fields.map(|index| args.get(index)) {
            let view = hash.view();
            let Some(value) = view.get(field) else {
                reply.null();
                continue;
            };
            show(reply, value);
            let is_timed = view.time(field).is_some();
            let done = match change {
                Change::None => false,
                Change::Persist => is_timed && hash.set_time(field, None),
                Change::At(at) => hash.set_time(field, Some(at)),
                Change::Delete => hash.remove(field),
            };
            if done {
                changed.push(field);
            }
        }
        ((), change.event().filter(|_| !changed.is_empty()))
    })?;
    if changed.is_empty() {
        return Ok(Effect::None);
    }
    if let Change::Delete = change {
        exec.data.count_expired_fields(changed.len());
    }
    Ok(Effect::Rewritten(vec![change.told(&key, &changed)]))
}

#[cfg(test)]
mod tests {
    use crate::command::testing::{Bench, START_MS};

    #[test]
    fn gives_values_and_changes_times() {
        let mut bench = Bench::new();
        bench.reply("hset h a 1 b 2 c 3");
        assert_eq!(bench.reply("hgetex h FIELDS 2 a x"), "*2|$1|1|$-1");
        assert_eq!(bench.effect("hgetex h FIELDS 1 a"), "");
        let told = format!("HPEXPIREAT h {} FIELDS 1 a", START_MS + 5000);
        assert_eq!(bench.effect("hgetex h EX 5 FIELDS 2 a x"), told);
        assert_eq!(bench.effect("hgetex h px 5000 FIELDS 1 a"), told);
        assert_eq!(bench.effect("hgetex h exat 1700000005 FIELDS 1 a"), told);
        assert_eq!(
            bench.events("hgetex h pxat 1700000005000 FIELDS 1 a"),
            "hexpire h"
        );
        assert_eq!(bench.reply("hpttl h FIELDS 1 a"), "*1|:5000");
        assert_eq!(
            bench.effect("hgetex h persist FIELDS 2 a b"),
            "HPERSIST h FIELDS 1 a"
        );
        assert_eq!(bench.effect("hgetex h persist FIELDS 2 a b"), "");
        bench.reply("hexpire h 5 FIELDS 1 a");
        assert_eq!(bench.events("hgetex h persist FIELDS 1 a"), "hpersist h");
        assert_eq!(bench.effect("hgetex h ex 0 FIELDS 2 a b"), "HDEL h a b");
        assert_eq!(bench.events("hgetex h pxat 1 FIELDS 1 c"), "hdel h;del h");
        assert_eq!(bench.reply("hgetex h ex 5 FIELDS 1 c"), "*1|$-1");
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = Bench::new();
        bench.reply("hset h a 1");
        bench.replies(&[
            (
                "hgetex h ex x FIELDS 1 a",
                "-ERR value is not an integer or out of range",
            ),
            (
                "hgetex h ex -1 FIELDS 1 a",
                "-ERR invalid expire time, must be >= 0",
            ),
            (
                "hgetex h ex 9223372036854775807 FIELDS 1 a",
                "-ERR invalid expire time in 'hgetex' command",
            ),
            (
                "hgetex h keepttl FIELDS 1 a",
                "-ERR Mandatory argument FIELDS is missing or not at the right position",
            ),
            (
                "hgetex h ex 1 FIELDS",
                "-ERR Number of fields must be a positive integer",
            ),
            (
                "hgetex h persist FIELDS 2 a",
                "-ERR The `numfields` parameter must match the number of arguments",
            ),
        ]);
    }
}
