//! Big collections: a counted B+tree of packed pages that can be frozen in one step.
//!
//! ```text
//! element     a string or an integer as bytes; also for collections that are small
//! heap        what a tree asks of its memory
//! page        a block with a head: epoch, level, counts
//! block       an element that is too long for a page
//! space       the heap, lent to one operation, with the account of what came and went
//! codec       what a kind of leaf tells the tree about itself
//! inner       pages of children with separators and counts
//! path        the way from the root to a leaf
//! tree        the root, and how inner pages follow their leaves
//! frozen      the walk over a tree as it was at one moment
//! copying     a copy in steps
//! garbage     freeing in steps
//! relocate    moving to other places in memory, in steps
//! stored      elements in a leaf: in place, or in a block
//! draft       a record before there is a place for it
//! records     the leaves of hashes and sets
//! sequence    the leaves of lists
//! messages    the leaves of streams
//! sorted      sorted sets: their leaves, and the index of members
//! entries     the leaves of entries that all have one size
//! ```
//!
//! Nothing here draws entropy, reads a clock or knows a hash function: hashes are arguments.
//!
//! Pages are at most 1008 bytes; a leaf has the size that it needs, in steps of 64. It is split in
//! half when it is full, and joined with a neighbour when it is below a quarter and both fit in
//! three quarters. Inner pages have up to 128 children.

mod block;
mod codec;
mod copying;
mod draft;
pub mod element;
mod entries;
mod frozen;
mod garbage;
mod heap;
mod inner;
mod messages;
mod page;
mod path;
mod records;
mod relocate;
mod sequence;
mod slots;
mod sorted;
mod space;
mod stored;
#[cfg(test)]
mod tests;
mod tree;

pub use codec::Codec;
pub use copying::Copying;
pub use draft::INLINE_MAX;
pub use entries::{Entries, Entry};
pub use frozen::{Field, Fields, Frozen, Part, STEP_PER_COPIED};
pub use garbage::Garbage;
pub use heap::Heap;
pub use messages::{Message, Messages, NodeLimits, Pairs, Range, StreamId, StreamTree};
pub use records::{AHEAD, Aim, HashTree, Key, Record, Records, SetTree};
pub use sequence::{Elements, ListTree, Sequence};
pub use sorted::{Cut, Scored, Sorted, SortedCopying, SortedGarbage, SortedTree};
pub use tree::Tree;
