//! SAVE, BGSAVE and LASTSAVE.

use crate::command::parse::SYNTAX;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::request::Action;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Admin, Fast, Loading, NoAsyncLoading, NoMulti, NoScript, Stale};
use crate::spec::{Argument, Category, Flags, Group, Spec};

pub(super) static SAVE: Definition = Definition {
    spec: Spec {
        name: "save",
        flags: Flags::of(&[Admin, NoScript, NoAsyncLoading, NoMulti]),
        complexity: "O(N) with N the number of keys",
        summary: "Writes all keys to the data file and replies when it is complete",
        ..Spec::new(Group::Server)
    },
    ..Definition::run(|_, _, _| Ok(Effect::ask(Action::Save)))
};

pub(super) static BGSAVE: Definition = Definition {
    spec: Spec {
        name: "bgsave",
        arity: -1,
        flags: Flags::of(&[Admin, NoScript, NoAsyncLoading]),
        summary: "Starts writing all keys to the data file in the background",
        history: &[("3.2.2", "With `SCHEDULE`.")],
        arguments: &[Argument::word("schedule", "SCHEDULE")
            .optional()
            .since("3.2.2")],
        ..Spec::new(Group::Server)
    },
    ..Definition::run(background_save)
};

pub(super) static LASTSAVE: Definition = Definition {
    spec: Spec {
        name: "lastsave",
        flags: Flags::of(&[Loading, Stale, Fast]),
        categories: &[Category::Admin, Category::Dangerous],
        tips: &["nondeterministic_output"],
        summary: "Returns the unix time of the last successful save",
        ..Spec::new(Group::Server)
    },
    ..Definition::run(|_, _, _| Ok(Effect::ask(Action::LastSave)))
};

fn background_save(_: &mut Exec<'_>, args: &Args<'_>, _: &mut Reply) -> Result<Effect, Refused> {
    let schedule = match args.len() {
        1 => false,
        2 if args.is(1, "schedule") => true,
        _ => return Err(SYNTAX),
    };
    Ok(Effect::ask(Action::BackgroundSave { schedule }))
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;
    use crate::request::Action;

    #[test]
    fn parses() {
        let mut bench = Bench::new();
        assert_eq!(bench.ask("save"), Action::Save);
        assert_eq!(bench.ask("lastsave"), Action::LastSave);
        for (line, schedule) in [("bgsave", false), ("bgsave SCHEDULE", true)] {
            assert_eq!(bench.ask(line), Action::BackgroundSave { schedule });
        }
        assert_eq!(bench.reply("bgsave foo"), "-ERR syntax error");
    }
}
