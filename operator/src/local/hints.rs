//! What to type once a cluster on this machine is Ready.

use std::fmt::{Display, Formatter, Result};
use std::path::{Path, PathBuf};

use super::only_one;
use crate::platform::local::{CLUSTERS, Layout, default_dir};

/// How to use a cluster, and how to see its state, as commands to be copied.
pub struct Hints {
    /// The port of the first node.
    pub port: u16,
    /// Whether it has a password.
    pub has_password: bool,
    /// Its directory, as far as it was named.
    pub dir: Option<PathBuf>,
    /// Its name.
    pub name: String,
    /// How this program was started.
    pub program: String,
}

impl Display for Hints {
    fn fmt(&self, text: &mut Formatter<'_>) -> Result {
        let default = default_dir(&self.name);
        let dir = self.dir.as_deref().unwrap_or(&default);
        write!(text, "connect:  ")?;
        if self.has_password {
            // The file, not the password: what is printed may be kept by others.
            let file = Layout::password_file(dir);
            write!(text, "REDISCLI_AUTH=$(cat {}) ", file.display())?;
        }
        writeln!(text, "redis-cli -c -p {}", self.port)?;
        write!(text, "status:   {} local status", self.program)?;
        let found = only_one(Path::new(CLUSTERS)).is_ok_and(|only| only == dir);
        match found {
            true => writeln!(text),
            false => writeln!(text, " --dir {}", dir.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hints(has_password: bool) -> String {
        let hints = Hints {
            port: 7000,
            has_password,
            dir: Some(PathBuf::from("/nowhere/mine")),
            name: "tour".to_owned(),
            program: "bin/slotkeeper".to_owned(),
        };
        hints.to_string()
    }

    #[test]
    fn the_commands_name_what_is_not_the_default() {
        assert_eq!(
            hints(false),
            "connect:  redis-cli -c -p 7000\n\
             status:   bin/slotkeeper local status --dir /nowhere/mine\n"
        );
    }

    #[test]
    fn a_password_is_not_printed() {
        let line = "connect:  REDISCLI_AUTH=$(cat /nowhere/mine/password) redis-cli -c -p 7000\n";
        assert!(hints(true).starts_with(line), "{}", hints(true));
    }
}
