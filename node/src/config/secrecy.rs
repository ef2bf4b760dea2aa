//! What of a directive may be shown.

use super::directive::Kind;
use super::fixed::FIXED;
use super::table::DIRECTIVES;

/// What stands in the place of a secret, as in Redis.
pub const REDACTED: &str = "(redacted)";

/// Whether the value of a directive may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrecy {
    /// To everybody.
    Open,
    /// It is a secret.
    Secret,
    /// There is no such directive: it may be a secret behind a misspelled name.
    Unknown,
}

impl Secrecy {
    /// The value of a directive as it may be shown.
    #[must_use]
    pub fn shown(name: &[u8], value: Vec<u8>) -> Vec<u8> {
        if value.is_empty() || Secrecy::of(name) == Secrecy::Open {
            return value;
        }
        REDACTED.into()
    }

    /// That of the directive with this name.
    #[must_use]
    pub fn of(name: &[u8]) -> Secrecy {
        let own = DIRECTIVES.iter().find(|d| d.is_called(name));
        let fixed = || FIXED.iter().find(|f| f.is_called(name));
        let secret = match own {
            Some(directive) => Some(matches!(directive.kind, Kind::Secret(..))),
            None if name.eq_ignore_ascii_case(b"include") => Some(false),
            None => fixed().map(|fixed| fixed.is_secret),
        };
        match secret {
            Some(false) => Secrecy::Open,
            Some(true) => Secrecy::Secret,
            None => Secrecy::Unknown,
        }
    }
}

/// The secret directive that stands among the arguments, if any: every user who can list the processes of
/// this machine can read it there.
#[must_use]
pub fn exposed_secret(args: &[Vec<u8>]) -> Option<String> {
    let mut names = args.iter().filter_map(|arg| arg.strip_prefix(b"--"));
    let name = names.find(|name| Secrecy::of(name) == Secrecy::Secret)?;
    Some(String::from_utf8_lossy(name).to_ascii_lowercase())
}
