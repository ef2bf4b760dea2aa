//! Which arguments of a request are secrets. Whatever shows requests asks here.

use super::Spec;
use crate::config::{REDACTED, Secrecy};
use crate::resp::Args;

/// Where a command takes secrets.
#[derive(Debug)]
pub enum Secret {
    /// In this argument and all behind it.
    From(u8),
    /// Among the options that follow each other from this argument on. What is none of them may be a
    /// misspelt one: it is a secret, and all behind it.
    Options(u8, &'static [OptionValues]),
    /// Among the directives and their values that follow in turn from this argument on.
    Directives(u8),
}

/// An option and what follows it.
#[derive(Debug)]
pub struct OptionValues {
    /// Its word.
    pub word: &'static str,
    /// How many values follow.
    pub count: u8,
    /// Whether they are secrets.
    pub secret: bool,
}

impl Secret {
    fn covers(&self, args: &Args<'_>, index: usize) -> bool {
        match *self {
            Secret::From(first) => index >= usize::from(first),
            Secret::Options(first, options) => {
                let mut at = usize::from(first);
                while at <= index {
                    let known = options.iter().find(|option| args.is(at, option.word));
                    let Some(option) = known else {
                        return true;
                    };
                    let next = at + 1 + usize::from(option.count);
                    if option.secret && (at + 1..next).contains(&index) {
                        return true;
                    }
                    at = next;
                }
                false
            }
            Secret::Directives(first) => {
                let Some(behind) = index.checked_sub(usize::from(first)) else {
                    return false;
                };
                let is_name = behind % 2 == 0;
                let name = args.get(if is_name { index } else { index - 1 });
                match Secrecy::of(name) {
                    Secrecy::Open => false,
                    Secrecy::Secret => !is_name,
                    // A name that is none may be a value that slipped out of its place.
                    Secrecy::Unknown => true,
                }
            }
        }
    }
}

impl Spec {
    /// The arguments of a request as they may be shown: those that are secrets, or may be meant as
    /// such, are replaced.
    pub fn shown<'a>(&self, args: &Args<'a>) -> impl Iterator<Item = &'a [u8]> {
        let is_secret = |index| self.secrets.iter().any(|s| s.covers(args, index));
        (0..args.len()).map(move |index| match is_secret(index) {
            true => REDACTED.as_bytes(),
            false => args.get(index),
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::command::all_commands;
    use crate::command::resolve;
    use crate::command::spec::Argument;
    use crate::resp::{Args, split_words};

    fn shown(line: &str) -> String {
        let argv = split_words(line.as_bytes()).unwrap();
        let args = Args::kept(&argv);
        let command = resolve(&args).unwrap();
        let shown: Vec<_> = command
            .spec
            .shown(&args)
            .map(String::from_utf8_lossy)
            .collect();
        shown.join(" ")
    }

    #[test]
    fn secrets_are_redacted() {
        for (line, wanted) in [
            ("AUTH s3cret", "AUTH (redacted)"),
            ("auth default s3cret", "auth (redacted) (redacted)"),
            ("AUTH a b s3cret", "AUTH (redacted) (redacted) (redacted)"),
            (
                "HELLO 3 auth default s3cret SETNAME me",
                "HELLO 3 auth (redacted) (redacted) SETNAME me",
            ),
            ("HELLO 3 AUTH s3cret", "HELLO 3 AUTH (redacted)"),
            (
                "HELLO AUTH default s3cret",
                "HELLO AUTH (redacted) (redacted)",
            ),
            ("HELLO 3 SETNAME me", "HELLO 3 SETNAME me"),
            (
                "HELLO 3 ATUH default s3cret",
                "HELLO 3 (redacted) (redacted) (redacted)",
            ),
            (
                "HELLO 3 SETNAME me default s3cret",
                "HELLO 3 SETNAME me (redacted) (redacted)",
            ),
            (
                "CONFIG SET timeout 5 RequirePass s3cret masterauth x masteruser u",
                "CONFIG SET timeout 5 RequirePass (redacted) masterauth (redacted) masteruser \
                 (redacted)",
            ),
            (
                "CONFIG SET tls-key-file-pass s3cret",
                "CONFIG SET tls-key-file-pass (redacted)",
            ),
            (
                "CONFIG SET requirepas s3cret",
                "CONFIG SET (redacted) (redacted)",
            ),
            (
                "CONFIG SET requirepass a s3cret",
                "CONFIG SET requirepass (redacted) (redacted)",
            ),
            ("CONFIG GET requirepass", "CONFIG GET requirepass"),
            ("SET AUTH requirepass", "SET AUTH requirepass"),
        ] {
            assert_eq!(shown(line), wanted);
        }
    }

    /// Whoever adds a command that takes a password has to say so.
    #[test]
    fn every_password_of_a_syntax_is_a_secret() {
        fn has_password(arguments: &[Argument]) -> bool {
            arguments.iter().any(|argument| {
                let token = argument
                    .token
                    .is_some_and(|token| token.starts_with("AUTH"));
                token || argument.name.contains("password") || has_password(argument.arguments)
            })
        }
        let mut found = Vec::new();
        for command in all_commands() {
            let spec = command.spec;
            if has_password(spec.arguments) {
                assert!(!spec.secrets.is_empty(), "{}", spec.name);
                found.push(spec.name);
            }
        }
        assert_eq!(found, ["auth", "hello"]);
    }
}
