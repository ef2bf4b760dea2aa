//! SORT and SORT_RO.

mod order;

use slotkeeper_tree::element::{Element, Text};

use self::order::sorted;
use crate::command::parse::{SYNTAX, integer, lower};
use crate::command::{Definition, Effect, Exec, Refused, show};
use crate::data::{End, Event, Partition, Type, WrongType};
use crate::resp::{Args, Reply};
use crate::spec::Flag::{DenyOom, ReadOnly, Write};
use crate::spec::KeyFlag::{Access, OW, RO, Update};
use crate::spec::{
    Argument, BeginSearch, Category, FindKeys, Flags, Group, Indexes, KeyFlag, KeySpec, Spec,
};

const CATEGORIES: &[Category] = &[
    Category::Set,
    Category::SortedSet,
    Category::List,
    Category::Dangerous,
];
const COMPLEXITY: &str =
    "O(N+M*log(M)) with N the number of elements and M the number of those that are returned";
const BY: Argument = Argument::pattern("by-pattern").token("BY").optional();
const LIMIT: Argument = Argument::block(
    "limit",
    &[Argument::integer("offset"), Argument::integer("count")],
)
.token("LIMIT")
.optional();
const GET: Argument = Argument::pattern("get-pattern")
    .token("GET")
    .optional()
    .multiple_token();
const ORDER: Argument = Argument::one_of(
    "order",
    &[Argument::word("asc", "ASC"), Argument::word("desc", "DESC")],
)
.optional();
const SORTING: Argument = Argument::word("sorting", "ALPHA").optional();

pub(super) static SORT: Definition = Definition {
    spec: Spec {
        name: "sort",
        arity: -2,
        flags: Flags::of(&[Write, DenyOom]),
        keys: &[
            KeySpec::one(1, &[RO, Access]),
            unknown(&[RO, Access]).note("Keys that `BY` and `GET` name follow from the elements"),
            unknown(&[OW, Update])
                .note("That of `STORE`, wherever it stands")
                .found_by(stored_key),
        ],
        categories: CATEGORIES,
        complexity: COMPLEXITY,
        summary: "Sorts a list, a set or a sorted set; returns or stores the elements",
        arguments: &[
            Argument::key("key"),
            BY,
            LIMIT,
            GET,
            ORDER,
            SORTING,
            Argument::key_of("destination", 2).token("STORE").optional(),
        ],
        ..Spec::new(Group::Generic)
    },
    ..Definition::run(|exec, args, reply| sort(exec, args, reply, true))
};

pub(super) static SORT_RO: Definition = Definition {
    spec: Spec {
        name: "sort_ro",
        arity: -2,
        flags: Flags::of(&[ReadOnly]),
        keys: &[
            KeySpec::one(1, &[RO, Access]),
            unknown(&[RO, Access]).note("Keys that `BY` and `GET` name follow from the elements"),
        ],
        categories: CATEGORIES,
        since: "7.0.0",
        complexity: COMPLEXITY,
        summary: "Sorts a list, a set or a sorted set; returns the elements",
        arguments: &[Argument::key("key"), BY, LIMIT, GET, ORDER, SORTING],
        ..Spec::new(Group::Generic)
    },
    ..Definition::run(|exec, args, reply| sort(exec, args, reply, false))
};

const fn unknown(flags: &'static [KeyFlag]) -> KeySpec {
    KeySpec::new(BeginSearch::Unknown, FindKeys::Unknown, flags)
}

/// The key behind the last STORE, options and their values passed over.
fn stored_key(args: &Args<'_>) -> Indexes {
    let (mut found, mut at) = (Indexes::NONE, 2);
    while at < args.len() {
        if args.is(at, "limit") {
            at += 2;
        } else if args.is(at, "by") || args.is(at, "get") {
            at += 1;
        } else if args.is(at, "store") && at + 1 < args.len() {
            at += 1;
            found = Indexes::one(at);
        }
        at += 1;
    }
    found
}

/// What was asked for.
#[derive(Default)]
struct Options<'a> {
    /// Weights come from keys of this pattern.
    by: Option<&'a [u8]>,
    /// The elements stay in the order that they have (BY a pattern without `*`).
    unsorted: bool,
    descending: bool,
    alpha: bool,
    /// The first element, and how many; negative: all.
    limit: Option<(i64, i64)>,
    get: Vec<&'a [u8]>,
    /// The argument that is the destination.
    store: Option<usize>,
}

