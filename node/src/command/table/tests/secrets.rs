//! No request is shown with its secrets.

use crate::command::{all_commands, resolve};
use crate::resp::{Args, split_words};
use crate::spec::Argument;

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

/// A command that takes a password has to say so in its spec.
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
    assert_eq!(found, ["migrate", "auth", "hello"]);
}
