//! MULTI, EXEC and DISCARD: the engine holds the queue and runs it.

use crate::command::{Definition, Effect};
use crate::request::Action;
use crate::spec::Flag::{AllowBusy, Fast, Loading, NoScript, SkipSlowLog, Stale};
use crate::spec::{Flags, Group, Spec};

pub(super) static MULTI: Definition = Definition {
    spec: Spec {
        name: "multi",
        flags: Flags::of(&[NoScript, Loading, Stale, Fast, AllowBusy]),
        since: "1.2.0",
        summary: "Starts a transaction: commands are queued until EXEC",
        ..Spec::new(Group::Transactions)
    },
    ..Definition::run(|_, _, _| Ok(Effect::ask(Action::Multi)))
};

pub(super) static EXEC: Definition = Definition {
    spec: Spec {
        name: "exec",
        flags: Flags::of(&[NoScript, Loading, Stale, SkipSlowLog]),
        since: "1.2.0",
        complexity: "O(N) with N the cost of the queued commands",
        summary: "Executes the queued commands atomically, unless a watched key has changed",
        ..Spec::new(Group::Transactions)
    },
    ..Definition::run(|_, _, _| Ok(Effect::ask(Action::Exec)))
};

pub(super) static DISCARD: Definition = Definition {
    spec: Spec {
        name: "discard",
        flags: Flags::of(&[NoScript, Loading, Stale, Fast, AllowBusy]),
        since: "2.0.0",
        complexity: "O(N) with N the number of queued commands",
        summary: "Discards the queued commands and ends the transaction",
        ..Spec::new(Group::Transactions)
    },
    ..Definition::run(|_, _, _| Ok(Effect::ask(Action::Discard)))
};

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;
    use crate::request::Action;

    #[test]
    fn the_engine_does_it() {
        let mut bench = Bench::new();
        assert_eq!(bench.ask("multi"), Action::Multi);
        assert_eq!(bench.ask("exec"), Action::Exec);
        assert_eq!(bench.ask("discard"), Action::Discard);
    }
}
