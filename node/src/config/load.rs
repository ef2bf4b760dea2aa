//! Reads the configuration at the start: files, standard input and arguments, in that order.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::directive::Directive;
use super::fixed::FIXED;
use super::include;
use super::password::{SET_BY_FILE, password};
use super::secrecy::{REDACTED, Secrecy};
use super::table::DIRECTIVES;
use super::value::{self, Invalid};
use super::{Config, VERSION};
use crate::resp::split_words;

/// Files that include files that include files ...
const INCLUDE_DEPTH_MAX: usize = 16;
/// How many files may be included in all.
const INCLUDED_MAX: usize = 1000;

/// Where a piece of configuration is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source<'a> {
    /// A file.
    File(&'a Path),
    /// The names in a directory, in any order, a byte 0 behind each.
    Directory(&'a Path),
    /// Standard input.
    Stdin,
}

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invocation {
    /// Run with this configuration, which came from this file.
    Run(Box<Config>, Option<PathBuf>),
    /// Print the version.
    Version,
    /// Print the usage.
    Help,
    /// Print what this configuration says, and run nothing.
    Check(Box<Config>),
    /// Say what this data file holds, and run nothing.
    CheckRdb(PathBuf),
}

/// Why there is no configuration.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// A directive cannot be taken.
    #[error(
        "*** FATAL CONFIG FILE ERROR (Slotkeeper {VERSION}) ***\nReading {place}\n>>> '{line}'\n{reason}"
    )]
    Line {
        /// File and line, or which argument.
        place: String,
        /// The directive as given.
        line: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file cannot be read.
    #[error("Fatal error, can't open config file '{file}': {error}")]
    File {
        /// Its name as given.
        file: String,
        /// What the system said.
        error: io::Error,
    },
    /// `password-file` names a file without a password.
    #[error("Fatal error, can't take the password from password-file '{file}': {reason}")]
    Password {
        /// Its name as given.
        file: String,
        /// What the system said, or what is wrong with the content.
        reason: String,
    },
    /// Directives that do not go together.
    #[error("{0}")]
    Contradiction(String),
}

impl Invocation {
    /// Reads the arguments as redis-server takes them (without the program's name):
    /// `[FILE] [-] [--directive value ...]`, or `--version`, or `--help`. Of our own is
    /// `--check-rdb FILE`, and `--check-config` before all the rest; that leaves `password-file` unread, since the file is
    /// often not where the configuration is checked.
    ///
    /// # Errors
    /// When a file cannot be read or a directive cannot be taken.
    pub fn from_args(
        args: &[Vec<u8>],
        read: &mut dyn FnMut(Source<'_>) -> io::Result<Vec<u8>>,
    ) -> Result<Invocation, ConfigError> {
        let (check, args) = match args {
            [only] if only == b"-v" || only == b"--version" => return Ok(Invocation::Version),
            [only] if only == b"-h" || only == b"--help" => return Ok(Invocation::Help),
            [first, file] if first == b"--check-rdb" => {
                let file = OsString::from_vec(file.clone());
                return Ok(Invocation::CheckRdb(file.into()));
            }
            [first, ..] if first == b"--check-rdb" => {
                let text = "--check-rdb takes the name of one file";
                return Err(ConfigError::Contradiction(text.to_owned()));
            }
            [first, rest @ ..] if first == b"--check-config" => (true, rest),
            all => (false, all),
        };
        let mut loader = Loader {
            config: Config::default(),
            read,
            save_given: false,
            password_given: None,
            included: 0,
        };
        let file = loader.arguments(args)?;
        loader.check()?;
        if check {
            return Ok(Invocation::Check(Box::new(loader.config)));
        }
        loader.take_password()?;
        Ok(Invocation::Run(Box::new(loader.config), file))
    }
}

impl Config {
    /// A configuration out of the text of a redis.conf without `include` and `password-file`.
    ///
    /// # Errors
    /// When a directive cannot be taken.
    pub fn from_text(text: &str) -> Result<Config, ConfigError> {
        let mut read = |_: Source<'_>| Err(io::ErrorKind::Unsupported.into());
        let mut loader = Loader {
            config: Config::default(),
            read: &mut read,
            save_given: false,
            password_given: None,
            included: 0,
        };
        loader.text("the configuration", text.as_bytes(), 0)?;
        loader.check()?;
        loader.take_password()?;
        Ok(loader.config)
    }
}

struct Loader<'a> {
    config: Config,
    read: &'a mut dyn FnMut(Source<'_>) -> io::Result<Vec<u8>>,
    /// The first `save` replaces the default points, later ones add to it.
    save_given: bool,
    /// The last directive given that is `password-file`'s to set.
    password_given: Option<&'static str>,
    /// How many files were included.
    included: usize,
}

