//! COMMAND and its subcommands.

mod describe;
mod keys;

use crate::command::parse::SYNTAX;
use crate::command::table::{Command, all_commands, commands, lookup};
use crate::command::{Definition, Effect, Exec, Refused, docs};
use crate::glob;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Loading, Stale};
use crate::spec::{Argument, Category, Flags, Group, Spec};

const FLAGS: Flags = Flags::of(&[Loading, Stale]);
const TIPS: &[&str] = &["nondeterministic_output_order"];
const CATEGORIES: &[Category] = &[Category::Connection];
const PER_COMMAND: &str = "O(N) with N the number of commands";
const NAMES: &[Argument] = &[Argument::string("command-name").optional().multiple()];

pub(super) static COMMAND: Definition = Definition {
    spec: Spec {
        name: "command",
        arity: -1,
        flags: FLAGS,
        categories: CATEGORIES,
        tips: TIPS,
        since: "2.8.13",
        complexity: PER_COMMAND,
        summary: "What is known of all commands",
        ..Spec::new(Group::Server)
    },
    subcommands: &[
        &COUNT,
        &INFO,
        &DOCS,
        &LIST,
        &GETKEYS,
        &GETKEYSANDFLAGS,
        &HELP,
    ],
    ..Definition::run(|_, _, reply| {
        all(reply);
        Ok(Effect::None)
    })
};

static COUNT: Definition = Definition {
    spec: Spec {
        name: "command|count",
        arity: 2,
        flags: FLAGS,
        categories: CATEGORIES,
        since: "2.8.13",
        summary: "Returns the number of commands",
        ..Spec::new(Group::Server)
    },
    ..Definition::run(|_, _, reply| {
        reply.integer(commands().len() as i64);
        Ok(Effect::None)
    })
};

static INFO: Definition = Definition {
    spec: Spec {
        name: "command|info",
        since: "2.8.13",
        summary: "Returns arity, flags, keys and categories of these commands, or of all",
        history: &[("7.0.0", "Without names it shows all.")],
        arguments: NAMES,
        ..of_commands()
    },
    ..Definition::run(info)
};

static DOCS: Definition = Definition {
    spec: Spec {
        name: "command|docs",
        since: "7.0.0",
        summary: "Returns the documentation of these commands, or of all",
        arguments: NAMES,
        ..of_commands()
    },
    ..Definition::run(docs)
};

static LIST: Definition = Definition {
    spec: Spec {
        name: "command|list",
        since: "7.0.0",
        summary: "Returns the names of all commands, or of those that match a filter",
        arguments: &[Argument::one_of(
            "filterby",
            &[
                Argument::string("module-name").token("MODULE"),
                Argument::string("category").token("ACLCAT"),
                Argument::pattern("pattern").token("PATTERN"),
            ],
        )
        .token("FILTERBY")
        .optional()],
        ..of_commands()
    },
    ..Definition::run(list)
};

static GETKEYS: Definition = Definition {
    spec: Spec {
        name: "command|getkeys",
        since: "2.8.13",
        summary: "Returns the keys in a command",
        ..of_a_request()
    },
    ..Definition::run(keys::get_keys)
};

static GETKEYSANDFLAGS: Definition = Definition {
    spec: Spec {
        name: "command|getkeysandflags",
        since: "7.0.0",
        summary: "Returns the keys in a command, and how it uses them",
        ..of_a_request()
    },
    ..Definition::run(keys::get_keys_and_flags)
};

static HELP: Definition = Definition {
    spec: Spec {
        categories: CATEGORIES,
        ..Spec::help("command|help", Group::Server)
    },
    ..Definition::run(docs::help)
};

/// What is asked about commands by their names.
const fn of_commands() -> Spec {
    Spec {
        arity: -2,
        flags: FLAGS,
        categories: CATEGORIES,
        tips: TIPS,
        complexity: PER_COMMAND,
        ..Spec::new(Group::Server)
    }
}

/// What is asked about a whole request.
const fn of_a_request() -> Spec {
    Spec {
        arity: -4,
        flags: FLAGS,
        categories: CATEGORIES,
        complexity: "O(N) with N the number of arguments",
        arguments: const {
            &[
                Argument::string("command"),
                Argument::string("arg").optional().multiple(),
            ]
        },
        ..Spec::new(Group::Server)
    }
}

fn all(reply: &mut Reply) {
    reply.array(commands().len());
    for command in commands() {
        describe::info(command, reply);
    }
}

/// A command, or `container|subcommand`.
fn named(name: &[u8]) -> Option<&'static Command> {
    match name.iter().position(|byte| *byte == b'|') {
        Some(bar) => lookup(&name[..bar])?.subcommand(&name[bar + 1..]),
        None => lookup(name),
    }
}

fn info(_: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    if args.len() == 2 {
        all(reply);
        return Ok(Effect::None);
    }
    reply.array(args.len() - 2);
    for name in args.from(2) {
        match named(name) {
            Some(command) => describe::info(command, reply),
            None => reply.null(),
        }
    }
    Ok(Effect::None)
}

fn docs(_: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let shown: Vec<&Command> = if args.len() == 2 {
        commands().iter().collect()
    } else {
        args.from(2).filter_map(named).collect()
    };
    reply.map(shown.len());
    for command in shown {
        reply.bulk(command.spec.name.as_bytes());
        describe::docs(command, reply);
    }
    Ok(Effect::None)
}

fn list(_: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    if args.len() == 2 {
        reply.array(all_commands().len());
        for command in all_commands() {
            reply.bulk(command.spec.name.as_bytes());
        }
        return Ok(Effect::None);
    }
    if args.len() != 5 || !args.is(2, "filterby") {
        return Err(SYNTAX);
    }
    let wanted = args.get(4);
    let passes = |spec: &Spec| {
        if args.is(3, "pattern") {
            glob::matches(wanted, spec.name.as_bytes(), true)
        } else if args.is(3, "aclcat") {
            let mut categories = spec.all_categories();
            categories.any(|c| c.name().as_bytes()[1..].eq_ignore_ascii_case(wanted))
        } else {
            false // MODULE: there are none.
        }
    };
    if !["pattern", "aclcat", "module"]
        .iter()
        .any(|by| args.is(3, by))
    {
        return Err(SYNTAX);
    }
    let all = all_commands().iter();
    let names: Vec<_> = all
        .filter(|c| passes(c.spec))
        .map(|c| c.spec.name)
        .collect();
    reply.array(names.len());
    names.iter().for_each(|name| reply.bulk(name.as_bytes()));
    Ok(Effect::None)
}

#[cfg(test)]
mod tests;
