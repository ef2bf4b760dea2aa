//! CLUSTER SLOT-STATS, as Valkey 8 has it.

use slotkeeper_topology::{SLOT_COUNT, Slot};

use super::{enabled, refused};
use crate::command::parse::integer;
use crate::command::{Definition, Effect, Refused};
use crate::request::{Action, SlotMetric, SlotStatsRequest};
use crate::resp::Args;
use crate::spec::Flag::{Loading, Stale};
use crate::spec::{Argument, Flags, Group, Spec};

const SLOTS: usize = SLOT_COUNT as usize;

pub(super) static SLOT_STATS: Definition = Definition {
    spec: Spec {
        name: "cluster|slot-stats",
        arity: -4,
        flags: Flags::of(&[Stale, Loading]),
        tips: &["nondeterministic_output", "request_policy:all_shards"],
        since: "8.0.0",
        complexity: "O(N) with N the number of slots, O(N*log(N)) with ORDERBY",
        summary: "Returns the keys, and with cluster-slot-stats-enabled the load, of slots",
        arguments: &[Argument::one_of(
            "filter",
            &[
                Argument::block(
                    "slotsrange",
                    &[
                        Argument::integer("start-slot"),
                        Argument::integer("end-slot"),
                    ],
                )
                .token("SLOTSRANGE"),
                Argument::block(
                    "orderby",
                    &[
                        Argument::string("metric"),
                        Argument::integer("limit").token("LIMIT").optional(),
                        Argument::one_of(
                            "order",
                            &[Argument::word("asc", "ASC"), Argument::word("desc", "DESC")],
                        )
                        .optional(),
                    ],
                )
                .token("ORDERBY"),
            ],
        )],
        ..Spec::new(Group::Cluster)
    },
    ..Definition::run(|exec, args, _| {
        enabled(exec)?;
        let measured = exec.node.config.cluster_slot_stats_enabled;
        let request = parse(args, measured)?;
        Ok(Effect::ask(Action::SlotStats(request)))
    })
};

fn parse(args: &Args<'_>, measured: bool) -> Result<SlotStatsRequest, Refused> {
    if args.is(2, "SLOTSRANGE") && args.len() == 5 {
        let (first, last) = (slot(args, 3)?, slot(args, 4)?);
        if first > last {
            return refused(format!(
                "ERR Start slot number {first} is greater than end slot number {last}"
            ));
        }
        return Ok(SlotStatsRequest::Range(first, last));
    }
    if !args.is(2, "ORDERBY") {
        return refused("ERR syntax error");
    }
    let all = SlotMetric::ALL.iter();
    let known = all.filter(|metric| measured || **metric == SlotMetric::KeyCount);
    let metric = known.copied().find(|metric| args.is(3, metric.name()));
    let Some(metric) = metric else {
        return refused("ERR Unrecognized sort metric for ORDERBY.");
    };
    let (mut limit, mut ascending, mut at) = (SLOTS, None, 4);
    while at < args.len() {
        if args.is(at, "LIMIT") && at + 1 < args.len() && limit == SLOTS {
            let wanted = usize::try_from(integer(args.get(at + 1))?).ok();
            let Some(wanted) = wanted.filter(|wanted| (1..=SLOTS).contains(wanted)) else {
                return refused(
                    "ERR Limit has to lie in between 1 and 16384 (maximum number of slots).",
                );
            };
            (limit, at) = (wanted, at + 2);
        } else if ascending.is_none() && (args.is(at, "ASC") || args.is(at, "DESC")) {
            (ascending, at) = (Some(args.is(at, "ASC")), at + 1);
        } else {
            return refused("ERR syntax error");
        }
    }
    Ok(SlotStatsRequest::Ordered {
        metric,
        limit,
        ascending: ascending.unwrap_or(false),
    })
}

fn slot(args: &Args<'_>, at: usize) -> Result<Slot, Refused> {
    let number = integer(args.get(at))
        .ok()
        .and_then(|number| u16::try_from(number).ok());
    match number.and_then(Slot::new) {
        Some(slot) => Ok(slot),
        None => refused("ERR Invalid or out of range slot"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str, measured: bool) -> Result<SlotStatsRequest, Refused> {
        let argv: Vec<Vec<u8>> = line.split(' ').map(Into::into).collect();
        parse(&Args::kept(&argv), measured)
    }

    #[test]
    fn parses_a_range_and_an_order() {
        let slot = |number| Slot::new(number).unwrap();
        assert_eq!(
            parsed("cluster slot-stats slotsrange 0 16383", false),
            Ok(SlotStatsRequest::Range(slot(0), slot(16383)))
        );
        assert_eq!(
            parsed("cluster slot-stats ORDERBY key-count LIMIT 5 ASC", false),
            Ok(SlotStatsRequest::Ordered {
                metric: SlotMetric::KeyCount,
                limit: 5,
                ascending: true
            })
        );
        assert!(parsed("cluster slot-stats orderby cpu-usec desc", true).is_ok());
        for (line, text) in [
            ("cluster slot-stats orderby cpu-usec", "ERR Unrecognized"),
            ("cluster slot-stats orderby x", "ERR Unrecognized"),
            ("cluster slot-stats orderby key-count limit 0", "ERR Limit"),
            (
                "cluster slot-stats orderby key-count limit 16385",
                "ERR Limit",
            ),
            ("cluster slot-stats orderby key-count asc asc", "ERR syntax"),
            (
                "cluster slot-stats slotsrange 2 1",
                "ERR Start slot number 2",
            ),
            (
                "cluster slot-stats slotsrange 0 16384",
                "ERR Invalid or out",
            ),
            ("cluster slot-stats slotsrange 0", "ERR syntax"),
            ("cluster slot-stats all 0 1", "ERR syntax"),
        ] {
            let refused = parsed(line, false).unwrap_err();
            assert!(refused.0.starts_with(text), "{line}: {}", refused.0);
        }
    }
}
