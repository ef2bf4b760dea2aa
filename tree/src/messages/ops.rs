//! Appending messages, and taking them out.
#![expect(unsafe_code, reason = "messages are borrowed from pages")]

use crate::draft::Draft;
use crate::element::{Element, Encoded, backward};
use crate::heap::Heap;
use crate::page::{LEAF_MAX, Page, leaf_capacity};
use crate::path::Path;
use crate::space::Space;
use crate::stored::LONG_LEN;
use crate::tree::Tree;

use super::leaf::{self, BLOCK_HEAD, Base, IN_BLOCK, Placed, RECORD_HEAD, SAME};
use super::{Message, Messages, Range, StreamId};

/// A longer body is in a block.
const BODY_MAX: usize = 400;
/// A leaf keeps fields for its messages if they take no more.
const FIELDS_MAX: usize = 256;
/// The most bytes that several messages of one leaf have in blocks, so that a node is small or one
/// message.
pub const IN_BLOCKS_MAX: usize = 16 * 1024;

/// How many messages a leaf has at most, and how many bytes of them; 0 is no bound but that of the
/// leaf, about a kilobyte.
#[derive(Clone, Copy, Debug)]
pub struct NodeLimits {
    /// Messages.
    pub entries: usize,
    /// Bytes.
    pub bytes: usize,
}

/// What a message takes in a leaf.
struct Shape {
    same: bool,
    numbers: [Encoded<'static>; 2],
    /// The bytes of its body.
    body: usize,
}

impl Shape {
    fn new<'p>(
        base: &Base<'_>,
        id: StreamId,
        pairs: impl Iterator<Item = (Element<'p>, Element<'p>)>,
    ) -> Shape {
        let (mut fields, mut same) = (base.fields, base.count > 0);
        let (mut names, mut values, mut count) = (0, 0, 0);
        for (field, value) in pairs {
            let field = Encoded::from(field);
            same = same && field.is_at(fields);
            if same {
                fields = &fields[field.len()..];
            }
            names += field.len();
            values += Encoded::from(value).len();
            count += 1;
        }
        same = same && fields.is_empty() && count == base.count;
        let (ms, seq) = id.minus(base.id);
        let explicit = number(count as i64).len() + names + values;
        Shape {
            same,
            numbers: [number(ms), number(seq)],
            body: if same { values } else { explicit },
        }
    }

    fn is_long(&self) -> bool {
        self.body > BODY_MAX
    }

    /// How many bytes of it are in a block.
    fn in_block(&self) -> usize {
        if self.is_long() {
            BLOCK_HEAD + self.body
        } else {
            0
        }
    }

    /// How many bytes of its record are behind the record's head.
    fn inline(&self) -> usize {
        let body = if self.is_long() { LONG_LEN } else { self.body };
        self.numbers[0].len() + self.numbers[1].len() + body
    }

    /// Whether a leaf takes it.
    fn fits(&self, leaf: Page, limits: NodeLimits) -> bool {
        let used = leaf.used() + RECORD_HEAD + self.inline();
        let (before, more) = (leaf.note() as usize, self.in_block());
        let bytes = used + before + more;
        used <= LEAF_MAX
            && (limits.entries == 0 || leaf.n() < limits.entries)
            && (limits.bytes == 0 || bytes <= limits.bytes)
            && (before + more == 0 || before + more <= IN_BLOCKS_MAX)
    }

    /// Its record; a long body goes to a block.
    fn draft<'p, H: Heap>(
        &self,
        space: &mut Space<'_, H>,
        pairs: impl Iterator<Item = (Element<'p>, Element<'p>)> + Clone,
    ) -> Draft {
        let mut draft = Draft::new();
        let same = if self.same { SAME } else { 0 };
        let long = if self.is_long() { IN_BLOCK } else { 0 };
        draft.push_bytes(&leaf::record_head(same | long, self.inline()));
        for number in &self.numbers {
            draft.push_bytes(number.header());
        }
        if long == 0 {
            self.for_each(pairs, |element| {
                draft.push_bytes(element.header());
                draft.push_bytes(element.body());
            });
            return draft;
        }
        let mut block = Vec::with_capacity(self.in_block());
        block.resize(BLOCK_HEAD, 0);
        let (mut count, mut listed) = (0u32, 0u64);
        self.for_each(pairs, |element| {
            element.write_to(&mut block);
            count += 1;
            listed += (element.len() + backward::size(element.len())) as u64;
        });
        block[..4].copy_from_slice(&count.to_le_bytes());
        block[4..BLOCK_HEAD].copy_from_slice(&listed.to_le_bytes());
        draft.push_block(space, &block);
        draft
    }

    /// Calls with the elements of its body.
    fn for_each<'p>(
        &self,
        pairs: impl Iterator<Item = (Element<'p>, Element<'p>)> + Clone,
        mut visit: impl FnMut(Encoded<'p>),
    ) {
        if !self.same {
            visit(number(pairs.clone().count() as i64));
        }
        for (field, value) in pairs {
            if !self.same {
                visit(field.into());
            }
            visit(value.into());
        }
    }
}

fn number(value: i64) -> Encoded<'static> {
    Element::Int(value).into()
}

