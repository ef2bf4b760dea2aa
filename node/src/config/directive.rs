//! What a directive is: its name, whether it may change, and how its values are read and shown.

use super::Config;
use super::value::{self, Invalid};

/// One directive that this node carries out.
pub(super) struct Directive {
    /// As in redis.conf.
    pub name: &'static str,
    /// The older name.
    pub alias: Option<&'static str>,
    /// Whether CONFIG SET may change it.
    pub change: Change,
    /// Its values.
    pub kind: Kind,
}

/// Whether CONFIG SET may change a directive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// At any time.
    Always,
    /// Only with `enable-protected-configs`.
    Protected,
    /// Never: file and arguments only.
    AtStart,
}

/// How a directive's values are read from words and shown again.
pub(super) enum Kind {
    /// `yes` or `no`.
    YesNo(fn(&Config) -> bool, fn(&mut Config, bool)),
    /// An integer within limits, both included.
    Number(i64, i64, fn(&Config) -> i64, fn(&mut Config, i64)),
    /// Bytes, with units (`16kb`).
    Memory {
        /// Less becomes this; nothing at all is refused, unless this is 0.
        min: u64,
        /// More is refused.
        max: u64,
        get: fn(&Config) -> u64,
        set: fn(&mut Config, u64),
    },
    /// Text; a text that a check refuses is an error.
    Text(
        fn(&Config) -> &str,
        fn(&mut Config, String) -> Result<(), Invalid>,
    ),
    /// Any bytes; none when empty.
    Secret(
        fn(&Config) -> Option<&[u8]>,
        fn(&mut Config, Option<Vec<u8>>),
    ),
    /// One of some words, by its place among them.
    Word(
        &'static [&'static str],
        fn(&Config) -> usize,
        fn(&mut Config, usize),
    ),
    /// A list of words.
    Words(
        fn(&Config) -> &Vec<String>,
        fn(&mut Config) -> &mut Vec<String>,
    ),
    /// Something of its own, over all words.
    Own {
        /// Reads the words; for some, lines of a file add up.
        set: fn(&mut Config, &[Vec<u8>]) -> Result<(), Invalid>,
        /// As CONFIG GET shows it.
        show: fn(&Config) -> String,
        /// As lines of redis.conf, without the name.
        lines: fn(&Config) -> Vec<String>,
    },
}

impl Directive {
    /// Whether it is called so; case does not matter.
    pub fn is_called(&self, name: &[u8]) -> bool {
        let same = |known: &str| known.as_bytes().eq_ignore_ascii_case(name);
        same(self.name) || self.alias.is_some_and(same)
    }

    /// Whether CONFIG SET splits its value into words.
    pub fn has_words(&self) -> bool {
        matches!(self.kind, Kind::Words(..) | Kind::Own { .. })
    }

    /// Takes the words that follow the name.
    ///
    /// # Errors
    /// When they are no value of this directive, in Redis's words.
    pub fn set(&self, config: &mut Config, words: &[Vec<u8>]) -> Result<(), Invalid> {
        let one = || match words {
            [word] => Ok(word.as_slice()),
            _ => Err(value::wrong_count()),
        };
        match &self.kind {
            Kind::YesNo(_, set) => set(config, value::yes_no(one()?)?),
            Kind::Number(min, max, _, set) => set(config, value::number(one()?, *min, *max)?),
            Kind::Memory { min, max, set, .. } => {
                let bytes = value::memory(one()?)?;
                // Less is rounded up, but for nothing at all.
                let least = (*min).min(1);
                if bytes < least || bytes > *max {
                    return Err(value::not_between(least, max));
                }
                set(config, bytes.max(*min));
            }
            Kind::Text(_, set) => set(config, value::text(one()?)?)?,
            Kind::Secret(_, set) => {
                set(
                    config,
                    Some(one()?.to_vec()).filter(|bytes| !bytes.is_empty()),
                );
            }
            Kind::Word(known, _, set) => set(config, value::word(one()?, known)?),
            Kind::Words(_, list) => *list(config) = value::texts(words)?,
            Kind::Own { set, .. } => set(config, words)?,
        }
        Ok(())
    }

    /// Its value as CONFIG GET shows it.
    pub fn show(&self, config: &Config) -> Vec<u8> {
        match &self.kind {
            Kind::YesNo(get, _) => yes_or_no(get(config)).into(),
            Kind::Number(_, _, get, _) => get(config).to_string().into(),
            Kind::Memory { get, .. } => get(config).to_string().into(),
            Kind::Text(get, _) => get(config).into(),
            Kind::Secret(get, _) => get(config).unwrap_or_default().to_vec(),
            Kind::Word(known, get, _) => known[get(config)].into(),
            Kind::Words(get, _) => get(config).join(" ").into(),
            Kind::Own { show, .. } => show(config).into(),
        }
    }

    /// The lines of redis.conf that say so.
    pub fn lines(&self, config: &Config) -> Vec<String> {
        let line = |value: String| vec![format!("{} {value}", self.name)];
        match &self.kind {
            Kind::YesNo(get, _) => line(yes_or_no(get(config)).to_owned()),
            Kind::Number(_, _, get, _) => line(get(config).to_string()),
            Kind::Memory { get, .. } => line(value::with_unit(get(config))),
            Kind::Text(get, _) => line(value::quote(get(config).as_bytes())),
            Kind::Secret(get, _) => line(value::quote(get(config).unwrap_or_default())),
            Kind::Word(known, get, _) => line(known[get(config)].to_owned()),
            Kind::Words(get, _) if get(config).is_empty() => line("\"\"".to_owned()),
            Kind::Words(get, _) => line(get(config).join(" ")),
            Kind::Own { lines, .. } => lines(config).into_iter().flat_map(line).collect(),
        }
    }
}

fn yes_or_no(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}
