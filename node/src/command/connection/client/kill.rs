//! CLIENT KILL.

use crate::command::parse::{SYNTAX, lower, shown};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::request::{Action, ClientRequest, KillFilter};
use crate::resp::number::parse_integer;
use crate::resp::{Args, Reply, is_word};
use crate::spec::Flag::{Admin, Loading, NoScript, Stale};
use crate::spec::{Argument, Flags, Group, Spec};

pub(super) static KILL: Definition = Definition {
    spec: Spec {
        name: "client|kill",
        arity: -3,
        flags: Flags::of(&[Admin, NoScript, Loading, Stale]),
        since: "2.4.0",
        complexity: "O(N) with N the number of connections",
        summary: "Closes the connections that match all filters",
        history: &[
            ("2.8.12", "With filters."),
            ("2.8.12", "With `ID`."),
            ("3.2.0", "With `TYPE master`."),
            (
                "5.0.0",
                "`TYPE replica` in place of `TYPE slave`, which is still taken.",
            ),
            ("6.2.0", "With `LADDR`."),
        ],
        arguments: &[Argument::one_of(
            "filter",
            &[
                Argument::string("ip:port"),
                Argument::one_of(
                    "new-format",
                    &[
                        Argument::integer("client-id").token("ID"),
                        super::TYPE,
                        Argument::string("username").token("USER"),
                        Argument::string("ip:port").token("ADDR"),
                        Argument::string("ip:port").token("LADDR").since("6.2.0"),
                        Argument::string("yes/no").token("SKIPME"),
                    ],
                )
                .multiple()
                .since("2.8.12"),
            ],
        )],
        ..Spec::new(Group::Connection)
    },
    ..Definition::run(kill)
};

fn kill(_: &mut Exec<'_>, args: &Args<'_>, _: &mut Reply) -> Result<Effect, Refused> {
    let filter = if args.len() == 3 {
        KillFilter {
            old_form: true,
            addr: Some(shown(args.get(2))),
            ..KillFilter::default()
        }
    } else {
        filters(args)?
    };
    Ok(Effect::ask(Action::Client(ClientRequest::Kill(filter))))
}

fn filters(args: &Args<'_>) -> Result<KillFilter, Refused> {
    let mut filter = KillFilter {
        skip_me: true,
        ..KillFilter::default()
    };
    for at in (2..args.len()).step_by(2) {
        let (name, Some(value)) = (args.get(at), args.opt(at + 1)) else {
            return Err(SYNTAX);
        };
        match lower(name).as_slice() {
            b"id" => filter.id = Some(id(value)?),
            b"type" => filter.kind = Some(super::kind(value)?),
            b"user" => filter.user = Some(user(value)?),
            b"addr" => filter.addr = Some(shown(value)),
            b"laddr" => filter.local_addr = Some(shown(value)),
            b"skipme" if is_word(value, "yes") => filter.skip_me = true,
            b"skipme" if is_word(value, "no") => filter.skip_me = false,
            _ => return Err(SYNTAX),
        }
    }
    Ok(filter)
}

fn id(text: &[u8]) -> Result<u64, Refused> {
    let id = parse_integer(text).filter(|id| *id > 0);
    let id = id.ok_or(const { Refused::new("ERR client-id should be greater than 0") })?;
    Ok(id.cast_unsigned())
}

/// There is one user.
fn user(name: &[u8]) -> Result<Vec<u8>, Refused> {
    if name == b"default" {
        Ok(name.to_vec())
    } else {
        Err(Refused::text(format!("ERR No such user '{}'", shown(name))))
    }
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;
    use crate::request::{Action, ClientKind, ClientRequest, KillFilter};

    #[test]
    fn parses_both_forms() {
        let mut bench = Bench::new();
        assert_eq!(
            bench.ask("client kill 127.0.0.1:5"),
            Action::Client(ClientRequest::Kill(KillFilter {
                old_form: true,
                addr: Some("127.0.0.1:5".to_owned()),
                ..KillFilter::default()
            }))
        );
        assert_eq!(
            bench.ask("client kill id 7 TYPE normal skipme no user default laddr a:1"),
            Action::Client(ClientRequest::Kill(KillFilter {
                id: Some(7),
                kind: Some(ClientKind::Normal),
                user: Some(b"default".to_vec()),
                local_addr: Some("a:1".to_owned()),
                skip_me: false,
                ..KillFilter::default()
            }))
        );
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = Bench::new();
        bench.replies(&[
            (
                "client kill id 0",
                "-ERR client-id should be greater than 0",
            ),
            ("client kill type foo", "-ERR Unknown client type 'foo'"),
            ("client kill user nope", "-ERR No such user 'nope'"),
            ("client kill skipme maybe", "-ERR syntax error"),
            ("client kill a b", "-ERR syntax error"),
            ("client kill id 1 addr", "-ERR syntax error"),
        ]);
    }
}
