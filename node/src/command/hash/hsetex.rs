//! HSETEX: replicas get an HSET, and an HPEXPIREAT for what expires.

use super::limits;
use super::timed::{check_type, command, hdel, hpexpireat, is_past, time};
use crate::command::expiry::{EXPIRATION_OR_KEEPTTL, Scale};
use crate::command::parse::shown;
use crate::command::{Definition, Effect, Exec, Refused, wrong_arity};
use crate::data::{Event, HashMut};
use crate::resp::number::parse_integer;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{DenyOom, Fast, Write};
use crate::spec::KeyFlag::{RW, Update};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static HSETEX: Definition = Definition {
    spec: Spec {
        name: "hsetex",
        arity: -6,
        flags: Flags::of(&[Write, DenyOom, Fast]),
        keys: &[KeySpec::one(1, &[RW, Update])],
        since: "8.0.0",
        complexity: "O(N) with N the number of fields that are set",
        summary: "Sets fields of a hash, and their time to live; returns 1 if it did",
        arguments: &[
            Argument::key("key"),
            Argument::one_of(
                "condition",
                &[Argument::word("fnx", "FNX"), Argument::word("fxx", "FXX")],
            )
            .optional(),
            EXPIRATION_OR_KEEPTTL,
            Argument::block(
                "fields",
                &[
                    Argument::integer("numfields"),
                    Argument::block(
                        "data",
                        &[Argument::string("field"), Argument::string("value")],
                    )
                    .multiple(),
                ],
            )
            .token("FIELDS"),
        ],
        ..Spec::new(Group::Hash)
    },
    ..Definition::run(hsetex)
};

/// What becomes of the times.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Times {
    Gone,
    Kept,
    At(i64),
}

struct Options {
    /// Whether all fields must be there, or none.
    exist: Option<bool>,
    times: Times,
    /// The index of the first field.
    first: usize,
}

impl Options {
    fn parse(exec: &Exec<'_>, args: &Args<'_>) -> Result<Options, Refused> {
        let (mut exist, mut times, mut at) = (None, Times::Gone, 2);
        while let Some(word) = args.opt(at) {
            let scale = Scale::of(word);
            let keeps = args.is(at, "keepttl");
            if args.is(at, "fields") {
                let first = first_field(args, at)?;
                return Ok(Options {
                    exist,
                    times,
                    first,
                });
            } else if scale.is_some() || keeps {
                if times != Times::Gone {
                    return Err(Refused::new(
                        "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified",
                    ));
                }
                times = Times::Kept;
                if let Some(scale) = scale {
                    at += 1;
                    let text = args.opt(at);
                    let text = text.ok_or(const { Refused::new("ERR missing expire time") })?;
                    times = Times::At(time(exec, scale, text, "hsetex")?);
                }
            } else if args.is(at, "fxx") || args.is(at, "fnx") {
                if exist.is_some() {
                    return Err(Refused::new(
                        "ERR Only one of FXX or FNX arguments can be specified",
                    ));
                }
                exist = Some(args.is(at, "fxx"));
            } else {
                let text = format!("ERR unknown argument: {}", shown(word));
                return Err(Refused::text(text));
            }
            at += 1;
        }
        Err(wrong_arity("hsetex"))
    }

    /// Whether the condition holds.
    fn holds(&self, hash: &HashMut<'_>, args: &Args<'_>) -> bool {
        let hash = hash.view();
        self.exist.is_none_or(|wanted| {
            let mut fields = (self.first..args.len()).step_by(2);
            fields.all(|at| hash.get(args.get(at)).is_some() == wanted)
        })
    }
}

/// The index of the first field behind FIELDS and their count at that index.
fn first_field(args: &Args<'_>, at: usize) -> Result<usize, Refused> {
    let left = args.len() - at;
    if left <= 3 {
        return Err(wrong_arity("hsetex"));
    }
    let count = parse_integer(args.get(at + 1)).and_then(|count| i32::try_from(count).ok());
    let count = count
        .and_then(|count| usize::try_from(count).ok())
        .filter(|count| *count > 0)
        .ok_or(const { Refused::new("ERR invalid number of fields") })?;
    if left - 2 != 2 * count {
        return Err(wrong_arity("hsetex"));
    }
    Ok(at + 2)
}

fn hsetex(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let options = Options::parse(exec, args)?;
    let (db, key, limits) = (exec.session.db, args.key(exec.data, 1), limits(exec));
    check_type(exec, &key)?;
    let names = || (options.first..args.len()).step_by(2);
    let mut timed = Vec::new();
    let done = exec.data.change_hash(db, &key, limits, |hash| {
        if !options.holds(hash, args) {
            return (false, None);
        }
        for (field, value) in names().map(|at| (args.get(at), args.get(at + 1))) {
            match options.times {
                Times::Kept => hash.set_keeping(field, value),
                Times::Gone | Times::At(_) => hash.set(field, value),
            };
            let time = hash.view().time(field);
            timed.extend(time.map(|at| (at, field)));
        }
        (true, Some(Event::HSet))
    })?;
    reply.integer(i64::from(done));
    if !done {
        return Ok(Effect::None);
    }
    let fields: Vec<&[u8]> = names().map(|at| args.get(at)).collect();
    let pairs: Vec<&[u8]> = args.from(options.first).collect();
    let mut told = vec![command(&[b"HSET", key.bytes], &pairs)];
    match options.times {
        Times::At(at) if is_past(exec, at) => {
            exec.data.change_hash(db, &key, limits, |hash| {
                let removed = hash.remove_each(fields.iter().copied());
                (removed, Some(Event::HDel))
            })?;
            exec.data.count_expired_fields(fields.len());
            told = vec![hdel(&key, &fields)];
        }
        Times::At(at) => {
            exec.data.change_hash(db, &key, limits, |hash| {
                for field in &fields {
                    hash.set_time(field, Some(at));
                }
                ((), Some(Event::HExpire))
            })?;
            told.push(hpexpireat(&key, at, &fields));
        }
        Times::Kept => {
            let times = timed
                .iter()
                .map(|(at, field)| hpexpireat(&key, *at, &[*field]));
            told.extend(times);
        }
        Times::Gone => {}
    }
    Ok(Effect::Rewritten(told))
}

