//! Subcommands of CLUSTER about slots.

use slotkeeper_topology::{Slot, key_slot};

use super::{ask, enabled, node, refused};
use crate::command::parse::integer;
use crate::command::{Definition, Effect, Exec, Refused, wrong_arity};
use crate::request::{ClusterRequest, SetSlot};
use crate::resp::number::parse_integer;
use crate::resp::{Args, Reply};
use crate::session::SessionRole;
use crate::spec::Flag::{Admin, NoAsyncLoading, Stale, StoredTogether};
use crate::spec::{Argument, Flags, Group, Spec};

const CHANGES: Flags = Flags::of(&[Admin, Stale, NoAsyncLoading, StoredTogether]);
const SHOWS: Flags = Flags::of(&[Stale]);

const SLOT_LIST: &[Argument] = &[Argument::integer("slot").multiple()];
const SLOT_RANGES: &[Argument] = &[Argument::block(
    "start-slot_end-slot",
    &[
        Argument::integer("start-slot"),
        Argument::integer("end-slot"),
    ],
)
.multiple()];

pub(super) static ADDSLOTS: Definition = Definition {
    spec: Spec {
        name: "cluster|addslots",
        arity: -3,
        flags: CHANGES,
        since: "3.0.0",
        complexity: "O(N) with N the number of slots",
        summary: "Makes this node the owner of unassigned slots",
        arguments: SLOT_LIST,
        ..Spec::new(Group::Cluster)
    },
    ..Definition::run(|exec, args, _| ask(exec, || list(args).map(ClusterRequest::AddSlots)))
};

pub(super) static ADDSLOTSRANGE: Definition = Definition {
    spec: Spec {
        name: "cluster|addslotsrange",
        arity: -4,
        flags: CHANGES,
        since: "7.0.0",
        complexity: "O(N) with N the number of slots",
        summary: "Makes this node the owner of ranges of unassigned slots",
        arguments: SLOT_RANGES,
        ..Spec::new(Group::Cluster)
    },
    ..Definition::run(|exec, args, _| {
        ask(exec, || {
            ranges(args, "cluster|addslotsrange").map(ClusterRequest::AddSlots)
        })
    })
};

pub(super) static DELSLOTS: Definition = Definition {
    spec: Spec {
        name: "cluster|delslots",
        arity: -3,
        flags: CHANGES,
        since: "3.0.0",
        complexity: "O(N) with N the number of slots",
        summary: "Makes this node forget the owners of these slots",
        arguments: SLOT_LIST,
        ..Spec::new(Group::Cluster)
    },
    ..Definition::run(|exec, args, _| ask(exec, || list(args).map(ClusterRequest::DelSlots)))
};

pub(super) static DELSLOTSRANGE: Definition = Definition {
    spec: Spec {
        name: "cluster|delslotsrange",
        arity: -4,
        flags: CHANGES,
        since: "7.0.0",
        complexity: "O(N) with N the number of slots",
        summary: "Makes this node forget the owners of these ranges of slots",
        arguments: SLOT_RANGES,
        ..Spec::new(Group::Cluster)
    },
    ..Definition::run(|exec, args, _| {
        ask(exec, || {
            ranges(args, "cluster|delslotsrange").map(ClusterRequest::DelSlots)
        })
    })
};

pub(super) static FLUSHSLOTS: Definition = Definition {
    spec: Spec {
        name: "cluster|flushslots",
        arity: 2,
        flags: CHANGES,
        since: "3.0.0",
        summary: "Removes all slots from this node, which must be empty",
        ..Spec::new(Group::Cluster)
    },
    ..Definition::run(|exec, _, _| ask(exec, || Ok(ClusterRequest::FlushSlots)))
};

pub(super) static SETSLOT: Definition = Definition {
    spec: Spec {
        name: "cluster|setslot",
        arity: -4,
        flags: CHANGES,
        since: "3.0.0",
        summary: "Assigns a slot to a node, or opens or closes its migration",
        arguments: &[
            Argument::integer("slot"),
            Argument::one_of(
                "subcommand",
                &[
                    Argument::string("node-id").token("IMPORTING"),
                    Argument::string("node-id").token("MIGRATING"),
                    Argument::string("node-id").token("NODE"),
                    Argument::word("stable", "STABLE"),
                ],
            ),
        ],
        ..Spec::new(Group::Cluster)
    },
    ..Definition::run(set_slot)
};

pub(super) static KEYSLOT: Definition = Definition {
    spec: Spec {
        name: "cluster|keyslot",
        arity: 3,
        flags: SHOWS,
        since: "3.0.0",
        complexity: "O(N) with N the length of the key",
        summary: "Returns the slot of a key",
        arguments: &[Argument::string("key")],
        ..Spec::new(Group::Cluster)
    },
    ..Definition::run(|exec, args, reply| {
        enabled(exec)?;
        reply.integer(i64::from(key_slot(args.get(2)).get()));
        Ok(Effect::None)
    })
};

pub(super) static COUNTKEYSINSLOT: Definition = Definition {
    spec: Spec {
        name: "cluster|countkeysinslot",
        arity: 3,
        flags: SHOWS,
        since: "3.0.0",
        summary: "Returns the number of keys of a slot on this node",
        arguments: &[Argument::integer("slot")],
        ..Spec::new(Group::Cluster)
    },
    ..Definition::run(|exec, args, _| {
        ask(exec, || match slot_number(integer(args.get(2))?) {
            Some(slot) => Ok(ClusterRequest::CountKeysInSlot(slot)),
            None => refused("ERR Invalid slot"),
        })
    })
};

