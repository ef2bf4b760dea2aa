//! Configuration from files, arguments and CONFIG SET.

mod password;
mod rewrite;

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;

use super::directive::Kind;
use super::fixed::FIXED;
use super::table::DIRECTIVES;
use super::*;

fn from_args(args: &[&str], files: &[(&str, &str)]) -> Result<(Config, Option<PathBuf>), String> {
    let args: Vec<Vec<u8>> = args.iter().map(|arg| arg.as_bytes().to_vec()).collect();
    let mut read = |source: Source<'_>| {
        let name = match source {
            Source::Stdin => "-",
            Source::File(path) => path.to_str().unwrap(),
            Source::Directory(_) => {
                let names = files.iter().map(|(name, _)| format!("{name}\0"));
                return Ok(names.collect::<String>().into_bytes());
            }
        };
        let file = files.iter().find(|(file, _)| *file == name);
        let text = file.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        Ok(text.1.as_bytes().to_vec())
    };
    match Invocation::from_args(&args, &mut read) {
        Ok(Invocation::Run(config, file)) => Ok((*config, file)),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.to_string()),
    }
}

fn config(text: &str) -> Config {
    Config::from_text(text).unwrap_or_else(|error| panic!("{error}"))
}

/// As `--check-config` reads it.
fn checked(text: &str) -> Config {
    let mut read = |_: Source<'_>| Ok(text.as_bytes().to_vec());
    match Invocation::from_args(&[b"--check-config".to_vec(), b"-".to_vec()], &mut read) {
        Ok(Invocation::Check(config)) => *config,
        other => panic!("{other:?}"),
    }
}

fn set(config: &mut Config, pairs: &[(&str, &str)]) -> Result<Changes, String> {
    let pairs = pairs
        .iter()
        .map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec()));
    config.set_all(&pairs.collect::<Vec<_>>(), true)
}

fn get(config: &Config, pattern: &str) -> Vec<(String, String)> {
    let text =
        |(name, value): (&str, Vec<u8>)| (name.to_owned(), String::from_utf8(value).unwrap());
    config.get(&[pattern]).into_iter().map(text).collect()
}

#[test]
fn names_are_sorted_and_unique() {
    let own: Vec<_> = DIRECTIVES.iter().map(|d| d.name).collect();
    let fixed: Vec<_> = FIXED.iter().map(|f| f.name).collect();
    assert!(own.is_sorted());
    assert!(fixed.is_sorted());
    let aliases = DIRECTIVES.iter().filter_map(|d| d.alias);
    let aliases = aliases.chain(FIXED.iter().filter_map(|f| f.alias));
    let all: Vec<_> = own.iter().chain(&fixed).copied().chain(aliases).collect();
    let unique: BTreeSet<_> = all.iter().collect();
    assert_eq!(unique.len(), all.len());
    assert!(all.iter().all(|name| {
        name.bytes()
            .all(|b| b.is_ascii_lowercase() || b"-_".contains(&b))
    }));
}

#[test]
fn every_directive_sets_its_own_field_and_no_other() {
    let default = Config::default();
    for directive in DIRECTIVES {
        let value = match &directive.kind {
            Kind::YesNo(get, _) if get(&default) => "no".to_owned(),
            Kind::YesNo(..) => "yes".to_owned(),
            Kind::Number(min, _, get, _) if get(&default) == *min => (min + 1).to_string(),
            Kind::Number(min, ..) => min.to_string(),
            Kind::Memory { .. } => "123mb".to_owned(),
            Kind::Text(..) if directive.name == "cluster-announce-ip" => "10.0.0.1".to_owned(),
            Kind::Text(..) | Kind::Secret(..) => "other".to_owned(),
            Kind::Word(words, get, _) => words[(get(&default) + 1) % words.len()].to_owned(),
            Kind::Words(..) => "127.0.0.1 -::1".to_owned(),
            Kind::Own { .. } => match directive.name {
                "save" => "1 2 3 4".to_owned(),
                "bind-source-addr" => "127.0.0.9".to_owned(),
                "client-output-buffer-limit" => "normal 1 2 3 replica 4kb 5mb 6".to_owned(),
                "client-query-buffer-limit" | "proto-max-bulk-len" => "5mb".to_owned(),
                "maxmemory-clients" => "7%".to_owned(),
                "latency-tracking-info-percentiles" => "12.5 99".to_owned(),
                "shutdown-on-sigint" | "shutdown-on-sigterm" => "nosave now".to_owned(),
                other => panic!("no value for {other}"),
            },
        };
        let changed = checked(&format!("{} {value}", directive.name));
        for other in DIRECTIVES {
            let differs = other.show(&default) != other.show(&changed);
            assert_eq!(
                differs,
                other.name == directive.name,
                "{} {}",
                directive.name,
                other.name
            );
        }
        let again = checked(&directive.lines(&changed).join("\n"));
        assert_eq!(again, changed, "{}", directive.name);
        let shown = String::from_utf8(directive.show(&changed)).unwrap();
        assert_eq!(checked(&format!("{} \"{shown}\"", directive.name)), changed);
    }
}

