//! Properties of the whole command table.

mod secrets;

use super::*;
use crate::spec::{Argument, ArgumentKind, BeginSearch, Category, FindKeys, Flag, Group};

fn owned(words: &[&str]) -> Vec<Vec<u8>> {
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}

fn refused(words: &[&str]) -> String {
    match resolve(&Args::kept(&owned(words))) {
        Ok(command) => panic!("{} is a command", command.spec.name),
        Err(Refused(text)) => text.into_owned(),
    }
}

#[test]
fn every_command_is_found_in_any_case() {
    for command in commands() {
        let name = command.spec.name;
        assert_eq!(lookup(name.as_bytes()).unwrap().id, command.id, "{name}");
        let upper = name.to_ascii_uppercase();
        assert_eq!(lookup(upper.as_bytes()).unwrap().id, command.id, "{name}");
    }
    for (id, command) in all_commands().iter().enumerate() {
        assert_eq!(command.id, id);
    }
    for name in ["", "ge", "gett", "client|list", "a-name-longer-than-any"] {
        assert!(lookup(name.as_bytes()).is_none(), "{name}");
    }
}

#[test]
fn few_names_need_a_second_look() {
    let displaced = commands().iter().filter(|command| {
        let bucket = hash(command.spec.name.as_bytes()) as usize % BUCKETS;
        usize::from(INDEX[bucket]) != command.id
    });
    let names: Vec<_> = displaced.map(|command| command.spec.name).collect();
    assert!(names.len() <= commands().len() / 5, "{names:?}");
    for hot in ["get", "set", "incr", "mget", "del", "exists", "expire"] {
        assert!(!names.contains(&hot), "{hot} is displaced");
    }
}

#[test]
fn names_are_unique_lower_case_and_under_their_container() {
    let mut names: Vec<_> = all_commands().iter().map(|c| c.spec.name).collect();
    for name in &names {
        assert!(
            name.bytes()
                .all(|b| b.is_ascii_lowercase() || matches!(b, b'-' | b'_' | b'|')),
            "{name}"
        );
    }
    names.sort_unstable();
    names.windows(2).for_each(|two| assert_ne!(two[0], two[1]));
    for command in commands() {
        for sub in command.subcommands() {
            let prefix = format!("{}|", command.spec.name);
            assert!(sub.spec.name.starts_with(&prefix), "{}", sub.spec.name);
            assert!(sub.spec.accepts(2) || sub.spec.arity.unsigned_abs() > 2);
            assert_eq!(sub.spec.group, command.spec.group, "{}", sub.spec.name);
        }
        if !command.subcommands().is_empty() && command.spec.name != "command" {
            assert!(
                command.subcommand(b"help").is_some(),
                "{}",
                command.spec.name
            );
        }
    }
}

#[test]
fn keys_are_within_the_arity() {
    for Command { spec, .. } in all_commands() {
        assert_ne!(spec.arity, 0, "{}", spec.name);
        for (index, key) in spec.keys.iter().enumerate() {
            let least = spec.arity.unsigned_abs();
            if let Some((first, last, step)) = key.fixed() {
                // Keys that may be left out are the last arguments.
                let end = if last < 0 { least } else { least - 1 };
                assert!((1..=end).contains(&first), "{}", spec.name);
                assert!(step >= 1, "{}", spec.name);
                assert!(last < 0 || first + (last as u8) < least, "{}", spec.name);
            }
            if key.begin == BeginSearch::Unknown && key.found_by.is_none() {
                continue;
            }
            let named = |argument: &Argument| argument.kind == ArgumentKind::Key(index as u8);
            assert!(
                spec.arguments
                    .iter()
                    .any(|a| named(a) || a.arguments.iter().any(named)),
                "{}: no argument for key spec {index}",
                spec.name
            );
        }
    }
}

#[test]
fn texts_are_complete() {
    for Command { spec, .. } in all_commands() {
        let name = spec.name;
        let first = spec.summary.chars().next();
        assert!(first.is_some_and(char::is_uppercase), "{name}");
        assert!(!spec.summary.ends_with('.'), "{name}");
        assert!(spec.summary.len() <= 90, "{name}: {}", spec.summary.len());
        assert!(spec.complexity.starts_with("O("), "{name}");
        assert_eq!(spec.since.split('.').count(), 3, "{name}");
        for (version, change) in spec.history {
            assert_eq!(version.split('.').count(), 3, "{name}");
            assert!(change.ends_with('.'), "{name}: {change}");
        }
    }
}

#[test]
fn flags_agree_with_each_other() {
    for Command { spec, .. } in all_commands() {
        let has = |flag| spec.flags.has(flag);
        assert!(!(has(Flag::Write) && has(Flag::ReadOnly)), "{}", spec.name);
        assert!(!has(Flag::DenyOom) || has(Flag::Write), "{}", spec.name);
        if !spec.keys.is_empty() && spec.name != "watch" {
            assert!(has(Flag::Write) || has(Flag::ReadOnly), "{}", spec.name);
        }
        let categories: Vec<_> = spec.all_categories().collect();
        assert_ne!(
            categories.contains(&Category::Fast),
            categories.contains(&Category::Slow)
        );
    }
}

