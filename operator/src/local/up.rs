use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use clap::Args;
use slotkeeper_crds::RedisCluster;
use tokio::sync::Notify;

use super::lock::{self, Taken};
use super::progress::{Printer, say};
use crate::interrupts::Interrupts;
use crate::model::Memory;
use crate::platform::local::{
    Layout, LocalPlatform, State, default_dir, load_cluster, load_memory, save_cluster,
    save_manifest,
};
use crate::platform::manifest::{Manifest, read};
use crate::platform::{check_config, node_program};
use crate::reconcile::{Reconciler, is_ready};

/// Run the cluster of a manifest.
#[derive(Args)]
pub struct Up {
    /// The manifest: a RedisCluster, and the Secret that it names, in one YAML file.
    #[arg(short, long)]
    file: PathBuf,
    /// Where the data of the nodes is [default: .slotkeeper/NAME].
    #[arg(long)]
    dir: Option<PathBuf>,
    /// The port of the first node; the others have the next ones [default: 6379, or that of the
    /// directory].
    #[arg(long)]
    base_port: Option<u16>,
    /// The program of the nodes [default: slotkeeper-node beside this program].
    #[arg(long, env = "SLOTKEEPER_NODE")]
    node_binary: Option<PathBuf>,
    /// Exit as soon as the cluster is Ready and leave the nodes running. Nobody restarts them then;
    /// the next `up` adopts them.
    #[arg(long)]
    detach: bool,
}

/// A file that is gone for less is being replaced.
const REPLACING: Duration = Duration::from_secs(2);

/// A manifest file that may be edited at any time.
struct Watched {
    path: PathBuf,
    stamp: Option<(SystemTime, u64)>,
    /// Since when it is gone, and whether that was said.
    gone: Option<(Instant, bool)>,
    manifest: Manifest,
    /// What the node's program says of its directives.
    values: BTreeMap<String, String>,
    /// The node's program.
    binary: PathBuf,
}

