//! CONFIG GET and CONFIG SET.

use super::Config;
use super::directive::{Change, Directive};
use super::fixed::{FIXED, Fixed};
use super::password::SET_BY_FILE;
use super::table::DIRECTIVES;
use super::value::{self, Invalid};
use crate::glob;
use crate::io::{Listen, Needs, Reconfigure};

/// What CONFIG SET changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    names: Vec<&'static str>,
}

impl Changes {
    /// Whether a directive, by its name of today, was set to another value.
    #[must_use]
    pub fn touch(&self, name: &str) -> bool {
        self.names.contains(&name)
    }

    /// What it changes until the next start only, and what the log says of it.
    #[must_use]
    pub fn not_kept(&self, config: &Config) -> Option<String> {
        let file = Some(&config.password_file).filter(|file| !file.is_empty())?;
        let name = SET_BY_FILE.into_iter().find(|name| self.touch(name))?;
        Some(format!(
            "'{name}' is changed until the next start, which takes it from the password-file \
             '{file}' again; CONFIG REWRITE does not keep it"
        ))
    }

    /// What it needs of the machine before it is made.
    #[must_use]
    pub fn needs(&self, config: &Config) -> Option<Needs> {
        let directive = ["port", "bind"].into_iter().find(|name| self.touch(name));
        let listen = |directive| Listen {
            directive,
            bind: config.bind.clone(),
            port: config.port,
        };
        let needs = Needs {
            listen: directive.map(listen),
            clients: self.touch("maxclients").then_some(config.maxclients),
        };
        (needs != Needs::default()).then_some(needs)
    }

    /// The error to reply when the machine does not give it.
    #[must_use]
    pub fn denied(directive: &str, reason: &str) -> String {
        refused(directive.as_bytes(), reason)
    }

    /// What of it the shell must carry out.
    #[must_use]
    pub fn reconfigure(&self, config: &Config) -> Vec<Reconfigure> {
        let mut out = Vec::new();
        if self.touch("loglevel") {
            out.push(Reconfigure::LogLevel(config.loglevel));
        }
        if self.touch("dir") || self.touch("dbfilename") {
            out.push(Reconfigure::DataFile {
                dir: config.dir.clone(),
                file: config.dbfilename.clone(),
            });
        }
        if self.touch("tcp-keepalive") {
            out.push(Reconfigure::KeepAlive(config.tcp_keepalive));
        }
        out
    }
}

enum Found {
    Own(&'static Directive),
    Fixed(&'static Fixed),
}

impl Found {
    fn name(&self) -> &'static str {
        match self {
            Found::Own(directive) => directive.name,
            Found::Fixed(fixed) => fixed.name,
        }
    }

    fn by_name(name: &[u8]) -> Option<Found> {
        let own = DIRECTIVES.iter().find(|d| d.is_called(name));
        let fixed = || {
            FIXED
                .iter()
                .find(|f| f.is_called(name) && !f.values.is_empty())
        };
        own.map(Found::Own).or_else(|| fixed().map(Found::Fixed))
    }

    fn set(&self, config: &mut Config, value: &[u8], local: bool) -> Result<(), Invalid> {
        match self {
            Found::Fixed(fixed) => fixed.check(&[value.to_vec()]),
            Found::Own(directive) => {
                let gate = config.enable_protected_configs;
                match directive.change {
                    Change::AtStart => {
                        return Err(Invalid("can't set immutable config".to_owned()));
                    }
                    Change::Protected if !gate.admits(local) => {
                        return Err(Invalid("can't set protected config".to_owned()));
                    }
                    _ => {}
                }
                if directive.name == "save" {
                    config.save.clear();
                }
                if directive.has_words() {
                    return directive.set(config, &value::spaced(value));
                }
                directive.set(config, &[value.to_vec()])
            }
        }
    }
}

impl Config {
    /// CONFIG GET: every directive whose name, of today or of old, matches one of the patterns,
    /// in the order of the names, with its value.
    #[must_use]
    pub fn get(&self, patterns: &[impl AsRef<[u8]>]) -> Vec<(&'static str, Vec<u8>)> {
        let wanted = |name: &str| {
            let matches = |p: &[u8]| glob::matches(p, name.as_bytes(), true);
            patterns.iter().any(|pattern| matches(pattern.as_ref()))
        };
        let mut found = Vec::new();
        for directive in DIRECTIVES {
            for name in [Some(directive.name), directive.alias]
                .into_iter()
                .flatten()
            {
                if wanted(name) {
                    found.push((name, directive.show(self)));
                }
            }
        }
        for fixed in FIXED {
            let [value, ..] = fixed.values else {
                continue;
            };
            for name in [Some(fixed.name), fixed.alias].into_iter().flatten() {
                if wanted(name) {
                    found.push((name, fixed_value(value)));
                }
            }
        }
        found.sort_unstable();
        found
    }

    /// CONFIG SET: all pairs of name and value, or none. Protected directives follow
    /// `enable-protected-configs`, for which it matters whether the client is on this machine.
    ///
    /// # Errors
    /// The error to reply.
    pub fn set_all(
        &mut self,
        pairs: &[(Vec<u8>, Vec<u8>)],
        local: bool,
    ) -> Result<Changes, String> {
        let mut found: Vec<(Found, &[u8], &[u8])> = Vec::new();
        for (name, value) in pairs {
            let Some(directive) = Found::by_name(name) else {
                return Err(format!(
                    "ERR Unknown option or number of arguments for CONFIG SET - '{}'",
                    String::from_utf8_lossy(name)
                ));
            };
            if found
                .iter()
                .any(|(other, ..)| other.name() == directive.name())
            {
                return Err(refused(name, "duplicate parameter"));
            }
            found.push((directive, name, value));
        }
        let mut changed = self.clone();
        let mut changes = Changes::default();
        for (directive, name, value) in &found {
            directive
                .set(&mut changed, value, local)
                .map_err(|reason| refused(name, &reason.to_string()))?;
            if let Found::Own(directive) = directive
                && directive.show(self) != directive.show(&changed)
            {
                changes.names.push(directive.name);
            }
        }
        *self = changed;
        Ok(changes)
    }
}

/// Sizes without their unit, as CONFIG GET has them.
fn fixed_value(value: &str) -> Vec<u8> {
    match value::memory(value.as_bytes()) {
        Ok(bytes) => bytes.to_string().into(),
        Err(_) => value.into(),
    }
}

fn refused(name: &[u8], reason: &str) -> String {
    format!(
        "ERR CONFIG SET failed (possibly related to argument '{}') - {reason}",
        String::from_utf8_lossy(name)
    )
}