impl<'a> Options<'a> {
    fn parse(exec: &Exec<'_>, args: &Args<'a>, stores: bool) -> Result<Options<'a>, Refused> {
        let cluster = exec.node.config.cluster_enabled;
        let (mut options, mut at) = (Options::default(), 2);
        while at < args.len() {
            let behind = args.len() - at - 1;
            at += 1;
            match lower(args.get(at - 1)).as_slice() {
                b"asc" => options.descending = false,
                b"desc" => options.descending = true,
                b"alpha" => options.alpha = true,
                b"limit" if behind >= 2 => {
                    options.limit = Some((integer(args.get(at))?, integer(args.get(at + 1))?));
                    at += 2;
                }
                b"store" if stores && behind >= 1 => {
                    options.store = Some(at);
                    at += 1;
                }
                b"by" if behind >= 1 => {
                    let pattern = args.get(at);
                    options.by = Some(pattern);
                    if !pattern.contains(&b'*') {
                        options.unsorted = true;
                    } else if cluster {
                        return Err(Refused::new(
                            "ERR BY option of SORT denied in Cluster mode.",
                        ));
                    }
                    at += 1;
                }
                b"get" if behind >= 1 => {
                    if cluster {
                        return Err(Refused::new(
                            "ERR GET option of SORT denied in Cluster mode.",
                        ));
                    }
                    options.get.push(args.get(at));
                    at += 1;
                }
                _ => return Err(SYNTAX),
            }
        }
        Ok(options)
    }

    /// Whether the result depends on other keys.
    fn reads_others(&self) -> bool {
        let names_keys = |pattern: &&[u8]| pattern.contains(&b'*');
        self.by.as_ref().is_some_and(names_keys) || self.get.iter().any(names_keys)
    }
}

fn sort(
    exec: &mut Exec<'_>,
    args: &Args<'_>,
    reply: &mut Reply,
    stores: bool,
) -> Result<Effect, Refused> {
    let options = Options::parse(exec, args, stores)?;
    let (db, key) = (exec.session.db, args.key(exec.data, 1));
    let kind = exec.data.get(db, &key).map(|entry| entry.kind());
    if !matches!(kind, None | Some(Type::List | Type::Set | Type::Zset)) {
        return Err(WrongType.into());
    }
    if kind == Some(Type::Zset) && !exec.data.must_wait(db, &key) {
        // As in Redis, it is a skiplist from now on.
        let limits = exec.node.config.limits().zset;
        (exec.data).change_zset(db, &key, limits, |zset| (zset.unpack(), None))?;
    }
    if let Some(store) = options.store {
        return sort_and_store(exec, args, reply, &options, store);
    }
    let data = &*exec.data;
    let elements = sorted(data, db, &key, &options)?;
    reply.array(elements.len() * options.get.len().max(1));
    for element in elements {
        for_each_value(data, db, &options, element, |value| match value {
            Some(value) => show(reply, value),
            None => reply.null(),
        });
    }
    Ok(Effect::None)
}

/// What is shown of an element: itself, or what each GET finds.
fn for_each_value<'a>(
    data: &'a Partition,
    db: usize,
    options: &Options<'_>,
    element: Element<'a>,
    mut visit: impl FnMut(Option<Element<'a>>),
) {
    if options.get.is_empty() {
        return visit(Some(element));
    }
    for pattern in &options.get {
        visit(order::look_up(data, db, pattern, element));
    }
}

