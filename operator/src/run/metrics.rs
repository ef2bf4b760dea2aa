//! The metrics for Prometheus. The series of a cluster end with the cluster.

mod series;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use prometheus_client::encoding::prometheus_text;
use prometheus_client::registry::Registry;
use slotkeeper_crds::RedisClusterStatus;

use super::kinds::{StepKind, outcome_label};
use crate::model::{Step, StepOutcome};
use crate::platform::PlatformError;
use crate::reconcile::is_ready;
use series::{
    ClusterLabels, ConditionLabels, ErrorLabels, Gauges, PHASES, Series, StepLabels, Used,
    WriteLabels,
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

/// The metrics of one cluster. Its series are removed when the last handle is dropped.
#[derive(Debug)]
pub struct ClusterMetrics {
    all: Metrics,
    labels: ClusterLabels,
    used: Mutex<Used>,
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

    /// The metrics of a cluster: the same handle while it is in use.
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

    /// Counts a write to the API server: the Kubernetes verb, and the resource.
    pub fn wrote(&self, verb: &'static str, resource: &str) {
        let resource = resource.to_owned();
        let labels = WriteLabels { verb, resource };
        self.0.series.api_writes.get_or_create(&labels).inc();
    }

    /// Counts a lost Event: the queue was full, or the API server did not accept it.
    pub fn event_lost(&self) {
        self.0.series.events_lost.inc();
    }

    /// Everything in the text format of Prometheus, of the type [`CONTENT_TYPE`].
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
    /// Counts a completed pass.
    pub fn pass(&self, took: Duration) {
        let series = self.series();
        series.passes.get_or_create(&self.labels).inc();
        let seconds = series.pass_seconds.get_or_create(&self.labels);
        seconds.observe(took.as_secs_f64());
    }

    /// Counts a failed pass; it also counts as a pass.
    pub fn failed(&self, error: &PlatformError) {
        self.series().passes.get_or_create(&self.labels).inc();
        self.count_error(match error {
            PlatformError::Refused(_) => "refused",
            PlatformError::Unknown(_) => "unknown",
        });
    }

    /// Counts an unreadable manifest.
    pub fn unreadable(&self) {
        self.count_error("unreadable_manifest");
    }

    fn count_error(&self, kind: &'static str) {
        let labels = ErrorLabels {
            cluster: self.labels.clone(),
            kind,
        };
        self.series().errors.get_or_create(&labels).inc();
        lock(&self.used).errors.insert(labels);
    }

    /// Counts a step.
    pub fn step(&self, step: &Step, outcome: &StepOutcome) {
        let labels = StepLabels {
            cluster: self.labels.clone(),
            step: StepKind::of(step).label,
            outcome: outcome_label(outcome),
        };
        self.series().steps.get_or_create(&labels).inc();
        lock(&self.used).steps.insert(labels);
    }

    /// Sets the gauges from a status.
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
        // A new cluster with the same name continues the series.
        let gone = (clusters.get(&self.labels)).is_some_and(|handle| handle.strong_count() == 0);
        if gone {
            clusters.remove(&self.labels);
            self.series().remove(&self.labels, &lock(&self.used));
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

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use k8s_openapi::jiff::Timestamp;
    use slotkeeper_crds::Condition;

    use super::*;

    fn lines(metrics: &Metrics, cluster: &str) -> Vec<String> {
        let needle = format!("cluster=\"{cluster}\"");
        let text = metrics.render();
        let of_cluster = text.lines().filter(|line| line.contains(&needle));
        of_cluster.map(str::to_owned).collect()
    }

    fn value(metrics: &Metrics, series: &str) -> Option<String> {
        let text = metrics.render();
        let mut values = text.lines().filter_map(|line| line.strip_prefix(series));
        values.next().map(|value| value.trim().to_owned())
    }

    fn status() -> RedisClusterStatus {
        let condition = |kind: &str, status: &str| Condition {
            type_: kind.to_owned(),
            status: status.to_owned(),
            reason: String::new(),
            message: String::new(),
            observed_generation: None,
            last_transition_time: Time(Timestamp::UNIX_EPOCH),
        };
        RedisClusterStatus {
            phase: Some("Degraded".to_owned()),
            ready_nodes: Some("5/6".to_owned()),
            slots_covered: 16384,
            shard_count: 3,
            conditions: vec![condition("Ready", "False"), condition("DataLost", "True")],
            ..RedisClusterStatus::default()
        }
    }

    /// Everything that can be recorded for a cluster.
    fn tell(cluster: &ClusterMetrics) {
        cluster.pass(Duration::from_millis(30));
        cluster.failed(&PlatformError::Unknown("late".to_owned()));
        cluster.unreadable();
        cluster.step(&Step::EnsureCommon, &StepOutcome::Done);
        cluster.step(
            &Step::RemoveShard { shard: 1 },
            &StepOutcome::Refused("no".to_owned()),
        );
        cluster.status(&status());
    }

    #[test]
    fn a_cluster_is_told_by_namespace_and_name() {
        let metrics = Metrics::new();
        let cluster = metrics.cluster("shop", "cart");
        tell(&cluster);
        let value = |name: &str, labels: &str| {
            let series =
                format!("slotkeeper_{name}{{namespace=\"shop\",cluster=\"cart\"{labels}}}");
            value(&metrics, &series).unwrap_or_else(|| panic!("{series}\n{}", metrics.render()))
        };
        assert_eq!(value("reconciles_total", ""), "2");
        assert_eq!(value("reconcile_duration_seconds_count", ""), "1");
        assert_eq!(value("reconcile_errors_total", ",kind=\"unknown\""), "1");
        assert_eq!(
            value("reconcile_errors_total", ",kind=\"unreadable_manifest\""),
            "1"
        );
        assert_eq!(
            value("steps_total", ",step=\"ensure_common\",outcome=\"done\""),
            "1"
        );
        assert_eq!(
            value("steps_total", ",step=\"remove_shard\",outcome=\"refused\""),
            "1"
        );
        assert_eq!(value("cluster_ready", ""), "0");
        assert_eq!(value("cluster_slots_covered", ""), "16384");
        assert_eq!(value("cluster_shards_served", ""), "3");
        assert_eq!(value("cluster_nodes_ready", ""), "5");
        assert_eq!(value("cluster_nodes_wanted", ""), "6");
        assert_eq!(value("cluster_phase", ",phase=\"Degraded\""), "1");
        assert_eq!(value("cluster_phase", ",phase=\"Ready\""), "0");
        assert_eq!(value("cluster_condition", ",condition=\"DataLost\""), "1");
        assert_eq!(value("cluster_condition", ",condition=\"Ready\""), "0");
    }

    #[test]
    fn the_series_of_a_cluster_end_with_it_and_others_stay() {
        let metrics = Metrics::new();
        let (gone, stays) = (metrics.cluster("a", "gone"), metrics.cluster("a", "stays"));
        tell(&gone);
        tell(&stays);
        let before = lines(&metrics, "stays");
        drop(gone);
        assert_eq!(lines(&metrics, "gone"), Vec::<String>::new());
        assert_eq!(lines(&metrics, "stays"), before);
    }

    #[test]
    fn a_cluster_that_comes_again_keeps_its_series_from_its_predecessor() {
        let metrics = Metrics::new();
        let old = metrics.cluster("a", "demo");
        tell(&old);
        let new = metrics.cluster("a", "demo");
        drop(old);
        assert!(!lines(&metrics, "demo").is_empty());
        drop(new);
        assert!(lines(&metrics, "demo").is_empty());
        assert!(lock(&metrics.0.clusters).is_empty());
    }

    #[test]
    fn writes_are_counted_by_verb_and_resource() {
        let metrics = Metrics::new();
        metrics.wrote("update", "leases");
        metrics.wrote("update", "leases");
        let series = "slotkeeper_api_writes_total{verb=\"update\",resource=\"leases\"}";
        assert_eq!(value(&metrics, series).as_deref(), Some("2"));
        assert_eq!(value(&metrics, "slotkeeper_leader").as_deref(), Some("0"));
        assert_eq!(
            value(&metrics, "slotkeeper_events_lost_total").as_deref(),
            Some("0")
        );
        let build = format!(
            "slotkeeper_build_info{{version=\"{}\"}}",
            env!("CARGO_PKG_VERSION")
        );
        assert_eq!(value(&metrics, &build).as_deref(), Some("1"));
    }

    #[test]
    fn nodes_are_read_out_of_the_status() {
        assert_eq!(nodes("5/6"), (5, 6));
        assert_eq!(nodes(""), (0, 0));
        assert_eq!(nodes("many/6"), (0, 6));
    }
}
