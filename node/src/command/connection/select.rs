//! SELECT, and the two that leave: RESET and QUIT.

use crate::command::parse::{database, database_number};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::request::Action;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{AllowBusy, Fast, Loading, NoAuth, NoScript, Stale};
use crate::spec::{Argument, Deprecated, Flags, Group, Spec};

pub(super) static SELECT: Definition = Definition {
    spec: Spec {
        name: "select",
        arity: 2,
        flags: Flags::of(&[Loading, Stale, Fast]),
        summary: "Selects the database of this connection",
        arguments: &[Argument::integer("index")],
        ..Spec::new(Group::Connection)
    },
    ..Definition::run(select)
};

pub(super) static RESET: Definition = Definition {
    spec: Spec {
        name: "reset",
        flags: Flags::of(&[NoScript, Loading, Stale, Fast, NoAuth, AllowBusy]),
        since: "6.2.0",
        summary: "Resets the connection to its initial state",
        ..Spec::new(Group::Connection)
    },
    ..Definition::run(|_, _, _| Ok(Effect::ask(Action::Reset)))
};

pub(super) static QUIT: Definition = Definition {
    spec: Spec {
        name: "quit",
        arity: -1,
        flags: Flags::of(&[NoScript, Loading, Stale, Fast, NoAuth, AllowBusy]),
        summary: "Replies OK and closes the connection",
        deprecated: Some(Deprecated {
            since: "7.2.0",
            replaced_by: "just closing the connection",
        }),
        ..Spec::new(Group::Connection)
    },
    ..Definition::run(|_, _, _| Ok(Effect::ask(Action::Quit)))
};

fn select(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let index = database_number(args.get(1))?;
    if index != 0 && exec.node.config.cluster_enabled {
        return Err(Refused::new("ERR SELECT is not allowed in cluster mode"));
    }
    exec.session.db = database(exec.data, index)?;
    reply.ok();
    Ok(Effect::None)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;
    use crate::request::Action;

    #[test]
    fn selects_a_database_that_exists() {
        let mut bench = Bench::new();
        assert_eq!(bench.reply("select 15"), "+OK");
        assert_eq!(bench.session.db, 15);
        assert_eq!(bench.reply("select 16"), "-ERR DB index is out of range");
        assert_eq!(bench.reply("select -1"), "-ERR DB index is out of range");
        assert_eq!(
            bench.reply("select x"),
            "-ERR value is not an integer or out of range"
        );
        assert_eq!(
            bench.reply("select 2147483648"),
            "-ERR value is out of range, value must between -2147483648 and 2147483647"
        );
        assert_eq!(bench.session.db, 15);
    }

    #[test]
    fn a_cluster_has_one_database() {
        let mut bench = Bench::new();
        bench.config.cluster_enabled = true;
        assert_eq!(bench.reply("select 0"), "+OK");
        assert_eq!(
            bench.reply("select 1"),
            "-ERR SELECT is not allowed in cluster mode"
        );
    }

    #[test]
    fn leaves() {
        let mut bench = Bench::new();
        assert_eq!(bench.ask("reset"), Action::Reset);
        assert_eq!(bench.ask("quit now"), Action::Quit);
    }
}
