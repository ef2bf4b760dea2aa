//! When OBJECT ENCODING says something else: the directives about it, by type.

use super::Config;

/// Those of all types.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Of hashes.
    pub hash: HashLimits,
    /// Of sets.
    pub set: SetLimits,
}

/// When a hash is no `listpack` any more; hash-max-listpack-entries and -value.
#[derive(Clone, Copy, Debug)]
pub struct HashLimits {
    /// So many fields are still few.
    pub entries: usize,
    /// A field or value of so many bytes is still short.
    pub value: usize,
}

/// When a set is no `intset` or `listpack` any more; set-max-intset-entries,
/// set-max-listpack-entries and -value.
#[derive(Clone, Copy, Debug)]
pub struct SetLimits {
    /// So many integers are still few.
    pub intset_entries: usize,
    /// So many members are still few.
    pub entries: usize,
    /// A member of so many bytes is still short.
    pub value: usize,
}

impl Config {
    /// What the directives say of all types.
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits {
            hash: self.hash_limits(),
            set: self.set_limits(),
        }
    }

    /// What they say of hashes.
    #[must_use]
    pub fn hash_limits(&self) -> HashLimits {
        HashLimits {
            entries: self.hash_max_listpack_entries,
            value: self.hash_max_listpack_value,
        }
    }

    /// What they say of sets.
    #[must_use]
    pub fn set_limits(&self) -> SetLimits {
        SetLimits {
            // As in Redis: an intset has no more.
            intset_entries: self.set_max_intset_entries.min(1 << 30),
            entries: self.set_max_listpack_entries,
            value: self.set_max_listpack_value,
        }
    }
}
