//! What a connection has still to send.

use std::collections::VecDeque;

use bytes::{Buf, Bytes};

/// Pieces below this size are copied together, so that each needs no write of its own.
const SHARED_MIN: usize = 4096;
/// What was copied together is given back once it has left as a whole: so nothing is added to a
/// piece of this size.
const OWN_MAX: usize = 64 << 10;

#[derive(Debug)]
enum Piece {
    Own { bytes: Vec<u8>, sent: usize },
    Shared(Bytes),
}

/// Bytes in order: small ones copied together, large ones shared.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    pieces: VecDeque<Piece>,
    len: usize,
}

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many bytes are unsent.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// How much memory holds them, in bytes.
    pub(super) fn allocated(&self) -> usize {
        let size = |piece: &Piece| match piece {
            Piece::Own { bytes, .. } => bytes.capacity(),
            Piece::Shared(bytes) => bytes.len(),
        };
        self.pieces.iter().map(size).sum()
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.len += bytes.len();
        if let Some(Piece::Own { bytes: tail, .. }) = self.pieces.back_mut()
            && tail.len() < OWN_MAX
        {
            tail.extend_from_slice(bytes);
            return;
        }
        self.pieces.push_back(Piece::Own {
            bytes: bytes.to_vec(),
            sent: 0,
        });
    }

    pub(super) fn push_shared(&mut self, bytes: Bytes) {
        if bytes.len() < SHARED_MIN {
            self.push(&bytes);
            return;
        }
        self.len += bytes.len();
        self.pieces.push_back(Piece::Shared(bytes));
    }

    /// The next bytes to send.
    pub(super) fn front(&self) -> &[u8] {
        match self.pieces.front() {
            None => &[],
            Some(Piece::Own { bytes, sent }) => &bytes[*sent..],
            Some(Piece::Shared(bytes)) => bytes,
        }
    }

    /// So many bytes of the front are sent.
    pub(super) fn advance(&mut self, count: usize) {
        self.len -= count;
        let done = match self.pieces.front_mut() {
            None => return,
            Some(Piece::Own { bytes, sent }) => {
                *sent += count;
                *sent == bytes.len()
            }
            Some(Piece::Shared(bytes)) => {
                bytes.advance(count);
                bytes.is_empty()
            }
        };
        if done {
            self.pieces.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_leave_in_order() {
        let mut outbox = Outbox::default();
        let large = vec![b'x'; SHARED_MIN];
        outbox.push(b"ab");
        outbox.push(b"cd");
        outbox.push_shared(Bytes::from(large.clone()));
        outbox.push_shared(Bytes::from_static(b"ef"));
        outbox.push(b"");
        assert_eq!(outbox.len(), 6 + large.len());
        let mut sent = Vec::new();
        while !outbox.is_empty() {
            let count = outbox.front().len().min(3);
            sent.extend_from_slice(&outbox.front()[..count]);
            outbox.advance(count);
        }
        assert_eq!(sent, [&b"abcd"[..], &large, b"ef"].concat());
        assert!(outbox.front().is_empty());
    }

    #[test]
    fn what_has_left_takes_no_memory_though_there_is_always_more() {
        let mut outbox = Outbox::default();
        outbox.push(&[b'x'; 1000]);
        for _ in 0..10_000 {
            outbox.push(&[b'x'; 1000]);
            outbox.advance(1000.min(outbox.front().len()));
        }
        assert!(outbox.len() < 100_000, "{}", outbox.len());
        assert!(outbox.allocated() < 400_000, "{}", outbox.allocated());
    }
}
