//! What can be played, by name.

use std::any::Any;
use std::panic::catch_unwind;

use crate::gossip::{self, Summary};
use crate::{
    asleep, behind, busy, clocks, evicting, handover, hard, migrating, operated, partitioned,
    queues, readers, restarted, succession, synced,
};

/// A kind of run; the seed does the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// Nodes alone: faults of processes and of the network.
    Gossip,
    /// Nodes whose processes stop for a while and go on, and clients that stay connected to them.
    Asleep,
    /// Nodes with commands that take long.
    Busy,
    /// With the operator, and clients that write.
    Operated,
    /// The same, with worse than one failure at a time.
    Hard,
    /// With the operator, while masters hand over and nothing fails.
    Handover,
    /// With the operator, while wall clocks are set and links are slow.
    Clocks,
    /// With the operator, while not everybody reaches everybody.
    Partitioned,
    /// With the operator and data files, from which nodes start again.
    Restarted,
    /// With operators that take each other's place while votes are under way.
    Succession,
    /// Full syncs of keys that change meanwhile.
    Synced,
    /// Clients that wait for elements of lists.
    Queues,
    /// Clients that wait for messages of streams.
    Readers,
    /// A master at its memory limit.
    Evicting,
    /// A slot that moves from one master to another.
    Migrating,
    /// A master that starts from an older file than what its replica has.
    Behind,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Scenario; 16] = [
        Scenario::Gossip,
        Scenario::Asleep,
        Scenario::Busy,
        Scenario::Operated,
        Scenario::Hard,
        Scenario::Handover,
        Scenario::Clocks,
        Scenario::Partitioned,
        Scenario::Restarted,
        Scenario::Succession,
        Scenario::Synced,
        Scenario::Queues,
        Scenario::Readers,
        Scenario::Evicting,
        Scenario::Migrating,
        Scenario::Behind,
    ];

    /// The name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Scenario::Gossip => "gossip",
            Scenario::Asleep => "asleep",
            Scenario::Busy => "busy",
            Scenario::Operated => "operated",
            Scenario::Hard => "hard",
            Scenario::Handover => "handover",
            Scenario::Clocks => "clocks",
            Scenario::Partitioned => "partitioned",
            Scenario::Restarted => "restarted",
            Scenario::Succession => "succession",
            Scenario::Synced => "synced",
            Scenario::Queues => "queues",
            Scenario::Readers => "readers",
            Scenario::Evicting => "evicting",
            Scenario::Migrating => "migrating",
            Scenario::Behind => "behind",
        }
    }

    /// The seeds that always run: the first ones, fewer of what takes longer, and those that have found
    /// something. They are as many as find every planted fault, and some more; `make soak` plays others.
    pub fn seeds(self) -> impl Iterator<Item = u64> {
        let found: &[u64] = match self {
            Scenario::Operated => &[1_795_919_078_000_301],
            Scenario::Succession => &[1_795_892_256_004_000],
            _ => &[],
        };
        (1..=self.first_seeds()).chain(found.iter().copied())
    }

    fn first_seeds(self) -> u64 {
        match self {
            Scenario::Gossip => 60,
            Scenario::Asleep => 20,
            Scenario::Busy => 8,
            Scenario::Operated => 60,
            Scenario::Hard => 24,
            Scenario::Handover => 12,
            Scenario::Clocks => 5,
            Scenario::Partitioned => 16,
            Scenario::Restarted => 12,
            Scenario::Succession => 36,
            Scenario::Synced => 10,
            Scenario::Queues => 12,
            Scenario::Readers => 6,
            Scenario::Evicting => 7,
            Scenario::Migrating => 8,
            Scenario::Behind => 8,
        }
    }

    /// The scenario of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Scenario> {
        Scenario::ALL
            .into_iter()
            .find(|scenario| scenario.name() == name)
    }

    /// Plays one seed. That a node panics is a finding, too.
    ///
    /// # Errors
    /// What was found, in words.
    pub fn run(self, seed: u64) -> Result<Summary, String> {
        let played = catch_unwind(|| self.play(seed));
        played.unwrap_or_else(|panic| Err(format!("panicked: {}", words_of(&*panic))))
    }

    fn play(self, seed: u64) -> Result<Summary, String> {
        match self {
            Scenario::Gossip => gossip::run(seed),
            Scenario::Asleep => asleep::run(seed),
            Scenario::Busy => busy::run(seed),
            Scenario::Operated => operated::run(seed),
            Scenario::Hard => hard::run(seed),
            Scenario::Handover => handover::run(seed),
            Scenario::Clocks => clocks::run(seed),
            Scenario::Partitioned => partitioned::run(seed),
            Scenario::Restarted => restarted::run(seed),
            Scenario::Succession => succession::run(seed),
            Scenario::Synced => synced::run(seed),
            Scenario::Queues => queues::run(seed),
            Scenario::Readers => readers::run(seed),
            Scenario::Evicting => evicting::run(seed),
            Scenario::Migrating => migrating::run(seed),
            Scenario::Behind => behind::run(seed),
        }
    }

    /// The command that plays one seed again.
    #[must_use]
    pub fn replay(self, seed: u64) -> String {
        format!("cargo run -p slotkeeper-sim -- {} {seed}", self.name())
    }
}

/// What a panic says.
fn words_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no words")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_in_its_words() {
        for played in [
            catch_unwind(|| panic!("so many: {}", std::hint::black_box(3))),
            catch_unwind(|| panic!("so many: 3")),
        ] {
            let panic: Box<dyn Any + Send> = played.map(|(): ()| ()).unwrap_err();
            assert_eq!(words_of(&*panic), "so many: 3");
        }
    }

    #[test]
    fn every_scenario_is_found_by_its_name() {
        for scenario in Scenario::ALL {
            assert_eq!(Scenario::named(scenario.name()), Some(scenario));
        }
        assert_eq!(Scenario::named("soak"), None);
    }
}
