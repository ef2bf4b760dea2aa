//! CLIENT LIST and CLIENT INFO.

use crate::command::parse::SYNTAX;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::request::{Action, ClientRequest};
use crate::resp::number::parse_integer;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Admin, Loading, NoScript, Stale};
use crate::spec::{Argument, Flags, Group, Spec};

pub(super) static LIST: Definition = Definition {
    spec: Spec {
        name: "client|list",
        arity: -2,
        flags: Flags::of(&[Admin, NoScript, Loading, Stale]),
        tips: &["nondeterministic_output"],
        since: "2.4.0",
        complexity: "O(N) with N the number of connections",
        summary: "Lists the connections, one per line",
        history: &[
            ("2.8.12", "The field `id`."),
            ("5.0.0", "With `TYPE`."),
            ("6.0.0", "The field `user`."),
            ("6.2.0", "With `ID`, and more fields."),
            ("7.0.0", "More fields."),
            ("7.0.3", "The field `ssub`."),
        ],
        arguments: &[
            super::TYPE.optional().since("5.0.0"),
            Argument::integer("client-id")
                .token("ID")
                .multiple()
                .optional()
                .since("6.2.0"),
        ],
        ..Spec::new(Group::Connection)
    },
    ..Definition::run(list)
};

pub(super) static INFO: Definition = Definition {
    spec: Spec {
        name: "client|info",
        arity: 2,
        flags: Flags::of(&[NoScript, Loading, Stale]),
        tips: &["nondeterministic_output"],
        since: "6.2.0",
        summary: "Returns the line of CLIENT LIST for this connection",
        ..Spec::new(Group::Connection)
    },
    ..Definition::run(|_, _, _| Ok(Effect::ask(Action::Client(ClientRequest::Info))))
};

fn list(_: &mut Exec<'_>, args: &Args<'_>, _: &mut Reply) -> Result<Effect, Refused> {
    let (mut kind, mut ids) = (None, None);
    if args.len() == 4 && args.is(2, "type") {
        kind = Some(super::kind(args.get(3))?);
    } else if args.len() > 3 && args.is(2, "id") {
        ids = Some(args.from(3).map(id).collect::<Result<_, _>>()?);
    } else if args.len() != 2 {
        return Err(SYNTAX);
    }
    Ok(Effect::ask(Action::Client(ClientRequest::List {
        kind,
        ids,
    })))
}

/// A number that no connection has is no error.
fn id(text: &[u8]) -> Result<u64, Refused> {
    let id = parse_integer(text).ok_or(const { Refused::new("ERR Invalid client ID") })?;
    Ok(id.try_into().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;
    use crate::request::{Action, ClientKind, ClientRequest};

    #[test]
    fn parses_the_filters() {
        let mut bench = Bench::new();
        for (line, kind, ids) in [
            ("client list", None, None),
            ("client list type SLAVE", Some(ClientKind::Replica), None),
            ("client list id 1 2", None, Some(vec![1, 2])),
        ] {
            let wanted = Action::Client(ClientRequest::List { kind, ids });
            assert_eq!(bench.ask(line), wanted);
        }
        bench.replies(&[
            ("client list type x", "-ERR Unknown client type 'x'"),
            ("client list id x", "-ERR Invalid client ID"),
            ("client list id", "-ERR syntax error"),
            ("client list type normal x", "-ERR syntax error"),
        ]);
    }
}
