//! SLOTKEEPER: what Redis has no command for.

use slotkeeper_topology::Epoch;

use crate::command::parse::{NOT_AN_INTEGER, SYNTAX, integer, lossy};
use crate::command::{Definition, Effect, Exec, Refused, docs};
use crate::request::{Action, ClusterRequest, Failover};
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Admin, Loading, NoAsyncLoading, NoMulti, NoScript, Stale};
use crate::spec::{Argument, Flags, Group, Spec};

pub(super) static SLOTKEEPER: Definition = Definition {
    spec: Spec {
        name: "slotkeeper",
        since: "7.0.0",
        summary: "Commands of this server that Redis does not have",
        ..Spec::container(Group::Server)
    },
    subcommands: &[&FAILOVER, &SERVE, &HELP],
    ..Definition::CONTAINER
};

static FAILOVER: Definition = Definition {
    spec: Spec {
        name: "slotkeeper|failover",
        arity: 5,
        flags: Flags::of(&[Admin, NoScript, Stale, NoAsyncLoading]),
        since: "7.0.0",
        summary: "As `CLUSTER FAILOVER`, but only from this master and only if no later epoch is current",
        arguments: &[
            Argument::one_of(
                "options",
                &[
                    Argument::word("force", "FORCE"),
                    Argument::word("takeover", "TAKEOVER"),
                ],
            ),
            Argument::string("master-id"),
            Argument::integer("current-epoch"),
        ],
        ..Spec::new(Group::Server)
    },
    ..Definition::run(failover)
};

static SERVE: Definition = Definition {
    spec: Spec {
        name: "slotkeeper|serve",
        arity: 3,
        flags: Flags::of(&[Admin, NoScript, Loading, Stale, NoMulti]),
        since: "7.0.0",
        summary: "Ends the withholding of a restarted master with this run id, as shown by INFO",
        arguments: &[Argument::string("run-id")],
        ..Spec::new(Group::Server)
    },
    ..Definition::run(|_, args, _| {
        Ok(Effect::ask(Action::EndWithholding {
            run_id: args.get(2).to_vec(),
        }))
    })
};

fn failover(_: &mut Exec<'_>, args: &Args<'_>, _: &mut Reply) -> Result<Effect, Refused> {
    let how = match () {
        () if args.is(2, "force") => Failover::Force,
        () if args.is(2, "takeover") => Failover::Takeover,
        () => return Err(SYNTAX),
    };
    let epoch = u64::try_from(integer(args.get(4))?).map_err(|_| NOT_AN_INTEGER)?;
    let request = ClusterRequest::FailoverFrom {
        how,
        master: lossy(args.get(3)),
        epoch: Epoch(epoch),
    };
    Ok(Effect::ask(Action::Cluster(request)))
}

static HELP: Definition = Definition {
    spec: Spec::help("slotkeeper|help", Group::Server),
    ..Definition::run(docs::help)
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::testing::Bench;

    #[test]
    fn a_failover_names_its_master_and_epoch() {
        let mut bench = Bench::new();
        let wanted = Action::Cluster(ClusterRequest::FailoverFrom {
            how: Failover::Takeover,
            master: "ab".to_owned(),
            epoch: Epoch(7),
        });
        assert_eq!(bench.ask("SLOTKEEPER FAILOVER takeover ab 7"), wanted);
        for refused in ["plain ab 7", "FORCE ab -1", "FORCE ab x"] {
            let reply = bench.reply(&format!("SLOTKEEPER FAILOVER {refused}"));
            assert!(reply.starts_with("-ERR "), "{refused}: {reply}");
        }
    }

    #[test]
    fn passes_the_run_id_on() {
        let wanted = Action::EndWithholding {
            run_id: b"abc".to_vec(),
        };
        assert_eq!(Bench::new().ask("SLOTKEEPER SERVE abc"), wanted);
    }
}
