//! Subcommands of CLIENT that concern the own connection.

use crate::command::connection::auth::client_name;
use crate::command::parse::{SYNTAX, shown};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::resp::{Args, Reply};
use crate::session::ReplyMode;
use crate::spec::Flag::{Admin, Loading, NoScript, Stale};
use crate::spec::{Argument, Flags, Group, Spec};

const FLAGS: Flags = Flags::of(&[NoScript, Loading, Stale]);

const ON_OFF: &[Argument] = &[Argument::one_of(
    "enabled",
    &[Argument::word("on", "ON"), Argument::word("off", "OFF")],
)];

pub(super) static ID: Definition = Definition {
    spec: Spec {
        name: "client|id",
        arity: 2,
        flags: FLAGS,
        since: "5.0.0",
        summary: "Returns the id of this connection",
        ..Spec::new(Group::Connection)
    },
    ..Definition::run(|exec, _, reply| {
        reply.integer(exec.session.id.number().cast_signed());
        Ok(Effect::None)
    })
};

pub(super) static GETNAME: Definition = Definition {
    spec: Spec {
        name: "client|getname",
        arity: 2,
        flags: FLAGS,
        since: "2.6.9",
        summary: "Returns the name of this connection",
        ..Spec::new(Group::Connection)
    },
    ..Definition::run(|exec, _, reply| {
        if exec.session.name.is_empty() {
            reply.null();
        } else {
            reply.bulk(&exec.session.name);
        }
        Ok(Effect::None)
    })
};

pub(super) static SETNAME: Definition = Definition {
    spec: Spec {
        name: "client|setname",
        arity: 3,
        flags: FLAGS,
        since: "2.6.9",
        summary: "Names this connection; an empty name removes the name",
        arguments: &[Argument::string("connection-name")],
        ..Spec::new(Group::Connection)
    },
    ..Definition::run(|exec, args, reply| {
        exec.session.name = client_name(args.get(2))?;
        reply.ok();
        Ok(Effect::None)
    })
};

pub(super) static SETINFO: Definition = Definition {
    spec: Spec {
        name: "client|setinfo",
        arity: 4,
        flags: FLAGS,
        since: "7.2.0",
        summary: "Sets the name or version of this connection's client library",
        arguments: &[Argument::one_of(
            "attr",
            &[
                Argument::string("libname").token("LIB-NAME"),
                Argument::string("libver").token("LIB-VER"),
            ],
        )],
        ..Spec::new(Group::Connection)
    },
    ..Definition::run(set_info)
};

pub(super) static NO_EVICT: Definition = Definition {
    spec: Spec {
        name: "client|no-evict",
        arity: 3,
        flags: Flags::of(&[Admin, NoScript, Loading, Stale]),
        since: "7.0.0",
        summary: "Keeps this connection from being closed when clients take too much memory",
        arguments: ON_OFF,
        ..Spec::new(Group::Connection)
    },
    ..Definition::run(|exec, args, reply| {
        exec.session.no_evict = on_off(args, reply)?;
        Ok(Effect::None)
    })
};

pub(super) static NO_TOUCH: Definition = Definition {
    spec: Spec {
        name: "client|no-touch",
        arity: 3,
        flags: FLAGS,
        since: "7.2.0",
        summary: "Keeps this connection's commands from counting as uses of keys",
        arguments: ON_OFF,
        ..Spec::new(Group::Connection)
    },
    ..Definition::run(|exec, args, reply| {
        exec.session.no_touch = on_off(args, reply)?;
        Ok(Effect::None)
    })
};

pub(super) static REPLY: Definition = Definition {
    spec: Spec {
        name: "client|reply",
        arity: 3,
        flags: FLAGS,
        since: "3.2.0",
        summary: "Turns the replies to this connection on or off",
        arguments: &[Argument::one_of(
            "on_off_skip",
            &[
                Argument::word("on", "ON"),
                Argument::word("off", "OFF"),
                Argument::word("skip", "SKIP"),
            ],
        )],
        ..Spec::new(Group::Connection)
    },
    ..Definition::run(reply_mode)
};

fn set_info(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let (name, value) = (args.get(2), args.get(3));
    let (attribute, shown) = if args.is(2, "lib-name") {
        (&mut exec.session.lib_name, "lib-name")
    } else if args.is(2, "lib-ver") {
        (&mut exec.session.lib_ver, "lib-ver")
    } else {
        return Err(Refused::text(format!(
            "ERR Unrecognized option '{}'",
            shown(name)
        )));
    };
    if !value.iter().all(u8::is_ascii_graphic) {
        return Err(Refused::text(format!(
            "ERR {shown} cannot contain spaces, newlines or special characters."
        )));
    }
    *attribute = value.to_vec();
    reply.ok();
    Ok(Effect::None)
}

fn on_off(args: &Args<'_>, reply: &mut Reply) -> Result<bool, Refused> {
    let on = args.is(2, "on");
    if !on && !args.is(2, "off") {
        return Err(SYNTAX);
    }
    reply.ok();
    Ok(on)
}

/// Only ON is answered.
fn reply_mode(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let mode = &mut exec.session.reply_mode;
    if args.is(2, "on") {
        *mode = ReplyMode::On;
        reply.ok();
    } else if args.is(2, "off") {
        *mode = ReplyMode::Off;
    } else if !args.is(2, "skip") {
        return Err(SYNTAX);
    } else if *mode == ReplyMode::On {
        *mode = ReplyMode::SkipNext;
    }
    Ok(Effect::None)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;
    use crate::session::ReplyMode;

    #[test]
    fn names_the_connection() {
        let mut bench = Bench::new();
        assert_eq!(bench.reply("client id"), ":1");
        assert_eq!(bench.reply("client getname"), "$-1");
        assert_eq!(bench.reply("client setname me"), "+OK");
        assert_eq!(bench.reply("client getname"), "$2|me");
        assert_eq!(bench.reply("client setname \"\""), "+OK");
        assert_eq!(bench.reply("client getname"), "$-1");
        assert_eq!(bench.reply("client setinfo LIB-NAME x"), "+OK");
        assert_eq!(bench.session.lib_name, b"x");
        assert_eq!(
            bench.reply("client setinfo lib-ver a\nb"),
            "-ERR lib-ver cannot contain spaces, newlines or special characters."
        );
        assert_eq!(
            bench.reply("client setinfo foo x"),
            "-ERR Unrecognized option 'foo'"
        );
    }

    #[test]
    fn switches() {
        let mut bench = Bench::new();
        assert_eq!(bench.reply("client no-touch on"), "+OK");
        assert!(bench.session.no_touch);
        assert_eq!(bench.reply("client no-evict x"), "-ERR syntax error");
        assert_eq!(bench.reply("client reply skip"), "");
        assert_eq!(bench.session.reply_mode, ReplyMode::SkipNext);
        assert_eq!(bench.reply("client reply off"), "");
        assert_eq!(bench.reply("client reply skip"), "");
        assert_eq!(bench.session.reply_mode, ReplyMode::Off);
        assert_eq!(bench.reply("client reply on"), "+OK");
        assert_eq!(bench.reply("client reply x"), "-ERR syntax error");
    }
}
