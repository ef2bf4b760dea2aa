//! The walk: the state at one moment, handed out in small steps while the keys go on changing.

use std::any::Any;

use super::Entry;

/// Takes what a walk hands out. A writer of RDB files is one.
///
/// Each key comes exactly once, in no order, keys of different databases mixed. An entry may come
/// between [`begin_large`](Saver::begin_large) and [`end_large`](Saver::end_large), when a command
/// changes another key meanwhile: the saver puts it aside until the large value is complete.
pub trait Saver: Send + Any {
    /// A database and how many keys it holds, so many of them with a time to live. All databases
    /// that are not empty come before the first entry.
    fn table(&mut self, db: usize, keys: usize, expires: usize);

    /// A whole entry.
    fn entry(&mut self, db: usize, entry: &Entry<'_>);

    /// A large string comes, in pieces. `expire_at` is unix time in milliseconds, `len` the length
    /// of the value in bytes.
    fn begin_large(&mut self, db: usize, key: &[u8], expire_at: Option<i64>, len: usize);

    /// The next bytes of the large string.
    fn piece(&mut self, bytes: &[u8]);

    /// The large string is complete.
    fn end_large(&mut self);

    /// How many bytes it holds that have not left yet.
    fn unsent(&self) -> usize;

    /// At how many unsent bytes the walk pauses.
    fn bound(&self) -> usize;
}

/// What a step of a walk came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WalkState {
    /// There is more to hand out.
    More,
    /// The saver holds as much as it may: go on when some of it has left.
    PausedAtBound,
    /// Everything was handed out; or there is no walk.
    Done,
}