#[test]
fn fixed_directives_take_their_values_only() {
    for fixed in FIXED {
        for value in fixed.values {
            config(&format!("{} \"{value}\"", fixed.name));
        }
        let error = Config::from_text(&format!("{} nonsense", fixed.name)).unwrap_err();
        assert!(error.to_string().contains(fixed.name), "{error}");
    }
}

#[test]
fn reads_files_includes_stdin_and_arguments_in_order() {
    let files = [
        (
            "a.conf",
            "# one\nport 1\n  include b.conf\nmaxclients 5 \r\nrequirepass 'x y'\n",
        ),
        ("b.conf", "port 2\ntimeout 7\n"),
        ("-", "timeout 8\nslave-read-only no\n"),
    ];
    let (config, file) = from_args(&["a.conf", "-", "--port", "3"], &files).unwrap();
    assert_eq!(file, Some(PathBuf::from("a.conf")));
    assert_eq!((config.port, config.timeout, config.maxclients), (3, 8, 5));
    assert_eq!(config.requirepass.as_deref(), Some(&b"x y"[..]));
    assert!(!config.replica_read_only);
    let (config, file) = from_args(&["--port", "3", "-"], &files).unwrap();
    assert_eq!((config.port, config.timeout, file), (3, 8, None));
}

#[test]
fn includes_with_wildcards_are_read_in_order_and_may_find_nothing() {
    let files = [
        ("main", "port 1\ninclude *.conf\ninclude nope*\ntimeout 9\n"),
        ("b.conf", "port 3\nmaxclients 7\ntimeout 8\n"),
        ("a.conf", "port 2\nmaxclients 6\n"),
    ];
    let (config, _) = from_args(&["main"], &files).unwrap();
    assert_eq!((config.port, config.maxclients, config.timeout), (3, 7, 9));
}

#[test]
fn files_that_include_each_other_come_to_an_end() {
    let files: Vec<(String, &str)> = (0..100)
        .map(|n| (format!("{n}.conf"), "include *.conf"))
        .collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (&**name, *text)).collect();
    let error = from_args(&["0.conf"], &files).unwrap_err();
    assert!(
        error.contains("More than 1000 files are included"),
        "{error}"
    );
}

#[test]
fn arguments_take_values_up_to_the_next_option() {
    let args = [
        "--save",
        "900",
        "1",
        "300",
        "10",
        "--bind",
        "127.0.0.1",
        "-::1",
        "--port",
        "7",
    ];
    let (config, _) = from_args(&args, &[]).unwrap();
    assert_eq!(config.save.len(), 2);
    assert_eq!(config.bind, ["127.0.0.1", "-::1"]);
    let (config, _) = from_args(&["--save", "--port", "7"], &[]).unwrap();
    assert!(config.save.is_empty());
    let (config, _) = from_args(&["--save", "", "--requirepass", "--x"], &[]).unwrap();
    assert!(config.save.is_empty());
    assert_eq!(config.requirepass.as_deref(), Some(&b"--x"[..]));
    let (config, _) = from_args(&["--save", "900 1", "--PORT", "7"], &[]).unwrap();
    assert_eq!(
        config.save,
        [SavePoint {
            seconds: 900,
            changes: 1
        }]
    );
}

