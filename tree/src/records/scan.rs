//! Going through all records in several calls, while the tree changes in between.
#![expect(unsafe_code, reason = "records are borrowed from pages")]

use crate::element::Text;
use crate::path::Path;
use crate::tree::Tree;

use super::{Position, Record, Records, Separator, leaf};

impl<const VALUED: bool> Tree<Records<VALUED>> {
    /// Calls with the records of the next leaf; `cursor` is 0 at first and then what the call
    /// before returned, until that is 0 again.
    ///
    /// A cursor is a position in the order of hashes: all before it were shown. So a record that is
    /// there from the first call to the last is shown exactly once, and any other at most once for
    /// each time that it was put in, however leaves are split and joined meanwhile.
    pub fn scan<'a>(
        &'a self,
        hasher: impl Fn(&[u8]) -> u64,
        cursor: u64,
        mut visit: impl FnMut(Record<'a>),
    ) -> u64 {
        let begin = Position(cursor.min((1 << Position::BITS) - 1));
        let Some(root) = self.root else {
            return 0;
        };
        let mut path = Path::to::<Records<VALUED>>(root, begin.separator());
        loop {
            let lower = path.steps.lower::<Records<VALUED>>();
            let upper = path.steps.upper::<Records<VALUED>>();
            let end = upper.map(Separator::position);
            // Whether some of the leaf may be before the cursor, or equal to the next one.
            let cut = lower.position() < begin || upper.is_some_and(Separator::is_tied);
            for index in 0..path.leaf.n() {
                // SAFETY: there are so many records, and nothing changes while the tree is
                // borrowed.
                let record = unsafe { leaf::record::<VALUED>(path.leaf, index) };
                let position = || Position::of(hasher(record.key.bytes(&mut Text::new())));
                if !cut || is_within(position(), begin, end) {
                    visit(record);
                }
            }
            match end {
                // More than a page has the position of the cursor.
                Some(end) if end <= begin => path.next::<Separator>(),
                Some(end) => return end.0,
                None => return 0,
            };
        }
    }
}

/// Whether a record of that position is for this call: in a page that ends where the call begins,
/// all that equals both; in any other, what comes before its end.
fn is_within(position: Position, begin: Position, end: Option<Position>) -> bool {
    position >= begin && end.is_none_or(|end| position < end || end <= begin)
}