pub(super) static GETKEYSINSLOT: Definition = Definition {
    spec: Spec {
        name: "cluster|getkeysinslot",
        arity: 4,
        flags: SHOWS,
        tips: &["nondeterministic_output"],
        since: "3.0.0",
        complexity: "O(N) with N the number of keys asked for",
        summary: "Returns some keys of a slot on this node",
        arguments: &[Argument::integer("slot"), Argument::integer("count")],
        ..Spec::new(Group::Cluster)
    },
    ..Definition::run(|exec, args, _| {
        ask(exec, || {
            let slot = slot_number(integer(args.get(2))?);
            let count = usize::try_from(integer(args.get(3))?);
            match (slot, count) {
                (Some(slot), Ok(count)) => Ok(ClusterRequest::GetKeysInSlot(slot, count)),
                _ => refused("ERR Invalid slot or number of keys"),
            }
        })
    })
};

fn slot_number(number: i64) -> Option<Slot> {
    Slot::new(u16::try_from(number).ok()?)
}

fn slot(text: &[u8]) -> Result<Slot, Refused> {
    parse_integer(text)
        .and_then(slot_number)
        .ok_or(const { Refused::new("ERR Invalid or out of range slot") })
}

fn list(args: &Args<'_>) -> Result<Vec<Slot>, Refused> {
    args.from(2).map(slot).collect()
}

fn ranges(args: &Args<'_>, name: &str) -> Result<Vec<Slot>, Refused> {
    if args.len() % 2 == 1 {
        return Err(wrong_arity(name));
    }
    let mut slots = Vec::new();
    for at in (2..args.len()).step_by(2) {
        let (start, end) = (slot(args.get(at))?, slot(args.get(at + 1))?);
        if start > end {
            return refused(format!(
                "ERR start slot number {start} is greater than end slot number {end}"
            ));
        }
        slots.extend((start.get()..=end.get()).filter_map(Slot::new));
    }
    Ok(slots)
}

fn set_slot(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    // Valkey's masters send it to replicas that say a version of 8.0 or later. Ours learn of slots from
    // the bus alone.
    if exec.session.role == SessionRole::Master {
        reply.ok();
        return Ok(Effect::None);
    }
    ask(exec, || {
        if exec.node.is_replica {
            return refused("ERR Please use SETSLOT only with masters.");
        }
        let slot = slot(args.get(2))?;
        let named = args.len() == 5;
        let what = if args.is(3, "migrating") && named {
            SetSlot::Migrating(node(args, 4))
        } else if args.is(3, "importing") && named {
            SetSlot::Importing(node(args, 4))
        } else if args.is(3, "node") && named {
            SetSlot::Node(node(args, 4))
        } else if args.is(3, "stable") && args.len() == 4 {
            SetSlot::Stable
        } else {
            return refused(
                "ERR Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER HELP",
            );
        };
        Ok(ClusterRequest::SetSlot(slot, what))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::testing::Bench;
    use crate::request::Action;

    fn bench() -> Bench {
        let mut bench = Bench::new();
        bench.config.cluster_enabled = true;
        bench
    }

    fn slots(numbers: &[u16]) -> Vec<Slot> {
        numbers.iter().filter_map(|n| Slot::new(*n)).collect()
    }

    #[test]
    fn parses_slots() {
        let mut bench = bench();
        for (line, request) in [
            (
                "cluster addslots 1 16383",
                ClusterRequest::AddSlots(slots(&[1, 16383])),
            ),
            (
                "cluster delslotsrange 1 3 7 7",
                ClusterRequest::DelSlots(slots(&[1, 2, 3, 7])),
            ),
            (
                "cluster setslot 5 NODE abc",
                ClusterRequest::SetSlot(slots(&[5])[0], SetSlot::Node("abc".to_owned())),
            ),
            (
                "cluster setslot 5 stable",
                ClusterRequest::SetSlot(slots(&[5])[0], SetSlot::Stable),
            ),
            (
                "cluster getkeysinslot 5 10",
                ClusterRequest::GetKeysInSlot(slots(&[5])[0], 10),
            ),
        ] {
            assert_eq!(bench.ask(line), Action::Cluster(request), "{line}");
        }
        assert_eq!(bench.reply("cluster keyslot hello"), ":866");
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = bench();
        for (line, text) in [
            ("addslots x", "-ERR Invalid or out of range slot"),
            ("addslots 16384", "-ERR Invalid or out of range slot"),
            (
                "addslotsrange 1 2 3",
                "-ERR wrong number of arguments for 'cluster|addslotsrange' command",
            ),
            (
                "addslotsrange 3 1",
                "-ERR start slot number 3 is greater than end slot number 1",
            ),
            (
                "setslot 1 stable x",
                "-ERR Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER HELP",
            ),
            (
                "countkeysinslot x",
                "-ERR value is not an integer or out of range",
            ),
            ("countkeysinslot 16384", "-ERR Invalid slot"),
            ("getkeysinslot 1 -1", "-ERR Invalid slot or number of keys"),
        ] {
            assert_eq!(bench.reply(&format!("cluster {line}")), text, "{line}");
        }
        bench.is_replica = true;
        assert_eq!(
            bench.reply("cluster setslot 1 stable"),
            "-ERR Please use SETSLOT only with masters."
        );
        bench.session.role = SessionRole::Master;
        assert_eq!(bench.reply("cluster setslot 1 stable"), "+OK");
    }
}
