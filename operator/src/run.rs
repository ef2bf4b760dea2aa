//! `slotkeeper run`: runs every RedisCluster of a Kubernetes cluster.

pub(crate) mod client;
mod clusters;
mod events;
pub mod health;
mod kinds;
mod leader;
pub mod logs;
pub mod metrics;
mod rate_limit;
pub mod serve;
mod telemetry;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use kube::Client;
use slotkeeper_crds::PullPolicy;
use tracing::info;

use crate::interrupts::Interrupts;
use crate::platform::kubernetes::Cache;
use crate::platform::kubernetes::objects::Settings;
use crate::platform::node_program;
use clusters::{Clusters, Context};
use health::{Health, OperatorState};
use leader::Candidate;
use logs::Logs;
use metrics::Metrics;
use telemetry::Telemetry;

/// How often the main loop reports that it runs.
const BEAT: Duration = Duration::from_secs(1);

/// Run every RedisCluster of a Kubernetes cluster, until SIGTERM.
#[derive(Args)]
pub struct Run {
    /// The namespaces whose RedisClusters are run, separated by commas [default: all].
    #[arg(
        long = "watch-namespace",
        env = "SLOTKEEPER_WATCH_NAMESPACE",
        value_delimiter = ','
    )]
    namespaces: Vec<String>,
    /// The image of the nodes for manifests without an image; it has slotkeeper-node in its PATH.
    #[arg(long, env = "SLOTKEEPER_NODE_IMAGE")]
    node_image: String,
    /// When that image is pulled, if the manifest does not say [default: that of Kubernetes].
    #[arg(long, env = "SLOTKEEPER_NODE_IMAGE_PULL_POLICY")]
    node_image_pull_policy: Option<Pull>,
    /// The DNS domain of the Kubernetes cluster.
    #[arg(
        long,
        env = "SLOTKEEPER_CLUSTER_DOMAIN",
        default_value = "cluster.local"
    )]
    cluster_domain: String,
    /// The address of /metrics, /healthz and /readyz.
    #[arg(long, env = "SLOTKEEPER_LISTEN", default_value = "0.0.0.0:8080")]
    listen: SocketAddr,
    /// The Lease of the leader election.
    #[arg(long, env = "SLOTKEEPER_LEASE_NAME", default_value = "slotkeeper")]
    lease_name: String,
    /// Its namespace [default: that of the operator's own pod, or of the kubeconfig's context].
    #[arg(long, env = "POD_NAMESPACE")]
    lease_namespace: Option<String>,
    /// The name of the operator's own pod, if it runs in one; part of its identity in the Lease.
    #[arg(long, env = "POD_NAME")]
    pod_name: Option<String>,
    /// The program that checks the directives of manifests [default: slotkeeper-node beside this
    /// program].
    #[arg(long, env = "SLOTKEEPER_NODE")]
    node_binary: Option<PathBuf>,
    #[command(flatten)]
    logs: Logs,
}

/// When an image is pulled; as in a pod.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Pull {
    #[value(name = "Always")]
    Always,
    #[value(name = "IfNotPresent")]
    IfNotPresent,
    #[value(name = "Never")]
    Never,
}

impl Run {
    /// Runs until SIGTERM or Ctrl-C.
    ///
    /// # Errors When it cannot start, or has lost the leadership: another operator may act from now
    /// on.
    pub async fn run(self) -> Result<(), String> {
        self.logs.start()?;
        let mut interrupts = Interrupts::catch()?;
        let node_program = node_program(self.node_binary.as_deref())?;
        let health = Arc::new(Health::new());
        let metrics = Metrics::new();
        let address = serve::serve(self.listen, health.clone(), metrics.clone());
        let address = address.map_err(|error| format!("--listen {}: {error}", self.listen))?;
        info!(%address, version = env!("CARGO_PKG_VERSION"), "starting");
        let client = client::client(metrics.clone()).await?;
        let cache = Arc::new(Cache::watch(&client, &self.namespaces));
        // The watches run from the start, so that a standby knows everything when it becomes the
        // leader.
        health.enter(OperatorState::Standby);
        let candidate = self.candidate(client.clone(), metrics.clone());
        let leadership = tokio::select! {
            leadership = candidate.acquire() => leadership,
            () = beat(&health) => return Ok(()),
            () = interrupts.wait() => return Ok(()),
        };
        let fence = leadership.fence();
        let telemetry = Telemetry::new(client.clone(), metrics);
        let mut clusters = Clusters::new(Context {
            cache: cache.clone(),
            settings: Arc::new(self.settings()),
            node_program,
            telemetry: telemetry.clone(),
            client,
            leads: Arc::new(move || fence.holds()),
            term: leadership.term(),
        });
        let result = tokio::select! {
            lost = leadership.lost() => Err(format!("lost the leadership: {lost}")),
            () = keep(&mut clusters, &cache, &health) => Ok(()),
            () = beat(&health) => Ok(()),
            () = interrupts.wait() => Ok(()),
        };
        // No step may be taken once another operator leads.
        drop(clusters);
        leadership.release().await;
        telemetry.finish().await;
        info!("stopping");
        result
    }

    fn settings(&self) -> Settings {
        let policy = self.node_image_pull_policy.map(|policy| match policy {
            Pull::Always => PullPolicy::Always,
            Pull::IfNotPresent => PullPolicy::IfNotPresent,
            Pull::Never => PullPolicy::Never,
        });
        Settings {
            node_image: self.node_image.clone(),
            node_image_pull_policy: policy,
            cluster_domain: self.cluster_domain.clone(),
        }
    }

    fn candidate(&self, client: Client, metrics: Metrics) -> Candidate {
        let namespace = self.lease_namespace.clone();
        let namespace = namespace.unwrap_or_else(|| client.default_namespace().to_owned());
        let identity = leader::identity(self.pod_name.as_deref());
        Candidate::new(client, &namespace, &self.lease_name, &identity, metrics)
    }
}

/// Runs the clusters once the cache is synced.
async fn keep(clusters: &mut Clusters, cache: &Cache, health: &Health) {
    health.enter(OperatorState::Syncing);
    cache.synced().await;
    info!("the watches are in sync");
    health.enter(OperatorState::Leading);
    clusters.keep().await;
}

async fn beat(health: &Health) {
    loop {
        health.beat();
        tokio::time::sleep(BEAT).await;
    }
}
