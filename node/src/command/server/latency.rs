//! LATENCY and its subcommands.

use crate::command::parse::rest;
use crate::command::{Definition, Effect, docs};
use crate::request::{Action, LatencyRequest};
use crate::spec::Flag::{Admin, Loading, NoScript, Stale};
use crate::spec::{Argument, Flags, Group, Spec};

const FLAGS: Flags = Flags::of(&[Admin, NoScript, Loading, Stale]);

pub(super) static LATENCY: Definition = Definition {
    spec: Spec {
        name: "latency",
        since: "2.8.13",
        summary: "Commands about pauses of the server",
        ..Spec::container(Group::Server)
    },
    subcommands: &[&LATEST, &RESET, &HELP],
    ..Definition::CONTAINER
};

static LATEST: Definition = Definition {
    spec: Spec {
        name: "latency|latest",
        arity: 2,
        flags: FLAGS,
        tips: &[
            "nondeterministic_output",
            "request_policy:all_nodes",
            "response_policy:special",
        ],
        since: "2.8.13",
        summary: "Returns the latest and the longest pause of every event",
        ..Spec::new(Group::Server)
    },
    ..Definition::run(|_, _, _| Ok(Effect::ask(Action::Latency(LatencyRequest::Latest))))
};

static RESET: Definition = Definition {
    spec: Spec {
        name: "latency|reset",
        arity: -2,
        flags: FLAGS,
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        since: "2.8.13",
        summary: "Resets the recorded pauses of these events, or of all",
        arguments: &[Argument::string("event").optional().multiple()],
        ..Spec::new(Group::Server)
    },
    ..Definition::run(|_, args, _| {
        let events = rest(args, 2);
        Ok(Effect::ask(Action::Latency(LatencyRequest::Reset(events))))
    })
};

static HELP: Definition = Definition {
    spec: Spec::help("latency|help", Group::Server),
    ..Definition::run(docs::help)
};

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;
    use crate::request::{Action, LatencyRequest};

    #[test]
    fn parses() {
        let mut bench = Bench::new();
        let latest = Action::Latency(LatencyRequest::Latest);
        assert_eq!(bench.ask("latency latest"), latest);
        let reset = Action::Latency(LatencyRequest::Reset(vec![b"fork".to_vec()]));
        assert_eq!(bench.ask("latency reset fork"), reset);
    }
}
