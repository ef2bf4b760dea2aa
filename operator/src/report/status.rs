//! The report as the status of the RedisCluster.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use slotkeeper_crds::RedisClusterStatus;

use super::{ClusterPhase, Condition, ConditionStatus, Report};
use crate::model::Moment;

impl Report {
    /// The report as a status. A condition whose status is unchanged keeps the time of its last
    /// transition, so a report without changes gives an equal status.
    #[must_use]
    pub fn status(
        &self,
        previous: Option<&RedisClusterStatus>,
        selector: Option<String>,
        now: Moment,
    ) -> RedisClusterStatus {
        let before = previous
            .map(|status| status.conditions.as_slice())
            .unwrap_or_default();
        RedisClusterStatus {
            observed_generation: Some(self.generation),
            phase: Some(self.phase.to_string()),
            message: Some(self.message.clone()),
            shards: self.shards.clone(),
            shard_count: i32::try_from(self.shards_served).unwrap_or(i32::MAX),
            ready_nodes: Some(format!("{}/{}", self.ready_nodes, self.wanted_nodes)),
            slots_covered: self.slots_covered,
            selector,
            conditions: (self.conditions.iter())
                .map(|condition| self.condition(condition, before, now))
                .collect(),
        }
    }

    fn condition(
        &self,
        condition: &Condition,
        before: &[slotkeeper_crds::Condition],
        now: Moment,
    ) -> slotkeeper_crds::Condition {
        let Condition {
            kind,
            status,
            reason,
            message,
        } = condition;
        let same = before
            .iter()
            .find(|c| c.type_ == *kind && c.status == status.as_str());
        slotkeeper_crds::Condition {
            type_: (*kind).to_owned(),
            status: status.as_str().to_owned(),
            reason: (*reason).to_owned(),
            message: message.clone(),
            observed_generation: Some(self.generation),
            last_transition_time: same.map_or_else(
                || time(now),
                |condition| condition.last_transition_time.clone(),
            ),
        }
    }
}

fn time(moment: Moment) -> Time {
    // Whole seconds, as the API server keeps them.
    let seconds = i64::try_from(moment.0 / 1000).unwrap_or(i64::MAX);
    Time(Timestamp::from_second(seconds).unwrap_or_default())
}

impl std::fmt::Display for ClusterPhase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            ClusterPhase::Paused => "Paused",
            ClusterPhase::Forming => "Forming",
            ClusterPhase::Ready => "Ready",
            ClusterPhase::Degraded => "Degraded",
            ClusterPhase::Outage => "Outage",
        })
    }
}

impl ConditionStatus {
    /// As the Kubernetes API spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ConditionStatus::True => "True",
            ConditionStatus::False => "False",
            ConditionStatus::Unknown => "Unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Desired, Observation, Outcome, Plan};

    #[test]
    fn a_report_that_says_nothing_new_leaves_the_status_as_it_was() {
        let desired = Desired::new("demo", 3, 1);
        let observation = Observation::default();
        let report = super::super::report(
            &desired,
            &observation,
            &Plan::default(),
            &Outcome::default(),
        );
        let first = report.status(None, None, Moment(5_000));
        let second = report.status(Some(&first), None, Moment(90_000));
        assert_eq!(first, second);
        assert_eq!(first.ready_nodes.as_deref(), Some("0/6"));
    }
}
