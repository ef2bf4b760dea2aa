//! DUMP.

use crate::command::{Definition, Effect, Preparation};
use crate::request::Action;
use crate::spec::Flag::ReadOnly;
use crate::spec::KeyFlag::{Access, RO};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static DUMP: Definition = Definition {
    spec: Spec {
        name: "dump",
        arity: 2,
        flags: Flags::of(&[ReadOnly]),
        keys: &[KeySpec::one(1, &[RO, Access])],
        tips: &["nondeterministic_output"],
        since: "2.6.0",
        complexity: "O(N) with N the length of the value",
        summary: "Returns the value of a key in a form that RESTORE takes",
        arguments: &[Argument::key("key")],
        ..Spec::new(Group::Generic)
    },
    preparation: Preparation::Copy,
    ..Definition::run(|_, _, _| Ok(Effect::ask(Action::Dump)))
};

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;
    use crate::request::Action;

    #[test]
    fn asks_for_the_value() {
        let mut bench = Bench::new();
        assert_eq!(bench.ask("dump a"), Action::Dump);
        let arity = "-ERR wrong number of arguments for 'dump' command";
        assert_eq!(bench.reply("dump"), arity);
    }
}
