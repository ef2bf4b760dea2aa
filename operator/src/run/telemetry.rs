//! Reports what happens to a cluster: in the log, as Events, and in metrics.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::{Client, Resource};
use slotkeeper_crds::{RedisCluster, RedisClusterStatus};
use tracing::{debug, info, warn};

use super::events::{self, Events};
use super::kinds::{StepKind, outcome_label};
use super::metrics::{ClusterMetrics, Metrics};
use crate::model::{PlannedStep, StepOutcome};
use crate::platform::PlatformError;
use crate::platform::kubernetes::ClusterKey;
use crate::reconcile::Progress;

/// The shared part of all clusters: the queue of Events and the metrics.
#[derive(Clone, Debug)]
pub struct Telemetry {
    events: Events,
    metrics: Metrics,
}

/// The telemetry of one cluster. Its series are removed when it is dropped.
#[derive(Debug)]
pub struct ClusterTelemetry {
    about: ObjectReference,
    events: Events,
    metrics: Arc<ClusterMetrics>,
    /// The last error of each step: the same error is logged once.
    failing: BTreeMap<String, String>,
    trouble: Option<String>,
    unreadable: Option<String>,
}

impl Telemetry {
    /// Starts the task that publishes Events.
    #[must_use]
    pub fn new(client: Client, metrics: Metrics) -> Telemetry {
        Telemetry {
            events: Events::start(client, metrics.clone()),
            metrics,
        }
    }

    /// The telemetry of one cluster; `uid` is that of its RedisCluster.
    #[must_use]
    pub fn of_cluster(&self, key: &ClusterKey, uid: &str) -> ClusterTelemetry {
        let ClusterKey { namespace, name } = key;
        let about = ObjectReference {
            api_version: Some(RedisCluster::api_version(&()).into_owned()),
            kind: Some(RedisCluster::kind(&()).into_owned()),
            name: Some(name.clone()),
            namespace: Some(namespace.clone()),
            uid: Some(uid.to_owned()),
            ..ObjectReference::default()
        };
        ClusterTelemetry {
            about,
            events: self.events.clone(),
            metrics: self.metrics.cluster(namespace, name),
            failing: BTreeMap::new(),
            trouble: None,
            unreadable: None,
        }
    }

    /// Waits shortly for Events that are not published yet.
    pub async fn finish(&self) {
        self.events.flush(Duration::from_secs(2)).await;
    }
}

impl ClusterTelemetry {
    /// A pass has ended after that time.
    pub fn passed(&mut self, took: Duration) {
        self.metrics.pass(took);
        self.trouble = None;
    }

    /// A pass has failed.
    pub fn failed(&mut self, error: &PlatformError) {
        self.metrics.failed(error);
        let error = error.to_string();
        if self.trouble.as_ref() != Some(&error) {
            let (namespace, cluster) = self.names();
            warn!(namespace, cluster, error, "a pass has failed");
            self.trouble = Some(error);
        }
    }

    /// The RedisCluster cannot be parsed: it does not match the schema.
    pub fn unreadable(&mut self, why: &str) {
        if self.unreadable.as_deref() == Some(why) {
            return;
        }
        self.unreadable = Some(why.to_owned());
        self.metrics.unreadable();
        let event = events::invalid_manifest(why);
        self.events.enqueue(&self.about, vec![event]);
        let (namespace, cluster) = self.names();
        warn!(namespace, cluster, why, "the RedisCluster cannot be read");
    }

    fn names(&self) -> (&str, &str) {
        let ObjectReference {
            namespace, name, ..
        } = &self.about;
        (
            namespace.as_deref().unwrap_or_default(),
            name.as_deref().unwrap_or_default(),
        )
    }

    /// Whether this outcome of the step was not just logged.
    fn is_news(&mut self, step: &str, error: Option<&str>) -> bool {
        match error {
            None => {
                self.failing.remove(step);
                true
            }
            Some(error) => {
                let old = self.failing.insert(step.to_owned(), error.to_owned());
                old.as_deref() != Some(error)
            }
        }
    }

    fn log_step(&mut self, planned: &PlannedStep, outcome: &StepOutcome) {
        let text = planned.step.to_string();
        let error = outcome.error();
        let news = self.is_news(&text, error);
        let (namespace, cluster) = self.names();
        let (step, outcome_name) = (StepKind::of(&planned.step).label, outcome_label(outcome));
        let (rule, shard, why) = (planned.rule.to_string(), planned.shard, &planned.why);
        macro_rules! say {
            ($level:ident) => {
                $level!(
                    namespace,
                    cluster,
                    step,
                    outcome = outcome_name,
                    rule,
                    shard,
                    why,
                    error,
                    "{text}"
                )
            };
        }
        match outcome {
            StepOutcome::Done => say!(info),
            StepOutcome::NotSent(_) => say!(debug),
            StepOutcome::Refused(_) | StepOutcome::Unknown(_) if news => say!(warn),
            StepOutcome::Refused(_) | StepOutcome::Unknown(_) => say!(debug),
        }
        if let Some(loss) = (planned.loss.as_ref()).filter(|_| outcome.may_have_happened()) {
            warn!(namespace, cluster, step, loss, "data is lost");
        }
    }

