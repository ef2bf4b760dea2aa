//! `slotkeeper run`: keeps every RedisCluster of a Kubernetes cluster.

mod allowance;
pub(crate) mod client;
mod clusters;
mod events;
pub mod health;
mod kinds;
mod leader;
pub mod logs;
pub mod metrics;
pub mod serve;
mod teller;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use kube::Client;
use slotkeeper_crds::PullPolicy;
use tracing::info;

use crate::interrupts::Interrupts;
use crate::platform::kubernetes::World;
use crate::platform::kubernetes::objects::Settings;
use crate::platform::node_program;
use clusters::{Clusters, Context};
use health::{Health, Stage};
use leader::Candidate;
use logs::Logs;
use metrics::Metrics;
use teller::Tellers;

/// How often the main loop shows that it turns.
const BEAT: Duration = Duration::from_secs(1);

/// Keep every RedisCluster of a Kubernetes cluster, until SIGTERM.
#[derive(Args)]
pub struct Run {
    /// The namespaces whose RedisClusters are kept, several separated by commas [default: all].
    #[arg(
        long = "watch-namespace",
        env = "SLOTKEEPER_WATCH_NAMESPACE",
        value_delimiter = ','
    )]
    namespaces: Vec<String>,
    /// The image of the nodes where a manifest names none; it has slotkeeper-node in its PATH.
    #[arg(long, env = "SLOTKEEPER_NODE_IMAGE")]
    node_image: String,
    /// When that image is pulled, where a manifest does not say [default: as Kubernetes has it].
    #[arg(long, env = "SLOTKEEPER_NODE_IMAGE_PULL_POLICY")]
    node_image_pull_policy: Option<Pull>,
    /// The domain of the Kubernetes cluster.
    #[arg(
        long,
        env = "SLOTKEEPER_CLUSTER_DOMAIN",
        default_value = "cluster.local"
    )]
    cluster_domain: String,
    /// Where /metrics, /healthz and /readyz are served.
    #[arg(long, env = "SLOTKEEPER_LISTEN", default_value = "0.0.0.0:8080")]
    listen: SocketAddr,
    /// The Lease that one operator at a time holds.
    #[arg(long, env = "SLOTKEEPER_LEASE_NAME", default_value = "slotkeeper")]
    lease_name: String,
    /// Its namespace [default: that of the operator's own pod, or of the kubeconfig's context].
    #[arg(long, env = "POD_NAMESPACE")]
    lease_namespace: Option<String>,
    /// The name of the operator's own pod, if it runs in one; the Lease is held under it.
    #[arg(long, env = "POD_NAME")]
    pod_name: Option<String>,
    /// The program that judges the directives of manifests [default: slotkeeper-node beside this
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
    /// # Errors
    /// When it cannot start, or leads no longer: another operator may act from now on.
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
        let world = Arc::new(World::watch(&client, &self.namespaces));
        // The watches run from the start: whoever stands by knows everything when its time comes.
        health.enter(Stage::Standby);
        let candidate = self.candidate(client.clone(), metrics.clone());
        let leadership = tokio::select! {
            leadership = candidate.acquire() => leadership,
            () = beat(&health) => return Ok(()),
            () = interrupts.wait() => return Ok(()),
        };
        let fence = leadership.fence();
        let tellers = Tellers::new(client.clone(), metrics);
        let mut clusters = Clusters::new(Context {
            world: world.clone(),
            settings: Arc::new(self.settings()),
            node_program,
            tellers: tellers.clone(),
            client,
            leads: Arc::new(move || fence.holds()),
            term: leadership.term(),
        });
        let result = tokio::select! {
            lost = leadership.lost() => Err(format!("leads no longer: {lost}")),
            () = keep(&mut clusters, &world, &health) => Ok(()),
            () = beat(&health) => Ok(()),
            () = interrupts.wait() => Ok(()),
        };
        // Nothing may be done any more when another one leads.
        drop(clusters);
        leadership.release().await;
        tellers.finish().await;
        info!("leaving");
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

/// Keeps the clusters from the moment on at which everything is known that there is.
async fn keep(clusters: &mut Clusters, world: &World, health: &Health) {
    health.enter(Stage::Syncing);
    world.synced().await;
    info!("the watches are in sync");
    health.enter(Stage::Leading);
    clusters.keep().await;
}

async fn beat(health: &Health) {
    loop {
        health.beat();
        tokio::time::sleep(BEAT).await;
    }
}
