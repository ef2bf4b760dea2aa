//! WAIT.

use crate::command::parse::{integer, timeout_millis};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::request::{Action, ReplicationRequest};
use crate::resp::{Args, Reply};
use crate::spec::Flag::NoScript;
use crate::spec::{Argument, Category, Flags, Group, Spec};

pub(super) static WAIT: Definition = Definition {
    spec: Spec {
        name: "wait",
        arity: 3,
        flags: Flags::of(&[NoScript]),
        categories: &[Category::Connection],
        tips: &["request_policy:all_shards", "response_policy:agg_min"],
        since: "3.0.0",
        summary: "Waits until this number of replicas have this connection's writes, or until the timeout",
        arguments: &[
            Argument::integer("numreplicas"),
            Argument::integer("timeout"),
        ],
        ..Spec::new(Group::Generic)
    },
    ..Definition::run(wait)
};

fn wait(exec: &mut Exec<'_>, args: &Args<'_>, _: &mut Reply) -> Result<Effect, Refused> {
    if exec.node.is_replica {
        return Err(Refused::new(
            "ERR WAIT cannot be used with replica instances. Please also note that since Redis \
             4.0 if a replica is configured to be writable (which is not the default) writes to \
             replicas are just local and are not propagated.",
        ));
    }
    let replicas = integer(args.get(1))?.max(0).cast_unsigned();
    let millis = timeout_millis(args.get(2))?;
    Ok(Effect::ask(Action::Replication(ReplicationRequest::Wait {
        replicas,
        millis,
    })))
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;
    use crate::request::{Action, ReplicationRequest};

    #[test]
    fn parses() {
        let mut bench = Bench::new();
        assert_eq!(
            bench.ask("wait 1 100"),
            Action::Replication(ReplicationRequest::Wait {
                replicas: 1,
                millis: 100
            })
        );
        assert_eq!(bench.reply("wait 1 -1"), "-ERR timeout is negative");
        bench.is_replica = true;
        assert!(bench.reply("wait 1 1").starts_with("-ERR WAIT cannot be"));
    }
}