#[test]
fn the_memory_of_clients_is_bytes_or_a_part_of_maxmemory() {
    let limit = |text: &str| {
        let config = config(&format!("maxmemory 1gb\nmaxmemory-clients {text}"));
        config.maxmemory_clients.limit(config.maxmemory)
    };
    assert_eq!(limit("0"), None);
    assert_eq!(limit("0%"), None);
    assert_eq!(limit("3mb"), Some(3 << 20));
    assert_eq!(limit("50%"), Some(1 << 29));
    assert_eq!(
        config("maxmemory-clients 5%").maxmemory_clients.limit(0),
        None
    );
    for wrong in ["101%", "-1", "x", "5%%"] {
        let error = Config::from_text(&format!("maxmemory-clients {wrong}")).unwrap_err();
        assert!(
            error.to_string().contains("memory or percent value"),
            "{error}"
        );
    }
}

#[test]
fn save_lines_add_up_and_the_first_replaces_the_defaults() {
    assert_eq!(config("save 1 2\nsave 3 4").save.len(), 2);
    assert!(config("save 1 2\nsave \"\"").save.is_empty());
    assert_eq!(config("").save.len(), 3);
}

#[test]
fn errors_name_the_place_and_the_reason() {
    let files = [
        ("a.conf", "port 1\n\nfoo bar\n"),
        ("b.conf", "include a.conf"),
        ("c.conf", "include c.conf"),
        ("d.conf", "port 1\ninclude nope.conf\n"),
    ];
    let error = from_args(&["d.conf"], &files).unwrap_err();
    assert!(
        error.contains(
            "'d.conf', at line 2\n>>> 'include nope.conf'\ncan't open config file 'nope.conf': \
             entity not found"
        ),
        "{error}"
    );
    let error = from_args(&["b.conf"], &files).unwrap_err();
    assert!(
        error.contains("'a.conf', at line 3\n>>> 'foo (redacted)'\nBad directive or wrong"),
        "{error}"
    );
    let error = from_args(&["nope.conf"], &files).unwrap_err();
    assert_eq!(
        error,
        "Fatal error, can't open config file 'nope.conf': entity not found"
    );
    let error = from_args(&["c.conf"], &files).unwrap_err();
    assert!(error.contains("include"), "{error}");
    let error = from_args(&["--port", "1", "--foo", "bar"], &files).unwrap_err();
    assert!(
        error.contains("argument 3\n>>> '--foo (redacted)'\nBad directive"),
        "{error}"
    );
    let cases = [
        ("port", "wrong number of arguments"),
        ("port 1 2", "wrong number of arguments"),
        ("port abc", "argument couldn't be parsed into an integer"),
        (
            "port 65536",
            "argument must be between 0 and 65535 inclusive",
        ),
        ("maxmemory 1xb", "argument must be a memory value"),
        (
            "hll-sparse-max-bytes 9223372036854775808",
            "argument must be between 0 and 9223372036854775807 inclusive",
        ),
        (
            "repl-backlog-size 0",
            "argument must be between 1 and 9223372036854775807 inclusive",
        ),
        (
            "latency-tracking-info-percentiles x",
            "Invalid latency-tracking-info-percentiles parameters",
        ),
        (
            "requirepass \"abc",
            "Unbalanced quotes in configuration line",
        ),
        ("save 1", "Invalid save parameters"),
        ("protected-mode maybe", "argument must be 'yes' or 'no'"),
        (
            "daemonize yes",
            "'daemonize' can only be 'no': this server stays in the foreground",
        ),
        (
            "appendonly yes",
            "'appendonly' can only be 'no': the append-only file is not supported yet",
        ),
        ("rename-command GET ''", "'rename-command' is not supported"),
        (
            "cluster-announce-hostname a_b",
            "Hostnames may only contain",
        ),
        (
            "loglevel loud",
            "must be one of the following: debug, verbose, notice, warning",
        ),
        (
            "cluster-announce-ip redis-0.redis",
            "argument must be an IP address",
        ),
        (
            "client-output-buffer-limit pubsub 1 1 1",
            "no subscribers to limit yet",
        ),
        (
            "client-output-buffer-limit normal 1 1",
            "Wrong number of arguments in buffer limit",
        ),
        (
            "client-output-buffer-limit other 1 1 1",
            "Invalid client class",
        ),
        ("enable-module-command yes", "modules are not supported"),
        (
            "repl-diskless-load swapdb",
            "'repl-diskless-load' can only be 'flush-before-load'",
        ),
        ("dbfilename a/b", "it can't be a path"),
    ];
    for (line, reason) in cases {
        let error = Config::from_text(line).unwrap_err().to_string();
        assert!(
            error.contains(reason) && error.contains("line 1"),
            "{line}: {error}"
        );
    }
}

