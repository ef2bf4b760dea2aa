//! INFO, ROLE and TIME.

use crate::command::parse::lossy;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::request::Action;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Fast, Loading, NoScript, Stale};
use crate::spec::{Argument, Category, Flags, Group, Spec};

pub(super) static INFO: Definition = Definition {
    spec: Spec {
        name: "info",
        arity: -1,
        flags: Flags::of(&[Loading, Stale]),
        categories: &[Category::Dangerous],
        tips: &[
            "nondeterministic_output",
            "request_policy:all_shards",
            "response_policy:special",
        ],
        summary: "Returns information and counters of the server, in sections",
        history: &[("7.0.0", "With several sections.")],
        arguments: &[Argument::string("section").optional().multiple()],
        ..Spec::new(Group::Server)
    },
    ..Definition::run(info)
};

pub(super) static ROLE: Definition = Definition {
    spec: Spec {
        name: "role",
        flags: Flags::of(&[NoScript, Loading, Stale, Fast]),
        categories: &[Category::Admin, Category::Dangerous],
        since: "2.8.12",
        summary: "Returns the role of the server, with its master or replicas",
        ..Spec::new(Group::Server)
    },
    ..Definition::run(|_, _, _| Ok(Effect::ask(Action::Role)))
};

pub(super) static TIME: Definition = Definition {
    spec: Spec {
        name: "time",
        flags: Flags::of(&[Loading, Stale, Fast]),
        tips: &["nondeterministic_output"],
        since: "2.6.0",
        summary: "Returns the unix time of the server: seconds and microseconds",
        ..Spec::new(Group::Server)
    },
    ..Definition::run(time)
};

fn info(_: &mut Exec<'_>, args: &Args<'_>, _: &mut Reply) -> Result<Effect, Refused> {
    let sections = args.from(1).map(|name| lossy(name).to_ascii_lowercase());
    Ok(Effect::ask(Action::Info(sections.collect())))
}

fn time(exec: &mut Exec<'_>, _: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    reply.array(2);
    reply.bulk_display(exec.now.unix_us.div_euclid(1_000_000));
    reply.bulk_display(exec.now.unix_us.rem_euclid(1_000_000));
    Ok(Effect::None)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;
    use crate::request::Action;

    #[test]
    fn answers() {
        let mut bench = Bench::new();
        assert_eq!(
            bench.ask("info SERVER all"),
            Action::Info(vec!["server".to_owned(), "all".to_owned()])
        );
        assert_eq!(bench.ask("role"), Action::Role);
        assert_eq!(bench.reply("time"), "*2|$10|1700000000|$1|0");
    }
}
