//! Values by their type, and how an entry says which type it holds.

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// A string.
    String,
    /// A hash.
    Hash,
}

impl Type {
    /// What TYPE answers, and SCAN's TYPE takes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Type::String => "string",
            Type::Hash => "hash",
        }
    }
}

/// How a value that is no string is held, as OBJECT ENCODING names it. It follows the directives
/// and the history of the value as in Redis; the form in memory need not be what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Few and short elements.
    Listpack,
    /// Many or long ones.
    HashTable,
}

impl Encoding {
    /// What OBJECT ENCODING answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Listpack => "listpack",
            Encoding::HashTable => "hashtable",
        }
    }
}

/// A value by its type. Further types will be further variants.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// A string.
    Str(&'a [u8]),
    /// A hash.
    Hash(super::Hash<'a>),
}

/// A command for one type met a value of another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongType;

/// Type and encoding in one byte, as an entry keeps them: the type in the lower four bits, the
/// encoding in the upper ones. That of a string is 0, and is not written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind(u8);

impl Kind {
    /// A string. Whether it is `raw` is a flag of the entry.
    pub const STRING: Kind = Kind(0);

    /// A hash that is held so.
    pub fn hash(encoding: Encoding) -> Kind {
        Kind(1 | (encoding as u8) << 4)
    }

    /// The byte.
    pub fn byte(self) -> u8 {
        self.0
    }

    /// What [`Kind::byte`] gave.
    pub fn from_byte(byte: u8) -> Kind {
        Kind(byte)
    }

    /// The type.
    pub fn type_of(self) -> Type {
        match self.0 & 15 {
            0 => Type::String,
            _ => Type::Hash,
        }
    }

    /// The encoding; without meaning for a string.
    pub fn encoding(self) -> Encoding {
        match self.0 >> 4 {
            0 => Encoding::Listpack,
            _ => Encoding::HashTable,
        }
    }
}