fn sort_and_store(
    exec: &mut Exec<'_>,
    args: &Args<'_>,
    reply: &mut Reply,
    options: &Options<'_>,
    store: usize,
) -> Result<Effect, Refused> {
    let (db, key) = (exec.session.db, args.key(exec.data, 1));
    let limits = exec.node.config.limits().list;
    let data = &*exec.data;
    let mut values = Vec::new();
    for element in sorted(data, db, &key, options)? {
        for_each_value(data, db, options, element, |value| {
            let value = value.unwrap_or(Element::Str(b""));
            values.push(value.bytes(&mut Text::new()).to_vec());
        });
    }
    let target = args.key(exec.data, store);
    let event = Event::SortStore;
    let ((), changed) = exec
        .data
        .replace_list(db, &target, limits, event, |list, _| {
            values.iter().for_each(|value| list.push(End::Right, value));
            list.settle_loaded(false);
        });
    reply.integer(values.len() as i64);
    if !changed {
        return Ok(Effect::None);
    }
    if !options.reads_others() {
        return Ok(Effect::AsWritten);
    }
    // A replica may see a key that has expired here, so it gets what came of it.
    let delete = vec![b"DEL".to_vec(), target.bytes.to_vec()];
    if values.is_empty() {
        return Ok(Effect::Rewritten(vec![delete]));
    }
    let mut push = vec![b"RPUSH".to_vec(), target.bytes.to_vec()];
    push.append(&mut values);
    Ok(Effect::Rewritten(vec![delete, push]))
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn sorts_numbers_and_words() {
        let mut bench = Bench::new();
        bench.reply("rpush l 10 9 -1 2.5 9");
        bench.reply("sadd s c a b");
        bench.reply("zadd z 3 x 2 y 1 z");
        bench.replies(&[
            ("sort l", "*5|$2|-1|$3|2.5|$1|9|$1|9|$2|10"),
            ("sort l desc limit 1 2", "*2|$1|9|$1|9"),
            ("sort l alpha", "*5|$2|-1|$2|10|$3|2.5|$1|9|$1|9"),
            ("sort_ro s alpha desc", "*3|$1|c|$1|b|$1|a"),
            ("sort z alpha", "*3|$1|x|$1|y|$1|z"),
            ("sort z by nosort", "*3|$1|z|$1|y|$1|x"),
            ("sort z by nosort desc limit 0 2", "*2|$1|x|$1|y"),
            ("sort l by nosort limit 1 2", "*2|$1|9|$2|-1"),
            ("sort l limit 5 1", "*0"),
            (
                "sort l limit -3 -1 desc asc",
                "*5|$2|-1|$3|2.5|$1|9|$1|9|$2|10",
            ),
            ("sort l limit 0 0", "*0"),
            ("sort missing", "*0"),
            (
                "sort s",
                "-ERR One or more scores can't be converted into double",
            ),
        ]);
    }

    #[test]
    fn weights_and_values_come_from_other_keys() {
        let mut bench = Bench::new();
        bench.reply("sadd s 1 2 3");
        bench.reply("mset w1 30 w2 20 w3 10 n1 one n3 three");
        bench.reply("hset h1 f x");
        bench.replies(&[
            ("sort s by w*", "*3|$1|3|$1|2|$1|1"),
            (
                "sort s by w* desc get # get n* limit 0 2",
                "*4|$1|1|$3|one|$1|2|$-1",
            ),
            ("sort s by missing*", "*3|$1|1|$1|2|$1|3"),
            ("sort s by n* alpha", "*3|$1|2|$1|1|$1|3"),
            (
                "sort s get h*->f get h*->g get h*",
                "*9|$1|x|$-1|$-1|$-1|$-1|$-1|$-1|$-1|$-1",
            ),
            ("sort s get constant", "*3|$-1|$-1|$-1"),
            (
                "sort s by n*",
                "-ERR One or more scores can't be converted into double",
            ),
        ]);
    }

    #[test]
    fn stores_a_list() {
        let mut bench = Bench::new();
        bench.reply("sadd s 3 1 2");
        bench.reply("mset n1 one d x");
        assert_eq!(bench.events("sort s store d"), "sortstore d");
        assert_eq!(bench.effect("sort s store d desc"), "sort s store d desc");
        bench.replies(&[
            ("lrange d 0 -1", "*3|$1|3|$1|2|$1|1"),
            ("sort s by nosort store d", ":3"),
            ("lrange d 0 -1", "*3|$1|1|$1|2|$1|3"),
            ("sort d store d limit 1 1", ":1"),
            ("lrange d 0 -1", "*1|$1|2"),
            ("object encoding d", "$8|listpack"),
        ]);
        assert_eq!(
            bench.effect("sort s get # get n* store d limit 0 2"),
            "DEL d;RPUSH d 1 one 2 "
        );
        assert_eq!(bench.events("sort missing store d"), "del d");
        assert_eq!(bench.effect("sort missing store d"), "");
        assert_eq!(bench.reply("exists d"), ":0");
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = Bench::new();
        bench.reply("set str 1");
        bench.reply("sadd s 1");
        bench.replies(&[
            ("sort s foo", "-ERR syntax error"),
            ("sort s limit 1", "-ERR syntax error"),
            (
                "sort s limit x 1",
                "-ERR value is not an integer or out of range",
            ),
            ("sort_ro s store d", "-ERR syntax error"),
            (
                "sort str",
                "-WRONGTYPE Operation against a key holding the wrong kind of value",
            ),
        ]);
        bench.config.cluster_enabled = true;
        let get = "-ERR GET option of SORT denied in Cluster mode.";
        bench.replies(&[
            (
                "sort s by w*",
                "-ERR BY option of SORT denied in Cluster mode.",
            ),
            ("sort s get #", get),
            ("sort_ro s get w*", get),
            ("sort s by nosort", "*1|$1|1"),
        ]);
    }
}