impl Up {
    /// Runs until Ctrl-C, SIGTERM, or Ready where that is asked for.
    pub async fn run(self) -> Result<(), String> {
        let start = Instant::now();
        let mut interrupts = Interrupts::catch()?;
        let stamp = stamp(&self.file);
        let manifest = read(&self.file, None)?;
        let name = manifest.cluster.metadata.name.clone().unwrap_or_default();
        let binary = node_program(self.node_binary.as_deref())?;
        let values = judged(&self.file, &manifest, &binary)?;
        let dir = self.dir.clone().unwrap_or_else(|| default_dir(&name));
        std::fs::create_dir_all(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        let dir = dir
            .canonicalize()
            .map_err(|error| format!("{}: {error}", dir.display()))?;
        let _lock = match lock::take(&dir)? {
            Taken::Ours(lock) => lock,
            Taken::By(pid) => {
                return Err(format!(
                    "process {pid} keeps the cluster in {} already",
                    dir.display()
                ));
            }
        };
        let mut watched = Watched {
            path: self.file.clone(),
            stamp,
            gone: None,
            manifest: self.continued(manifest, &dir)?,
            values,
            binary: binary.clone(),
        };
        let layout = self.layout(name.clone(), dir, &watched.manifest)?;
        let wake = Arc::new(Notify::new());
        let manifest = &watched.manifest;
        let tell = Arc::new(move |text: &str| say(start, text));
        let dir = layout.dir.clone();
        // A directory without a cluster has nothing to be remembered, which is known for sure.
        let fresh = !Layout::cluster_file(&dir).exists();
        let memory = load_memory(&dir)?.or_else(|| fresh.then(Memory::default));
        let values = watched.values.clone();
        let opened = LocalPlatform::open(layout, binary, manifest, values, wake.clone(), tell);
        let platform = opened.inspect_err(|_| remove_unused(&dir))?;
        save_cluster(&platform.layout().dir, &manifest.cluster)
            .and_then(|()| {
                let path = std::path::absolute(&self.file)?;
                save_manifest(&platform.layout().dir, &path)
            })
            .map_err(|error| format!("cannot write to the directory: {error}"))?;
        let mut reconciler =
            Reconciler::new(platform, manifest.cluster.status.clone(), memory, wake);
        let mut printer = Printer::new(&name, start);
        tokio::select! {
            () = self.reconcile(&mut reconciler, &mut watched, &mut printer) => {}
            () = interrupts.wait() => {}
        }
        self.finish(&reconciler, &mut interrupts, &printer).await;
        Ok(())
    }

    /// Passes without end, or until Ready where that is asked for.
    async fn reconcile(
        &self,
        reconciler: &mut Reconciler<LocalPlatform>,
        watched: &mut Watched,
        printer: &mut Printer,
    ) {
        let mut trouble = String::new();
        loop {
            if let Some(news) = watched.missed(Instant::now()) {
                printer.say(&news);
            }
            if let Some(edited) = watched.edited() {
                match edited {
                    Ok(()) => {
                        printer.say("the manifest has changed");
                        let values = watched.values.clone();
                        let platform = reconciler.platform();
                        platform.apply(&watched.manifest.cluster, values);
                    }
                    Err(error) => printer.say(&format!(
                        "the edited manifest is refused, the one before stays: {error}"
                    )),
                }
            }
            let pause = match reconciler.pass(&watched.manifest.cluster, printer).await {
                Ok(pause) => {
                    trouble.clear();
                    pause
                }
                Err(error) => {
                    let error = error.to_string();
                    if error != trouble {
                        printer.say(&error);
                        trouble = error;
                    }
                    std::time::Duration::from_secs(1)
                }
            };
            if self.detach && reconciler.status().is_some_and(is_ready) {
                return;
            }
            reconciler.wait(pause).await;
        }
    }

    async fn finish(
        &self,
        reconciler: &Reconciler<LocalPlatform>,
        interrupts: &mut Interrupts,
        printer: &Printer,
    ) {
        let platform = reconciler.platform();
        if self.detach && reconciler.status().is_some_and(is_ready) {
            platform.leave().await;
            printer.say("the nodes go on running; `slotkeeper local down` stops them");
            return;
        }
        printer.say("stopping the nodes; once more Ctrl-C leaves them as they are");
        tokio::select! {
            () = platform.stop() => printer.say("all nodes have ended"),
            () = interrupts.wait() => printer.say("left as they are"),
        }
    }

    /// The manifest as the next version of what the directory has: rules that compare are asked.
    fn continued(&self, manifest: Manifest, dir: &Path) -> Result<Manifest, String> {
        match load_cluster(dir)? {
            Some(old) => succeed(&self.file, &old, dir),
            None => {
                let mut manifest = manifest;
                manifest.cluster.metadata.generation = Some(1);
                Ok(manifest)
            }
        }
    }

    fn layout(&self, name: String, dir: PathBuf, manifest: &Manifest) -> Result<Layout, String> {
        let recorded = State::load(&dir)?.map(|state| state.base_port);
        let base_port = match (self.base_port, recorded) {
            (Some(asked), Some(recorded)) if asked != recorded => {
                return Err(format!(
                    "the cluster in {} has its ports from {recorded} on, not {asked}",
                    dir.display()
                ));
            }
            (asked, recorded) => asked.or(recorded).unwrap_or(6379),
        };
        Ok(Layout {
            name,
            dir,
            base_port,
            shards: u32::from(manifest.cluster.spec.shards),
        })
    }
}

/// Lets the node's program judge the directives.
fn judged(
    path: &Path,
    manifest: &Manifest,
    binary: &Path,
) -> Result<BTreeMap<String, String>, String> {
    let Manifest { cluster, .. } = manifest;
    let name = cluster.metadata.name.as_deref().unwrap_or_default();
    check_config(binary, &cluster.spec.config)
        .map_err(|error| format!("{}: RedisCluster {name}: {error}", path.display()))
}

/// Nodes and clients would not understand each other while one has the new password and another
/// has the old one.
fn password_stays(manifest: &Manifest) -> String {
    let auth = manifest.cluster.spec.auth.as_ref();
    let secret = auth.map(|auth| {
        let key = &auth.password_secret_ref;
        format!(" (Secret {}, key {})", key.name, key.key)
    });
    format!(
        "spec.auth.passwordSecretRef{}: the password cannot be changed while nodes run; \
         `slotkeeper local down` stops them, and the next start has the new one",
        secret.unwrap_or_default()
    )
}

/// Reads the manifest as the successor of a cluster: a new generation if its spec is another one.
fn succeed(path: &Path, old: &RedisCluster, dir: &Path) -> Result<Manifest, String> {
    let mut manifest = read(path, Some(old))?;
    let password = std::fs::read_to_string(Layout::password_file(dir)).ok();
    let other = password.is_some_and(|old| old != manifest.password.as_deref().unwrap_or_default());
    if other && State::load(dir)?.is_some_and(|state| state.runs(dir, old)) {
        return Err(format!("{}: {}", path.display(), password_stays(&manifest)));
    }
    let changed = u8::from(manifest.cluster.spec != old.spec);
    let generation = old.metadata.generation.unwrap_or(0) + i64::from(changed);
    manifest.cluster.metadata.generation = Some(generation);
    manifest.cluster.status.clone_from(&old.status);
    Ok(manifest)
}

impl Watched {
    /// What there is to say of a file that is gone, or has come back.
    fn missed(&mut self, now: Instant) -> Option<String> {
        let path = self.path.display();
        if stamp(&self.path).is_some() {
            let (_, said) = self.gone.take()?;
            return said.then(|| format!("the manifest {path} is back"));
        }
        let (since, said) = self.gone.get_or_insert((now, false));
        if *said || now.duration_since(*since) < REPLACING {
            return None;
        }
        *said = true;
        Some(format!(
            "the manifest {path} is gone: the cluster goes on as what it said last"
        ))
    }

    /// None while the file is as it was; else whether its new text was taken.
    fn edited(&mut self) -> Option<Result<(), String>> {
        let stamp = stamp(&self.path);
        if stamp == self.stamp || stamp.is_none() {
            return None;
        }
        self.stamp = stamp;
        let old = &self.manifest;
        let taken = read(&self.path, Some(&old.cluster)).and_then(|mut new| {
            if new.password != old.password {
                return Err(password_stays(&new));
            }
            let values = judged(&self.path, &new, &self.binary)?;
            let generation = old.cluster.metadata.generation.unwrap_or(0);
            let same = new.cluster.spec == old.cluster.spec;
            new.cluster.metadata.generation = Some(generation + i64::from(!same));
            new.cluster.status.clone_from(&old.cluster.status);
            Ok((!same).then_some((new, values)))
        });
        match taken {
            Ok(Some((new, values))) => {
                self.manifest = new;
                self.values = values;
                Some(Ok(()))
            }
            Ok(None) => None,
            Err(error) => Some(Err(error)),
        }
    }
}

/// Removes a directory in which there is no cluster after all.
fn remove_unused(dir: &Path) {
    if !Layout::cluster_file(dir).exists() {
        let _ = std::fs::remove_file(Layout::lock_file(dir));
        // It stays if there is anything else in it.
        let _ = std::fs::remove_dir(dir);
    }
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.modified().ok()?, meta.len()))
}
