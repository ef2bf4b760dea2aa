//! CONFIG and its subcommands.

use crate::command::parse::{SYNTAX, rest};
use crate::command::{Definition, Effect, Exec, Refused, docs};
use crate::request::{Action, ConfigRequest};
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Admin, Loading, NoScript, Stale};
use crate::spec::{Argument, Flags, Group, Secret, Spec};

const FLAGS: Flags = Flags::of(&[Admin, NoScript, Loading, Stale]);

pub(super) static CONFIG: Definition = Definition {
    spec: Spec {
        name: "config",
        since: "2.0.0",
        summary: "Commands about the configuration",
        ..Spec::container(Group::Server)
    },
    subcommands: &[&GET, &SET, &RESETSTAT, &REWRITE, &HELP],
    ..Definition::CONTAINER
};

static GET: Definition = Definition {
    spec: Spec {
        name: "config|get",
        arity: -3,
        flags: FLAGS,
        since: "2.0.0",
        complexity: "O(N) with N the number of directives",
        summary: "Returns the values of the directives that match the patterns",
        history: &[("7.0.0", "With several patterns.")],
        arguments: &[Argument::block("parameter", &[Argument::pattern("parameter")]).multiple()],
        ..Spec::new(Group::Server)
    },
    ..Definition::run(|_, args, _| Ok(ask(ConfigRequest::Get(rest(args, 2)))))
};

static SET: Definition = Definition {
    spec: Spec {
        name: "config|set",
        arity: -4,
        flags: FLAGS,
        secrets: &[Secret::Directives(2)],
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        since: "2.0.0",
        complexity: "O(N) with N the number of directives given",
        summary: "Changes directives: all that are given, or none",
        history: &[("7.0.0", "With several directives.")],
        arguments: &[Argument::block(
            "parameter_value",
            &[Argument::string("parameter"), Argument::string("value")],
        )
        .multiple()],
        ..Spec::new(Group::Server)
    },
    ..Definition::run(set)
};

static RESETSTAT: Definition = Definition {
    spec: Spec {
        name: "config|resetstat",
        arity: 2,
        flags: FLAGS,
        since: "2.0.0",
        summary: "Sets the counters of INFO to zero",
        ..Spec::new(Group::Server)
    },
    ..Definition::run(|_, _, _| Ok(ask(ConfigRequest::ResetStat)))
};

static REWRITE: Definition = Definition {
    spec: Spec {
        name: "config|rewrite",
        arity: 2,
        flags: FLAGS,
        since: "2.8.0",
        summary: "Writes changed directives to the configuration file",
        ..Spec::new(Group::Server)
    },
    ..Definition::run(|_, _, _| Ok(ask(ConfigRequest::Rewrite)))
};

static HELP: Definition = Definition {
    spec: Spec::help("config|help", Group::Server),
    ..Definition::run(docs::help)
};

fn ask(request: ConfigRequest) -> Effect {
    Effect::ask(Action::Config(request))
}

fn set(_: &mut Exec<'_>, args: &Args<'_>, _: &mut Reply) -> Result<Effect, Refused> {
    if args.len() % 2 == 1 {
        return Err(SYNTAX);
    }
    let pair = |at| (args.get(at).to_vec(), args.get(at + 1).to_vec());
    let pairs = (2..args.len()).step_by(2).map(pair).collect();
    Ok(ask(ConfigRequest::Set(pairs)))
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;
    use crate::request::{Action, ConfigRequest};

    #[test]
    fn parses() {
        let mut bench = Bench::new();
        assert_eq!(
            bench.ask("config get a* b"),
            Action::Config(ConfigRequest::Get(vec![b"a*".to_vec(), b"b".to_vec()]))
        );
        assert_eq!(
            bench.ask("CONFIG SET a 1 b 2"),
            Action::Config(ConfigRequest::Set(vec![
                (b"a".to_vec(), b"1".to_vec()),
                (b"b".to_vec(), b"2".to_vec())
            ]))
        );
        assert_eq!(bench.reply("config set a b c"), "-ERR syntax error");
        assert_eq!(
            bench.reply("config get"),
            "-ERR wrong number of arguments for 'config|get' command"
        );
    }
}
