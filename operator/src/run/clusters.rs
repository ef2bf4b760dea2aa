//! One task per RedisCluster, from its creation to its deletion.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::Client;
use slotkeeper_crds::RedisCluster;
use tokio::task::JoinHandle;
use tracing::{info, warn};

use super::telemetry::{ClusterTelemetry, Telemetry};
use crate::platform::kubernetes::objects::Settings;
use crate::platform::kubernetes::{
    Cache, ClusterKey, Declared, KubernetesPlatform, Leads, Term, load_memory,
};
use crate::reconcile::Reconciler;

/// The delay after a failed pass, unless something changes.
const AGAIN: Duration = Duration::from_secs(1);

/// What the tasks share.
pub struct Context {
    /// The API server.
    pub client: Client,
    /// The cache of the watches.
    pub cache: Arc<Cache>,
    /// The settings of the operator.
    pub settings: Arc<Settings>,
    /// The program that checks directives.
    pub node_program: PathBuf,
    /// Logs, Events and metrics.
    pub telemetry: Telemetry,
    /// Whether this process leads now.
    pub leads: Leads,
    /// The term of the leadership.
    pub term: Term,
}

/// The tasks. They end when it is dropped.
pub struct Clusters {
    context: Arc<Context>,
    kept: BTreeMap<ClusterKey, Kept>,
}

struct Kept {
    uid: String,
    task: JoinHandle<()>,
}

impl Clusters {
    /// No tasks yet.
    #[must_use]
    pub fn new(context: Context) -> Clusters {
        Clusters {
            context: Arc::new(context),
            kept: BTreeMap::new(),
        }
    }

    /// Runs every declared cluster, until cancelled.
    pub async fn keep(&mut self) {
        loop {
            self.follow();
            self.context.cache.cluster_list_changed().await;
        }
    }

    /// Ends the tasks of deleted clusters, and starts those of new ones.
    fn follow(&mut self) {
        let cache = &self.context.cache;
        self.kept.retain(|key, kept| {
            let stays = cache
                .declared(key)
                .is_some_and(|declared| is_live(&declared, &kept.uid));
            if !stays {
                info!(cluster = %key, "the RedisCluster was deleted; its objects are deleted with it");
                kept.task.abort();
                cache.unsubscribe(key);
            }
            stays
        });
        for key in cache.clusters() {
            let declared = cache.declared(&key).filter(|declared| !declared.deleting);
            if let (Some(declared), false) = (declared, self.kept.contains_key(&key)) {
                let uid = declared.uid.clone();
                let task = tokio::spawn(keep_one(self.context.clone(), key.clone(), uid.clone()));
                self.kept.insert(key, Kept { uid, task });
            }
        }
    }
}

impl Drop for Clusters {
    fn drop(&mut self) {
        self.kept.values().for_each(|kept| kept.task.abort());
    }
}

fn is_live(declared: &Declared, uid: &str) -> bool {
    declared.uid == uid && !declared.deleting
}

/// Runs one cluster until it is deleted.
async fn keep_one(context: Arc<Context>, key: ClusterKey, uid: String) {
    let wake = context.cache.subscribe(&key);
    let memory = loop {
        match load_memory(&context.client, &key, &uid).await {
            Ok(memory) => break memory,
            Err(error) => {
                warn!(cluster = %key, %error, "the operator's memory cannot be read yet");
                tokio::time::sleep(AGAIN).await;
            }
        }
    };
    let mut telemetry = context.telemetry.of_cluster(&key, &uid);
    let Some(mut cluster) = readable(&context, &key, &uid, &mut telemetry).await else {
        return;
    };
    let platform = KubernetesPlatform::new(
        context.client.clone(),
        context.cache.clone(),
        context.settings.clone(),
        key.clone(),
        uid.clone(),
    )
    .leading(context.leads.clone(), context.term.clone())
    .configuring(context.node_program.clone());
    let mut reconciler = Reconciler::new(platform, cluster.status.clone(), memory, wake);
    loop {
        match declared(&context, &key, &uid) {
            None => return,
            Some(Ok(current)) => cluster = current,
            // The previous declaration stays in effect.
            Some(Err(why)) => telemetry.unreadable(&why),
        }
        let started = Instant::now();
        let pause = match reconciler.pass(&cluster, &mut telemetry).await {
            Ok(pause) => {
                telemetry.passed(started.elapsed());
                pause
            }
            Err(error) => {
                telemetry.failed(&error);
                AGAIN
            }
        };
        reconciler.wait(pause).await;
    }
}

/// Waits for a readable declaration; none if the cluster is deleted first.
async fn readable(
    context: &Context,
    key: &ClusterKey,
    uid: &str,
    telemetry: &mut ClusterTelemetry,
) -> Option<RedisCluster> {
    let wake = context.cache.subscribe(key);
    loop {
        match declared(context, key, uid)? {
            Ok(cluster) => return Some(cluster),
            Err(why) => telemetry.unreadable(&why),
        }
        wake.notified().await;
    }
}

/// The cluster as it is declared now; none if it is deleted.
fn declared(
    context: &Context,
    key: &ClusterKey,
    uid: &str,
) -> Option<Result<RedisCluster, String>> {
    let declared = context.cache.declared(key)?;
    is_live(&declared, uid).then(|| declared.cluster.clone())
}
