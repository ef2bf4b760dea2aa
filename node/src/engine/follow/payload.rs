//! The payload of a full sync on its way into the keyspace.

mod streams;

use slotkeeper_tree::element::{Text, backward};

use crate::config::{HashLimits, Limits, ListLimits, SetLimits, ZsetLimits};
use crate::data::{Encoding, End, Event, ListMut, Partition, Type};
use crate::engine::Engine;
use crate::engine::follow::DataSet;
use crate::engine::stats::Loaded;
use crate::io::Level;
use crate::persistence::rdb::{Fed, RdbItem, RdbReader};
use crate::replication::ReplId;
use crate::time::Now;

/// A full sync that is being received.
pub(super) struct Incoming {
    id: ReplId,
    offset: u64,
    reader: RdbReader,
    begun: bool,
    loader: Loader,
}

/// Where the next entry goes, and how many came.
#[derive(Default)]
pub(in crate::engine) struct Loader {
    pub(in crate::engine) db: usize,
    pub(in crate::engine) keys: u64,
    /// How many had expired and were left out.
    expired: u64,
    /// A key that is there already is an error.
    pub(in crate::engine) keep_existing: bool,
    /// The collection whose elements are coming; none if they are passed over.
    coming: Option<Incomplete>,
}

/// A collection that is not there in full yet.
struct Incomplete {
    key: Vec<u8>,
    expire_at: Option<i64>,
    /// How it was held, and how many elements are coming.
    form: (Encoding, u64),
    kind: Type,
    /// Of a stream: the group that is coming, and the number of its consumer.
    group: (Vec<u8>, u32),
    /// Of a list: how many nodes of several elements, and of one element, it came in.
    nodes: (usize, usize),
}

impl Loader {
    /// Takes up a database, an entry, or a part of one; `drop_expired` leaves out what has expired.
    ///
    /// # Errors
    /// When there is no such database, a collection has an element twice, or a key is there that is
    /// to be kept.
    pub(in crate::engine) fn put(
        &mut self,
        data: &mut Partition,
        item: RdbItem<'_>,
        drop_expired: bool,
        limits: Limits,
        now: Now,
    ) -> Result<(), String> {
        let expired = |at: Option<i64>| drop_expired && at.is_some_and(|at| at <= now.unix_ms());
        if self.keep_existing
            && let RdbItem::Entry { key, .. } | RdbItem::Begin { key, .. } = &item
            && data.peek(self.db, &data.key(key)).is_some()
        {
            let name = key.escape_ascii();
            return Err(format!("The key '{name}' is there already"));
        }
        match item {
            RdbItem::Aux { .. } | RdbItem::Sizes { .. } => {}
            RdbItem::Database(number) => {
                let db = usize::try_from(number)
                    .ok()
                    .filter(|db| *db < data.databases());
                self.db = db.ok_or_else(|| format!("There is no database {number} here"))?;
            }
            RdbItem::Entry { expire_at, .. } if expired(expire_at) => self.expired += 1,
            RdbItem::Begin { expire_at, .. } if expired(expire_at) => {
                self.coming = None;
                self.expired += 1;
            }
            RdbItem::Begin {
                kind,
                key,
                expire_at,
            } => {
                data.remove(self.db, &data.key(key));
                self.coming = Some(Incomplete {
                    key: key.to_vec(),
                    expire_at,
                    form: (Encoding::Listpack, 0),
                    kind,
                    group: (Vec::new(), 0),
                    nodes: (0, 0),
                });
            }
            RdbItem::Form { encoding, len } => {
                if let Some(coming) = &mut self.coming {
                    coming.form = (encoding, len);
                }
            }
            RdbItem::Member(member) => return self.put_member(data, member, limits.set),
            RdbItem::Field { field, value } => {
                return self.put_field(data, field, value, limits.hash);
            }
            RdbItem::FieldTime { field, at } => self.put_time(data, field, at, limits.hash),
            RdbItem::Element(element) => {
                self.put_elements(data, limits.list, (0, 1), |list| {
                    list.push(End::Right, element);
                });
            }
            RdbItem::Scored { member, score } => {
                return self.put_scored(data, member, score, limits.zset);
            }
            RdbItem::Elements(mut packed) => {
                self.put_elements(data, limits.list, (1, 0), |list| {
                    while let Some((element, len)) = backward::first(packed) {
                        list.push(End::Right, element.bytes(&mut Text::new()));
                        packed = &packed[len..];
                    }
                });
            }
            item @ (RdbItem::Message { .. }
            | RdbItem::Counters { .. }
            | RdbItem::Group { .. }
            | RdbItem::Pending { .. }
            | RdbItem::Consumer { .. }
            | RdbItem::Owned(_)
            | RdbItem::GroupEnd) => return self.put_stream(data, &item, limits.stream),
            RdbItem::End => self.end(data, limits),
            RdbItem::Entry {
                key,
                value,
                expire_at,
            } => {
                data.put(self.db, &data.key(key), value, expire_at);
                self.keys += 1;
            }
        }
        Ok(())
    }
}

