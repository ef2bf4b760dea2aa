//! The payload of a full sync on its way into the keyspace.

use crate::data::{Expire, Partition};
use crate::engine::Engine;
use crate::engine::follow::DataSet;
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
    place: Place,
}

/// Where the next entry goes, and how many came.
#[derive(Default)]
pub(in crate::engine) struct Place {
    pub(in crate::engine) db: usize,
    pub(in crate::engine) keys: u64,
}

impl Place {
    /// Takes up a database or an entry; `drop_expired` leaves out what has expired.
    ///
    /// # Errors
    /// When there is no such database.
    pub(in crate::engine) fn put(
        &mut self,
        data: &mut Partition,
        item: &RdbItem<'_>,
        drop_expired: bool,
        now: Now,
    ) -> Result<(), String> {
        match *item {
            RdbItem::Aux { .. } | RdbItem::Sizes { .. } => {}
            RdbItem::Database(number) => {
                let db = usize::try_from(number)
                    .ok()
                    .filter(|db| *db < data.databases());
                self.db = db.ok_or_else(|| format!("There is no database {number} here"))?;
            }
            RdbItem::Entry {
                expire_at: Some(at),
                ..
            } if drop_expired && at <= now.unix_ms() => {}
            RdbItem::Entry {
                key,
                value,
                expire_at,
            } => {
                let key = data.key(key);
                data.set(
                    self.db,
                    &key,
                    value,
                    expire_at.map_or(Expire::Never, Expire::At),
                );
                self.keys += 1;
            }
        }
        Ok(())
    }
}

impl Incoming {
    pub(super) fn new(id: ReplId, offset: u64) -> Incoming {
        let (reader, place) = (RdbReader::new(), Place::default());
        Incoming {
            id,
            offset,
            reader,
            begun: false,
            place,
        }
    }

    pub(super) fn id(&self) -> ReplId {
        self.id
    }

    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    pub(super) fn keys(&self) -> u64 {
        self.place.keys
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
        let (data, place) = (&mut self.data, &mut incoming.place);
        let fed = incoming
            .reader
            .feed(bytes, &mut |item| place.put(data, &item, false, now));
        self.data.drain_changes();
        self.replication.following.incoming = Some(incoming);
        fed.map_err(|error| error.to_string())
    }

    fn make_room(&mut self) {
        self.log(Level::Notice, "MASTER <-> REPLICA sync: Flushing old data");
        self.replication.following.set_data_set(DataSet::Partial);
        // What is left if the sync is cut short is a history of nobody's.
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
