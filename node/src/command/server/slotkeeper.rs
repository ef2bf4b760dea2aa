//! SLOTKEEPER: what Redis has no command for.

use crate::command::Effect;
use crate::command::spec::Flag::{Admin, Loading, NoMulti, NoScript, Stale};
use crate::command::spec::{Argument, Flags, Group, Spec};
use crate::request::Action;

pub(super) static SLOTKEEPER: Spec = Spec {
    name: "slotkeeper",
    since: "7.0.0",
    summary: "Commands of this server that Redis does not have",
    subcommands: &[&SERVE, &HELP],
    ..Spec::container(Group::Server)
};

static SERVE: Spec = Spec {
    name: "slotkeeper|serve",
    arity: 3,
    flags: Flags::of(&[Admin, NoScript, Loading, Stale, NoMulti]),
    since: "7.0.0",
    summary: "Ends the withholding of a restarted master; the run id must be that of INFO",
    arguments: &[Argument::string("run-id")],
    ..Spec::new(Group::Server, |_, args, _| {
        Ok(Effect::ask(Action::EndWithholding {
            run_id: args.get(2).to_vec(),
        }))
    })
};

static HELP: Spec = Spec::help("slotkeeper|help", Group::Server);

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;
    use crate::request::Action;

    #[test]
    fn passes_the_run_id_on() {
        let wanted = Action::EndWithholding {
            run_id: b"abc".to_vec(),
        };
        assert_eq!(Bench::new().ask("SLOTKEEPER SERVE abc"), wanted);
    }
}