impl Loader {
    /// What came so far.
    pub(in crate::engine) fn loaded(&self) -> Loaded {
        Loaded {
            keys: self.keys,
            expired: self.expired,
        }
    }

    fn put_field(
        &self,
        data: &mut Partition,
        field: &[u8],
        value: &[u8],
        limits: HashLimits,
    ) -> Result<(), String> {
        let Some(Incomplete { key, .. }) = &self.coming else {
            return Ok(());
        };
        let at = data.key(key);
        let new = data.load_hash(self.db, &at, limits, |hash| {
            (hash.set(field, value), Some(Event::HSet))
        });
        match new {
            Ok(true) => Ok(()),
            _ => Err(twice("hash", key, "field", field)),
        }
    }

    /// Sets when a field expires that has come.
    fn put_time(&self, data: &mut Partition, field: &[u8], at: i64, limits: HashLimits) {
        let Some(Incomplete { key, .. }) = &self.coming else {
            return;
        };
        let key = data.key(key);
        data.load_hash(self.db, &key, limits, |hash| {
            let is_set = hash.set_time(field, Some(at));
            ((), is_set.then_some(Event::HExpire))
        })
        .expect("what was at the key before is removed");
    }

    fn put_member(
        &self,
        data: &mut Partition,
        member: &[u8],
        limits: SetLimits,
    ) -> Result<(), String> {
        let Some(Incomplete { key, form, .. }) = &self.coming else {
            return Ok(());
        };
        let new = data.change_set(self.db, &data.key(key), limits, |set| {
            if set.is_empty() {
                set.expect(form.0, form.1);
            }
            (set.add(member), Some(Event::SAdd))
        });
        match new {
            Ok(true) => Ok(()),
            _ => Err(twice("set", key, "member", member)),
        }
    }
}

#[cold]
fn twice(kind: &str, key: &[u8], part: &str, element: &[u8]) -> String {
    format!(
        "The {kind} '{}' has the {part} '{}' twice",
        key.escape_ascii(),
        element.escape_ascii()
    )
}

impl Loader {
    /// Puts elements at the end of the list that is coming, out of so many nodes.
    fn put_elements(
        &mut self,
        data: &mut Partition,
        limits: ListLimits,
        nodes: (usize, usize),
        put: impl FnOnce(&mut ListMut<'_>),
    ) {
        let Some(coming) = &mut self.coming else {
            return;
        };
        coming.nodes = (coming.nodes.0 + nodes.0, coming.nodes.1 + nodes.1);
        let key = data.key(&coming.key);
        let put = data.change_list(self.db, &key, limits, |list| {
            (put(list), Some(Event::RPush))
        });
        put.expect("what was at the key before is removed");
    }

    /// The collection that is coming is complete.
    fn end(&mut self, data: &mut Partition, limits: Limits) {
        let Some(coming) = self.coming.take() else {
            return;
        };
        self.keys += 1;
        let key = data.key(&coming.key);
        if coming.kind == Type::List {
            let (packed, single) = coming.nodes;
            let several = packed > 1 || packed == 1 && single > 0;
            let settle = |list: &mut ListMut<'_>| (list.settle_loaded(several), None);
            data.change_list(self.db, &key, limits.list, settle)
                .expect("it was just put there");
        }
        if coming.expire_at.is_some() {
            data.set_expire(self.db, &key, coming.expire_at);
        }
    }

    fn put_scored(
        &self,
        data: &mut Partition,
        member: &[u8],
        score: f64,
        limits: ZsetLimits,
    ) -> Result<(), String> {
        let Some(Incomplete { key, .. }) = &self.coming else {
            return Ok(());
        };
        let at = data.key(key);
        let old = data.change_zset(self.db, &at, limits, |zset| {
            (zset.set(member, score), Some(Event::ZAdd))
        });
        match old {
            Ok(None) => Ok(()),
            _ => Err(twice("sorted set", key, "member", member)),
        }
    }
}

impl Incoming {
    pub(super) fn new(id: ReplId, offset: u64) -> Incoming {
        let (reader, loader) = (RdbReader::new(), Loader::default());
        Incoming {
            id,
            offset,
            reader,
            begun: false,
            loader,
        }
    }

