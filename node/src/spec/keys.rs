//! Where the keys of a command are: begin-search and find-keys, as Redis 7 describes them
//! (redis.io, "Command key specifications").

use crate::resp::Args;

/// Where some of a command's keys are, and what happens to them.
#[derive(Debug)]
pub struct KeySpec {
    /// Where the search for them begins.
    pub begin: BeginSearch,
    /// Which arguments from there on they are.
    pub find: FindKeys,
    /// What happens to them.
    pub flags: &'static [KeyFlag],
    /// The same for a certain request, where its options make a difference (`variable_flags`).
    pub by_request: Option<fn(&Args<'_>) -> &'static [KeyFlag]>,
    /// Which arguments they are, where the rest of the spec does not say it rightly.
    pub found_by: Option<fn(&Args<'_>) -> Indexes>,
    /// A remark for COMMAND INFO; mostly empty.
    pub notes: &'static str,
}

/// Where the search for keys begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BeginSearch {
    /// At this argument.
    Index(u8),
    /// Behind this word, which is looked for from the argument `from` on; negative: backwards, from
    /// so far before the end on.
    Keyword {
        /// The word; its case does not matter.
        word: &'static str,
        /// Where to look first.
        from: i8,
    },
    /// No rule says it.
    Unknown,
}

/// Which arguments are keys, from the beginning of the search on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FindKeys {
    /// Every `step`th up to the last one.
    Range {
        /// How far behind the first one the last one is; negative: counted from the last argument,
        /// which is -1.
        last: i8,
        /// From one to the next.
        step: u8,
        /// With a negative `last`: the keys are the first part of so many that the rest consists of
        /// (XREAD's ids follow its keys: 2). 0 and 1: all of it.
        limit: u8,
    },
    /// As many as an argument says.
    KeyNum {
        /// Where the number is, counted from the beginning of the search.
        number: u8,
        /// Where the first key is, counted likewise.
        first: u8,
        /// From one to the next.
        step: u8,
    },
    /// No rule says it.
    Unknown,
}

/// What happens to a key, in the words of COMMAND INFO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFlag {
    /// Its value is read.
    RO,
    /// It is read and changed.
    RW,
    /// It is overwritten, whatever it was.
    OW,
    /// It is removed.
    RM,
    /// What its value holds is returned, copied or compared.
    Access,
    /// Its value is changed.
    Update,
    /// Something is added to its value, and nothing else changed.
    Insert,
    /// Something of its value is removed.
    Delete,
    /// It is no key, but tells the slot of one.
    NotKey,
    /// There are keys that the spec does not find.
    Incomplete,
    /// Other flags may hold for a certain request.
    VariableFlags,
}

impl KeyFlag {
    /// As COMMAND INFO has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            KeyFlag::RO => "RO",
            KeyFlag::RW => "RW",
            KeyFlag::OW => "OW",
            KeyFlag::RM => "RM",
            KeyFlag::Access => "access",
            KeyFlag::Update => "update",
            KeyFlag::Insert => "insert",
            KeyFlag::Delete => "delete",
            KeyFlag::NotKey => "not_key",
            KeyFlag::Incomplete => "incomplete",
            KeyFlag::VariableFlags => "variable_flags",
        }
    }
}

/// The keys of a request cannot be told: their number is not a number, or is more than
/// there are arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidKeys;

/// Arguments that are keys: `first`, `first + step`, ... below `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indexes {
    /// The first.
    pub first: usize,
    /// Behind the last.
    pub end: usize,
    /// From one to the next.
    pub step: usize,
}

impl Indexes {
    /// No argument.
    pub const NONE: Indexes = Indexes {
        first: 0,
        end: 0,
        step: 1,
    };

    /// One argument.
    #[must_use]
    pub fn one(index: usize) -> Indexes {
        Indexes {
            first: index,
            end: index + 1,
            step: 1,
        }
    }
}

impl IntoIterator for Indexes {
    type Item = usize;
    type IntoIter = std::iter::StepBy<std::ops::Range<usize>>;

    fn into_iter(self) -> Self::IntoIter {
        (self.first..self.end).step_by(self.step)
    }
}

