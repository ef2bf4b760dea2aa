//! `slotkeeper plan`: what the next pass would do, and what it waits for. Nothing is changed.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use slotkeeper_crds::RedisCluster;
use tokio::sync::Notify;

use crate::links::Links;
use crate::model::{Desired, Plan, Seen};
use crate::observe::observe;
use crate::planner::plan;
use crate::platform::Platform;
use crate::platform::kubernetes::objects::Settings;
use crate::platform::kubernetes::{Cache, ClusterKey, KubernetesPlatform, load_memory};
use crate::platform::manifest;
use crate::terminal::print;

/// How long the API server may take to list everything.
const PATIENCE: Duration = Duration::from_secs(10);

/// Print what the next pass would do to a cluster on Kubernetes, and what it waits for. Nothing is
/// changed.
///
/// Nodes are asked at the addresses of their pods. Nodes that cannot be reached from here count as
/// not answering.
#[derive(Args)]
pub struct Preview {
    /// The manifest: a RedisCluster, alone or among other documents.
    #[arg(short, long)]
    file: PathBuf,
    /// The namespace, if the manifest names none [default: that of the kubeconfig's context].
    #[arg(short, long)]
    namespace: Option<String>,
    /// The context of the kubeconfig [default: the current one].
    #[arg(long)]
    context: Option<String>,
}

/// The cluster to preview.
struct Subject {
    key: ClusterKey,
    cluster: RedisCluster,
    /// The password from the Secret in the same file, which would be applied with it.
    password: Option<String>,
    /// Whether the manifest was never applied.
    is_new: bool,
}

impl Preview {
    /// Observes, plans and prints.
    ///
    /// # Errors When the manifest is refused, or the API server does not answer.
    pub async fn run(self) -> Result<(), String> {
        let config = self.config().await?;
        let client = Client::try_from(config.clone());
        let client = client.map_err(|error| format!("kubeconfig: {error}"))?;
        let key = self.key(&config.default_namespace)?;
        let cache = Cache::watch(&client, std::slice::from_ref(&key.namespace));
        let synced = tokio::time::timeout(PATIENCE, cache.synced()).await;
        synced.map_err(|_| {
            let url = &config.cluster_url;
            format!("{url} has not listed everything within 10 s; is the operator installed?")
        })?;
        let subject = self.subject(key, &cache)?;
        let (desired, plan) = Preview::plan(client, cache, &subject).await?;
        print(text(&subject, &desired, &plan))
    }

    async fn config(&self) -> Result<Config, String> {
        let failed = |error: &dyn std::fmt::Display| format!("kubeconfig: {error}");
        let Some(context) = &self.context else {
            return Config::infer().await.map_err(|error| failed(&error));
        };
        let kubeconfig = Kubeconfig::read().map_err(|error| failed(&error))?;
        let options = KubeConfigOptions {
            context: Some(context.clone()),
            ..KubeConfigOptions::default()
        };
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
        config.map_err(|error| failed(&error))
    }

    fn key(&self, default_namespace: &str) -> Result<ClusterKey, String> {
        let metadata = manifest::read_part(&self.file, None)?.cluster.metadata;
        let namespace = metadata.namespace.or_else(|| self.namespace.clone());
        Ok(ClusterKey {
            namespace: namespace.unwrap_or_else(|| default_namespace.to_owned()),
            name: metadata.name.unwrap_or_default(),
        })
    }

    /// The manifest as it would be after `kubectl apply`.
    fn subject(&self, key: ClusterKey, cache: &Cache) -> Result<Subject, String> {
        let live = cache.declared(&key);
        let live = live.and_then(|declared| declared.cluster.clone().ok());
        let manifest = manifest::read_part(&self.file, live.as_ref())?;
        let mut cluster = manifest.cluster;
        cluster.metadata.namespace = Some(key.namespace.clone());
        if let Some(live) = &live {
            let changed = i64::from(live.spec != cluster.spec);
            let generation = live.metadata.generation.unwrap_or_default();
            cluster.metadata.uid.clone_from(&live.metadata.uid);
            cluster.metadata.generation = Some(generation + changed);
            cluster.status.clone_from(&live.status);
        }
        Ok(Subject {
            key,
            cluster,
            password: manifest.password,
            is_new: live.is_none(),
        })
    }