    pub(super) fn id(&self) -> ReplId {
        self.id
    }

    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    pub(super) fn loaded(&self) -> Loaded {
        self.loader.loaded()
    }

    /// The memory of what is not whole yet, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.reader.memory()
    }

    /// Whether its first byte has come, and our own keys have gone.
    pub(super) fn has_begun(&self) -> bool {
        self.begun
    }
}

impl Engine {
    /// A part of the payload. Its first byte empties the keyspace; until its last one the data set
    /// is incomplete.
    pub(super) fn receive_payload(&mut self, bytes: &[u8], now: Now) -> Result<Fed, String> {
        let Some(mut incoming) = self.replication.following.incoming.take() else {
            return Err("a payload that was not announced".to_owned());
        };
        if !incoming.begun {
            incoming.begun = true;
            self.make_room();
        }
        self.data.begin(now, false);
        let limits = self.config.limits();
        let (data, loader) = (&mut self.data, &mut incoming.loader);
        let fed = incoming.reader.feed(bytes, &mut |item| {
            loader.put(data, item, false, limits, now)
        });
        self.data.drain_changes();
        self.replication.following.incoming = Some(incoming);
        fed.map_err(|error| error.to_string())
    }

    fn make_room(&mut self) {
        self.log(Level::Notice, "MASTER <-> REPLICA sync: Flushing old data");
        self.replication.following.set_data_set(DataSet::Partial);
        // What is left if the sync is cut short is a history that no other node has.
        let id = ReplId::from_bits(self.random.bytes());
        self.replication.stream.start_anew(id);
        self.drop_all_replicas("this node receives another data set");
        self.data.flush(None);
        self.data.drain_changes();
        self.log(
            Level::Notice,
            "MASTER <-> REPLICA sync: Loading DB in memory",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::data::{Layout, Type};

    const NOW: Now = Now {
        unix_us: 1_000_000,
        mono_us: 1_000_000,
    };

    /// Loads a set, its key `s`; what has expired is left out.
    fn load_set(
        data: &mut Partition,
        expire_at: Option<i64>,
        form: (Encoding, u64),
        members: &[&str],
    ) -> Result<u64, String> {
        data.begin(NOW, false);
        let limits = Config::default().limits();
        let begin = RdbItem::Begin {
            kind: Type::Set,
            key: b"s",
            expire_at,
        };
        let (encoding, len) = form;
        let members = members.iter().map(|m| RdbItem::Member(m.as_bytes()));
        let items = [begin, RdbItem::Form { encoding, len }].into_iter();
        let mut loader = Loader::default();
        for item in items.chain(members).chain([RdbItem::End]) {
            loader.put(data, item, true, limits, NOW)?;
        }
        Ok(loader.keys)
    }

    /// What redis-server 7.2 says after loading the same.
    #[test]
    fn a_set_is_held_as_it_was_unless_the_directives_say_otherwise() {
        for (form, members, expected) in [
            ((Encoding::Intset, 2), &["1", "2"][..], "intset"),
            ((Encoding::Intset, 2), &["1", "x"], "listpack"),
            ((Encoding::Intset, 513), &["1"], "hashtable"),
            ((Encoding::Listpack, 2), &["1", "2"], "listpack"),
            ((Encoding::Listpack, 129), &["1"], "hashtable"),
        ] {
            let mut data = Partition::new(Layout::Databases(1), [1, 2]);
            assert_eq!(load_set(&mut data, Some(2000), form, members), Ok(1));
            let key = data.key(b"s");
            let entry = data.peek(0, &key).expect("loaded");
            assert_eq!(
                (entry.encoding(), entry.expire_at()),
                (expected, Some(2000))
            );
            let set = entry.as_set().expect("a set");
            assert!(members.iter().all(|member| set.contains(member.as_bytes())));
            assert_eq!(set.len(), members.len());
        }
    }

    #[test]
    fn a_member_that_comes_twice_is_refused_and_an_expired_set_passed_over() {
        let mut data = Partition::new(Layout::Databases(1), [1, 2]);
        let form = (Encoding::Intset, 3);
        assert_eq!(load_set(&mut data, Some(1000), form, &["a", "a"]), Ok(0));
        assert!(data.is_empty());
        assert_eq!(
            load_set(&mut data, None, form, &["a", "b", "a"]),
            Err("The set 's' has the member 'a' twice".to_owned())
        );
    }
}