#[test]
fn words_refusals_as_redis_does() {
    assert_eq!(
        refused(&["foo", "a", "b c"]),
        "ERR unknown command 'foo', with args beginning with: 'a' 'b c' "
    );
    let long = "x".repeat(150);
    assert_eq!(
        refused(&["foo", &long, "b"]),
        format!(
            "ERR unknown command 'foo', with args beginning with: '{}' ",
            "x".repeat(128)
        )
    );
    assert_eq!(
        refused(&["client", "foo"]),
        "ERR unknown subcommand 'foo'. Try CLIENT HELP."
    );
    assert_eq!(
        refused(&["CLIENT"]),
        "ERR wrong number of arguments for 'client' command"
    );
    assert_eq!(
        refused(&["client", "KILL"]),
        "ERR wrong number of arguments for 'client|kill' command"
    );
    assert_eq!(
        refused(&["GET"]),
        "ERR wrong number of arguments for 'get' command"
    );
}

#[test]
fn finds_the_keys() {
    for (words, wanted) in [
        (&["get", "a"][..], &[1][..]),
        (&["del", "a", "b", "c"], &[1, 2, 3]),
        (&["mset", "a", "1", "b", "2"], &[1, 3]),
        (&["rename", "a", "b"], &[1, 2]),
        (&["copy", "a", "b", "REPLACE"], &[1, 2]),
        (&["lcs", "a", "b", "LEN"], &[1, 2]),
        (&["object", "encoding", "a"], &[2]),
        (&["ping", "a"], &[]),
    ] {
        let argv = owned(words);
        let args = Args::kept(&argv);
        let command = resolve(&args).unwrap();
        assert_eq!(command.keys(&args).collect::<Vec<_>>(), wanted, "{words:?}");
        assert_eq!(command.first_key(&args), wanted.first().copied());
    }
}

#[test]
fn what_follows_the_key_is_an_element_where_commands_look_for_one() {
    let finds = |name: &str| lookup(name.as_bytes()).unwrap().finds_element();
    for name in [
        "hget",
        "hset",
        "hmset",
        "hsetnx",
        "hdel",
        "hexists",
        "hincrby",
        "hincrbyfloat",
        "hmget",
        "hstrlen",
        "sadd",
        "srem",
        "sismember",
        "smismember",
        "zscore",
        "zmscore",
        "zrem",
        "zrank",
        "zrevrank",
    ] {
        assert!(finds(name), "{name}");
    }
    for name in [
        "hgetall",
        "hlen",
        "hrandfield",
        "hscan",
        "spop",
        "srandmember",
        "smembers",
        "smove",
        "sscan",
        "sinter",
        "sintercard",
        "sunionstore",
        "get",
        "zadd",
        "zincrby",
        "zlexcount",
        "zrange",
    ] {
        assert!(!finds(name), "{name}");
    }
}

#[test]
fn keys_that_must_be_looked_for_are_routed_by_as_others() {
    // As ZUNIONSTORE has them: destination numkeys key [key ...]
    static DEFINITION: Definition = Definition {
        spec: Spec {
            name: "store",
            arity: -4,
            keys: &[
                KeySpec::one(1, &[KeyFlag::OW, KeyFlag::Update]),
                KeySpec::new(
                    BeginSearch::Index(2),
                    FindKeys::KeyNum {
                        number: 0,
                        first: 1,
                        step: 1,
                    },
                    &[KeyFlag::RO, KeyFlag::Access],
                ),
            ],
            ..Spec::new(Group::Generic)
        },
        ..Definition::run(|_, _, _| Ok(crate::command::Effect::None))
    };
    let command = super::command(&DEFINITION, 0, 0);
    assert!(command.has_movable_keys());
    assert_eq!(command.key_range(), (1, 1, 1));
    let argv = owned(&["store", "d", "2", "a", "b", "x"]);
    let args = Args::kept(&argv);
    assert_eq!(command.keys(&args).collect::<Vec<_>>(), [1, 3, 4]);
    assert_eq!(command.first_key(&args), Some(1));
    assert!(command.has_many_keys(&args));
    let flagged = command.keys_and_flags(&args).unwrap();
    let source = &[KeyFlag::RO, KeyFlag::Access][..];
    assert_eq!(flagged[1..], [(3, source), (4, source)]);
    let argv = owned(&["store", "d", "9", "a"]);
    let args = Args::kept(&argv);
    assert_eq!(command.keys(&args).count(), 0);
    assert_eq!(command.keys_and_flags(&args), Err(InvalidKeys));
}