#[cfg(test)]
mod tests {
    use crate::command::testing::{Bench, START_MS};

    #[test]
    fn sets_fields_with_and_without_times() {
        let mut bench = Bench::new();
        assert_eq!(bench.reply("hsetex h FIELDS 2 a 1 b 2"), ":1");
        assert_eq!(bench.effect("hsetex h fields 1 a 1"), "HSET h a 1");
        let at = START_MS + 5000;
        let told = format!("HSET h a 3 b 4;HPEXPIREAT h {at} FIELDS 2 a b");
        assert_eq!(bench.effect("hsetex h EX 5 FIELDS 2 a 3 b 4"), told);
        assert_eq!(
            bench.events("hsetex h pxat 1700000005000 FIELDS 1 a 5"),
            "hset h;hexpire h"
        );
        assert_eq!(bench.reply("hpttl h FIELDS 2 a b"), "*2|:5000|:5000");
        let told = format!("HSET h a 6 c 1;HPEXPIREAT h {at} FIELDS 1 a");
        assert_eq!(bench.effect("hsetex h KEEPTTL FIELDS 2 a 6 c 1"), told);
        assert_eq!(bench.events("hsetex h FIELDS 1 a 7"), "hset h");
        assert_eq!(bench.reply("hpttl h FIELDS 3 a b c"), "*3|:-1|:5000|:-1");
        assert_eq!(bench.reply("hmget h a b c"), "*3|$1|7|$1|4|$1|1");
    }

    #[test]
    fn a_time_that_has_passed_removes_the_fields() {
        let mut bench = Bench::new();
        bench.reply("hset h a 1 keep 2");
        assert_eq!(bench.effect("hsetex h ex 0 FIELDS 2 a 3 b 4"), "HDEL h a b");
        assert_eq!(bench.reply("hkeys h"), "*1|$4|keep");
        assert_eq!(
            bench.events("hsetex h pxat 1 FIELDS 1 keep 4"),
            "hset h;hdel h;del h"
        );
        assert_eq!(bench.reply("hsetex h pxat 1 FIELDS 1 keep 4"), ":1");
        assert_eq!(bench.reply("exists h"), ":0");
    }

    #[test]
    fn conditions_hold_for_all_fields_or_nothing_is_done() {
        let mut bench = Bench::new();
        bench.replies(&[
            ("hsetex h FXX FIELDS 1 a 1", ":0"),
            ("exists h", ":0"),
            ("hsetex h FNX FIELDS 2 a 1 b 2", ":1"),
            ("hsetex h fnx FIELDS 2 a 3 c 3", ":0"),
            ("hsetex h fxx ex 5 FIELDS 2 a 3 c 3", ":0"),
            ("hsetex h ex 5 fxx FIELDS 2 a 3 b 3", ":1"),
            ("hmget h a b c", "*3|$1|3|$1|3|$-1"),
        ]);
        assert_eq!(bench.effect("hsetex h fnx FIELDS 1 a 9"), "");
        bench.advance_ms(5001);
        assert_eq!(bench.reply("hsetex h fnx FIELDS 1 a 9"), ":1");
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = Bench::new();
        bench.reply("set s 1");
        let arity = "-ERR wrong number of arguments for 'hsetex' command";
        let one = "-ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified";
        bench.replies(&[
            (
                "hsetex s FIELDS 1 a 1",
                "-WRONGTYPE Operation against a key holding the wrong kind of value",
            ),
            ("hsetex h ex 1 px 1 FIELDS 1 a 1", one),
            ("hsetex h keepttl ex 1 FIELDS 1 a 1", one),
            (
                "hsetex h fnx fxx FIELDS 1 a 1",
                "-ERR Only one of FXX or FNX arguments can be specified",
            ),
            (
                "hsetex h fnx keepttl fnx ex",
                "-ERR Only one of FXX or FNX arguments can be specified",
            ),
            ("hsetex h fnx keepttl foo ex", "-ERR unknown argument: foo"),
            ("hsetex h FIELDS 2 a 1", arity),
            ("hsetex h FIELDS 1 a 1 b", arity),
            ("hsetex h fnx FIELDS 1 a", arity),
            ("hsetex h FIELDS 0 a 1", "-ERR invalid number of fields"),
            ("hsetex h FIELDS x a 1", "-ERR invalid number of fields"),
            (
                "hsetex h ex -1 FIELDS 1 a 1",
                "-ERR invalid expire time, must be >= 0",
            ),
            (
                "hsetex h ex x FIELDS 1 a 1",
                "-ERR value is not an integer or out of range",
            ),
        ]);
    }
}