    fn log_status(&self, before: Option<&RedisClusterStatus>, after: &RedisClusterStatus) {
        let (namespace, cluster) = self.names();
        let phase = after.phase.as_deref().unwrap_or_default();
        let was = before.and_then(|before| before.phase.as_deref());
        if was != Some(phase) {
            let message = after.message.as_deref().unwrap_or_default();
            info!(namespace, cluster, phase, was, "{message}");
        }
    }
}

impl Progress for ClusterTelemetry {
    fn acted(&mut self, planned: &PlannedStep, outcome: &StepOutcome) {
        self.log_step(planned, outcome);
        self.metrics.step(&planned.step, outcome);
        let told = events::of_step(&self.about, planned, outcome);
        self.events.enqueue(&self.about, told);
    }

    fn reported(&mut self, before: Option<&RedisClusterStatus>, after: &RedisClusterStatus) {
        self.log_status(before, after);
        self.metrics.status(after);
        let told = events::of_status(before, after);
        self.events.enqueue(&self.about, told);
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;
    use crate::model::{Rule, Step};
    use crate::run::events::QueueItem;

    fn telemetry() -> (ClusterTelemetry, mpsc::Receiver<QueueItem>, Metrics) {
        let metrics = Metrics::new();
        let (events, items) = Events::queue(metrics.clone());
        let telemetry = Telemetry {
            events,
            metrics: metrics.clone(),
        };
        let key = ClusterKey {
            namespace: "shop".to_owned(),
            name: "demo".to_owned(),
        };
        (telemetry.of_cluster(&key, "some-uid"), items, metrics)
    }

    fn told(items: &mut mpsc::Receiver<QueueItem>) -> Vec<String> {
        let mut told = Vec::new();
        while let Ok(QueueItem::Publish(item)) = items.try_recv() {
            let about = item.about;
            assert_eq!(
                about.api_version.as_deref(),
                Some("slotkeeper.dev/v1alpha1")
            );
            assert_eq!(about.kind.as_deref(), Some("RedisCluster"));
            assert_eq!(about.uid.as_deref(), Some("some-uid"));
            told.push(item.event.reason);
        }
        told
    }

    #[test]
    fn a_step_is_told_by_an_event_and_counted() {
        let (mut telemetry, mut items, metrics) = telemetry();
        let planned = PlannedStep {
            rule: Rule::Objects,
            shard: None,
            step: Step::EnsureCommon,
            why: "it is missing".to_owned(),
            loss: None,
        };
        telemetry.acted(&planned, &StepOutcome::Done);
        assert_eq!(told(&mut items), ["ObjectsEnsured"]);
        let counted = "step=\"ensure_common\",outcome=\"done\"} 1\n";
        assert!(metrics.render().contains(counted));
    }

    #[test]
    fn a_new_phase_is_told_and_the_gauges_follow() {
        let (mut telemetry, mut items, metrics) = telemetry();
        let status = RedisClusterStatus {
            phase: Some("Forming".to_owned()),
            ..RedisClusterStatus::default()
        };
        telemetry.reported(None, &status);
        assert_eq!(told(&mut items), ["Forming"]);
        assert!(metrics.render().contains("phase=\"Forming\"} 1\n"));
    }

    #[test]
    fn what_cannot_be_read_is_told_once_though_passes_go_on() {
        let (mut telemetry, mut items, _) = telemetry();
        for why in [
            "spec.shards: a string",
            "spec.shards: a string",
            "spec.image: a number",
        ] {
            telemetry.unreadable(why);
            telemetry.passed(Duration::from_millis(1));
        }
        assert_eq!(told(&mut items), ["InvalidManifest", "InvalidManifest"]);
    }

    #[test]
    fn the_series_end_with_the_teller() {
        let (mut telemetry, _orders, metrics) = telemetry();
        telemetry.failed(&PlatformError::Unknown("no answer".to_owned()));
        assert!(metrics.render().contains("kind=\"unknown\"} 1\n"));
        drop(telemetry);
        assert!(!metrics.render().contains("demo"));
    }
}
