//! SHUTDOWN.

use crate::command::cluster::DISABLED;
use crate::command::parse::SYNTAX;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::request::{Action, ShutdownRequest};
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Admin, AllowBusy, Loading, NoMulti, NoScript, Stale};
use crate::spec::{Argument, Flags, Group, Spec};

pub(super) static SHUTDOWN: Definition = Definition {
    spec: Spec {
        name: "shutdown",
        arity: -1,
        flags: Flags::of(&[Admin, NoScript, Loading, Stale, NoMulti, AllowBusy]),
        complexity: "O(N) with N the number of keys when it saves, else O(1)",
        summary: "Waits for the replicas, saves if asked or configured, and stops the server",
        history: &[
            ("7.0.0", "With `NOW`, `FORCE` and `ABORT`."),
            ("9.0.0", "With `FAILOVER`, as in Valkey."),
        ],
        arguments: &[
            Argument::one_of(
                "nosave_save",
                &[
                    Argument::word("nosave", "NOSAVE"),
                    Argument::word("save", "SAVE"),
                ],
            )
            .optional(),
            Argument::word("now", "NOW").optional().since("7.0.0"),
            Argument::word("force", "FORCE").optional().since("7.0.0"),
            Argument::word("abort", "ABORT").optional().since("7.0.0"),
            Argument::word("failover", "FAILOVER")
                .optional()
                .since("9.0.0"),
        ],
        ..Spec::new(Group::Server)
    },
    ..Definition::run(shutdown)
};

fn shutdown(exec: &mut Exec<'_>, args: &Args<'_>, _: &mut Reply) -> Result<Effect, Refused> {
    let mut request = ShutdownRequest::default();
    for at in 1..args.len() {
        if args.is(at, "save") && request.save != Some(false) {
            request.save = Some(true);
        } else if args.is(at, "nosave") && request.save != Some(true) {
            request.save = Some(false);
        } else if args.is(at, "now") {
            request.now = true;
        } else if args.is(at, "force") {
            request.force = true;
        } else if args.is(at, "failover") {
            request.failover = true;
        } else if args.is(at, "abort") {
            request.abort = true;
        } else {
            return Err(SYNTAX);
        }
    }
    let others = request.save.is_some() || request.now || request.force || request.failover;
    if request.abort && others {
        return Err(SYNTAX);
    }
    if request.failover && !exec.node.config.cluster_enabled {
        return Err(DISABLED);
    }
    Ok(Effect::ask(Action::Shutdown(request)))
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;
    use crate::request::{Action, ShutdownRequest};

    #[test]
    fn parses_modifiers() {
        let mut bench = Bench::new();
        assert_eq!(
            bench.ask("shutdown NOSAVE now force"),
            Action::Shutdown(ShutdownRequest {
                save: Some(false),
                now: true,
                force: true,
                ..ShutdownRequest::default()
            })
        );
        let disabled = "-ERR This instance has cluster support disabled";
        assert_eq!(bench.reply("shutdown failover"), disabled);
        for line in [
            "shutdown foo",
            "shutdown save nosave",
            "shutdown nosave save",
            "shutdown abort now",
            "shutdown abort failover",
        ] {
            assert_eq!(bench.reply(line), "-ERR syntax error", "{line}");
        }
    }
}
