//! Which replicas hold hashes whose fields expire, and how they read them.

/// The capability (REPLCONF capa) by which our nodes say that they hold such hashes. Others pass over
/// the name.
pub const FIELD_TIMES_CAPA: &str = "slotkeeper-field-times";

/// The version that our nodes tell their master (`REPLCONF version`), as Valkey's replicas do: a master
/// that is Valkey sends files that this version reads, and times of fields only from this one on.
pub const VALKEY_VERSION: &str = "9.0.0";

/// A capability of Redis since 8.0: it reads everything that Redis 7.4 writes. What a replica of 7.4
/// says about itself is the same as what one of 7.0 does.
const RDB_CHANNEL_CAPA: &str = "rdb-channel-repl";

/// The first major version of Valkey that has them.
const VALKEY_SINCE: u32 = 9;

/// Payloads of DUMP up to this version are read by Redis and Valkey. Fields that expire are in none.
const SHARED_VERSION: u16 = 11;

/// The oldest version of Valkey's own.
const OLDEST_VALKEY: u16 = 80;

/// What a replica is that holds hashes whose fields expire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimesReader {
    /// One of our nodes, which reads what each server writes.
    Slotkeeper,
    /// Redis 8.0 or later.
    Redis,
    /// Valkey 9.0 or later.
    Valkey,
}

impl TimesReader {
    /// What a capability tells of it (`REPLCONF capa NAME`).
    #[must_use]
    pub fn of_capability(name: &str) -> Option<TimesReader> {
        if name.eq_ignore_ascii_case(FIELD_TIMES_CAPA) {
            return Some(TimesReader::Slotkeeper);
        }
        (name.eq_ignore_ascii_case(RDB_CHANNEL_CAPA)).then_some(TimesReader::Redis)
    }

    /// What a version tells of it (`REPLCONF version MAJOR.MINOR.PATCH`, which only Valkey sends).
    #[must_use]
    pub fn of_version(text: &str) -> Option<TimesReader> {
        let major: u32 = text.split('.').next()?.parse().ok()?;
        (major >= VALKEY_SINCE).then_some(TimesReader::Valkey)
    }

    /// Whether it reads payloads of DUMP of that version.
    #[must_use]
    pub fn reads_dump(self, version: u16) -> bool {
        let is_valkey = version >= OLDEST_VALKEY;
        match self {
            TimesReader::Slotkeeper => true,
            TimesReader::Redis => !is_valkey,
            TimesReader::Valkey => is_valkey || version <= SHARED_VERSION,
        }
    }
}

/// Up to where the stream has a RESTORE that some replicas cannot carry out, since it goes to them with
/// the payload that it came with.
#[derive(Debug, Default)]
pub struct ForeignDumps {
    /// Since the end of the last turn: the versions.
    pending: Vec<u16>,
    /// The last ones of Redis's own versions, and of Valkey's: offset and version.
    last: [Option<(u64, u16)>; 2],
}

impl ForeignDumps {
    /// A payload of that version was restored.
    pub fn restored(&mut self, version: u16) {
        if version > SHARED_VERSION && !self.pending.contains(&version) {
            self.pending.push(version);
        }
    }

    /// The stream up to this offset has what was restored so far. Returns the versions.
    pub fn settle(&mut self, offset: u64) -> Vec<u16> {
        for version in &self.pending {
            self.last[usize::from(*version >= OLDEST_VALKEY)] = Some((offset, *version));
        }
        std::mem::take(&mut self.pending)
    }

    /// Whether a replica can carry out the stream from this offset on.
    #[must_use]
    pub fn permit(&self, from: i64, reader: Option<TimesReader>) -> bool {
        let ahead = self
            .last
            .iter()
            .flatten()
            .filter(|(offset, _)| from <= *offset as i64);
        reader.is_none_or(|reader| {
            ahead
                .clone()
                .all(|(_, version)| reader.reads_dump(*version))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_replica_says_tells_what_it_is() {
        for (name, read) in [
            ("eof", None),
            ("psync2", None),
            ("dual-channel", None),
            ("rdb-channel-repl", Some(TimesReader::Redis)),
            ("Slotkeeper-Field-Times", Some(TimesReader::Slotkeeper)),
        ] {
            assert_eq!(TimesReader::of_capability(name), read, "{name}");
        }
        for (version, read) in [
            ("8.1.8", None),
            ("9.0.0", Some(TimesReader::Valkey)),
            ("10.2.1", Some(TimesReader::Valkey)),
            ("255.255.255", Some(TimesReader::Valkey)),
            ("nine", None),
            ("", None),
        ] {
            assert_eq!(TimesReader::of_version(version), read, "{version}");
        }
    }

    #[test]
    fn a_replica_goes_on_only_behind_payloads_that_it_does_not_read() {
        let mut dumps = ForeignDumps::default();
        dumps.restored(11);
        assert!(dumps.settle(100).is_empty());
        let [ours, redis, valkey] = [
            TimesReader::Slotkeeper,
            TimesReader::Redis,
            TimesReader::Valkey,
        ]
        .map(Some);
        let permit = |dumps: &ForeignDumps, from| {
            [None, ours, redis, valkey].map(|reader| dumps.permit(from, reader))
        };
        assert_eq!(permit(&dumps, 1), [true; 4]);
        dumps.restored(12);
        dumps.restored(12);
        assert_eq!(dumps.settle(200), [12]);
        assert!(dumps.settle(300).is_empty());
        assert_eq!(permit(&dumps, 200), [true, true, true, false]);
        assert_eq!(permit(&dumps, 201), [true; 4]);
        dumps.restored(80);
        assert_eq!(dumps.settle(400), [80]);
        assert_eq!(permit(&dumps, 200), [true, true, false, false]);
        assert_eq!(permit(&dumps, 201), [true, true, false, true]);
    }
}
