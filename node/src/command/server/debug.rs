//! DEBUG: only what tests need. The engine refuses it unless `enable-debug-command` allows it, and
//! knows the subcommands.

use crate::command::parse::rest;
use crate::command::{Definition, Effect};
use crate::request::Action;
use crate::spec::Flag::{Admin, Loading, NoScript, Stale};
use crate::spec::{Argument, Flags, Group, Spec};

pub(super) static DEBUG: Definition = Definition {
    spec: Spec {
        name: "debug",
        is_internal: true,
        arity: -2,
        flags: Flags::of(&[Admin, NoScript, Loading, Stale]),
        summary: "For tests; DEBUG HELP lists the subcommands",
        arguments: &[
            Argument::string("subcommand"),
            Argument::string("argument").optional().multiple(),
        ],
        ..Spec::new(Group::Server)
    },
    ..Definition::run(|_, args, _| Ok(Effect::ask(Action::Debug(rest(args, 1)))))
};

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;
    use crate::request::Action;

    #[test]
    fn passes_everything_on() {
        let wanted = Action::Debug(vec![b"SET-ACTIVE-EXPIRE".to_vec(), b"0".to_vec()]);
        assert_eq!(Bench::new().ask("debug SET-ACTIVE-EXPIRE 0"), wanted);
    }
}
