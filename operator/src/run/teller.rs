//! Tells of what happens to a cluster: in the log, by Events, and in metrics.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::{Client, Resource};
use slotkeeper_crds::{RedisCluster, RedisClusterStatus};
use tracing::{debug, info, warn};

use super::events::{self, Events};
use super::kinds::{Kind, outcome_label};
use super::metrics::{ClusterMetrics, Metrics};
use crate::model::{PlannedStep, StepOutcome};
use crate::platform::PlatformError;
use crate::platform::kubernetes::ClusterKey;
use crate::reconcile::Progress;

/// Makes the tellers of all clusters; clones make them with the same means.
#[derive(Clone, Debug)]
pub struct Tellers {
    events: Events,
    metrics: Metrics,
}

/// Tells of one cluster. Its series end with it.
#[derive(Debug)]
pub struct Teller {
    about: ObjectReference,
    events: Events,
    metrics: Arc<ClusterMetrics>,
    /// What each step failed with last: the same again is no news for the log.
    failing: BTreeMap<String, String>,
    trouble: Option<String>,
    unreadable: Option<String>,
}

impl Tellers {
    /// Starts the task that publishes Events.
    #[must_use]
    pub fn new(client: Client, metrics: Metrics) -> Tellers {
        Tellers {
            events: Events::start(client, metrics.clone()),
            metrics,
        }
    }

    /// The teller of one cluster; `uid` is that of its RedisCluster.
    #[must_use]
    pub fn of(&self, key: &ClusterKey, uid: &str) -> Teller {
        let ClusterKey { namespace, name } = key;
        let about = ObjectReference {
            api_version: Some(RedisCluster::api_version(&()).into_owned()),
            kind: Some(RedisCluster::kind(&()).into_owned()),
            name: Some(name.clone()),
            namespace: Some(namespace.clone()),
            uid: Some(uid.to_owned()),
            ..ObjectReference::default()
        };
        Teller {
            about,
            events: self.events.clone(),
            metrics: self.metrics.cluster(namespace, name),
            failing: BTreeMap::new(),
            trouble: None,
            unreadable: None,
        }
    }

    /// Waits a moment for the Events that are not published yet.
    pub async fn finish(&self) {
        self.events.flush(Duration::from_secs(2)).await;
    }
}

impl Teller {
    /// A pass has come to its end after that time.
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

    /// The RedisCluster cannot be read as one: it was written past its schema.
    pub fn unreadable(&mut self, why: &str) {
        if self.unreadable.as_deref() == Some(why) {
            return;
        }
        self.unreadable = Some(why.to_owned());
        self.metrics.unreadable();
        let event = events::invalid_manifest(why);
        self.events.tell(&self.about, vec![event]);
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

    /// Whether the log has not just said that about the step.
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
        let (step, outcome_name) = (Kind::of(&planned.step).label, outcome_label(outcome));
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

impl Progress for Teller {
    fn acted(&mut self, planned: &PlannedStep, outcome: &StepOutcome) {
        self.log_step(planned, outcome);
        self.metrics.step(&planned.step, outcome);
        let told = events::of_step(&self.about, planned, outcome);
        self.events.tell(&self.about, told);
    }

    fn reported(&mut self, before: Option<&RedisClusterStatus>, after: &RedisClusterStatus) {
        self.log_status(before, after);
        self.metrics.status(after);
        let told = events::of_status(before, after);
        self.events.tell(&self.about, told);
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;
    use crate::model::{Rule, Step};
    use crate::run::events::Order;

    fn teller() -> (Teller, mpsc::Receiver<Order>, Metrics) {
        let metrics = Metrics::new();
        let (events, orders) = Events::queue(metrics.clone());
        let tellers = Tellers {
            events,
            metrics: metrics.clone(),
        };
        let key = ClusterKey {
            namespace: "shop".to_owned(),
            name: "demo".to_owned(),
        };
        (tellers.of(&key, "some-uid"), orders, metrics)
    }

    fn told(orders: &mut mpsc::Receiver<Order>) -> Vec<String> {
        let mut told = Vec::new();
        while let Ok(Order::Publish(order)) = orders.try_recv() {
            let about = order.about;
            assert_eq!(
                about.api_version.as_deref(),
                Some("slotkeeper.dev/v1alpha1")
            );
            assert_eq!(about.kind.as_deref(), Some("RedisCluster"));
            assert_eq!(about.uid.as_deref(), Some("some-uid"));
            told.push(order.event.reason);
        }
        told
    }

    #[test]
    fn a_step_is_told_by_an_event_and_counted() {
        let (mut teller, mut orders, metrics) = teller();
        let planned = PlannedStep {
            rule: Rule::Objects,
            shard: None,
            step: Step::EnsureCommon,
            why: "it is missing".to_owned(),
            loss: None,
        };
        teller.acted(&planned, &StepOutcome::Done);
        assert_eq!(told(&mut orders), ["ObjectsEnsured"]);
        let counted = "step=\"ensure_common\",outcome=\"done\"} 1\n";
        assert!(metrics.render().contains(counted));
    }

    #[test]
    fn a_new_phase_is_told_and_the_gauges_follow() {
        let (mut teller, mut orders, metrics) = teller();
        let status = RedisClusterStatus {
            phase: Some("Forming".to_owned()),
            ..RedisClusterStatus::default()
        };
        teller.reported(None, &status);
        assert_eq!(told(&mut orders), ["Forming"]);
        assert!(metrics.render().contains("phase=\"Forming\"} 1\n"));
    }

    #[test]
    fn what_cannot_be_read_is_told_once_though_passes_go_on() {
        let (mut teller, mut orders, _) = teller();
        for why in [
            "spec.shards: a string",
            "spec.shards: a string",
            "spec.image: a number",
        ] {
            teller.unreadable(why);
            teller.passed(Duration::from_millis(1));
        }
        assert_eq!(told(&mut orders), ["InvalidManifest", "InvalidManifest"]);
    }

    #[test]
    fn the_series_end_with_the_teller() {
        let (mut teller, _orders, metrics) = teller();
        teller.failed(&PlatformError::Unknown("no answer".to_owned()));
        assert!(metrics.render().contains("kind=\"unknown\"} 1\n"));
        drop(teller);
        assert!(!metrics.render().contains("demo"));
    }
}
