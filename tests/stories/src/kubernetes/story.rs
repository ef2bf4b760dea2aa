//! A story on Kubernetes: its namespace, and what it leaves when it fails.

use std::fs;
use std::future::Future;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::{Api, Client};
use slotkeeper_crds::RedisCluster;
use tokio::runtime::Runtime;

use super::operator::Operator;
use super::{Cluster, run};
use crate::patience::until;
use crate::readme::root;

/// One story with its own namespace, which is deleted at the end. The state of a failed story is
/// collected in a folder, and its path printed.
pub struct Story {
    name: String,
    namespace: String,
    client: Client,
    runtime: Runtime,
    _operator: Operator,
}

impl Story {
    /// A story that runs beside others.
    #[must_use]
    pub fn begin(name: &str) -> Story {
        Story::with(name, Operator::shared())
    }

    /// A story that runs alone, because it stops the operator or a host.
    #[must_use]
    pub fn alone(name: &str) -> Story {
        Story::with(name, Operator::alone())
    }

    fn with(name: &str, operator: Operator) -> Story {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("this machine has an epoll");
        let client = runtime.block_on(Client::try_default());
        let client = client.expect("KUBECONFIG leads to a cluster");
        let namespace = format!("story-{}-{}", name.replace('_', "-"), std::process::id());
        let story = Story {
            name: name.to_owned(),
            namespace,
            client,
            runtime,
            _operator: operator,
        };
        story.create_namespace(&story.namespace);
        story
    }

    /// Creates another namespace; its name starts with that of the story.
    #[must_use]
    pub fn further_namespace(&self, suffix: &str) -> String {
        let namespace = format!("{}-{suffix}", self.namespace);
        self.create_namespace(&namespace);
        namespace
    }

