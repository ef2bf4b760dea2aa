//! PING and ECHO.

use crate::command::{Definition, Effect, Exec, Refused, wrong_arity};
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Fast, Loading, Stale};
use crate::spec::{Argument, Flags, Group, Spec};

pub(super) static PING: Definition = Definition {
    spec: Spec {
        name: "ping",
        arity: -1,
        flags: Flags::of(&[Fast]),
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        summary: "Replies PONG, or the message",
        arguments: &[Argument::string("message").optional()],
        ..Spec::new(Group::Connection)
    },
    ..Definition::run(ping)
};

pub(super) static ECHO: Definition = Definition {
    spec: Spec {
        name: "echo",
        arity: 2,
        flags: Flags::of(&[Loading, Stale, Fast]),
        summary: "Replies the message",
        arguments: &[Argument::string("message")],
        ..Spec::new(Group::Connection)
    },
    ..Definition::run(echo)
};

fn ping(_: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    match args.len() {
        1 => reply.simple("PONG"),
        2 => reply.bulk(args.get(1)),
        _ => return Err(wrong_arity("ping")),
    }
    Ok(Effect::None)
}

fn echo(_: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    reply.bulk(args.get(1));
    Ok(Effect::None)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn answers() {
        let mut bench = Bench::new();
        assert_eq!(bench.reply("ping"), "+PONG");
        assert_eq!(bench.reply("PING a"), "$1|a");
        assert_eq!(bench.reply("echo a"), "$1|a");
        assert_eq!(
            bench.reply("ping a b"),
            "-ERR wrong number of arguments for 'ping' command"
        );
    }
}
