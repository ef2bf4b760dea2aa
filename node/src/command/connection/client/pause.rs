//! CLIENT PAUSE and CLIENT UNPAUSE.

use crate::command::parse::{bad_subcommand, timeout_millis};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::request::{Action, ClientRequest};
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Admin, Loading, NoScript, Stale};
use crate::spec::{Argument, Flags, Group, Spec};

const FLAGS: Flags = Flags::of(&[Admin, NoScript, Loading, Stale]);

pub(super) static PAUSE: Definition = Definition {
    spec: Spec {
        name: "client|pause",
        arity: -3,
        flags: FLAGS,
        since: "3.0.0",
        summary: "Suspends all clients, or those that write, for some time",
        history: &[("6.2.0", "With `WRITE` and `ALL`.")],
        arguments: &[
            Argument::integer("timeout"),
            Argument::one_of(
                "mode",
                &[
                    Argument::word("write", "WRITE"),
                    Argument::word("all", "ALL"),
                ],
            )
            .optional()
            .since("6.2.0"),
        ],
        ..Spec::new(Group::Connection)
    },
    ..Definition::run(pause)
};

pub(super) static UNPAUSE: Definition = Definition {
    spec: Spec {
        name: "client|unpause",
        arity: 2,
        flags: FLAGS,
        since: "6.2.0",
        complexity: "O(N) with N the number of waiting clients",
        summary: "Resumes suspended clients",
        ..Spec::new(Group::Connection)
    },
    ..Definition::run(|_, _, _| Ok(Effect::ask(Action::Client(ClientRequest::Unpause))))
};

fn pause(_: &mut Exec<'_>, args: &Args<'_>, _: &mut Reply) -> Result<Effect, Refused> {
    let writes_only = match args.len() {
        3 => false,
        4 if args.is(3, "write") => true,
        4 if args.is(3, "all") => false,
        4 => {
            return Err(Refused::new("ERR CLIENT PAUSE mode must be WRITE or ALL"));
        }
        _ => return Err(bad_subcommand(args.get(1), "CLIENT")),
    };
    let millis = timeout_millis(args.get(2))?;
    Ok(Effect::ask(Action::Client(ClientRequest::Pause {
        millis,
        writes_only,
    })))
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;
    use crate::request::{Action, ClientRequest};

    #[test]
    fn parses_time_and_mode() {
        let mut bench = Bench::new();
        for (line, writes_only) in [
            ("client pause 5", false),
            ("client pause 5 all", false),
            ("client pause 5 WRITE", true),
        ] {
            let wanted = Action::Client(ClientRequest::Pause {
                millis: 5,
                writes_only,
            });
            assert_eq!(bench.ask(line), wanted);
        }
        bench.replies(&[
            ("client pause -1", "-ERR timeout is negative"),
            (
                "client pause x",
                "-ERR timeout is not an integer or out of range",
            ),
            (
                "client pause 1 foo",
                "-ERR CLIENT PAUSE mode must be WRITE or ALL",
            ),
            (
                "client pause 1 all x",
                "-ERR unknown subcommand or wrong number of arguments for 'pause'. Try CLIENT HELP.",
            ),
        ]);
    }
}
