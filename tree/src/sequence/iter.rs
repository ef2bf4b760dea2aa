//! Going over the elements of a list, in either direction.
#![expect(unsafe_code, reason = "elements are borrowed from pages")]

use std::marker::PhantomData;

use crate::element::Element;
use crate::page::Page;
use crate::path::{Path, Steps};

use super::leaf::{self, Placed};

/// The elements of a list from one position on.
#[derive(Debug)]
pub struct Elements<'a> {
    steps: Steps,
    leaf: Option<Page>,
    /// Forward, where the next element begins; backward, where it ends.
    at: usize,
    forward: bool,
    tree: PhantomData<&'a Page>,
}

impl<'a> Elements<'a> {
    pub(super) fn new(start: Option<(Path, usize, Placed<'a>)>, forward: bool) -> Elements<'a> {
        let Some((path, _, placed)) = start else {
            return Elements {
                steps: Steps::new(),
                leaf: None,
                at: 0,
                forward,
                tree: PhantomData,
            };
        };
        let behind = if forward { 0 } else { placed.len };
        Elements {
            steps: path.steps,
            leaf: Some(path.leaf),
            at: placed.at + behind,
            forward,
            tree: PhantomData,
        }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    #[inline]
    fn next(&mut self) -> Option<Element<'a>> {
        let mut leaf = self.leaf?;
        if self.forward {
            if self.at == leaf::content_len(leaf) {
                self.leaf = self.steps.next::<()>();
                leaf = self.leaf?;
                self.at = 0;
                self.steps.prefetch_next::<()>();
            }
            // SAFETY: an element begins there, since no leaf is empty; the tree is borrowed.
            let placed = unsafe { leaf::from_place(leaf, self.at) };
            self.at += placed.len;
            return Some(placed.stored.element);
        }
        if self.at == 0 {
            self.leaf = self.steps.previous::<()>();
            leaf = self.leaf?;
            self.at = leaf::content_len(leaf);
        }
        // SAFETY: an element ends there, since no leaf is empty; the tree is borrowed.
        let placed = unsafe { leaf::before_place(leaf, self.at) };
        self.at = placed.at;
        Some(placed.stored.element)
    }
}
