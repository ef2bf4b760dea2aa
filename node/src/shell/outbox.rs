//! What a connection has still to send.

use std::collections::VecDeque;

use bytes::{Buf, Bytes};

use crate::io::Unsent;
use crate::resp::Piece;

/// Pieces below this size are copied together, so that each needs no write of its own.
const SHARED_MIN: usize = 4096;
/// What was copied together is given back once it has left as a whole: so nothing is added to a
/// piece of this size.
const OWN_MAX: usize = 64 << 10;

#[derive(Debug)]
enum Kept {
    Own { bytes: Vec<u8>, sent: usize },
    Shared(Bytes),
}

/// Bytes in order: small ones copied together, large ones shared.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    pieces: VecDeque<Kept>,
    len: usize,
    /// The memory of own pieces, and of shared ones.
    own: usize,
    shared: usize,
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
        self.own + self.shared
    }

    /// All of this, for the engine.
    pub(super) fn unsent(&self) -> Unsent {
        Unsent {
            bytes: self.len,
            pieces: self.pieces.len(),
            own: self.own,
            shared: self.shared,
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.len += bytes.len();
        if let Some(Kept::Own { bytes: tail, .. }) = self.pieces.back_mut()
            && tail.len() < OWN_MAX
        {
            self.own -= tail.capacity();
            tail.extend_from_slice(bytes);
            self.own += tail.capacity();
            return;
        }
        let bytes = bytes.to_vec();
        self.own += bytes.capacity();
        self.pieces.push_back(Kept::Own { bytes, sent: 0 });
    }

    /// A long piece is kept as it is.
    pub(super) fn push_piece(&mut self, piece: Piece<'_>) {
        match piece {
            Piece::Long(mut bytes) if bytes.len() > OWN_MAX => {
                bytes.shrink_to_fit();
                self.len += bytes.len();
                self.own += bytes.capacity();
                self.pieces.push_back(Kept::Own { bytes, sent: 0 });
            }
            Piece::Long(bytes) => self.push(&bytes),
            Piece::Short(bytes) => self.push(bytes),
        }
    }

    pub(super) fn push_shared(&mut self, bytes: Bytes) {
        if bytes.len() < SHARED_MIN {
            self.push(&bytes);
            return;
        }
        self.len += bytes.len();
        self.shared += bytes.len();
        self.pieces.push_back(Kept::Shared(bytes));
    }

    /// The next bytes to send.
    pub(super) fn front(&self) -> &[u8] {
        match self.pieces.front() {
            None => &[],
            Some(Kept::Own { bytes, sent }) => &bytes[*sent..],
            Some(Kept::Shared(bytes)) => bytes,
        }
    }

    /// That many bytes of the front are sent.
    pub(super) fn advance(&mut self, count: usize) {
        self.len -= count;
        let done = match self.pieces.front_mut() {
            None => return,
            Some(Kept::Own { bytes, sent }) => {
                *sent += count;
                let done = *sent == bytes.len();
                self.own -= if done { bytes.capacity() } else { 0 };
                done
            }
            Some(Kept::Shared(bytes)) => {
                bytes.advance(count);
                self.shared -= count;
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
        let unsent = outbox.unsent();
        assert_eq!((unsent.pieces, unsent.shared), (3, large.len()));
        assert!(unsent.own >= 6);
        let mut sent = Vec::new();
        while !outbox.is_empty() {
            let count = outbox.front().len().min(3);
            sent.extend_from_slice(&outbox.front()[..count]);
            outbox.advance(count);
        }
        assert_eq!(sent, [&b"abcd"[..], &large, b"ef"].concat());
        assert!(outbox.front().is_empty());
        assert_eq!(outbox.unsent(), Unsent::default());
    }

    #[test]
    fn a_long_piece_is_not_copied_and_freed_once_it_has_left() {
        let mut outbox = Outbox::default();
        outbox.push_piece(Piece::Short(b"ab"));
        let mut long = Vec::with_capacity(1 << 20);
        long.extend_from_slice(&[b'x'; 2 * OWN_MAX]);
        outbox.push_piece(Piece::Long(long));
        outbox.push_piece(Piece::Long(b"cd".to_vec()));
        outbox.push_piece(Piece::Long(vec![b'y'; 2 * OWN_MAX]));
        assert_eq!(outbox.pieces.len(), 4);
        let len = 4 * OWN_MAX + 4;
        assert_eq!(outbox.len(), len);
        assert!((len..len + 100).contains(&outbox.allocated()));
        outbox.advance(2);
        outbox.advance(2 * OWN_MAX);
        assert!(outbox.allocated() < 2 * OWN_MAX + 100);
        assert_eq!(outbox.front(), b"cd");
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
