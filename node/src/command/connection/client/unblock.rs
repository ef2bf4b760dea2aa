//! CLIENT UNBLOCK.

use crate::command::parse::{bad_subcommand, integer};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::request::{Action, ClientRequest};
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Admin, Loading, NoScript, Stale};
use crate::spec::{Argument, Flags, Group, Spec};

pub(super) static UNBLOCK: Definition = Definition {
    spec: Spec {
        name: "client|unblock",
        arity: -3,
        flags: Flags::of(&[Admin, NoScript, Loading, Stale]),
        since: "5.0.0",
        complexity: "O(log(N)) with N the number of client connections",
        summary: "Ends the wait of a client that a blocking command lets wait",
        arguments: &[
            Argument::integer("client-id"),
            Argument::one_of(
                "timeout_error",
                &[
                    Argument::word("timeout", "TIMEOUT"),
                    Argument::word("error", "ERROR"),
                ],
            )
            .optional(),
        ],
        ..Spec::new(Group::Connection)
    },
    ..Definition::run(unblock)
};

fn unblock(_: &mut Exec<'_>, args: &Args<'_>, _: &mut Reply) -> Result<Effect, Refused> {
    let error = match args.len() {
        3 => false,
        4 if args.is(3, "timeout") => false,
        4 if args.is(3, "error") => true,
        4 => {
            return Err(Refused::new(
                "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR",
            ));
        }
        _ => return Err(bad_subcommand(args.get(1), "CLIENT")),
    };
    // No client has a number below 1.
    let id = u64::try_from(integer(args.get(2))?).unwrap_or(0);
    Ok(Effect::ask(Action::Client(ClientRequest::Unblock {
        id,
        error,
    })))
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;
    use crate::request::{Action, ClientRequest};

    #[test]
    fn parses_client_and_reason() {
        let mut bench = Bench::new();
        for (line, id, error) in [
            ("client unblock 7", 7, false),
            ("client unblock 7 TIMEOUT", 7, false),
            ("client unblock 7 error", 7, true),
            ("client unblock -7", 0, false),
        ] {
            let wanted = Action::Client(ClientRequest::Unblock { id, error });
            assert_eq!(bench.ask(line), wanted, "{line}");
        }
        bench.replies(&[
            (
                "client unblock x",
                "-ERR value is not an integer or out of range",
            ),
            (
                "client unblock 1 foo",
                "-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR",
            ),
            (
                "client unblock 1 error x",
                "-ERR unknown subcommand or wrong number of arguments for 'unblock'. Try CLIENT HELP.",
            ),
        ]);
    }
}
