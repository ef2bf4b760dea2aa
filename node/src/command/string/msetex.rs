//! MSETEX, as in Valkey 9.1. Replicas get commands that older ones know, too.

use crate::command::expiry::{EXPIRATION_OR_KEEPTTL, Given};
use crate::command::parse::SYNTAX;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::Expire;
use crate::resp::number::{Decimal, parse_integer};
use crate::resp::{Args, Reply};
use crate::spec::Flag::{DenyOom, Write};
use crate::spec::KeyFlag::{OW, Update};
use crate::spec::{Argument, BeginSearch, FindKeys, Flags, Group, KeySpec, Spec};

pub(super) static MSETEX: Definition = Definition {
    spec: Spec {
        name: "msetex",
        arity: -4,
        flags: Flags::of(&[Write, DenyOom]),
        keys: &[KeySpec::new(
            BeginSearch::Index(1),
            FindKeys::KeyNum {
                number: 0,
                first: 1,
                step: 2,
            },
            &[OW, Update],
        )],
        since: "9.1.0",
        complexity: "O(N) with N the number of keys",
        summary: "Sets keys to strings, all at once, with one time to live; returns 1 if it did",
        arguments: &[
            Argument::integer("numkeys"),
            Argument::block("data", &[Argument::key("key"), Argument::string("value")]).multiple(),
            Argument::one_of(
                "condition",
                &[Argument::word("nx", "NX"), Argument::word("xx", "XX")],
            )
            .optional(),
            EXPIRATION_OR_KEEPTTL,
        ],
        ..Spec::new(Group::String)
    },
    ..Definition::run(msetex)
};

#[derive(Default)]
struct Options<'a> {
    /// Whether all keys must be there, or none.
    exist: Option<bool>,
    keep: bool,
    expire: Option<Given<'a>>,
}

impl<'a> Options<'a> {
    /// Those of the arguments from an index on.
    fn parse(args: &Args<'a>, mut at: usize) -> Result<Options<'a>, Refused> {
        let mut options = Options::default();
        while at < args.len() {
            let timed = options.keep || options.expire.is_some();
            if args.is(at, "nx") && options.exist != Some(true) {
                options.exist = Some(false);
            } else if args.is(at, "xx") && options.exist != Some(false) {
                options.exist = Some(true);
            } else if args.is(at, "keepttl") && options.expire.is_none() {
                options.keep = true;
            } else if let (false, Some(given)) = (timed, Given::parse(args, at)) {
                options.expire = Some(given);
                at += 1;
            } else {
                return Err(SYNTAX);
            }
            at += 1;
        }
        Ok(options)
    }
}

fn msetex(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let count = parse_integer(args.get(1)).and_then(|count| i32::try_from(count).ok());
    let count = count
        .and_then(|count| usize::try_from(count).ok())
        .filter(|count| *count > 0)
        .ok_or(const { Refused::new("ERR invalid numkeys value or out of range") })?;
    let end = 2 + 2 * count;
    if end > args.len() {
        return Err(SYNTAX);
    }
    let options = Options::parse(args, end)?;
    let at = options
        .expire
        .map(|given| given.at(exec, "msetex"))
        .transpose()?;
    let db = exec.session.db;
    if let Some(wanted) = options.exist {
        for index in (2..end).step_by(2) {
            let key = args.key(exec.data, index);
            if exec.data.peek(db, &key).is_some() != wanted {
                reply.integer(0);
                return Ok(Effect::None);
            }
        }
    }
    let expire = match at {
        Some(at) => Expire::At(at),
        None if options.keep => Expire::Keep,
        None => Expire::Never,
    };
    for index in (2..end).step_by(2) {
        let key = args.key(exec.data, index);
        exec.data.set(db, &key, args.get(index + 1), expire);
    }
    reply.integer(1);
    Ok(rewritten(args, end, expire))
}

/// MSET where no time to live is set or kept, else a SET for each key.
fn rewritten(args: &Args<'_>, end: usize, expire: Expire) -> Effect {
    let pairs = (2..end).step_by(2);
    let pair = |at: usize| [args.get(at).to_vec(), args.get(at + 1).to_vec()];
    if expire == Expire::Never {
        let mut command = vec![b"MSET".to_vec()];
        command.extend(pairs.flat_map(pair));
        return Effect::Rewritten(vec![command]);
    }
    let options = match expire {
        Expire::At(at) => vec![b"PXAT".to_vec(), Decimal::new(at).as_bytes().to_vec()],
        _ => vec![b"KEEPTTL".to_vec()],
    };
    let set = |at| {
        let mut command = vec![b"SET".to_vec()];
        command.extend(pair(at));
        command.extend(options.iter().cloned());
        command
    };
    Effect::Rewritten(pairs.map(set).collect())
}

#[cfg(test)]
mod tests {
    use crate::command::testing::{Bench, START_MS};

    #[test]
    fn sets_all_or_none() {
        let mut bench = Bench::new();
        bench.replies(&[
            ("msetex 2 a 1 b 2 xx", ":0"),
            ("exists a b", ":0"),
            ("msetex 2 a 1 b 2 nx ex 10", ":1"),
            ("ttl a", ":10"),
            ("ttl b", ":10"),
            ("msetex 2 c 1 b 3 NX", ":0"),
            ("msetex 2 c 1 b 3 XX", ":0"),
            ("msetex 1 a 5 keepttl", ":1"),
            ("ttl a", ":10"),
            ("msetex 1 a 6", ":1"),
            ("ttl a", ":-1"),
            ("mget a b c", "*3|$1|6|$1|2|$-1"),
            ("msetex 2 a 1 a 2 pxat 1800000000000", ":1"),
            ("get a", "$1|2"),
            ("pexpiretime a", ":1800000000000"),
        ]);
        assert_eq!(
            bench.events("msetex 2 a 1 b 2 px 5"),
            "set a;expire a;set b;expire b"
        );
    }

    #[test]
    fn replicas_get_what_they_know() {
        let mut bench = Bench::new();
        let at = START_MS + 10_000;
        let wanted = format!("SET a 1 PXAT {at};SET b 2 PXAT {at}");
        assert_eq!(bench.effect("msetex 2 a 1 b 2 ex 10"), wanted);
        assert_eq!(bench.effect("msetex 1 a 1 xx keepttl"), "SET a 1 KEEPTTL");
        assert_eq!(bench.effect("msetex 2 a 1 b 2"), "MSET a 1 b 2");
        assert_eq!(bench.effect("msetex 1 a 1 nx"), "");
    }

    #[test]
    fn refuses_what_valkey_refuses() {
        let mut bench = Bench::new();
        let number = "-ERR invalid numkeys value or out of range";
        let syntax = "-ERR syntax error";
        let expire = "-ERR invalid expire time in 'msetex' command";
        bench.replies(&[
            ("msetex 0 a 1", number),
            ("msetex -1 a 1", number),
            ("msetex x a 1", number),
            ("msetex 2147483648 a 1", number),
            ("msetex 2 a 1", syntax),
            ("msetex 1 a 1 b 2", syntax),
            ("msetex 1 a 1 nx xx", syntax),
            ("msetex 1 a 1 ex", syntax),
            ("msetex 1 a 1 ex 1 keepttl", syntax),
            ("msetex 1 a 1 ex 0", expire),
            (
                "msetex 1 a 1 ex x",
                "-ERR value is not an integer or out of range",
            ),
            ("exists a", ":0"),
        ]);
    }
}
