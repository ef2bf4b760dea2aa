//! The condition `MemoryOvercommitted`.

use super::{Condition, ConditionStatus, ReportInput};
use crate::platform::created::MAXMEMORY_PERCENT;

const MIB: u64 = 1 << 20;

/// A node needs at least this much beside `maxmemory`.
const LEAST_SPARE: u64 = 16 * MIB;

/// A warning: the container of a node may be killed before `maxmemory` is reached.
///
/// A fifth of the memory limit is reserved for what `maxmemory` does not count: the program
/// itself, output for replicas, parts of a full sync or snapshot in transit, and the overhead of
/// the allocator.
pub(super) fn of(input: &ReportInput<'_>) -> Condition {
    let condition = |status, reason, message: String| {
        Condition::new("MemoryOvercommitted", status, reason, message)
    };
    let memory = &input.view.desired.memory;
    let Some(limit) = &memory.limit else {
        let message = "resources.limits.memory is not set".to_owned();
        return condition(ConditionStatus::False, "NoLimit", message);
    };
    let most = limit.bytes.saturating_sub(spare(limit.bytes));
    let (status, reason, maxmemory) = match &memory.maxmemory {
        Some(set) if set.bytes > most => (
            ConditionStatus::True,
            "MaxmemoryTooHigh",
            format!("maxmemory is {}", set.text),
        ),
        Some(set) => {
            let message = format!(
                "maxmemory {} leaves enough of resources.limits.memory {}",
                set.text, limit.text
            );
            return condition(ConditionStatus::False, "EnoughSpare", message);
        }
        None => (
            ConditionStatus::True,
            "NoMaxmemory",
            "maxmemory is not set".to_owned(),
        ),
    };
    let message = format!(
        "{maxmemory} and resources.limits.memory is {}: a node may be killed before it refuses \
         writes; write {}",
        limit.text,
        advice(limit.bytes, memory.maxmemory.as_ref().map(|set| set.bytes)),
    );
    condition(status, reason, message)
}

/// The part of a limit that `maxmemory` must leave free.
fn spare(limit: u64) -> u64 {
    (limit / 5).max(LEAST_SPARE)
}

/// What to write in the manifest instead.
fn advice(limit: u64, maxmemory: Option<u64>) -> String {
    let most = limit.saturating_sub(spare(limit));
    let follows = maxmemory.is_none() && limit / 100 * u64::from(MAXMEMORY_PERCENT) <= most;
    let part = follows.then(|| format!("maxmemoryPercent: {MAXMEMORY_PERCENT}"));
    let lower = (most >= MIB).then(|| format!("maxmemory: {}mb or less", most / MIB));
    let higher = maxmemory.map(|bytes| {
        let limit = (bytes.div_ceil(4).saturating_mul(5)).max(bytes.saturating_add(LEAST_SPARE));
        format!("limits.memory: {}Mi or more", limit.div_ceil(MIB))
    });
    let ways: Vec<String> = part.into_iter().chain(lower).chain(higher).collect();
    if ways.is_empty() {
        return format!(
            "limits.memory: {}Mi or more, and a maxmemory",
            2 * LEAST_SPARE / MIB
        );
    }
    ways.join(", or ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_advised_is_no_longer_warned_of() {
        for maxmemory in [1, MIB, 40 * MIB, 48 * MIB, 4 << 30, u64::MAX / 8] {
            let text = advice(0, Some(maxmemory));
            let number = text.split(' ').nth(1).unwrap().trim_end_matches("Mi");
            let limit = number.parse::<u64>().unwrap() * MIB;
            assert!(limit - spare(limit) >= maxmemory, "{maxmemory}: {text}");
        }
    }
}
