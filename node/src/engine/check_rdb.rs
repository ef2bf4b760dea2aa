//! What a data file holds, and whether this node would load it: `--check-rdb`.

use std::collections::BTreeMap;

use super::follow::Loader;
use crate::config::Config;
use crate::data::{Layout, Partition, Type};
use crate::persistence::rdb::{RdbItem, RdbReader};
use crate::time::Now;

/// A check of one data file. Each value is put together as at a start, and dropped when it is whole:
/// so the check takes the memory of the largest value.
pub struct RdbCheck {
    reader: RdbReader,
    contents: Contents,
    now: Now,
}

/// What was found, and what is in hand.
struct Contents {
    data: Partition,
    loader: Loader,
    config: Config,
    remarks: Vec<(String, String)>,
    databases: BTreeMap<u64, Counts>,
    db: u64,
    key: Vec<u8>,
}

#[derive(Default)]
struct Counts {
    keys: u64,
    expires: u64,
    expired: u64,
    kinds: BTreeMap<&'static str, u64>,
}

impl RdbCheck {
    /// At the beginning of a file; `now` decides what has expired.
    #[must_use]
    pub fn new(now: Now) -> RdbCheck {
        RdbCheck {
            reader: RdbReader::new(),
            contents: Contents {
                // No client chooses the keys' names to slow this down for others.
                data: Partition::new(Layout::Databases(1), [0, 0]),
                loader: Loader::default(),
                config: Config::default(),
                remarks: Vec::new(),
                databases: BTreeMap::new(),
                db: 0,
                key: Vec::new(),
            },
            now,
        }
    }

    /// Takes the next bytes of the file.
    ///
    /// # Errors
    /// Where the file is damaged or cannot be loaded, and why.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), String> {
        let (contents, now) = (&mut self.contents, self.now);
        let fed = self
            .reader
            .feed(bytes, &mut |item| contents.take(item, now));
        match fed {
            Err(error) => Err(self.told(&error.to_string())),
            Ok(fed) if fed.consumed < bytes.len() => {
                Err(self.told("more data follow the end of the RDB data"))
            }
            Ok(_) => Ok(()),
        }
    }

    /// The file is over: what it holds, in lines.
    ///
    /// # Errors
    /// When it should go on.
    pub fn finish(&self) -> Result<String, String> {
        if !self.reader.is_done() {
            return Err(self.told("unexpected end of the RDB data"));
        }
        let (version, bytes) = (self.reader.version(), self.reader.position());
        let mut text = format!("RDB version {version}, {bytes} bytes, complete\n");
        for (name, value) in &self.contents.remarks {
            text += &format!("{name}: {value}\n");
        }
        for (db, counts) in &self.contents.databases {
            let Counts {
                keys,
                expires,
                expired,
                ..
            } = counts;
            text += &format!(
                "database {db}: {keys} keys, {expires} with a time to live, {expired} expired"
            );
            for (kind, count) in &counts.kinds {
                text += &format!("; {kind} {count}");
            }
            text.push('\n');
        }
        Ok(text)
    }

    fn told(&self, reason: &str) -> String {
        let at = self.reader.position();
        let key = &self.contents.key;
        if key.is_empty() {
            return format!("offset {at}: {reason}");
        }
        format!("offset {at}, key '{}': {reason}", key.escape_ascii())
    }
}

impl Contents {
    fn take(&mut self, item: RdbItem<'_>, now: Now) -> Result<(), String> {
        let mut ends = false;
        match &item {
            RdbItem::Aux { name, value } => {
                let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
                self.remarks.push((text(name), text(value)));
                return Ok(());
            }
            // However many a node is set up with: the values go one after the other.
            RdbItem::Database(number) => {
                self.db = *number;
                return Ok(());
            }
            RdbItem::Entry { key, expire_at, .. } => {
                self.begin(Type::String, key, *expire_at, now);
                ends = true;
            }
            RdbItem::Begin {
                kind,
                key,
                expire_at,
            } => self.begin(*kind, key, *expire_at, now),
            RdbItem::End => ends = true,
            _ => {}
        }
        let limits = self.config.limits();
        self.loader.put(&mut self.data, item, false, limits, now)?;
        if ends {
            let key = std::mem::take(&mut self.key);
            self.data.remove(0, &self.data.key(&key));
            while self.data.is_freeing() {
                self.data.free_step(1000);
            }
        }
        Ok(())
    }

    fn begin(&mut self, kind: Type, key: &[u8], expire_at: Option<i64>, now: Now) {
        self.data.begin(now, false);
        self.key = key.to_vec();
        let counts = self.databases.entry(self.db).or_default();
        counts.keys += 1;
        counts.expires += u64::from(expire_at.is_some());
        counts.expired += u64::from(expire_at.is_some_and(|at| at <= now.unix_ms()));
        *counts.kinds.entry(kind.name()).or_default() += 1;
    }
}
