//! Values by their type, and how an entry says which type it holds.

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// A string.
    String,
    /// A list.
    List,
    /// A set.
    Set,
    /// A sorted set.
    Zset,
    /// A hash.
    Hash,
    /// A stream.
    Stream,
}

impl Type {
    /// By their number.
    const ALL: [Type; 6] = [
        Type::String,
        Type::List,
        Type::Set,
        Type::Zset,
        Type::Hash,
        Type::Stream,
    ];

    /// What TYPE answers, and SCAN's TYPE takes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Type::String => "string",
            Type::List => "list",
            Type::Set => "set",
            Type::Zset => "zset",
            Type::Hash => "hash",
            Type::Stream => "stream",
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
    /// A set of integers alone.
    Intset,
    /// A list of many elements, or of long ones.
    Quicklist,
    /// A sorted set of many elements, or of long ones.
    Skiplist,
    /// A stream.
    Stream,
    /// A hash of few and short elements in which fields expire, or did.
    ListpackEx,
}

impl Encoding {
    /// By their number.
    const ALL: [Encoding; 7] = [
        Encoding::Listpack,
        Encoding::HashTable,
        Encoding::Intset,
        Encoding::Quicklist,
        Encoding::Skiplist,
        Encoding::Stream,
        Encoding::ListpackEx,
    ];

    /// What OBJECT ENCODING answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Listpack => "listpack",
            Encoding::HashTable => "hashtable",
            Encoding::Intset => "intset",
            Encoding::Quicklist => "quicklist",
            Encoding::Skiplist => "skiplist",
            Encoding::Stream => "stream",
            Encoding::ListpackEx => "listpackex",
        }
    }
}

/// A value by its type.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// A string.
    Str(&'a [u8]),
    /// A hash.
    Hash(super::Hash<'a>),
    /// A set.
    Set(super::Set<'a>),
    /// A list.
    List(super::List<'a>),
    /// A sorted set.
    Zset(super::Zset<'a>),
    /// A stream.
    Stream(&'a super::Stream),
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

    /// A value of that type, held so.
    pub fn new(of: Type, encoding: Encoding) -> Kind {
        assert_ne!(of, Type::String, "its encoding is not written down");
        Kind(of as u8 | (encoding as u8) << 4)
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
    #[inline]
    pub fn type_of(self) -> Type {
        Type::ALL[usize::from(self.0 & 15)]
    }

    /// The encoding; without meaning for a string.
    pub fn encoding(self) -> Encoding {
        Encoding::ALL[usize::from(self.0 >> 4)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_and_encoding_share_a_byte() {
        assert_eq!(Kind::STRING.type_of(), Type::String);
        for of in &Type::ALL[1..] {
            for encoding in Encoding::ALL {
                let kind = Kind::from_byte(Kind::new(*of, encoding).byte());
                assert_eq!((kind.type_of(), kind.encoding()), (*of, encoding));
            }
        }
    }
}
