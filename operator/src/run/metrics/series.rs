//! The metric families, their labels and their help texts.

use std::collections::BTreeSet;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::report::ClusterPhase;

/// A pass waits at most half a second for the nodes; the API server may take longer.
const PASS_SECONDS: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

pub(super) const PHASES: [ClusterPhase; 5] = [
    ClusterPhase::Paused,
    ClusterPhase::Forming,
    ClusterPhase::Ready,
    ClusterPhase::Degraded,
    ClusterPhase::Outage,
];

pub(super) type Gauges = Family<ClusterLabels, Gauge>;

/// The families, as they are registered.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) leader: Gauge,
    pub(super) api_writes: Family<WriteLabels, Counter>,
    pub(super) events_lost: Counter,
    pub(super) passes: Family<ClusterLabels, Counter>,
    pub(super) pass_seconds: Family<ClusterLabels, Histogram>,
    pub(super) errors: Family<ErrorLabels, Counter>,
    pub(super) steps: Family<StepLabels, Counter>,
    pub(super) ready: Gauges,
    pub(super) slots_covered: Gauges,
    pub(super) shards_served: Gauges,
    pub(super) nodes_ready: Gauges,
    pub(super) nodes_wanted: Gauges,
    pub(super) phase: Family<PhaseLabels, Gauge>,
    pub(super) condition: Family<ConditionLabels, Gauge>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EncodeLabelSet)]
pub(super) struct ClusterLabels {
    namespace: String,
    cluster: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct WriteLabels {
    pub(super) verb: &'static str,
    pub(super) resource: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EncodeLabelSet)]
pub(super) struct ErrorLabels {
    #[prometheus(flatten)]
    pub(super) cluster: ClusterLabels,
    pub(super) kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EncodeLabelSet)]
pub(super) struct StepLabels {
    #[prometheus(flatten)]
    pub(super) cluster: ClusterLabels,
    pub(super) step: &'static str,
    pub(super) outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct PhaseLabels {
    #[prometheus(flatten)]
    pub(super) cluster: ClusterLabels,
    pub(super) phase: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EncodeLabelSet)]
pub(super) struct ConditionLabels {
    #[prometheus(flatten)]
    pub(super) cluster: ClusterLabels,
    pub(super) condition: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BuildLabels {
    version: &'static str,
}

/// The series of a cluster with labels that are not known beforehand.
#[derive(Debug, Default)]
pub(super) struct Used {
    pub(super) errors: BTreeSet<ErrorLabels>,
    pub(super) steps: BTreeSet<StepLabels>,
    pub(super) conditions: BTreeSet<ConditionLabels>,
}

impl ClusterLabels {
    pub(super) fn new(namespace: &str, cluster: &str) -> ClusterLabels {
        ClusterLabels {
            namespace: namespace.to_owned(),
            cluster: cluster.to_owned(),
        }
    }

    pub(super) fn with_phase(&self, phase: ClusterPhase) -> PhaseLabels {
        PhaseLabels {
            cluster: self.clone(),
            phase: phase.to_string(),
        }
    }
}

impl Series {
    /// Registers every family; the counters get their `_total` from the registry.
    pub(super) fn register(registry: &mut Registry) -> Series {
        let build = Family::<BuildLabels, Gauge>::default();
        let version = env!("CARGO_PKG_VERSION");
        build.get_or_create(&BuildLabels { version }).set(1);
        registry.register("build_info", "The version of the operator", build);
        let series = Series::new();
        series.register_operator(registry);
        series.register_passes(registry);
        series.register_states(registry);
        series
    }

    fn new() -> Series {
        Series {
            leader: Gauge::default(),
            api_writes: Family::default(),
            events_lost: Counter::default(),
            passes: Family::default(),
            pass_seconds: Family::new_with_constructor(|| Histogram::new(PASS_SECONDS)),
            errors: Family::default(),
            steps: Family::default(),
            ready: Family::default(),
            slots_covered: Family::default(),
            shards_served: Family::default(),
            nodes_ready: Family::default(),
            nodes_wanted: Family::default(),
            phase: Family::default(),
            condition: Family::default(),
        }
    }

    fn register_operator(&self, registry: &mut Registry) {
        registry.register(
            "leader",
            "1 on the operator that holds the Lease",
            self.leader.clone(),
        );
        registry.register(
            "api_writes",
            "Writes sent to the API server",
            self.api_writes.clone(),
        );
        registry.register(
            "events_lost",
            "Events that were not published",
            self.events_lost.clone(),
        );
    }

    fn register_passes(&self, registry: &mut Registry) {
        registry.register("reconciles", "Passes over a cluster", self.passes.clone());
        registry.register(
            "reconcile_duration_seconds",
            "How long a pass took",
            self.pass_seconds.clone(),
        );
        registry.register("reconcile_errors", "Errors of passes", self.errors.clone());
        registry.register("steps", "Steps by kind and outcome", self.steps.clone());
    }

    fn register_states(&self, registry: &mut Registry) {
        let states = [
            ("cluster_ready", "1 while the cluster is Ready", &self.ready),
            (
                "cluster_slots_covered",
                "Slots whose owner answers and serves, of 16384",
                &self.slots_covered,
            ),
            (
                "cluster_shards_served",
                "Shards whose master answers and serves",
                &self.shards_served,
            ),
            (
                "cluster_nodes_ready",
                "Nodes that answer and are ready",
                &self.nodes_ready,
            ),
            (
                "cluster_nodes_wanted",
                "Nodes that the manifest wants",
                &self.nodes_wanted,
            ),
        ];
        for (name, help, family) in states {
            registry.register(name, help, family.clone());
        }
        registry.register(
            "cluster_phase",
            "1 for the phase that the cluster is in, 0 for the others",
            self.phase.clone(),
        );
        registry.register(
            "cluster_condition",
            "1 for a condition that is True",
            self.condition.clone(),
        );
    }

    /// Removes all series of a cluster.
    pub(super) fn remove(&self, cluster: &ClusterLabels, used: &Used) {
        self.passes.remove(cluster);
        self.pass_seconds.remove(cluster);
        for labels in &used.errors {
            self.errors.remove(labels);
        }
        for labels in &used.steps {
            self.steps.remove(labels);
        }
        for gauges in [
            &self.ready,
            &self.slots_covered,
            &self.shards_served,
            &self.nodes_ready,
            &self.nodes_wanted,
        ] {
            gauges.remove(cluster);
        }
        for phase in PHASES {
            self.phase.remove(&cluster.with_phase(phase));
        }
        for labels in &used.conditions {
            self.condition.remove(labels);
        }
    }
}
