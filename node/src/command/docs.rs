//! What the table says of commands, as text: syntax, HELP, and docs/commands.md.

mod missing;

use std::fmt::Write;

pub use self::missing::{MISSING, MISSING_INFO, Missing};
use super::table::{Command, commands, lookup};
use super::{Effect, Exec, Refused};
use crate::resp::{Args, Reply};
use crate::spec::{Argument, ArgumentKind, Group, Spec};

/// The syntax of a command's arguments; empty if it has none.
#[must_use]
pub fn syntax(spec: &Spec) -> String {
    let mut text = String::new();
    for argument in spec.arguments {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&one(argument));
    }
    text
}

fn one(argument: &Argument) -> String {
    let join = |separator: &str| {
        let parts: Vec<String> = argument.arguments.iter().map(one).collect();
        parts.join(separator)
    };
    let body = match argument.kind {
        ArgumentKind::PureToken => String::new(),
        ArgumentKind::OneOf if argument.optional && argument.token.is_none() => join(" | "),
        ArgumentKind::OneOf => format!("<{}>", join(" | ")),
        ArgumentKind::Block => join(" "),
        _ => argument.name.to_owned(),
    };
    let twice = |text: String| format!("{text} [{text} ...]");
    let repeated = match argument.multiple && !argument.multiple_token {
        true => twice(body),
        false => body,
    };
    let whole = match argument.token {
        Some(token) if repeated.is_empty() => token.to_owned(),
        Some(token) => format!("{token} {repeated}"),
        None => repeated,
    };
    let whole = match argument.multiple_token {
        true => twice(whole),
        false => whole,
    };
    if argument.optional {
        format!("[{whole}]")
    } else {
        whole
    }
}

/// HELP of the container that the request names.
pub(super) fn help(
    _: &mut Exec<'_>,
    args: &Args<'_>,
    reply: &mut Reply,
) -> Result<Effect, Refused> {
    let container = lookup(args.get(0)).expect("a subcommand has a container");
    let subcommands = container.subcommands();
    reply.array(1 + subcommands.len() * 2);
    let name = container.spec.name.to_ascii_uppercase();
    reply.simple(&format!(
        "{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"
    ));
    for command in subcommands {
        let name = command.spec.short_name().to_ascii_uppercase();
        let line = format!("{name} {}", syntax(command.spec));
        reply.simple(line.trim_end());
        reply.simple(&format!("    {}.", command.spec.summary));
    }
    Ok(Effect::None)
}

/// The text of docs/commands.md.
#[must_use]
pub fn render_docs() -> String {
    let mut text = String::from(
        "# Commands\n\n\
         Generated from the command table; do not edit. A test fails when it is stale;\n\
         `UPDATE=1 cargo test -p slotkeeper-node --lib docs` updates it.\n\n\
         \"Since\" is the first version of Redis, or of Valkey, with the command. [costs.md](costs.md) says\n\
         what long ones cost by element.\n",
    );
    for group in Group::ALL {
        let _ = write!(text, "\n## {}\n\n", title(group.name()));
        text.push_str("| Command | What it does | Cost | Since |\n|---|---|---|---|\n");
        let mut members: Vec<_> = commands()
            .iter()
            .filter(|c| c.spec.group == *group)
            .collect();
        members.sort_by_key(|command| command.spec.name);
        for command in members {
            row(&mut text, command);
            command
                .subcommands()
                .iter()
                .for_each(|sub| row(&mut text, sub));
        }
    }
    text.push_str(
        "\n## Missing\n\nCommands of Redis 7.2 that are not in yet, with their subcommands:\n\n",
    );
    for missing in MISSING {
        let names: Vec<String> = (missing.names.iter())
            .map(|name| format!("`{}`", name.replace('|', " ").to_ascii_uppercase()))
            .collect();
        let _ = writeln!(text, "- {}: {}.", missing.what, names.join(", "));
    }
    text.push_str(
        "\n## Fields of INFO\n\n\
         INFO has the fields of Redis 7.0, and what there is none of is 0: bytes copied on write (no\n\
         process forks), scripts, modules, the append-only file. Fields of our own begin with\n\
         `slotkeeper_`. Missing are:\n\n",
    );
    for (name, why) in MISSING_INFO {
        let _ = writeln!(text, "- `{name}`: {why}.");
    }
    text
}

fn row(text: &mut String, command: &Command) {
    let spec = command.spec;
    if !command.subcommands().is_empty() {
        return;
    }
    let name = spec.name.replace('|', " ").to_ascii_uppercase();
    let line = format!("{name} {}", syntax(spec));
    let _ = writeln!(
        text,
        "| `{}` | {} | {} | {} |",
        line.trim_end().replace('|', "\\|"),
        spec.summary,
        spec.complexity,
        spec.since
    );
}

fn title(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::testing::Bench;

    #[test]
    fn renders_syntax() {
        let of = |name: &str| syntax(lookup(name.as_bytes()).unwrap().spec);
        assert_eq!(of("get"), "key");
        assert_eq!(of("mset"), "key value [key value ...]");
        assert_eq!(
            of("set"),
            "key value [NX | XX | IFEQ comparison-value] [GET] [EX seconds | PX milliseconds | \
             EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]"
        );
        assert_eq!(of("exec"), "");
    }

    #[test]
    fn what_is_missing_is_not_there() {
        for missing in MISSING {
            for name in missing.names {
                let words: Vec<&[u8]> = name.split('|').map(str::as_bytes).collect();
                let command = lookup(words[0]);
                let found = match (command, words.get(1)) {
                    (Some(command), Some(_)) => {
                        (command.subcommands().iter()).any(|sub| sub.spec.name == *name)
                    }
                    (command, _) => command.is_some(),
                };
                assert!(!found, "{name} is there");
            }
        }
    }

    #[test]
    fn helps() {
        let text = Bench::new().reply("slotkeeper help");
        assert!(
            text.starts_with("*7|+SLOTKEEPER <subcommand> [<arg>"),
            "{text}"
        );
        assert!(text.contains("|+SERVE run-id|+    Ends the"), "{text}");
        assert!(
            text.ends_with("|+HELP|+    Lists the subcommands."),
            "{text}"
        );
    }

    #[test]
    fn the_docs_are_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/commands.md");
        let wanted = render_docs();
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(path, &wanted).unwrap();
        }
        let found = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            found == wanted,
            "docs/commands.md is stale: UPDATE=1 writes it anew"
        );
    }
}
