//! The arguments of one request.

use slotkeeper_topology::Slot;

use super::decode::Span;
use crate::key::{Key, Locate};

/// The arguments of one request, the command's name first: slices of the input, or of a request
/// that was kept (MULTI's queue).
#[derive(Clone, Copy, Debug)]
pub struct Args<'a> {
    source: Source<'a>,
    /// The index of a key, with what was computed of it before.
    known: Option<(usize, u64, Slot)>,
}

#[derive(Clone, Copy, Debug)]
enum Source<'a> {
    Input {
        input: &'a [u8],
        unquoted: &'a [u8],
        spans: &'a [Span],
    },
    Kept(&'a [Vec<u8>]),
}

impl<'a> Args<'a> {
    /// The arguments of a request that was kept.
    #[must_use]
    pub fn kept(argv: &'a [Vec<u8>]) -> Args<'a> {
        Args {
            source: Source::Kept(argv),
            known: None,
        }
    }

    pub(super) fn of_input(input: &'a [u8], unquoted: &'a [u8], spans: &'a [Span]) -> Args<'a> {
        Args {
            source: Source::Input {
                input,
                unquoted,
                spans,
            },
            known: None,
        }
    }

    /// The same arguments, with the hash and slot of the one that is the (first) key.
    #[must_use]
    pub fn with_key(self, index: usize, key: &Key<'_>) -> Args<'a> {
        Args {
            known: Some((index, key.hash, key.slot)),
            ..self
        }
    }

    /// The key at an index; hashed again only if it is not the one that [`Args::with_key`] named.
    ///
    /// # Panics
    /// If there is no such argument.
    #[must_use]
    #[inline]
    pub fn key(&self, keys: &impl Locate, index: usize) -> Key<'a> {
        let bytes = self.get(index);
        match self.known {
            Some((known, hash, slot)) if known == index => Key { bytes, hash, slot },
            _ => keys.key(bytes),
        }
    }

    /// How many there are, the command's name included.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a request has at least a name")]
    pub fn len(&self) -> usize {
        match self.source {
            Source::Input { spans, .. } => spans.len(),
            Source::Kept(argv) => argv.len(),
        }
    }

    /// The argument at an index that the command's arity, or a check of [`Args::len`], vouches for.
    ///
    /// # Panics
    /// If there is no such argument.
    #[must_use]
    pub fn get(&self, index: usize) -> &'a [u8] {
        match self.source {
            Source::Input {
                input,
                unquoted,
                spans,
            } => spans[index].slice(input, unquoted),
            Source::Kept(argv) => &argv[index],
        }
    }

    /// The argument at an index, if there is one.
    #[must_use]
    pub fn opt(&self, index: usize) -> Option<&'a [u8]> {
        (index < self.len()).then(|| self.get(index))
    }

    /// Whether the argument at an index is there and is this word, whatever its case.
    #[must_use]
    pub fn is(&self, index: usize, word: &str) -> bool {
        self.opt(index)
            .is_some_and(|argument| is_word(argument, word))
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        let this = *self;
        (0..this.len()).map(move |index| this.get(index))
    }

    /// All from an index on; none if it is beyond the end.
    pub fn from(&self, index: usize) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        let this = *self;
        (index.min(this.len())..this.len()).map(move |index| this.get(index))
    }

    /// A copy that outlives the input.
    #[must_use]
    pub fn to_owned(&self) -> Vec<Vec<u8>> {
        self.iter().map(<[u8]>::to_vec).collect()
    }
}

/// Whether an argument is this word, whatever its case. As in Redis, what follows a zero byte does not
/// count.
#[must_use]
#[inline]
pub fn is_word(argument: &[u8], word: &str) -> bool {
    let (word, rest) = (word.as_bytes(), argument.get(word.len()));
    rest.is_none_or(|byte| *byte == 0)
        && (argument.get(..word.len())).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_kept_arguments() {
        let argv = vec![b"GET".to_vec(), b"key".to_vec()];
        let args = Args::kept(&argv);
        assert_eq!(args.len(), 2);
        assert_eq!(args.get(1), b"key");
        assert_eq!(args.opt(2), None);
        assert!(args.is(0, "get"));
        assert!(!args.is(2, "get"));
        assert_eq!(args.to_owned(), argv);
        assert_eq!(args.from(1).collect::<Vec<_>>(), [b"key"]);
        assert_eq!(args.from(9).len(), 0);
    }

    #[test]
    fn a_word_ends_at_a_zero_byte() {
        for (argument, is_it) in [
            (&b"limit"[..], true),
            (b"LiMiT", true),
            (b"limit\0", true),
            (b"LIMIT\0junk", true),
            (b"limits", false),
            (b"limi", false),
            (b"limi\0", false),
            (b"", false),
        ] {
            assert_eq!(is_word(argument, "limit"), is_it, "{argument:?}");
        }
        assert!(is_word(b"", "") && is_word(b"\0", ""));
    }
}