impl Loader<'_> {
    /// Whether the directives go together.
    fn check(&self) -> Result<(), ConfigError> {
        let config = &self.config;
        if config.cluster_enabled && config.cluster_port == 0 && config.port > u16::MAX - 10_000 {
            return Err(ConfigError::Contradiction(format!(
                "The port {} leaves no room for the cluster bus at port + 10000: choose a port of \
                 55535 or less, or set cluster-port",
                config.port
            )));
        }
        if let Some(given) = self.password_given
            && !config.password_file.is_empty()
        {
            return Err(ConfigError::Contradiction(format!(
                "'{given}' and 'password-file' do not go together: the password is either given, \
                 or taken from the file '{}'",
                config.password_file
            )));
        }
        Ok(())
    }

    /// Takes the passwords out of `password-file`, if there is one.
    fn take_password(&mut self) -> Result<(), ConfigError> {
        let file = self.config.password_file.clone();
        if file.is_empty() {
            return Ok(());
        }
        let failed = |reason: String| ConfigError::Password {
            file: file.clone(),
            reason,
        };
        let content = (self.read)(Source::File(Path::new(&file)));
        let content = content.map_err(|error| failed(error.to_string()))?;
        let password = password(&content).map_err(|reason| failed(reason.to_string()))?;
        self.config.requirepass = Some(password.to_vec());
        self.config.masterauth = Some(password.to_vec());
        Ok(())
    }

    /// Gives the main file's name.
    fn arguments(&mut self, args: &[Vec<u8>]) -> Result<Option<PathBuf>, ConfigError> {
        let mut rest = args;
        let mut file = None;
        if let [first, tail @ ..] = rest
            && !first.starts_with(b"-")
        {
            let name = String::from_utf8_lossy(first).into_owned();
            self.file(&name)?;
            file = Some(PathBuf::from(name));
            rest = tail;
        }
        let mut stdin = false;
        if let [first, tail @ ..] = rest
            && first == b"-"
        {
            stdin = true;
            rest = tail;
        }
        if let [head @ .., last] = rest
            && last == b"-"
        {
            stdin = true;
            rest = head;
        }
        if stdin {
            let text = self.bytes(Source::Stdin, "-")?;
            self.text("standard input", &text, 0)?;
        }
        self.options(rest, args.len() - rest.len())?;
        Ok(file)
    }

    /// `--directive value ...` until the next `--`; the first value may itself begin with `--`.
    fn options(&mut self, args: &[Vec<u8>], before: usize) -> Result<(), ConfigError> {
        let mut at = 0;
        while at < args.len() {
            let is_option = |arg: &[u8]| arg.starts_with(b"--");
            let values_from = at + 1;
            let name = args[at].strip_prefix(b"--").unwrap_or(&args[at]);
            let no_value = name.eq_ignore_ascii_case(b"save");
            let first = usize::from(values_from < args.len() && !no_value);
            let more = args[(values_from + first).min(args.len())..]
                .iter()
                .take_while(|arg| !is_option(arg))
                .count();
            let next = values_from + first + more;
            let values = &args[values_from..next];
            let result = if is_option(&args[at]) {
                self.directive(name, values, 0)?
            } else {
                Err(bad_directive())
            };
            result.map_err(|reason| ConfigError::Line {
                place: format!("the command line, at argument {}", before + at + 1),
                line: shown(name, &args[at..next].join(&b' ')),
                reason: reason.to_string(),
            })?;
            at = next;
        }
        Ok(())
    }

    fn file(&mut self, name: &str) -> Result<(), ConfigError> {
        let text = self.bytes(Source::File(Path::new(name)), name)?;
        self.text(&in_file(name), &text, 0)
    }

    fn bytes(&mut self, source: Source<'_>, name: &str) -> Result<Vec<u8>, ConfigError> {
        (self.read)(source).map_err(|error| ConfigError::File {
            file: name.to_owned(),
            error,
        })
    }

    fn text(&mut self, name: &str, text: &[u8], depth: usize) -> Result<(), ConfigError> {
        for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            let result = match split_words(line).as_deref() {
                None => Err(Invalid(
                    "Unbalanced quotes in configuration line".to_owned(),
                )),
                Some([]) => Ok(()),
                Some([name, values @ ..]) => self.directive(name, values, depth)?,
            };
            result.map_err(|reason| ConfigError::Line {
                place: format!("{name}, at line {}", index + 1),
                line: shown(first_word(line), line),
                reason: reason.to_string(),
            })?;
        }
        Ok(())
    }

    /// The outer error is one of an included file, which names its own place.
    fn directive(
        &mut self,
        name: &[u8],
        values: &[Vec<u8>],
        depth: usize,
    ) -> Result<Result<(), Invalid>, ConfigError> {
        if name.eq_ignore_ascii_case(b"include") {
            let [file] = values else {
                return Ok(Err(value::wrong_count()));
            };
            return self.include(&String::from_utf8_lossy(file), depth);
        }
        if let Some(directive) = DIRECTIVES.iter().find(|d| d.is_called(name)) {
            return Ok(self.known(directive, values));
        }
        Ok(match FIXED.iter().find(|fixed| fixed.is_called(name)) {
            Some(fixed) => fixed.check(values),
            None => Err(bad_directive()),
        })
    }

    /// The files that a name with wildcards stands for, of which there may be none, or the one
    /// file without.
    fn include(&mut self, file: &str, depth: usize) -> Result<Result<(), Invalid>, ConfigError> {
        if depth == INCLUDE_DEPTH_MAX {
            return Ok(Err(Invalid("Too many files that include files".to_owned())));
        }
        let files = match include::has_wildcards(file) {
            true => include::expand(file, self.read),
            false => vec![file.to_owned()],
        };
        self.included = self.included.saturating_add(files.len());
        if self.included > INCLUDED_MAX {
            return Ok(Err(Invalid(format!(
                "More than {INCLUDED_MAX} files are included"
            ))));
        }
        for file in files {
            // What cannot be opened is an error of this line; what is wrong in it, of that file.
            let text = match (self.read)(Source::File(Path::new(&file))) {
                Ok(text) => text,
                Err(error) => {
                    let text = format!("can't open config file '{file}': {error}");
                    return Ok(Err(Invalid(text)));
                }
            };
            self.text(&in_file(&file), &text, depth + 1)?;
        }
        Ok(Ok(()))
    }

    fn known(&mut self, directive: &Directive, values: &[Vec<u8>]) -> Result<(), Invalid> {
        if directive.name == "save" && !self.save_given {
            self.save_given = true;
            self.config.save.clear();
        }
        if SET_BY_FILE.contains(&directive.name) {
            self.password_given = Some(directive.name);
        }
        // One quoted value may hold all the words.
        if let [value] = values
            && directive.has_words()
        {
            return directive.set(&mut self.config, &value::spaced(value));
        }
        directive.set(&mut self.config, values)
    }
}

/// A line as it may be shown: without what is a secret, or may be one behind a misspelled name.
fn shown(name: &[u8], line: &[u8]) -> String {
    let shown = String::from_utf8_lossy(line);
    if Secrecy::of(name) == Secrecy::Open {
        return shown.into_owned();
    }
    match shown.split_once(|c: char| c.is_ascii_whitespace()) {
        Some((name, _)) => format!("{name} {REDACTED}"),
        None => shown.into_owned(),
    }
}

/// Where in a file something is wrong, but for the line.
fn in_file(name: &str) -> String {
    format!("the configuration file '{name}'")
}

fn first_word(line: &[u8]) -> &[u8] {
    line.split(u8::is_ascii_whitespace).next().unwrap_or(line)
}

fn bad_directive() -> Invalid {
    Invalid("Bad directive or wrong number of arguments".to_owned())
}
