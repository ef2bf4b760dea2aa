//! Bytes from outside that are nearly valid: nothing that reads them may panic, or take more
//! memory than what has arrived can justify. The cases follow from a seed; a failure names its
//! number, and `cargo test` meets it again.

mod allocation;
mod decoders;
mod machine;
mod mutation;
mod node;

use mutation::Mutator;

/// Runs that many cases, and says which one it was that failed.
fn cases(count: usize, mutator: &mut Mutator, mut case: impl FnMut(&mut Mutator, &[u8])) {
    for number in 0..count {
        let bytes = mutator.next();
        let guard = Guard(number, &bytes);
        case(mutator, &bytes);
        std::mem::forget(guard);
    }
}

/// Dropped by a panic only.
struct Guard<'a>(usize, &'a [u8]);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        let Guard(number, bytes) = self;
        let start = &bytes[..bytes.len().min(2000)];
        eprintln!(
            "case {number}: {} bytes: {}",
            bytes.len(),
            start.escape_ascii()
        );
    }
}
