//! GETEX: replicas get what it did to the time to live.

use crate::command::expiry::{EXPIRATION_OR_PERSIST, Given};
use crate::command::generic::expire_at;
use crate::command::parse::SYNTAX;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::resp::number::Decimal;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Fast, Write};
use crate::spec::KeyFlag::{Access, RW, Update};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static GETEX: Definition = Definition {
    spec: Spec {
        name: "getex",
        arity: -2,
        flags: Flags::of(&[Write, Fast]),
        keys: &[KeySpec::one(1, &[RW, Access, Update]).note("It changes the time to live")],
        since: "6.2.0",
        summary: "Returns the value of a key, and sets or removes its time to live",
        arguments: &[Argument::key("key"), EXPIRATION_OR_PERSIST],
        ..Spec::new(Group::String)
    },
    ..Definition::run(getex)
};

enum Change<'a> {
    None,
    Persist,
    Expire(Given<'a>),
}

fn getex(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let change = parse(args)?;
    let (db, key) = (exec.session.db, args.key(exec.data, 1));
    let at = match change {
        Change::Expire(given) => Some((given.at(exec, "getex"), given.scale.is_moment())),
        Change::None | Change::Persist => None,
    };
    let Some(entry) = exec.data.get(db, &key) else {
        reply.null();
        return Ok(Effect::None);
    };
    let string = entry.as_str()?;
    let at = at.map(|(at, is_moment)| at.map(|at| (at, is_moment)));
    let at = at.transpose()?;
    reply.bulk(string);
    let had_time = entry.expire_at().is_some();
    Ok(match (at, change) {
        (Some((at, true)), _) => expire_at(exec, key, at),
        (Some((at, false)), _) => {
            exec.data.set_expire(db, &key, Some(at));
            Effect::rewritten(&[b"PEXPIREAT", key.bytes, Decimal::new(at).as_bytes()])
        }
        (None, Change::Persist) if had_time => {
            exec.data.set_expire(db, &key, None);
            Effect::rewritten(&[b"PERSIST", key.bytes])
        }
        _ => Effect::None,
    })
}

fn parse<'a>(args: &Args<'a>) -> Result<Change<'a>, Refused> {
    let (mut persist, mut expire, mut at) = (false, None, 2);
    while at < args.len() {
        if args.is(at, "persist") && expire.is_none() {
            persist = true;
            at += 1;
        } else if let (false, Some(given)) = (persist, Given::parse(args, at))
            && given.may_follow(expire)
        {
            expire = Some(given);
            at += 2;
        } else {
            return Err(SYNTAX);
        }
    }
    Ok(match expire {
        Some(given) => Change::Expire(given),
        None if persist => Change::Persist,
        None => Change::None,
    })
}

#[cfg(test)]
mod tests {
    use crate::command::testing::{Bench, START_MS};

    #[test]
    fn replicas_get_what_it_did() {
        let mut bench = Bench::new();
        bench.reply("set a 1");
        assert_eq!(bench.effect("getex a"), "");
        assert_eq!(bench.effect("getex a persist"), "");
        let wanted = format!("PEXPIREAT a {}", START_MS + 5000);
        assert_eq!(bench.effect("getex a EX 5"), wanted);
        assert_eq!(bench.effect("getex a persist"), "PERSIST a");
        assert_eq!(bench.reply("getex a pxat 1"), "$1|1");
        assert_eq!(bench.reply("get a"), "$-1");
        bench.reply("set a 1");
        assert_eq!(bench.effect("getex a pxat 1"), "DEL a");
        assert_eq!(bench.reply("getex b ex 1"), "$-1");
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = Bench::new();
        bench.reply("set a 1");
        for line in [
            "getex a foo",
            "getex a ex",
            "getex a keepttl",
            "getex a ex 1 persist",
        ] {
            assert_eq!(bench.reply(line), "-ERR syntax error", "{line}");
        }
        assert_eq!(
            bench.reply("getex a ex 0"),
            "-ERR invalid expire time in 'getex' command"
        );
    }
}
