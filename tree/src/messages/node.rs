//! A leaf as the node that Redis has in its files: a listpack.
//!
//! ```text
//! count, 0 deleted, number of fields, the fields, 0
//! for each message:
//!     flags (2: the fields are those above), ms and seq counted from the node's id,
//!     values; or number of fields, and fields and values by turns,
//!     how many elements the message has, this one not counted
//! ```

use crate::element::{Element, Encoded, backward};

use super::leaf::{Base, Placed};

const SAME_FIELDS: i64 = 2;
/// Total length and count of a listpack.
const LIST_HEAD: usize = 6;
const LIST_END: u8 = 0xFF;

/// A listpack in the making.
pub struct Node {
    bytes: Vec<u8>,
    count: usize,
}

impl Node {
    /// One of so many messages.
    pub fn new(base: &Base<'_>, messages: usize) -> Node {
        let mut node = Node {
            bytes: vec![0; LIST_HEAD],
            count: 0,
        };
        node.number(messages as i64);
        node.number(0);
        node.number(base.count as i64);
        node.elements(base.fields);
        node.number(0);
        node
    }

    /// Appends a message.
    pub fn message(&mut self, base: &Base<'_>, placed: &Placed<'_>) {
        self.begin(base, placed);
        self.elements(placed.message.body);
        self.number(elements(placed));
    }

    /// Appends what stands before the body of a message.
    pub fn begin(&mut self, base: &Base<'_>, placed: &Placed<'_>) {
        let message = &placed.message;
        let same = message.fields.is_some();
        let (ms, seq) = message.id.minus(base.id);
        self.number(if same { SAME_FIELDS } else { 0 });
        self.number(ms);
        self.number(seq);
        if !same {
            self.number(message.len() as i64);
        }
    }

    /// The whole listpack.
    pub fn finish(mut self) -> Vec<u8> {
        self.bytes.push(LIST_END);
        let total = self.bytes.len();
        self.set_head(total, self.count);
        self.bytes
    }

    /// The beginning of a listpack, of which `more` bytes with so many elements follow, and the end.
    pub fn finish_begin(mut self, more: usize, elements: usize) -> (Vec<u8>, usize) {
        let total = self.bytes.len() + more + 1;
        self.set_head(total, self.count + elements);
        (self.bytes, total)
    }

    fn set_head(&mut self, total: usize, count: usize) {
        let total = u32::try_from(total).expect("no message has a gigabyte");
        // Redis counts them itself if they are more than the two bytes tell.
        let count = u16::try_from(count).unwrap_or(u16::MAX);
        self.bytes[..4].copy_from_slice(&total.to_le_bytes());
        self.bytes[4..LIST_HEAD].copy_from_slice(&count.to_le_bytes());
    }

    fn number(&mut self, value: i64) {
        backward::write(&Element::Int(value).into(), &mut self.bytes);
        self.count += 1;
    }

    /// Appends elements that have no lengths backward.
    fn elements(&mut self, mut rest: &[u8]) {
        while !rest.is_empty() {
            let len = Element::skip(rest).expect("a leaf has whole elements");
            self.bytes.extend_from_slice(&rest[..len]);
            self.bytes
                .extend_from_slice(backward::Backward::new(len).bytes());
            self.count += 1;
            rest = &rest[len..];
        }
    }
}

/// How many elements a message has in a node, but for the number that says it.
pub fn elements(placed: &Placed<'_>) -> i64 {
    let fields = placed.message.len() as i64;
    match placed.message.fields {
        Some(_) => 3 + fields,
        None => 3 + 2 * fields + 1,
    }
}

/// What stands behind the body of the last message of a node.
pub fn end(placed: &Placed<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let number: Encoded<'_> = Element::Int(elements(placed)).into();
    backward::write(&number, &mut bytes);
    bytes.push(LIST_END);
    bytes
}
