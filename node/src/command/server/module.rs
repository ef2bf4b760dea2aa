//! MODULE and its subcommands: there are no modules, and none can be loaded.

use crate::command::{Definition, Effect, Refused, docs};
use crate::spec::Flag::{Admin, NoAsyncLoading, NoScript};
use crate::spec::{Argument, Flags, Group, Spec};

/// Begins as Redis's refusal does where `enable-module-command` is `no`.
const NONE: Refused = Refused::new("ERR MODULE command not allowed. This server loads no modules.");

pub(super) static MODULE: Definition = Definition {
    spec: Spec {
        name: "module",
        since: "4.0.0",
        summary: "Commands about modules, of which there are none",
        ..Spec::container(Group::Server)
    },
    subcommands: &[&HELP, &LIST, &LOAD, &LOADEX, &UNLOAD],
    ..Definition::CONTAINER
};

static HELP: Definition = Definition {
    spec: Spec::help("module|help", Group::Server),
    ..Definition::run(docs::help)
};

static LIST: Definition = Definition {
    spec: Spec {
        name: "module|list",
        arity: 2,
        flags: Flags::of(&[Admin, NoScript]),
        tips: &["nondeterministic_output_order"],
        since: "4.0.0",
        summary: "Returns the loaded modules: none",
        ..Spec::new(Group::Server)
    },
    ..Definition::run(|_, _, reply| {
        reply.array(0);
        Ok(Effect::None)
    })
};

static LOAD: Definition = Definition {
    spec: Spec {
        name: "module|load",
        arity: -3,
        since: "4.0.0",
        summary: "Refused: this server loads no modules",
        arguments: &[
            Argument::string("path"),
            Argument::string("arg").optional().multiple(),
        ],
        ..refused()
    },
    ..Definition::run(|_, _, _| Err(NONE))
};

static LOADEX: Definition = Definition {
    spec: Spec {
        name: "module|loadex",
        arity: -3,
        since: "7.0.0",
        summary: "Refused: this server loads no modules",
        arguments: &[
            Argument::string("path"),
            Argument::block(
                "configs",
                &[Argument::string("name"), Argument::string("value")],
            )
            .token("CONFIG")
            .optional()
            .multiple(),
            Argument::string("args").token("ARGS").optional().multiple(),
        ],
        ..refused()
    },
    ..Definition::run(|_, _, _| Err(NONE))
};

static UNLOAD: Definition = Definition {
    spec: Spec {
        name: "module|unload",
        arity: 3,
        since: "4.0.0",
        summary: "Refused: no module is loaded",
        arguments: &[Argument::string("name")],
        ..refused()
    },
    ..Definition::run(|_, _, _| Err(NONE))
};

const fn refused() -> Spec {
    Spec {
        flags: Flags::of(&[Admin, NoScript, NoAsyncLoading]),
        ..Spec::new(Group::Server)
    }
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn there_are_none() {
        let mut bench = Bench::new();
        assert_eq!(bench.reply("module list"), "*0");
        assert!(bench.reply("module help").starts_with("*11|+MODULE"));
        for line in ["load /x.so", "loadex /x.so", "unload x"] {
            assert_eq!(
                bench.reply(&format!("module {line}")),
                "-ERR MODULE command not allowed. This server loads no modules."
            );
        }
    }
}
