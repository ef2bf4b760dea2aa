//! What replicas say: REPLCONF, PSYNC, SYNC.

use crate::command::parse::{SYNTAX, integer, rest};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::request::{Action, ReplicationRequest};
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Admin, AllowBusy, Loading, NoAsyncLoading, NoMulti, NoScript, Stale};
use crate::spec::{Argument, Flags, Group, Spec};

pub(super) static REPLCONF: Definition = Definition {
    spec: Spec {
        name: "replconf",
        is_internal: true,
        arity: -1,
        flags: Flags::of(&[Admin, NoScript, Loading, Stale, AllowBusy]),
        since: "3.0.0",
        summary: "Internal: a replica informs its master about itself",
        ..Spec::new(Group::Server)
    },
    ..Definition::run(replconf)
};

pub(super) static PSYNC: Definition = Definition {
    spec: Spec {
        name: "psync",
        arity: -3,
        flags: Flags::of(&[Admin, NoScript, NoAsyncLoading, NoMulti]),
        since: "2.8.0",
        summary: "Internal: a replica asks for the stream from an offset, or for a full sync",
        arguments: &[
            Argument::string("replicationid"),
            Argument::integer("offset"),
        ],
        ..Spec::new(Group::Server)
    },
    ..Definition::run(psync)
};

pub(super) static SYNC: Definition = Definition {
    spec: Spec {
        name: "sync",
        flags: Flags::of(&[Admin, NoScript, NoAsyncLoading, NoMulti]),
        summary: "Internal: a replica asks for a full sync",
        ..Spec::new(Group::Server)
    },
    ..Definition::run(|_, _, _| Ok(ask(ReplicationRequest::Sync)))
};

fn ask(request: ReplicationRequest) -> Effect {
    Effect::ask(Action::Replication(request))
}

fn replconf(_: &mut Exec<'_>, args: &Args<'_>, _: &mut Reply) -> Result<Effect, Refused> {
    if args.len().is_multiple_of(2) {
        return Err(SYNTAX);
    }
    Ok(ask(ReplicationRequest::ReplConf(rest(args, 1))))
}

fn psync(_: &mut Exec<'_>, args: &Args<'_>, _: &mut Reply) -> Result<Effect, Refused> {
    if args.len() > 3 {
        // The hand-over by FAILOVER, which this server does not take part in.
        return Err(Refused::new(
            "ERR PSYNC FAILOVER can't be sent to a master.",
        ));
    }
    let request = ReplicationRequest::Psync {
        replid: args.get(1).to_vec(),
        offset: integer(args.get(2))?,
    };
    Ok(ask(request))
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;
    use crate::request::{Action, ReplicationRequest};

    #[test]
    fn parses() {
        let mut bench = Bench::new();
        assert_eq!(
            bench.ask("psync ? -1"),
            Action::Replication(ReplicationRequest::Psync {
                replid: b"?".to_vec(),
                offset: -1
            })
        );
        assert_eq!(
            bench.ask("replconf ack 5"),
            Action::Replication(ReplicationRequest::ReplConf(vec![
                b"ack".to_vec(),
                b"5".to_vec()
            ]))
        );
        assert_eq!(
            bench.reply("psync a b"),
            "-ERR value is not an integer or out of range"
        );
        assert_eq!(bench.reply("replconf a"), "-ERR syntax error");
    }
}
