//! What a run draws: everything follows from its seed.

use slotkeeper_node::random::Random;

/// The generator of a run.
pub struct Draw(Random);

impl Draw {
    /// The generator of a seed.
    pub fn new(seed: u64) -> Draw {
        Draw(Random::new(seed))
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0.below(bound as u64) as usize
    }

    /// True in so many of a hundred draws.
    pub fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of these; each is as likely as the others.
    pub fn one<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// The position of one of these, by weight.
    pub fn weighted(&mut self, weights: impl Iterator<Item = usize> + Clone) -> usize {
        let mut left = self.below(weights.clone().sum());
        for (index, weight) in weights.enumerate() {
            if left < weight {
                return index;
            }
            left -= weight;
        }
        unreachable!("what is drawn is below the sum of the weights")
    }
}
