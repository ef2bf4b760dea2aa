//! The largest buffers of clients in the last seconds, for INFO.

/// For so many seconds they are remembered (as in Redis).
const SECONDS: usize = 8;

/// The largest input and output of a client, in bytes, second by second.
#[derive(Debug, Default)]
pub(super) struct Recent {
    seconds: [(usize, usize); SECONDS],
    /// The present one.
    at: usize,
}

impl Recent {
    /// What follows belongs to another second; the oldest one is forgotten.
    pub(super) fn begin_second(&mut self) {
        self.at = (self.at + 1) % SECONDS;
        self.seconds[self.at] = (0, 0);
    }

    /// What a client has now.
    pub(super) fn note(&mut self, input: usize, output: usize) {
        let (most_input, most_output) = &mut self.seconds[self.at];
        *most_input = input.max(*most_input);
        *most_output = output.max(*most_output);
    }

    /// The largest input and the largest output.
    pub(super) fn largest(&self) -> (usize, usize) {
        let seconds = self.seconds.iter();
        seconds.fold((0, 0), |(input, output), second| {
            (input.max(second.0), output.max(second.1))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_buffers_are_remembered_for_some_seconds() {
        let mut recent = Recent::default();
        recent.begin_second();
        recent.note(7, 100);
        recent.note(9, 1);
        for _ in 1..SECONDS {
            recent.begin_second();
            recent.note(1, 2);
            assert_eq!(recent.largest(), (9, 100));
        }
        recent.begin_second();
        assert_eq!(recent.largest(), (1, 2));
    }
}
