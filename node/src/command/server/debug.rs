//! DEBUG: only what tests need. The engine refuses it unless `enable-debug-command` allows it.

use crate::command::parse::{bad_subcommand, rest};
use crate::command::spec::Flag::{Admin, Loading, NoScript, Stale};
use crate::command::spec::{Argument, Flags, Group, Spec};
use crate::command::{Effect, Exec, Refused};
use crate::request::Action;
use crate::resp::{Args, Reply};

pub(super) static DEBUG: Spec = Spec {
    name: "debug",
    arity: -2,
    flags: Flags::of(&[Admin, NoScript, Loading, Stale]),
    complexity: "O(1), but for SLEEP",
    summary: "For tests: halts the server, or switches active expiry",
    arguments: &[Argument::one_of(
        "subcommand",
        &[
            Argument::double("seconds").token("SLEEP"),
            Argument::integer("on").token("SET-ACTIVE-EXPIRE"),
        ],
    )],
    ..Spec::new(Group::Server, debug)
};

fn debug(_: &mut Exec<'_>, args: &Args<'_>, _: &mut Reply) -> Result<Effect, Refused> {
    let known = args.is(1, "sleep") || args.is(1, "set-active-expire");
    if known && args.len() == 3 {
        Ok(Effect::ask(Action::Debug(rest(args, 1))))
    } else {
        Err(bad_subcommand(args.get(1), "DEBUG"))
    }
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;
    use crate::request::Action;

    #[test]
    fn knows_two() {
        let mut bench = Bench::new();
        let wanted = Action::Debug(vec![b"sleep".to_vec(), b"0".to_vec()]);
        assert_eq!(bench.ask("debug sleep 0"), wanted);
        assert_eq!(
            bench.reply("debug foo"),
            "-ERR unknown subcommand or wrong number of arguments for 'foo'. Try DEBUG HELP."
        );
    }
}
