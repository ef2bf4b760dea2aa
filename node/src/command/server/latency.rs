//! LATENCY and its subcommands.

use crate::command::parse::rest;
use crate::command::{Definition, Effect, docs};
use crate::request::{Action, LatencyRequest};
use crate::spec::Flag::{Admin, Loading, NoScript, Stale};
use crate::spec::{Argument, Flags, Group, Spec};

const FLAGS: Flags = Flags::of(&[Admin, NoScript, Loading, Stale]);
const READ_TIPS: &[&str] = &[
    "nondeterministic_output",
    "request_policy:all_nodes",
    "response_policy:special",
];

pub(super) static LATENCY: Definition = Definition {
    spec: Spec {
        name: "latency",
        since: "2.8.13",
        summary: "Commands about pauses of the server",
        ..Spec::container(Group::Server)
    },
    subcommands: &[
        &DOCTOR, &GRAPH, &HELP, &HISTOGRAM, &HISTORY, &LATEST, &RESET,
    ],
    ..Definition::CONTAINER
};

/// What all of them have in common.
const SPEC: Spec = Spec {
    arity: 2,
    flags: FLAGS,
    tips: READ_TIPS,
    since: "2.8.13",
    ..Spec::new(Group::Server)
};

fn ask(request: LatencyRequest) -> Effect {
    Effect::ask(Action::Latency(request))
}

static DOCTOR: Definition = Definition {
    spec: Spec {
        name: "latency|doctor",
        summary: "Says in words what the recorded pauses show",
        ..SPEC
    },
    ..Definition::run(|_, _, _| Ok(ask(LatencyRequest::Doctor)))
};

static GRAPH: Definition = Definition {
    spec: Spec {
        name: "latency|graph",
        arity: 3,
        summary: "Returns the recorded pauses of an event as a drawing",
        arguments: &[Argument::string("event")],
        ..SPEC
    },
    ..Definition::run(|_, args, _| Ok(ask(LatencyRequest::Graph(args.get(2).to_vec()))))
};

static HISTOGRAM: Definition = Definition {
    spec: Spec {
        name: "latency|histogram",
        arity: -2,
        since: "7.0.0",
        complexity: "O(N), N is the number of commands that were called",
        summary: "Returns how many calls of a command took at most so long",
        arguments: &[Argument::string("command").optional().multiple()],
        ..SPEC
    },
    ..Definition::run(|_, args, _| Ok(ask(LatencyRequest::Histogram(rest(args, 2)))))
};

static HISTORY: Definition = Definition {
    spec: Spec {
        name: "latency|history",
        arity: 3,
        summary: "Returns the recorded pauses of an event",
        arguments: &[Argument::string("event")],
        ..SPEC
    },
    ..Definition::run(|_, args, _| Ok(ask(LatencyRequest::History(args.get(2).to_vec()))))
};

static LATEST: Definition = Definition {
    spec: Spec {
        name: "latency|latest",
        summary: "Returns the latest and the longest pause of every event",
        ..SPEC
    },
    ..Definition::run(|_, _, _| Ok(ask(LatencyRequest::Latest)))
};

static RESET: Definition = Definition {
    spec: Spec {
        name: "latency|reset",
        arity: -2,
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        summary: "Resets the recorded pauses of these events, or of all",
        arguments: &[Argument::string("event").optional().multiple()],
        ..SPEC
    },
    ..Definition::run(|_, args, _| Ok(ask(LatencyRequest::Reset(rest(args, 2)))))
};

static HELP: Definition = Definition {
    spec: Spec {
        since: "2.8.13",
        ..Spec::help("latency|help", Group::Server)
    },
    ..Definition::run(docs::help)
};

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;
    use crate::request::{Action, LatencyRequest};

    #[test]
    fn parses() {
        let mut bench = Bench::new();
        for (line, wanted) in [
            ("latency latest", LatencyRequest::Latest),
            ("latency doctor", LatencyRequest::Doctor),
            (
                "latency reset fork",
                LatencyRequest::Reset(vec![b"fork".to_vec()]),
            ),
            (
                "latency graph command",
                LatencyRequest::Graph(b"command".to_vec()),
            ),
            (
                "latency history command",
                LatencyRequest::History(b"command".to_vec()),
            ),
            ("latency histogram", LatencyRequest::Histogram(Vec::new())),
        ] {
            assert_eq!(bench.ask(line), Action::Latency(wanted), "{line}");
        }
    }
}