    async fn plan(
        client: Client,
        cache: Cache,
        subject: &Subject,
    ) -> Result<(Desired, Plan), String> {
        let Subject { key, cluster, .. } = subject;
        let uid = cluster.metadata.uid.clone().unwrap_or_default();
        let memory = load_memory(&client, key, &uid).await?;
        let mut seen = match (memory, &cluster.status) {
            (Some(memory), _) => Seen::from(memory),
            (None, Some(status)) => Seen::from_status(status),
            (None, None) => Seen::default(),
        };
        // For a cluster that does not exist yet they make no difference: everything is missing.
        let settings = KubernetesPlatform::settings_of(&cache, key).unwrap_or(Settings {
            node_image: String::new(),
            node_image_pull_policy: None,
            cluster_domain: String::new(),
        });
        let (cache, settings) = (Arc::new(cache), Arc::new(settings));
        let platform = KubernetesPlatform::new(client, cache, settings, key.clone(), uid);
        let platform = match &subject.password {
            Some(password) => platform.given(password.clone()),
            None => platform,
        };
        let cluster = &platform.as_created(cluster);
        let survey = platform.survey(cluster).await;
        let survey = survey.map_err(|error| error.to_string())?;
        let links = Links::new(Arc::new(Notify::new()));
        let observation = observe(&survey, &links, &mut seen).await;
        let desired = Desired::from(cluster);
        let plan = plan(&desired, &observation);
        Ok((desired, plan))
    }
}

fn text(subject: &Subject, desired: &Desired, plan: &Plan) -> String {
    let Subject { key, is_new, .. } = subject;
    let (shards, pods) = (desired.shards, desired.pods_per_shard());
    let state = if *is_new { ", not applied yet" } else { "" };
    let mut text = format!("RedisCluster {key}: {shards} shards of {pods} nodes{state}\n");
    // Writing to a String cannot fail.
    for planned in &plan.steps {
        let _ = writeln!(
            text,
            "would: {}: {} ({})",
            planned.rule, planned.step, planned.why
        );
        if let Some(loss) = &planned.loss {
            let _ = writeln!(text, "  DATA LOST: {loss}");
        }
    }
    for wait in &plan.waiting {
        let shard = wait.shard.map(|shard| format!(" shard {shard}"));
        let shard = shard.unwrap_or_default();
        let _ = writeln!(text, "waits: {}:{shard} {}", wait.rule, wait.reason);
    }
    if plan.steps.is_empty() && plan.waiting.is_empty() {
        text += "nothing to do\n";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{PlannedStep, Rule, Step, Wait, WaitReason};

    #[test]
    fn prints_steps_and_waits() {
        let subject = Subject {
            key: ClusterKey {
                namespace: "shop".to_owned(),
                name: "tour".to_owned(),
            },
            cluster: RedisCluster::new("tour", slotkeeper_crds::RedisClusterSpec::default()),
            password: None,
            is_new: true,
        };
        let desired = Desired::new("tour", 3, 1);
        let nothing = text(&subject, &desired, &Plan::default());
        assert_eq!(
            nothing,
            "RedisCluster shop/tour: 3 shards of 2 nodes, not applied yet\nnothing to do\n"
        );
        let plan = Plan {
            steps: vec![PlannedStep {
                rule: Rule::Objects,
                shard: Some(1),
                step: Step::EnsureShard { shard: 1, pods: 2 },
                why: "it is not there".to_owned(),
                loss: Some("everything".to_owned()),
            }],
            waiting: vec![Wait {
                rule: Rule::Form,
                shard: Some(2),
                reason: WaitReason::TakeOverInFlight,
                until: None,
            }],
        };
        let text = text(&subject, &desired, &plan);
        let lines: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(
            lines,
            [
                "would: objects: ensure shard 1 has 2 pods (it is not there)",
                "  DATA LOST: everything",
                "waits: form: shard 2 a take over is in flight",
            ]
        );
    }
}
