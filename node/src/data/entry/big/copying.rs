//! Copies of big values, made in steps while the first one stays as it is.

use std::any::Any;

use slotkeeper_tree::{Codec, Copying, Tree};

use super::{Big, BigValue, new_copy};
use crate::data::entry::Heap;
use crate::data::entry::heap::Waste;

/// A copy under way. It is to be driven to its end or given up.
pub trait CopyingValue: Send {
    /// Adds about so many leaves; the bytes of long elements count, 4 KiB as a leaf. `from` is what
    /// it was begun for, and has not changed since. Returns whether the copy is complete.
    fn step(&mut self, heap: &mut Heap, from: &dyn BigValue, leaves: usize) -> bool;

    /// The copy, which is complete.
    fn finish(self: Box<Self>, heap: &mut Heap, from: &dyn BigValue) -> Big;

    /// Hands what there is of it to the heap, to be freed in steps.
    fn give_up(self: Box<Self>, heap: &mut Heap);
}

/// What a copy was begun for.
pub fn source<T: BigValue>(from: &dyn BigValue) -> &T {
    let from: &dyn Any = from;
    from.downcast_ref()
        .expect("a copy is made of what it was begun for")
}

/// A big value that is one tree.
pub trait OneTree: BigValue {
    /// The tree's codec.
    type Codec: Codec + 'static;

    /// The tree.
    fn tree(&self) -> &Tree<Self::Codec>;

    /// One that has this tree with the same elements.
    fn with_copy(&self, tree: Tree<Self::Codec>) -> Big;

    /// For [`BigValue::begin_copy`].
    fn begin_tree_copy(&self) -> Box<dyn CopyingValue>
    where
        Self: Sized,
    {
        Box::new(TreeCopying::<Self> {
            copying: new_copy(),
        })
    }
}

struct TreeCopying<T: OneTree> {
    copying: Copying<T::Codec>,
}

impl<T: OneTree> CopyingValue for TreeCopying<T> {
    fn step(&mut self, heap: &mut Heap, from: &dyn BigValue, leaves: usize) -> bool {
        self.copying.step(heap, source::<T>(from).tree(), leaves)
    }

    fn finish(self: Box<Self>, _: &mut Heap, from: &dyn BigValue) -> Big {
        source::<T>(from).with_copy(self.copying.into_tree())
    }

    fn give_up(self: Box<Self>, heap: &mut Heap) {
        heap.free_later(Waste::Tree(Box::new(self.copying.give_up())));
    }
}
