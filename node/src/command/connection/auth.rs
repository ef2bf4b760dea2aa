//! AUTH and HELLO: the engine knows the password.

use crate::command::parse::{SYNTAX, shown};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::request::Action;
use crate::resp::number::parse_integer;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{AllowBusy, Fast, Loading, NoAuth, NoScript, Stale};
use crate::spec::{Argument, Flags, Group, OptionValues, Secret, Spec};

const FLAGS: Flags = Flags::of(&[NoScript, Loading, Stale, Fast, NoAuth, AllowBusy]);

pub(super) static AUTH: Definition = Definition {
    spec: Spec {
        name: "auth",
        arity: -2,
        flags: FLAGS,
        secrets: &[Secret::From(1)],
        complexity: "O(N) with N the number of passwords of the user",
        summary: "Authenticates the connection",
        history: &[("6.0.0", "With a user name.")],
        arguments: &[
            Argument::string("username").optional().since("6.0.0"),
            Argument::string("password"),
        ],
        ..Spec::new(Group::Connection)
    },
    ..Definition::run(auth)
};

pub(super) static HELLO: Definition = Definition {
    spec: Spec {
        name: "hello",
        arity: -1,
        flags: FLAGS,
        secrets: &[Secret::Options(
            2,
            &[
                OptionValues {
                    word: "AUTH",
                    count: 2,
                    secret: true,
                },
                OptionValues {
                    word: "SETNAME",
                    count: 1,
                    secret: false,
                },
            ],
        )],
        since: "6.0.0",
        summary: "Chooses the protocol, authenticates and names the connection",
        history: &[("6.2.0", "The version may be left out.")],
        arguments: &[Argument::block(
            "arguments",
            &[
                Argument::integer("protover"),
                Argument::block(
                    "username_password",
                    &[Argument::string("username"), Argument::string("password")],
                )
                .token("AUTH")
                .optional(),
                Argument::string("clientname").token("SETNAME").optional(),
            ],
        )
        .optional()],
        ..Spec::new(Group::Connection)
    },
    ..Definition::run(hello)
};

fn auth(_: &mut Exec<'_>, args: &Args<'_>, _: &mut Reply) -> Result<Effect, Refused> {
    let (user, password) = match args.len() {
        2 => (None, args.get(1)),
        3 => (Some(args.get(1).to_vec()), args.get(2)),
        _ => return Err(SYNTAX),
    };
    Ok(Effect::ask(Action::Auth {
        user,
        password: password.to_vec(),
    }))
}

fn hello(_: &mut Exec<'_>, args: &Args<'_>, _: &mut Reply) -> Result<Effect, Refused> {
    let protocol = args.opt(1).map(protocol).transpose()?;
    let (mut auth, mut name) = (None, None);
    let mut at = 2;
    while let Some(option) = args.opt(at) {
        let more = args.len() - at - 1;
        if args.is(at, "auth") && more >= 2 {
            auth = Some((args.get(at + 1).to_vec(), args.get(at + 2).to_vec()));
            at += 3;
        } else if args.is(at, "setname") && more >= 1 {
            name = Some(client_name(args.get(at + 1))?);
            at += 2;
        } else {
            return Err(Refused::text(format!(
                "ERR Syntax error in HELLO option '{}'",
                shown(option)
            )));
        }
    }
    Ok(Effect::ask(Action::Hello {
        protocol,
        auth,
        name,
    }))
}

fn protocol(version: &[u8]) -> Result<u8, Refused> {
    match parse_integer(version) {
        Some(2) => Ok(2),
        Some(3) => Ok(3),
        Some(_) => Err(Refused::new("NOPROTO unsupported protocol version")),
        None => Err(Refused::new(
            "ERR Protocol version is not an integer or out of range",
        )),
    }
}

/// A name that CLIENT LIST can show.
pub(super) fn client_name(name: &[u8]) -> Result<Vec<u8>, Refused> {
    if name.iter().all(u8::is_ascii_graphic) {
        Ok(name.to_vec())
    } else {
        Err(Refused::new(
            "ERR Client names cannot contain spaces, newlines or special characters.",
        ))
    }
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;
    use crate::request::Action;

    #[test]
    fn parses_what_the_engine_checks() {
        let mut bench = Bench::new();
        assert_eq!(
            bench.ask("auth secret"),
            Action::Auth {
                user: None,
                password: b"secret".to_vec()
            }
        );
        assert_eq!(
            bench.ask("HELLO 3 auth default secret SETNAME me"),
            Action::Hello {
                protocol: Some(3),
                auth: Some((b"default".to_vec(), b"secret".to_vec())),
                name: Some(b"me".to_vec()),
            }
        );
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = Bench::new();
        bench.replies(&[
            ("auth a b c", "-ERR syntax error"),
            ("hello 4", "-NOPROTO unsupported protocol version"),
            (
                "hello x",
                "-ERR Protocol version is not an integer or out of range",
            ),
            ("hello 2 auth a", "-ERR Syntax error in HELLO option 'auth'"),
            (
                "hello 2 setname a\nb",
                "-ERR Client names cannot contain spaces, newlines or special characters.",
            ),
        ]);
    }
}