impl Tree<Messages> {
    /// Appends a message, whose id is above all others.
    ///
    /// # Panics
    /// When it is not.
    pub fn append<'p, H: Heap>(
        &mut self,
        heap: &mut H,
        id: StreamId,
        pairs: impl Iterator<Item = (Element<'p>, Element<'p>)> + Clone,
        limits: NodeLimits,
    ) {
        let mut space = self.space(heap);
        let Some(root) = self.root else {
            self.root = Some(single(&mut space, id, pairs, false));
            self.len += 1;
            return self.settle(&space);
        };
        let mut path = Path::last::<StreamId>(root);
        // SAFETY: the leaf does not change before this is used the last time.
        let base = unsafe { leaf::base(path.leaf) };
        assert!(id > base.id, "ids go up");
        let shape = Shape::new(&base, id, pairs.clone());
        if shape.fits(path.leaf, limits) {
            let draft = shape.draft(&mut space, pairs);
            self.own(&mut space, &mut path, 1);
            let used = path.leaf.used() + draft.len();
            let several = path.steps.depth() > 0;
            let leaf = leaf::fitted(&mut space, path.leaf, used, several);
            leaf::push(leaf, &draft, shape.in_block());
            space.heap.moved(draft.len());
            self.put_leaf(&mut path, leaf);
        } else {
            let full = leaf::trimmed(&mut space, path.leaf);
            let halves = (full, id, single(&mut space, id, pairs, true));
            self.split_leaf(&mut space, &mut path, halves, 1, true);
        }
        self.len += 1;
        self.settle(&space);
    }

    /// The message of that id.
    #[must_use]
    pub fn get(&self, id: StreamId) -> Option<Message<'_>> {
        Some(self.place(id)?.1.message)
    }

    /// The messages from that id on, in order, or back to the first one.
    #[must_use]
    pub fn range(&self, id: StreamId, forward: bool) -> Range<'_> {
        Range::new(self.root, id, forward)
    }

    /// How many messages the first leaf has, and the id of the last of them.
    #[must_use]
    pub fn first_leaf(&self) -> Option<(usize, StreamId)> {
        let leaf = Path::first::<StreamId>(self.root?).leaf;
        // SAFETY: no leaf is empty, and only the id is kept.
        let last = unsafe { leaf::nth(leaf, leaf.n() - 1) };
        Some((leaf.n(), last.message.id))
    }

    /// Takes a message out. Returns whether it was there.
    pub fn remove<H: Heap>(&mut self, heap: &mut H, id: StreamId) -> bool {
        let Some((path, placed)) = self.place(id) else {
            return false;
        };
        let (at, end) = (placed.at, placed.at + placed.len);
        let mut space = self.space(heap);
        self.take_out(&mut space, path, at..end, 1);
        self.settle(&space);
        true
    }

    /// Takes the first so many messages out, leaf by leaf.
    pub fn remove_first<H: Heap>(&mut self, heap: &mut H, count: u64) {
        let mut left = count;
        let mut space = self.space(heap);
        while left > 0
            && let Some(root) = self.root
        {
            let path = Path::first::<StreamId>(root);
            let records = path
                .leaf
                .n()
                .min(usize::try_from(left).unwrap_or(usize::MAX));
            let start = leaf::first_place(path.leaf);
            let end = leaf::skip(path.leaf, start, records);
            self.take_out(&mut space, path, start..end, records);
            left -= records as u64;
        }
        self.settle(&space);
    }

    /// Where the message of that id lies.
    fn place(&self, id: StreamId) -> Option<(Path, Placed<'_>)> {
        let path = Path::to::<Messages>(self.root?, id);
        // SAFETY: the message is borrowed from the tree; those that change it take no more of it
        // than its place.
        let placed = unsafe { leaf::seek(path.leaf, id) }?;
        (placed.message.id == id).then_some((path, placed))
    }

    /// Takes so many records out of the path's leaf, which are in that range.
    fn take_out<H: Heap>(
        &mut self,
        space: &mut Space<'_, H>,
        mut path: Path,
        range: std::ops::Range<usize>,
        records: usize,
    ) {
        let all = path.leaf;
        self.own(space, &mut path, -(records as i64));
        let mut in_blocks = 0;
        if all.has_blocks() {
            // The leaf still refers to them until its bytes go, right below.
            leaf::blocks_of(all, range.clone(), |block| {
                in_blocks += block.len();
                space.dispose_block(block);
            });
        }
        if records == all.n() {
            space.dispose::<StreamId>(all);
            self.remove_leaf(space, &mut path);
        } else {
            let (_, is_last) = path.steps.edges();
            let several = path.steps.depth() > 0 && is_last;
            let leaf = leaf::fitted(space, all, all.used(), several);
            let shifted = leaf::cut(leaf, range, records);
            leaf.set_note(leaf.note() - in_blocks);
            leaf.set_has_blocks(leaf.note() > 0);
            space.heap.moved(shifted);
            let leaf = leaf::fitted(space, leaf, leaf.used(), several);
            self.put_leaf(&mut path, leaf);
            self.join_leaf(space, &mut path);
        }
        self.len -= records as u64;
    }
}

/// A new leaf with one message.
fn single<'p, H: Heap>(
    space: &mut Space<'_, H>,
    id: StreamId,
    pairs: impl Iterator<Item = (Element<'p>, Element<'p>)> + Clone,
    last: bool,
) -> Page {
    let (mut room, mut fields, mut count) = ([0; FIELDS_MAX], 0, 0);
    for (field, _) in pairs.clone() {
        let field = Encoded::from(field);
        let end = fields + field.len();
        if end > FIELDS_MAX {
            (fields, count) = (0, 0);
            break;
        }
        let header = fields + field.header().len();
        room[fields..header].copy_from_slice(field.header());
        room[header..end].copy_from_slice(field.body());
        (fields, count) = (end, count + 1);
    }
    let base = Base {
        id,
        fields: &room[..fields],
        count,
    };
    let shape = Shape::new(&base, id, pairs.clone());
    let draft = shape.draft(space, pairs);
    let used = leaf::head_len(fields) + draft.len();
    let leaf = space.leaf(if last { LEAF_MAX } else { leaf_capacity(used) });
    leaf::begin(leaf, id, base.fields, count);
    leaf::push(leaf, &draft, shape.in_block());
    leaf
}
