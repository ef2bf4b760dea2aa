//! Requests that are kept: MULTI's queue.

use super::args::Args;
use super::decode::Span;

/// Requests one behind the other, in three pieces of memory whatever their number.
#[derive(Debug, Default)]
pub struct KeptRequests {
    bytes: Vec<u8>,
    spans: Vec<Span>,
    /// Where the spans of each request end.
    ends: Vec<u32>,
}

impl KeptRequests {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether it is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Keeps a copy of a request. False, and nothing is kept, when all of them would be too long
    /// for one memory: 2 GiB.
    #[must_use]
    pub fn push(&mut self, args: &Args<'_>) -> bool {
        let more: usize = args.iter().map(<[u8]>::len).sum();
        if !Span::fits(self.bytes.len().saturating_add(more))
            || !Span::fits(self.spans.len() + args.len())
        {
            return false;
        }
        if self.bytes.len() + more > self.bytes.capacity() {
            // Long requests are not worth twice their memory.
            self.bytes.reserve_exact(more.max(self.bytes.len() / 2));
        }
        for argument in args.iter() {
            self.spans
                .push(Span::of_input(self.bytes.len(), argument.len()));
            self.bytes.extend_from_slice(argument);
        }
        self.ends.push(self.spans.len() as u32);
        true
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = Args<'_>> {
        let mut from = 0;
        self.ends.iter().map(move |&end| {
            let spans = &self.spans[from..end as usize];
            from = end as usize;
            Args::of_input(&self.bytes, &[], spans)
        })
    }

    /// The memory that they take, in bytes.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.bytes.capacity()
            + self.spans.capacity() * size_of::<Span>()
            + self.ends.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_back_what_was_kept_and_counts_its_memory() {
        let mut kept = KeptRequests::default();
        assert_eq!((kept.len(), kept.memory()), (0, 0));
        let requests = [
            vec![b"SET".to_vec(), b"".to_vec(), b"b c".to_vec()],
            vec![b"PING".to_vec()],
        ];
        for request in &requests {
            assert!(kept.push(&Args::kept(request)));
        }
        let given: Vec<_> = kept.iter().map(|args| args.to_owned()).collect();
        assert_eq!(given, requests);
        assert!(kept.memory() >= 10 + 4 * size_of::<Span>() + 2 * size_of::<u32>());
    }
}
