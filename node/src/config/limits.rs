//! When OBJECT ENCODING says something else: the directives about it, by type.

use slotkeeper_tree::NodeLimits;

use super::Config;

/// Those of all types.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Of hashes.
    pub hash: HashLimits,
    /// Of sets.
    pub set: SetLimits,
    /// Of lists.
    pub list: ListLimits,
    /// Of sorted sets.
    pub zset: ZsetLimits,
    /// Of streams.
    pub stream: NodeLimits,
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

/// When a list is no `listpack` any more, and when it is one again; list-max-listpack-size. The rules
/// are those of Redis 7.2.
#[derive(Clone, Copy, Debug)]
pub struct ListLimits {
    /// The directive: how many elements are still few, or if negative which size.
    pub listpack_size: i32,
}

impl ListLimits {
    /// With a limit on the elements, no listpack has more bytes.
    const BYTES_MAX: usize = 8192;

    /// The most bytes and the most elements of a listpack; none: any number.
    fn most(self) -> (Option<usize>, Option<usize>) {
        match usize::try_from(self.listpack_size) {
            Ok(count) => (None, Some(count.max(1))),
            Err(_) => {
                let step = self.listpack_size.unsigned_abs().min(5);
                (Some(2048 << step), None)
            }
        }
    }

    /// Whether so many bytes and elements are too many for a listpack.
    pub(crate) fn is_exceeded(self, bytes: usize, count: usize) -> bool {
        let (most_bytes, most) = self.most();
        bytes > most_bytes.unwrap_or(Self::BYTES_MAX) || most.is_some_and(|most| count > most)
    }

    /// Whether so many bytes and elements are so few that a list becomes a listpack again.
    pub(crate) fn is_half(self, bytes: usize, count: usize) -> bool {
        let (most_bytes, most) = self.most();
        let most_bytes = most_bytes.map_or(Self::BYTES_MAX, |most| most / 2);
        bytes <= most_bytes && most.is_none_or(|most| count <= most / 2)
    }
}

/// When a sorted set is no `listpack` any more; zset-max-listpack-entries and -value.
#[derive(Clone, Copy, Debug)]
pub struct ZsetLimits {
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
            list: ListLimits {
                listpack_size: self.list_max_listpack_size,
            },
            zset: self.zset_limits(),
            stream: self.stream_limits(),
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

    /// What they say of sorted sets.
    #[must_use]
    pub fn zset_limits(&self) -> ZsetLimits {
        ZsetLimits {
            entries: self.zset_max_listpack_entries,
            value: self.zset_max_listpack_value,
        }
    }

    /// What they say of the nodes of streams.
    #[must_use]
    pub fn stream_limits(&self) -> NodeLimits {
        NodeLimits {
            entries: self.stream_node_max_entries,
            bytes: self.stream_node_max_bytes,
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

#[cfg(test)]
mod tests {
    use super::*;

    /// As redis-server 7.2 has it.
    #[test]
    fn a_list_is_a_listpack_by_bytes_or_by_elements() {
        for (listpack_size, bytes, half) in [
            (-1, 4096, 2048),
            (-2, 8192, 4096),
            (-5, 65_536, 32_768),
            (-6, 65_536, 32_768),
            (i32::MIN, 65_536, 32_768),
        ] {
            let limits = ListLimits { listpack_size };
            assert!(!limits.is_exceeded(bytes, 60_000) && limits.is_exceeded(bytes + 1, 1));
            assert!(limits.is_half(half, 60_000) && !limits.is_half(half + 1, 1));
        }
        for (listpack_size, most) in [(128, 128), (5, 5), (1, 1), (0, 1)] {
            let limits = ListLimits { listpack_size };
            assert!(!limits.is_exceeded(8192, most) && limits.is_exceeded(10, most + 1));
            assert!(limits.is_exceeded(8193, most));
            assert!(!limits.is_half(10, most / 2 + 1) && limits.is_half(10, most / 2));
        }
    }
}
