//! SLOWLOG and its subcommands.

use crate::command::parse::bad_subcommand;
use crate::command::{Definition, Effect, Exec, Refused, docs};
use crate::request::{Action, SlowLogRequest};
use crate::resp::number::parse_integer;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Admin, Loading, Stale};
use crate::spec::{Argument, Flags, Group, Spec};

const FLAGS: Flags = Flags::of(&[Admin, Loading, Stale]);
/// How many entries GET shows if not told.
const SHOWN: i64 = 10;

pub(super) static SLOWLOG: Definition = Definition {
    spec: Spec {
        name: "slowlog",
        since: "2.2.12",
        summary: "Commands about the log of slow commands",
        ..Spec::container(Group::Server)
    },
    subcommands: &[&GET, &LEN, &RESET, &HELP],
    ..Definition::CONTAINER
};

static GET: Definition = Definition {
    spec: Spec {
        name: "slowlog|get",
        history: &[("4.0.0", "With the address and the name of the client.")],
        arity: -2,
        flags: FLAGS,
        tips: &["request_policy:all_nodes", "nondeterministic_output"],
        since: "2.2.12",
        complexity: "O(N) with N the number of entries shown",
        summary: "Returns the latest entries: 10, or the given number, or all with -1",
        arguments: &[Argument::integer("count").optional()],
        ..Spec::new(Group::Server)
    },
    ..Definition::run(get)
};

static LEN: Definition = Definition {
    spec: Spec {
        name: "slowlog|len",
        arity: 2,
        flags: FLAGS,
        tips: &[
            "request_policy:all_nodes",
            "response_policy:agg_sum",
            "nondeterministic_output",
        ],
        since: "2.2.12",
        summary: "Returns the number of entries",
        ..Spec::new(Group::Server)
    },
    ..Definition::run(|_, _, _| Ok(ask(SlowLogRequest::Len)))
};

static RESET: Definition = Definition {
    spec: Spec {
        name: "slowlog|reset",
        arity: 2,
        flags: FLAGS,
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        since: "2.2.12",
        complexity: "O(N) with N the number of entries",
        summary: "Removes all entries",
        ..Spec::new(Group::Server)
    },
    ..Definition::run(|_, _, _| Ok(ask(SlowLogRequest::Reset)))
};

static HELP: Definition = Definition {
    spec: Spec {
        since: "6.2.0",
        ..Spec::help("slowlog|help", Group::Server)
    },
    ..Definition::run(docs::help)
};

fn ask(request: SlowLogRequest) -> Effect {
    Effect::ask(Action::SlowLog(request))
}

fn get(_: &mut Exec<'_>, args: &Args<'_>, _: &mut Reply) -> Result<Effect, Refused> {
    let count = match args.len() {
        2 => SHOWN,
        3 => parse_integer(args.get(2))
            .filter(|count| *count >= -1)
            .ok_or(const { Refused::new("ERR count should be greater than or equal to -1") })?,
        _ => return Err(bad_subcommand(args.get(1), "SLOWLOG")),
    };
    Ok(ask(SlowLogRequest::Get(count)))
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;
    use crate::request::{Action, SlowLogRequest};

    #[test]
    fn parses() {
        let mut bench = Bench::new();
        for (line, count) in [("slowlog get", 10), ("slowlog get -1", -1)] {
            let wanted = Action::SlowLog(SlowLogRequest::Get(count));
            assert_eq!(bench.ask(line), wanted);
        }
        assert_eq!(
            bench.reply("slowlog get -2"),
            "-ERR count should be greater than or equal to -1"
        );
    }
}
