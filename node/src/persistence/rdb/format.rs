//! The versions of the format.

/// A version that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Version 10 of Redis, which everything since Redis 7.0 reads. No field of a hash may expire.
    Plain,
    /// Version 12 of Redis, which it reads since 7.4.
    Redis,
    /// Version 80 of Valkey, which it reads since 9.0.
    Valkey,
}

/// The version that is written where no field of a hash expires.
pub const WRITTEN_VERSION: u32 = Format::Plain.version() as u32;

/// The newest version of Redis that is read.
const NEWEST_REDIS: u32 = 12;

/// The oldest version under Valkey's own signature.
pub const OLDEST_VALKEY: u32 = 80;

/// Whether a version is read: one of Redis, or one of Valkey's own.
pub fn is_known(version: u32, is_valkey: bool) -> bool {
    match is_valkey {
        true => version >= OLDEST_VALKEY,
        false => (1..=NEWEST_REDIS).contains(&version),
    }
}

impl Format {
    /// Its number, as it stands behind the payload of DUMP.
    pub const fn version(self) -> u16 {
        match self {
            Format::Plain => 10,
            Format::Redis => 12,
            Format::Valkey => 80,
        }
    }

    /// What a file begins with.
    pub fn signature(self) -> String {
        match self {
            Format::Plain | Format::Redis => format!("REDIS{:04}", self.version()),
            Format::Valkey => format!("VALKEY{:03}", self.version()),
        }
    }

    /// The remark by which the server says who it is, with the first release that writes the same.
    pub fn release(self) -> (&'static [u8], &'static str) {
        match self {
            Format::Plain => (b"redis-ver", "7.0.15"),
            Format::Redis => (b"redis-ver", "7.4.0"),
            Format::Valkey => (b"valkey-ver", "9.0.0"),
        }
    }
}