impl KeySpec {
    /// One key.
    #[must_use]
    pub const fn one(index: u8, flags: &'static [KeyFlag]) -> KeySpec {
        KeySpec::range(index, 0, 1, flags)
    }

    /// All arguments from an index on.
    #[must_use]
    pub const fn rest(index: u8, flags: &'static [KeyFlag]) -> KeySpec {
        KeySpec::range(index, -1, 1, flags)
    }

    /// A range of keys.
    #[must_use]
    pub const fn range(index: u8, last: i8, step: u8, flags: &'static [KeyFlag]) -> KeySpec {
        let find = FindKeys::Range {
            last,
            step,
            limit: 0,
        };
        KeySpec::new(BeginSearch::Index(index), find, flags)
    }

    /// Keys that are looked for.
    #[must_use]
    pub const fn new(begin: BeginSearch, find: FindKeys, flags: &'static [KeyFlag]) -> KeySpec {
        KeySpec {
            begin,
            find,
            flags,
            by_request: None,
            found_by: None,
            notes: "",
        }
    }

    /// With flags that depend on the request.
    #[must_use]
    pub const fn by_request(self, flags: fn(&Args<'_>) -> &'static [KeyFlag]) -> KeySpec {
        KeySpec {
            by_request: Some(flags),
            ..self
        }
    }

    /// Keys that no rule finds, or that a function finds better.
    #[must_use]
    pub const fn found_by(self, find: fn(&Args<'_>) -> Indexes) -> KeySpec {
        KeySpec {
            found_by: Some(find),
            ..self
        }
    }

    /// With a remark.
    #[must_use]
    pub const fn note(self, notes: &'static str) -> KeySpec {
        KeySpec { notes, ..self }
    }

    /// What happens to these keys in a request.
    #[must_use]
    pub fn flags_of(&self, request: &Args<'_>) -> &'static [KeyFlag] {
        self.by_request.map_or(self.flags, |flags| flags(request))
    }

    /// The first key, the last and the step, if they are at the same place in every request.
    #[must_use]
    pub const fn fixed(&self) -> Option<(u8, i8, u8)> {
        match (self.begin, self.find) {
            (
                BeginSearch::Index(first),
                FindKeys::Range {
                    last,
                    step,
                    limit: 0 | 1,
                },
            ) => Some((first, last, step)),
            _ => None,
        }
    }

    /// The arguments of a request that are these keys.
    ///
    /// # Errors
    /// The request says what cannot be.
    pub fn find(&self, request: &Args<'_>) -> Result<Indexes, InvalidKeys> {
        if let Some(find) = self.found_by {
            return Ok(find(request));
        }
        let Some(first) = self.begin.find(request) else {
            return Ok(Indexes::NONE);
        };
        let found = self.find.find(request, first)?;
        let none = found.first >= found.end;
        if none {
            return Ok(Indexes::NONE);
        }
        let last = found.end - 1 - (found.end - 1 - found.first) % found.step;
        if last < request.len() {
            Ok(found)
        } else {
            Err(InvalidKeys)
        }
    }
}

impl BeginSearch {
    /// The argument at which the search begins in a request.
    fn find(self, request: &Args<'_>) -> Option<usize> {
        match self {
            BeginSearch::Index(index) => Some(usize::from(index)),
            BeginSearch::Unknown => None,
            BeginSearch::Keyword { word, from } if from > 0 => {
                // The last argument is no keyword: nothing follows it.
                let mut places = usize::from(from.unsigned_abs())..request.len() - 1;
                places.find(|&at| request.is(at, word)).map(|at| at + 1)
            }
            BeginSearch::Keyword { word, from } => {
                let start = request.len().checked_sub(from.unsigned_abs().into())?;
                let mut places = (2..=start).rev();
                places.find(|&at| request.is(at, word)).map(|at| at + 1)
            }
        }
    }
}

impl FindKeys {
    fn find(self, request: &Args<'_>, begin: usize) -> Result<Indexes, InvalidKeys> {
        let arguments = request.len();
        match self {
            FindKeys::Unknown => Ok(Indexes::NONE),
            FindKeys::Range { last, step, limit } => {
                let from_end = usize::from(last.unsigned_abs());
                let end = if last >= 0 {
                    begin + from_end + 1
                } else {
                    let part = arguments.saturating_sub(begin) / usize::from(limit.max(1));
                    (begin + part + 1).saturating_sub(from_end)
                };
                Ok(Indexes {
                    first: begin,
                    end,
                    step: usize::from(step),
                })
            }
            FindKeys::KeyNum {
                number,
                first,
                step,
            } => {
                let told = request.opt(begin + usize::from(number));
                let told = told.and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
                let keys: usize = told.ok_or(InvalidKeys)?;
                let first = begin + usize::from(first);
                let span = keys.checked_mul(usize::from(step)).ok_or(InvalidKeys)?;
                Ok(Indexes {
                    first,
                    end: first.checked_add(span).ok_or(InvalidKeys)?,
                    step: usize::from(step),
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The keys of a request by a spec.
    fn keys(spec: &KeySpec, request: &str) -> Result<String, InvalidKeys> {
        let argv: Vec<Vec<u8>> = request.split(' ').map(Into::into).collect();
        let args = Args::kept(&argv);
        let found = spec.find(&args)?.into_iter();
        let names: Vec<_> = found
            .map(|at| String::from_utf8_lossy(args.get(at)))
            .collect();
        Ok(names.join(" "))
    }

    #[test]
    fn a_number_says_how_many_keys_follow() {
        // ZUNIONSTORE destination numkeys key [key ...]
        let find = FindKeys::KeyNum {
            number: 0,
            first: 1,
            step: 1,
        };
        let spec = KeySpec::new(BeginSearch::Index(2), find, &[KeyFlag::RO]);
        assert_eq!(keys(&spec, "ZUNIONSTORE d 2 a b"), Ok("a b".into()));
        assert_eq!(keys(&spec, "ZUNIONSTORE d 1 a WEIGHTS 2"), Ok("a".into()));
        assert_eq!(keys(&spec, "ZUNIONSTORE d 0 a"), Ok(String::new()));
        for number in ["3", "-1", "x", "", "18446744073709551615"] {
            let request = format!("ZUNIONSTORE d {number} a b");
            assert_eq!(keys(&spec, &request), Err(InvalidKeys), "{number}");
        }
    }

    #[test]
    fn keys_follow_a_keyword_up_to_their_share_of_the_rest() {
        // XREAD [COUNT count] STREAMS key [key ...] id [id ...]
        let begin = BeginSearch::Keyword {
            word: "STREAMS",
            from: 1,
        };
        let find = FindKeys::Range {
            last: -1,
            step: 1,
            limit: 2,
        };
        let spec = KeySpec::new(begin, find, &[KeyFlag::RO]);
        assert_eq!(
            keys(&spec, "XREAD COUNT 2 streams a b 0 1"),
            Ok("a b".into())
        );
        assert_eq!(keys(&spec, "XREAD STREAMS a 0"), Ok("a".into()));
        assert_eq!(keys(&spec, "XREAD COUNT 2"), Ok(String::new()));
        assert_eq!(keys(&spec, "XREAD COUNT STREAMS"), Ok(String::new()));
        assert_eq!(spec.fixed(), None);
    }

    #[test]
    fn a_keyword_is_looked_for_from_the_end_on() {
        // MIGRATE host port "" destination-db timeout [COPY] [KEYS key [key ...]]
        let begin = BeginSearch::Keyword {
            word: "KEYS",
            from: -2,
        };
        let find = FindKeys::Range {
            last: -1,
            step: 1,
            limit: 0,
        };
        let spec = KeySpec::new(begin, find, &[KeyFlag::RW]);
        let request = "MIGRATE host port - 0 10 COPY keys a b c";
        assert_eq!(keys(&spec, request), Ok("a b c".into()));
        assert_eq!(keys(&spec, "MIGRATE host port a 0 10"), Ok(String::new()));
    }

    #[test]
    fn a_range_beyond_the_arguments_is_refused() {
        let two = KeySpec::range(1, 1, 1, &[KeyFlag::RO]);
        assert_eq!(keys(&two, "LCS a b"), Ok("a b".into()));
        assert_eq!(keys(&two, "LCS a"), Err(InvalidKeys));
        let pairs = KeySpec::range(1, -1, 2, &[KeyFlag::OW]);
        assert_eq!(keys(&pairs, "MSET a 1 b 2"), Ok("a b".into()));
    }
}
