//! What Prometheus is told. The series of a cluster end with the cluster.

mod series;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use prometheus_client::encoding::prometheus_text;
use prometheus_client::registry::Registry;
use slotkeeper_crds::RedisClusterStatus;

use super::kinds::{Kind, outcome_label};
use crate::model::{Step, StepOutcome};
use crate::platform::PlatformError;
use crate::reconcile::is_ready;
use series::{
    ClusterLabels, ConditionLabels, FailureLabels, Gauges, KindLabels, PHASES, Series, StepLabels,
    Used,
};

/// The content type of [`Metrics::render`].
pub const CONTENT_TYPE: &str = prometheus_text::CONTENT_TYPE;

/// All metrics of the operator; clones share them.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Registry,
    series: Series,
    clusters: Mutex<BTreeMap<ClusterLabels, Weak<ClusterMetrics>>>,
}

/// The metrics of one cluster. Whoever drops the last handle takes the series along.
#[derive(Debug)]
pub struct ClusterMetrics {
    all: Metrics,
    labels: ClusterLabels,
    used: Mutex<Used>,
}

/// What is written to the API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// An object that pods need.
    Ensure,
    /// The removal of one.
    Remove,
    /// What has to outlive the operator.
    Remember,
    /// The status of a RedisCluster.
    Status,
    /// An Event.
    Event,
    /// The Lease of the leader.
    Lease,
}

/// Why a pass did not come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The API server refused something.
    Refused,
    /// The API server did not answer.
    Unknown,
    /// The manifest cannot work.
    InvalidManifest,
}

impl Metrics {
    /// All metrics, at zero.
    #[must_use]
    pub fn new() -> Metrics {
        let mut registry = Registry::with_prefix("slotkeeper");
        let series = Series::register(&mut registry);
        Metrics(Arc::new(Inner {
            registry,
            series,
            clusters: Mutex::default(),
        }))
    }

    /// The metrics of a cluster: one and the same handle for as long as anybody holds it.
    #[must_use]
    pub fn cluster(&self, namespace: &str, name: &str) -> Arc<ClusterMetrics> {
        let labels = ClusterLabels::new(namespace, name);
        let mut clusters = lock(&self.0.clusters);
        if let Some(known) = clusters.get(&labels).and_then(Weak::upgrade) {
            return known;
        }
        let new = Arc::new(ClusterMetrics {
            all: self.clone(),
            labels: labels.clone(),
            used: Mutex::default(),
        });
        clusters.insert(labels, Arc::downgrade(&new));
        new
    }

    /// Whether this process leads.
    pub fn leads(&self, leads: bool) {
        self.0.series.leader.set(i64::from(leads));
    }

    /// Something was written to the API server, or an attempt was made.
    pub fn wrote(&self, what: Write) {
        let labels = KindLabels { kind: what.label() };
        self.0.series.api_writes.get_or_create(&labels).inc();
    }

    /// How often something was written.
    #[must_use]
    pub fn writes(&self, what: Write) -> u64 {
        let labels = KindLabels { kind: what.label() };
        self.0.series.api_writes.get_or_create(&labels).get()
    }

    /// Events were given up: the queue was full, or the API server did not take them.
    pub fn events_lost(&self, count: u64) {
        self.0.series.events_lost.inc_by(count);
    }

    /// Everything as Prometheus reads it, of the type [`CONTENT_TYPE`].
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        prometheus_text::encode(&mut text, &self.0.registry).expect("a String takes all text");
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Metrics::new()
    }
}

impl ClusterMetrics {
    /// A pass has come to its end.
    pub fn pass(&self, took: Duration) {
        let series = self.series();
        series.passes.get_or_create(&self.labels).inc();
        let seconds = series.pass_seconds.get_or_create(&self.labels);
        seconds.observe(took.as_secs_f64());
    }

    /// A pass has failed; it counts as a pass, too.
    pub fn failed(&self, failure: Failure) {
        let labels = FailureLabels {
            cluster: self.labels.clone(),
            kind: failure.label(),
        };
        self.series().failures.get_or_create(&labels).inc();
        lock(&self.used).failures.insert(labels);
    }

    /// A step was performed.
    pub fn step(&self, step: &Step, outcome: &StepOutcome) {
        let labels = StepLabels {
            cluster: self.labels.clone(),
            step: Kind::of(step).label,
            outcome: outcome_label(outcome),
        };
        self.series().steps.get_or_create(&labels).inc();
        lock(&self.used).steps.insert(labels);
    }

    /// The state of the cluster as its status tells it.
    pub fn status(&self, status: &RedisClusterStatus) {
        let series = self.series();
        let set = |gauges: &Gauges, value: i64| {
            gauges.get_or_create(&self.labels).set(value);
        };
        let (ready, wanted) = nodes(status.ready_nodes.as_deref().unwrap_or_default());
        set(&series.ready, i64::from(is_ready(status)));
        set(&series.slots_covered, i64::from(status.slots_covered));
        set(&series.shards_served, i64::from(status.shard_count));
        set(&series.nodes_ready, ready);
        set(&series.nodes_wanted, wanted);
        for phase in PHASES {
            let labels = self.labels.with_phase(phase);
            let holds = status.phase.as_ref() == Some(&labels.phase);
            let gauge = series.phase.get_or_create(&labels);
            gauge.set(i64::from(holds));
        }
        for condition in &status.conditions {
            let labels = ConditionLabels {
                cluster: self.labels.clone(),
                condition: condition.type_.clone(),
            };
            let gauge = series.condition.get_or_create_owned(&labels);
            gauge.set(i64::from(condition.status == "True"));
            lock(&self.used).conditions.insert(labels);
        }
    }

    fn series(&self) -> &Series {
        &self.all.0.series
    }
}

impl Drop for ClusterMetrics {
    fn drop(&mut self) {
        let mut clusters = lock(&self.all.0.clusters);
        // A cluster that came again under the same name goes on with the series.
        let gone = (clusters.get(&self.labels)).is_some_and(|handle| handle.strong_count() == 0);
        if gone {
            clusters.remove(&self.labels);
            self.series().remove(&self.labels, &lock(&self.used));
        }
    }
}

impl From<&PlatformError> for Failure {
    fn from(error: &PlatformError) -> Failure {
        match error {
            PlatformError::Refused(_) => Failure::Refused,
            PlatformError::Unknown(_) => Failure::Unknown,
        }
    }
}

/// `5/6` as numbers.
fn nodes(text: &str) -> (i64, i64) {
    let number = |text: &str| text.parse().unwrap_or_default();
    text.split_once('/')
        .map_or((0, 0), |(ready, wanted)| (number(ready), number(wanted)))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
