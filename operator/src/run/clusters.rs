//! One task for every RedisCluster, from its declaration to its deletion.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::Client;
use slotkeeper_crds::RedisCluster;
use tokio::task::JoinHandle;
use tracing::{info, warn};

use super::teller::{Teller, Tellers};
use crate::platform::kubernetes::objects::Settings;
use crate::platform::kubernetes::{
    ClusterKey, Declared, KubernetesPlatform, Leads, Term, World, load_memory,
};
use crate::reconcile::Reconciler;

/// After a pass that failed the next one waits that long, unless something happens.
const AGAIN: Duration = Duration::from_secs(1);

/// What the tasks share.
pub struct Context {
    /// The API server.
    pub client: Client,
    /// What is watched.
    pub world: Arc<World>,
    /// The surroundings.
    pub settings: Arc<Settings>,
    /// The program that judges directives.
    pub node_program: PathBuf,
    /// Who tells of what happens.
    pub tellers: Tellers,
    /// Whether this process leads now.
    pub leads: Leads,
    /// Which leadership it is.
    pub term: Term,
}

/// The tasks. They end with it.
pub struct Clusters {
    context: Arc<Context>,
    kept: BTreeMap<ClusterKey, Kept>,
}

struct Kept {
    uid: String,
    task: JoinHandle<()>,
}

impl Clusters {
    /// None yet.
    #[must_use]
    pub fn new(context: Context) -> Clusters {
        Clusters {
            context: Arc::new(context),
            kept: BTreeMap::new(),
        }
    }

    /// Keeps every cluster that is declared, without end.
    pub async fn keep(&mut self) {
        loop {
            self.follow();
            self.context.world.roster_changed().await;
        }
    }

    /// Ends the tasks of clusters that are no more, and starts those of new ones.
    fn follow(&mut self) {
        let world = &self.context.world;
        self.kept.retain(|key, kept| {
            let stays = world
                .declared(key)
                .is_some_and(|declared| is_live(&declared, &kept.uid));
            if !stays {
                info!(cluster = %key, "the RedisCluster is deleted; its objects go with it");
                kept.task.abort();
                world.let_go(key);
            }
            stays
        });
        for key in world.clusters() {
            let declared = world.declared(&key).filter(|declared| !declared.deleting);
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

/// Keeps one cluster until it is deleted.
async fn keep_one(context: Arc<Context>, key: ClusterKey, uid: String) {
    let wake = context.world.wake_of(&key);
    let memory = loop {
        match load_memory(&context.client, &key, &uid).await {
            Ok(memory) => break memory,
            Err(error) => {
                warn!(cluster = %key, %error, "what is to be remembered cannot be read yet");
                tokio::time::sleep(AGAIN).await;
            }
        }
    };
    let mut teller = context.tellers.of(&key, &uid);
    let Some(mut cluster) = readable(&context, &key, &uid, &mut teller).await else {
        return;
    };
    let platform = KubernetesPlatform::new(
        context.client.clone(),
        context.world.clone(),
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
            // What was declared before stays true for what runs.
            Some(Err(why)) => teller.unreadable(&why),
        }
        let started = Instant::now();
        let pause = match reconciler.pass(&cluster, &mut teller).await {
            Ok(pause) => {
                teller.passed(started.elapsed());
                pause
            }
            Err(error) => {
                teller.failed(&error);
                AGAIN
            }
        };
        reconciler.wait(pause).await;
    }
}

/// Waits for a declaration that can be read; none where the cluster is deleted before.
async fn readable(
    context: &Context,
    key: &ClusterKey,
    uid: &str,
    teller: &mut Teller,
) -> Option<RedisCluster> {
    let wake = context.world.wake_of(key);
    loop {
        match declared(context, key, uid)? {
            Ok(cluster) => return Some(cluster),
            Err(why) => teller.unreadable(&why),
        }
        wake.notified().await;
    }
}

/// The cluster as it is declared now; none where it is deleted.
fn declared(
    context: &Context,
    key: &ClusterKey,
    uid: &str,
) -> Option<Result<RedisCluster, String>> {
    let declared = context.world.declared(key)?;
    is_live(&declared, uid).then(|| declared.cluster.clone())
}
