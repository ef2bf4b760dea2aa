//! Changes of streams.

use super::{Outcome, Store};
use crate::data::entry::{Big, BigValue, EntryBox, Meta};
use crate::data::value::Kind;
use crate::data::{Encoding, Event, Key, Stream, StreamMut, Type, WrongType};

impl Store {
    /// Changes a stream. One that is not there is made if `create` says so, and stays if the closure
    /// says that something happened; otherwise there is no result.
    ///
    /// # Errors
    /// When a value of another type is there.
    pub fn change_stream<R>(
        &mut self,
        db: usize,
        key: &Key<'_>,
        clock: u32,
        create: bool,
        change: impl FnOnce(&mut StreamMut<'_>) -> (R, Option<Event>),
    ) -> Result<Option<R>, WrongType> {
        match self.get(db, key).map(|entry| entry.kind()) {
            None if create => return Ok(Some(self.make_stream(db, key, clock, change))),
            None => return Ok(None),
            Some(Type::Stream) => {}
            Some(_) => return Err(WrongType),
        }
        let changed = self.change(db, key, clock, |entry, heap, _| {
            let Some(Big::Stream(stream)) = entry.big_mut() else {
                unreachable!("a stream is in a box");
            };
            let (result, event) = change(&mut StreamMut::new(heap, stream));
            let outcome = event.map_or(Outcome::Same, Outcome::Changed);
            ((result, stream.take_copied()), outcome)
        });
        let (result, copied) = changed.expect("it was just seen");
        if copied > 0 {
            self.walks.pay(&mut self.heap, copied);
        }
        Ok(Some(result))
    }

    fn make_stream<R>(
        &mut self,
        db: usize,
        key: &Key<'_>,
        clock: u32,
        change: impl FnOnce(&mut StreamMut<'_>) -> (R, Option<Event>),
    ) -> R {
        let heap = &mut self.heap;
        let mut stream = Box::new(Stream::new(heap));
        let (result, event) = change(&mut StreamMut::new(heap, &mut stream));
        let Some(event) = event else {
            stream.dispose(heap);
            return result;
        };
        self.changes.note(db, key, event, false);
        let meta = Meta {
            kind: Kind::new(Type::Stream, Encoding::Stream),
            ..self.new_meta(clock)
        };
        let heap = &mut self.heap;
        let entry = EntryBox::with_big(heap, key.bytes, Box::new(Big::Stream(stream)), meta);
        self.dbs[db].insert(heap, &self.hasher, key, entry);
        result
    }
}
