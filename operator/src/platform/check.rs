use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::platform::directives::lines;
use crate::text;

/// The directives whose values are passwords, or have some in them.
const SECRETS: [&str; 5] = [
    "requirepass",
    "masterauth",
    "user",
    "tls-key-file-pass",
    "tls-client-key-file-pass",
];

/// Lets the node's program judge the directives of a manifest, before anything is done with them.
/// Gives every directive that it knows with the value that it would have.
///
/// # Errors
/// Names the directive and what is wrong with it.
pub fn check_config(
    binary: &Path,
    config: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, String> {
    let failed = |error: std::io::Error| format!("{} cannot be run: {error}", binary.display());
    let mut child = Command::new(binary)
        .args(["--check-config", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        // It reads to the end before it writes; one that is gone says below why.
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

/// The program of the nodes: the one that is named, or the one beside this program.
///
/// # Errors
/// When there is none that can be run.
pub fn node_program(named: Option<&Path>) -> Result<PathBuf, String> {
    const NAME: &str = "slotkeeper-node";
    let path = match named {
        Some(path) => path.to_owned(),
        None => {
            let me = std::env::current_exe();
            let me = me.map_err(|error| format!("cannot tell where {NAME} is: {error}"))?;
            me.with_file_name(NAME)
        }
    };
    let path = path.canonicalize().map_err(|error| {
        format!(
            "the node's program {} cannot be run: {error}; name it with --node-binary",
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
            "the node's program {} is not a program",
            path.display()
        ))
    }
}

/// The directive and the reason, out of what the node's program says as Redis does.
fn refusal(text: &str) -> String {
    let mut lines = text.lines().skip_while(|line| !line.starts_with(">>> "));
    let quoted = lines.next().map(|line| line[4..].trim_matches('\''));
    let said = match (quoted, lines.next()) {
        (Some(line), Some(reason)) => format!("{}: {reason}", shown(line)),
        _ => text.trim().lines().collect::<Vec<_>>().join(" "),
    };
    text::line(&said)
}

/// A line of redis.conf for people: passwords are for nobody.
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
