//! Checks directives with the node's own program, before they are used.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::platform::directives::lines;
use crate::text;

/// The directives whose values are or contain passwords.
const SECRETS: [&str; 5] = [
    "requirepass",
    "masterauth",
    "user",
    "tls-key-file-pass",
    "tls-client-key-file-pass",
];

/// Lets the node's program check the directives of a manifest, completed, before they are used.
/// Returns every directive that the program knows, with its effective value.
///
/// # Errors
/// Names the directive and what is wrong with it.
pub fn check_config(
    binary: &Path,
    config: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, String> {
    let failed = |error: std::io::Error| format!("cannot run {}: {error}", binary.display());
    let mut child = Command::new(binary)
        .args(["--check-config", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        // It reads to the end before it writes; if it has exited, the error is read below.
        let _ = stdin.write_all(lines(config).as_bytes());
    }
    let (mut said, mut errors) = (String::new(), String::new());
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_string(&mut said).map_err(failed)?;
    }
    if let Some(mut stderr) = child.stderr.take() {
        stderr.read_to_string(&mut errors).map_err(failed)?;
    }
    if !child.wait().map_err(failed)?.success() {
        return Err(format!("spec.config: {}", refusal(&errors)));
    }
    let values = said.lines().filter_map(|line| line.split_once(' '));
    Ok(values
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect())
}

/// The node's program: the given one, or the one beside this program.
///
/// # Errors If it cannot be executed.
pub fn node_program(named: Option<&Path>) -> Result<PathBuf, String> {
    const NAME: &str = "slotkeeper-node";
    let path = match named {
        Some(path) => path.to_owned(),
        None => {
            let me = std::env::current_exe();
            let me = me.map_err(|error| format!("cannot find {NAME}: {error}"))?;
            me.with_file_name(NAME)
        }
    };
    let path = path.canonicalize().map_err(|error| {
        format!(
            "cannot run the node's program {}: {error}; name it with --node-binary",
            path.display()
        )
    })?;
    let runs = path
        .metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0);
    if runs {
        Ok(path)
    } else {
        Err(format!(
            "the node's program {} is not executable",
            path.display()
        ))
    }
}

/// The directive and the reason, from the error of the node's program, which has Redis's form.
fn refusal(text: &str) -> String {
    let mut lines = text.lines().skip_while(|line| !line.starts_with(">>> "));
    let quoted = lines.next().map(|line| line[4..].trim_matches('\''));
    let said = match (quoted, lines.next()) {
        (Some(line), Some(reason)) => format!("{}: {reason}", shown(line)),
        _ => text.trim().lines().collect::<Vec<_>>().join(" "),
    };
    text::line(&said)
}

/// A line of redis.conf for people, without passwords.
fn shown(line: &str) -> &str {
    let name = line.split_whitespace().next().unwrap_or_default();
    let secret = SECRETS
        .iter()
        .any(|secret| secret.eq_ignore_ascii_case(name));
    if secret { name } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_directive_and_the_reason() {
        let text = "*** FATAL CONFIG FILE ERROR (Slotkeeper 0.1.0) ***\n\
            Reading standard input, at line 1\n>>> 'maxmemory much'\nargument must be a memory value\n";
        assert_eq!(
            refusal(text),
            "maxmemory much: argument must be a memory value"
        );
        assert_eq!(refusal("it\nbroke\n"), "it broke");
    }

    #[test]
    fn tells_no_password() {
        for directive in ["requirepass", "MasterAuth", "tls-key-file-pass"] {
            let text = format!(
                "*** FATAL CONFIG FILE ERROR ***\nReading standard input, at line 1\n\
                 >>> '{directive} s3cret s3cret'\nwrong number of arguments\n"
            );
            let told = format!("{directive}: wrong number of arguments");
            assert_eq!(refusal(&text), told);
        }
    }
}
