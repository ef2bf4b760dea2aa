//! Going over the messages of a stream, in either direction.
#![expect(unsafe_code, reason = "messages are borrowed from pages")]

use std::marker::PhantomData;

use crate::page::Page;
use crate::path::{Path, Steps};

use super::leaf::{self, Base};
use super::{Message, Messages, StreamId};

/// The messages of a stream from one id on.
#[derive(Debug)]
pub struct Range<'a> {
    steps: Steps,
    leaf: Option<Page>,
    /// Forward, where the next record begins.
    at: usize,
    /// Backward, where the records of the leaf begin that are still to come.
    starts: Vec<u16>,
    forward: bool,
    tree: PhantomData<&'a Page>,
}

impl<'a> Range<'a> {
    pub(super) fn new(root: Option<Page>, id: StreamId, forward: bool) -> Range<'a> {
        let path = root.map(|root| Path::to::<Messages>(root, id));
        let mut range = Range {
            steps: path.map_or(Steps::new(), |path| path.steps),
            leaf: path.map(|path| path.leaf),
            at: 0,
            starts: Vec::new(),
            forward,
            tree: PhantomData,
        };
        let Some(leaf) = range.leaf else {
            return range;
        };
        if forward {
            // SAFETY: only the place is kept.
            let first = unsafe { leaf::seek(leaf, id) };
            range.at = first.map_or(leaf::content_len(leaf), |placed| placed.at);
        } else {
            range.list(leaf, id);
        }
        range
    }

    /// Lists where the records of a leaf begin, up to that id.
    fn list(&mut self, leaf: Page, id: StreamId) {
        self.starts.clear();
        // SAFETY: only places are kept.
        unsafe {
            leaf::for_each(leaf, |placed| {
                if placed.message.id <= id {
                    self.starts.push(placed.at as u16);
                }
            });
        }
    }

    /// The head of the leaf that the next message is in, and where that begins.
    fn place(&mut self) -> Option<(Page, Base<'a>, usize)> {
        let mut leaf = self.leaf?;
        let at = if self.forward {
            if self.at == leaf::content_len(leaf) {
                self.leaf = self.steps.next::<StreamId>();
                leaf = self.leaf?;
                self.at = leaf::first_place(leaf);
            }
            self.at
        } else {
            if self.starts.is_empty() {
                self.leaf = self.steps.previous::<StreamId>();
                leaf = self.leaf?;
                self.list(leaf, StreamId::MAX);
            }
            usize::from(self.starts.pop()?)
        };
        // SAFETY: the tree is borrowed for so long.
        Some((leaf, unsafe { leaf::base(leaf) }, at))
    }
}

impl<'a> Iterator for Range<'a> {
    type Item = Message<'a>;

    #[inline]
    fn next(&mut self) -> Option<Message<'a>> {
        let (leaf, base, at) = self.place()?;
        // SAFETY: a record begins there, since no leaf is empty; the tree is borrowed.
        let placed = unsafe { leaf::from_place(leaf, &base, at) };
        self.at = at + placed.len;
        Some(placed.message)
    }
}