    /// The namespace of the story.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Applies the example's manifest, changed by replacing texts in it.
    ///
    /// # Panics
    /// When a text to replace is not there, or the manifest is refused.
    #[must_use]
    pub fn apply(&self, changes: &[(&str, &str)]) -> Cluster<'_> {
        let text = manifest(changes);
        let applied = self.try_apply(&self.namespace, &text);
        applied.unwrap_or_else(|error| panic!("the manifest is refused: {error}"));
        self.cluster("tour")
    }

    /// `kubectl apply` of a manifest.
    ///
    /// # Errors
    /// With what kubectl printed, when it is refused.
    pub fn try_apply(&self, namespace: &str, text: &str) -> Result<String, String> {
        let file = std::env::temp_dir().join(format!("{namespace}.yaml"));
        fs::write(&file, text).map_err(|error| error.to_string())?;
        let applied = run(kubectl(namespace).args(["apply", "-f"]).arg(&file));
        // A file that is left in the temporary folder does no harm.
        let _ = fs::remove_file(&file);
        applied
    }

    /// A RedisCluster in the namespace of the story.
    #[must_use]
    pub fn cluster(&self, name: &str) -> Cluster<'_> {
        self.cluster_in(&self.namespace, name)
    }

    /// A RedisCluster in a namespace.
    #[must_use]
    pub fn cluster_in(&self, namespace: &str, name: &str) -> Cluster<'_> {
        Cluster::new(self, namespace, name)
    }

    /// Runs kubectl in the namespace of the story; returns what it printed.
    ///
    /// # Panics
    /// When it fails.
    #[must_use]
    pub fn kubectl(&self, args: &[&str]) -> String {
        let said = run(kubectl(&self.namespace).args(args));
        said.unwrap_or_else(|error| panic!("{error}"))
    }

    /// A kubeconfig whose current namespace is that of the story.
    ///
    /// # Panics When kubectl cannot create it.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        let file = std::env::temp_dir().join(format!("{}.kubeconfig", self.namespace));
        if !file.exists() {
            let text = self.kubectl(&["config", "view", "--raw", "--flatten"]);
            fs::write(&file, text).expect("the temporary folder can be written");
            let path = file.to_str().expect("its name is plain text");
            let set = ["--kubeconfig", path, "config", "set-context", "--current"];
            let _ = self.kubectl(&[&set[..], &["--namespace", &self.namespace]].concat());
        }
        file
    }

    /// Runs a verb of the rig.
    ///
    /// # Panics
    /// When it fails, or the stories do not run on a rig.
    pub fn rig(&self, args: &[&str]) {
        let rig = root().join("tests/rig/rig");
        run(Command::new(rig).args(args)).unwrap_or_else(|error| panic!("{error}"));
    }

    /// The API of a kind in a namespace.
    #[must_use]
    pub fn api<K>(&self, namespace: &str) -> Api<K>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// The API of a kind that has no namespace.
    #[must_use]
    pub fn api_of_all<K>(&self) -> Api<K>
    where
        K: kube::Resource,
        K::DynamicType: Default,
    {
        Api::all(self.client.clone())
    }

    /// Waits for the answer of the API server.
    pub fn wait<T>(&self, request: impl Future<Output = T>) -> T {
        self.runtime.block_on(request)
    }

    fn create_namespace(&self, name: &str) {
        let mut namespace = Namespace::default();
        namespace.metadata.name = Some(name.to_owned());
        let namespaces: Api<Namespace> = self.api_of_all();
        let created = self.wait(namespaces.create(&PostParams::default(), &namespace));
        created.unwrap_or_else(|error| panic!("namespace {name}: {error}"));
    }

    /// The namespaces of the story.
    fn namespaces(&self) -> Vec<String> {
        let namespaces: Api<Namespace> = self.api_of_all();
        let all = self.wait(namespaces.list(&ListParams::default()));
        let names = all.into_iter().flatten();
        let names = names.filter_map(|namespace| namespace.metadata.name);
        names
            .filter(|name| name.starts_with(&self.namespace))
            .collect()
    }

    /// Deletes the clusters and waits until their pods are gone, so that they do not run beside the
    /// next story; the namespaces are deleted in the background.
    fn clean_up(&self) {
        for namespace in self.namespaces() {
            let clusters: Api<RedisCluster> = self.api(&namespace);
            let params = DeleteParams::default();
            let all = ListParams::default();
            let deleted = self.wait(clusters.delete_collection(&params, &all));
            deleted.expect("RedisClusters can be deleted");
            let pods: Api<Pod> = self.api(&namespace);
            until(Duration::from_secs(120), "the pods are gone", || {
                let left = self.wait(pods.list(&all));
                left.is_ok_and(|left| left.items.is_empty())
            });
            let namespaces: Api<Namespace> = self.api_of_all();
            let deleted = self.wait(namespaces.delete(&namespace, &params));
            deleted.expect("the namespace can be deleted");
        }
    }

    /// Collects what helps to understand a failure; returns the folder.
    fn collect(&self) -> PathBuf {
        let name = format!("slotkeeper-story-{}-{}", self.name, std::process::id());
        let folder = std::env::temp_dir().join(name);
        // A file that cannot be written is missing there; the failure of the story is still
        // reported.
        let _ = fs::create_dir_all(&folder);
        for namespace in self.namespaces() {
            let pods: Api<Pod> = self.api(&namespace);
            let pods = self.wait(pods.list(&ListParams::default()));
            for pod in pods.into_iter().flatten() {
                let name = pod.metadata.name.unwrap_or_default();
                let Some(ip) = pod.status.and_then(|status| status.pod_ip) else {
                    continue;
                };
                let cli = crate::cli::Cli::on(&ip, 6379).with_password(crate::local::PASSWORD);
                let nodes = cli.run(&["CLUSTER", "NODES"]);
                let text = nodes.unwrap_or_else(|error| error);
                let _ = fs::write(folder.join(format!("{namespace}-{name}.nodes")), text);
            }
        }
        let rig = root().join("tests/rig/rig");
        if let Err(error) = run(Command::new(rig).arg("collect").arg(&folder)) {
            let _ = fs::write(folder.join("collect.error"), error);
        }
        folder
    }
}

impl Drop for Story {
    fn drop(&mut self) {
        let kubeconfig = format!("{}.kubeconfig", self.namespace);
        // Few stories have one.
        let _ = fs::remove_file(std::env::temp_dir().join(kubeconfig));
        if std::thread::panicking() {
            eprintln!("what the story left: {}", self.collect().display());
            // A second panic would hide the first.
            let _ = run(Command::new("kubectl")
                .args(["delete", "namespace", "--wait=false"])
                .args(self.namespaces()));
        } else {
            self.clean_up();
        }
    }
}

/// The example's manifest, changed by replacing texts in it.
///
/// # Panics
/// When a text to replace is not there: the example has changed.
#[must_use]
pub fn manifest(changes: &[(&str, &str)]) -> String {
    let example = root().join("examples/rediscluster.yaml");
    let mut text = fs::read_to_string(example).expect("the example is part of the repository");
    for (old, new) in changes {
        assert!(text.contains(old), "the example no longer says {old:?}");
        text = text.replace(old, new);
    }
    text
}

fn kubectl(namespace: &str) -> Command {
    let mut command = Command::new("kubectl");
    command.args(["--namespace", namespace]);
    command
}