#[test]
fn the_bus_port_must_exist() {
    let error = Config::from_text("cluster-enabled yes\nport 60000").unwrap_err();
    assert!(error.to_string().contains("55535"), "{error}");
    assert_eq!(
        config("cluster-enabled yes\nport 60000\ncluster-port 1").bus_port(),
        1
    );
    assert_eq!(config("port 7000").bus_port(), 17000);
}

#[test]
fn get_takes_patterns_and_shows_old_names() {
    let config = Config::default();
    assert_eq!(
        get(&config, "port"),
        [("port".to_owned(), "6379".to_owned())]
    );
    assert_eq!(get(&config, "PORT").len(), 1);
    assert_eq!(
        get(&config, "m?xmemory"),
        [("maxmemory".to_owned(), "0".to_owned())]
    );
    let slaves = get(&config, "*slave-read*");
    assert_eq!(slaves, [("slave-read-only".to_owned(), "yes".to_owned())]);
    assert_eq!(
        get(&config, "appendonly"),
        [("appendonly".to_owned(), "no".to_owned())]
    );
    assert_eq!(get(&config, "save")[0].1, "3600 1 300 100 60 10000");
    let limits = get(&config, "client-output-buffer-limit");
    let limit = "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60";
    assert_eq!(limits[0].1, limit);
    assert!(get(&config, "nothing").is_empty());
    assert!(get(&config, "*").is_sorted());
}

#[test]
fn set_changes_all_or_nothing() {
    let mut config = Config::default();
    let changes = set(
        &mut config,
        &[("timeout", "5"), ("maxmemory", "1kb"), ("port", "6379")],
    );
    let changes = changes.unwrap();
    assert!(changes.touch("timeout") && changes.touch("maxmemory") && !changes.touch("port"));
    assert_eq!((config.timeout, config.maxmemory), (5, 1024));
    let before = config.clone();
    let error = set(&mut config, &[("timeout", "6"), ("maxmemory", "x")]).unwrap_err();
    assert_eq!(
        error,
        "ERR CONFIG SET failed (possibly related to argument 'maxmemory') - argument must be a memory value"
    );
    assert_eq!(config, before);
}

#[test]
fn set_refuses_as_redis_does() {
    let failed = |name: &str, reason: &str| {
        format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}")
    };
    let unknown = "ERR Unknown option or number of arguments for CONFIG SET - 'foo'".to_owned();
    let cases: [(&[(&str, &str)], String); 6] = [
        (&[("timeout", "x"), ("foo", "7")], unknown),
        (
            &[("databases", "5")],
            failed("databases", "can't set immutable config"),
        ),
        (
            &[("dir", "/tmp")],
            failed("dir", "can't set protected config"),
        ),
        (
            &[("timeout", "5"), ("timeout", "6")],
            failed("timeout", "duplicate parameter"),
        ),
        (
            &[("slave-read-only", "5")],
            failed("slave-read-only", "argument must be 'yes' or 'no'"),
        ),
        (
            &[("appendonly", "yes")],
            failed(
                "appendonly",
                "'appendonly' can only be 'no': the append-only file is not supported yet",
            ),
        ),
    ];
    for (pairs, error) in cases {
        assert_eq!(set(&mut Config::default(), pairs).unwrap_err(), error);
    }
    assert!(set(&mut Config::default(), &[("appendonly", "no")]).is_ok());
}

#[test]
fn protected_directives_follow_their_gate() {
    let mut config = config("enable-protected-configs local");
    let pair = [(b"dbfilename".to_vec(), b"x.rdb".to_vec())];
    assert!(config.set_all(&pair, false).is_err());
    let changes = config.set_all(&pair, true).unwrap();
    let file = crate::io::Reconfigure::DataFile {
        dir: ".".to_owned(),
        file: "x.rdb".to_owned(),
    };
    assert_eq!(changes.reconfigure(&config), [file]);
}

#[test]
fn set_save_replaces_the_points() {
    let mut config = Config::default();
    set(&mut config, &[("save", "900 1 300 10")]).unwrap();
    assert_eq!(config.save.len(), 2);
    set(&mut config, &[("save", "")]).unwrap();
    assert!(config.save.is_empty());
    assert!(set(&mut config, &[("save", "1 a")]).is_err());
}
