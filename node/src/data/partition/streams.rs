//! Changes of streams.

use super::Partition;
use crate::data::{Event, Key, StreamMut, WrongType};

impl Partition {
    /// Changes a stream. One that is missing is made if `create` says so, and the closure says that
    /// something happened; otherwise there is no result. A stream stays when nothing is in it. What is
    /// no event in Redis, such as an acknowledgement, is a change without one.
    ///
    /// # Errors
    /// When a value of another type is there; nothing was changed then.
    pub fn change_stream<R>(
        &mut self,
        db: usize,
        key: &Key<'_>,
        create: bool,
        change: impl FnOnce(&mut StreamMut<'_>) -> (R, Option<Event>),
    ) -> Result<Option<R>, WrongType> {
        self.make_way(db, key);
        let clock = self.stamp;
        self.store.change_stream(db, key, clock, create, change)
    }
}
