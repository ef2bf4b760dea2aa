//! `slotkeeper local up`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use clap::Args;
use slotkeeper_crds::RedisCluster;
use tokio::sync::Notify;

use super::hints::Hints;
use super::lock::{self, Taken};
use super::progress::{Printer, say};
use crate::interrupts::Interrupts;
use crate::model::Memory;
use crate::platform::created::{MAXMEMORY_PERCENT, noted_on, with_defaults};
use crate::platform::directives::complete;
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
    /// The port of the first node; the other nodes use the following ports [default: 6379, or that
    /// of the directory].
    #[arg(long)]
    base_port: Option<u16>,
    /// The program of the nodes [default: slotkeeper-node beside this program].
    #[arg(long, env = "SLOTKEEPER_NODE")]
    node_binary: Option<PathBuf>,
    /// Exit as soon as the cluster is Ready and leave the nodes running. A node that dies is then
    /// not restarted; the next `up` adopts the nodes.
    #[arg(long)]
    detach: bool,
}

/// A file that is missing for less time is being replaced.
const REPLACING: Duration = Duration::from_secs(2);

/// A manifest file that may be edited at any time.
struct ManifestFile {
    path: PathBuf,
    stamp: Option<(SystemTime, u64)>,
    /// Since when it is missing, and whether that was printed.
    gone: Option<(Instant, bool)>,
    manifest: Manifest,
    /// The directives with their values, as the node's program reports them.
    values: BTreeMap<String, String>,
    /// The node's program.
    binary: PathBuf,
}

impl Up {
    /// Runs until Ctrl-C or SIGTERM, or until Ready with `--detach`.
    pub async fn run(self) -> Result<(), String> {
        let start = Instant::now();
        let mut interrupts = Interrupts::catch()?;
        let stamp = stamp(&self.file);
        let mut manifest = read(&self.file, None)?;
        let name = manifest.cluster.metadata.name.clone().unwrap_or_default();
        let binary = node_program(self.node_binary.as_deref())?;
        let dir = self.dir.clone().unwrap_or_else(|| default_dir(&name));
        let percent = load_cluster(&dir)?.map_or(Some(MAXMEMORY_PERCENT), |old| noted_on(&old));
        manifest.cluster = with_defaults(&manifest.cluster, percent);
        let values = validated(&self.file, &manifest, &binary)?;
        std::fs::create_dir_all(&dir)
            .map_err(|error| format!("cannot create {}: {error}", dir.display()))?;
        let dir = dir
            .canonicalize()
            .map_err(|error| format!("{}: {error}", dir.display()))?;
        let _lock = match lock::take(&dir)? {
            Taken::Ours(lock) => lock,
            Taken::By(pid) => {
                return Err(format!(
                    "process {pid} runs the cluster in {} already",
                    dir.display()
                ));
            }
        };
        let mut manifest_file = ManifestFile {
            path: self.file.clone(),
            stamp,
            gone: None,
            manifest: self.continued(manifest, &dir)?,
            values,
            binary: binary.clone(),
        };
        let layout = self.layout(name.clone(), dir, &manifest_file.manifest)?;
        let wake = Arc::new(Notify::new());
        let manifest = &manifest_file.manifest;
        let tell = Arc::new(move |text: &str| say(start, text));
        let dir = layout.dir.clone();
        // A directory without a cluster certainly has no votes to remember.
        let fresh = !Layout::cluster_file(&dir).exists();
        let memory = load_memory(&dir)?.or_else(|| fresh.then(Memory::default));
        let values = manifest_file.values.clone();
        let opened = LocalPlatform::open(layout, binary, manifest, values, wake.clone(), tell);
        let platform = opened.inspect_err(|_| remove_unused(&dir))?;
        save_cluster(&platform.layout().dir, &manifest.cluster)
            .and_then(|()| {
                let path = std::path::absolute(&self.file)?;
                save_manifest(&platform.layout().dir, &path)
            })
            .map_err(|error| error.to_string())?;
        let mut reconciler =
            Reconciler::new(platform, manifest.cluster.status.clone(), memory, wake);
        let hints = Hints {
            port: reconciler.platform().layout().base_port,
            has_password: manifest.password.is_some(),
            dir: self.dir.clone(),
            name: name.clone(),
            program: std::env::args().next().unwrap_or_default(),
        };
        let mut printer = Printer::new(&name, start, hints);
        tokio::select! {
            () = self.reconcile(&mut reconciler, &mut manifest_file, &mut printer) => {}
            () = interrupts.wait() => {}
        }
        self.finish(&reconciler, &mut interrupts, &printer).await;
        Ok(())
    }

    /// Runs passes until cancelled, or until Ready with `--detach`.
    async fn reconcile(
        &self,
        reconciler: &mut Reconciler<LocalPlatform>,
        manifest_file: &mut ManifestFile,
        printer: &mut Printer,
    ) {
        let mut trouble = String::new();
        loop {
            if let Some(news) = manifest_file.missed(Instant::now()) {
                printer.say(&news);
            }
            if let Some(edited) = manifest_file.edited() {
                match edited {
                    Ok(()) => {
                        printer.say("the manifest has changed");
                        let values = manifest_file.values.clone();
                        let platform = reconciler.platform();
                        platform.apply(&manifest_file.manifest.cluster, values);
                    }
                    Err(error) => printer.say(&format!(
                        "the edited manifest is refused, the previous one stays in effect: {error}"
                    )),
                }
            }
            let pause = match reconciler
                .pass(&manifest_file.manifest.cluster, printer)
                .await
            {
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
        printer.say("stopping the nodes; a second Ctrl-C leaves them running");
        tokio::select! {
            () = platform.stop() => printer.say("all nodes have ended"),
            () = interrupts.wait() => printer.say("left running"),
        }
    }

    /// The manifest as the next version of the directory's cluster: rules that compare both apply.
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
                    "the ports of the cluster in {} start at {recorded}, not at {asked}",
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

/// Lets the node's program check the directives.
fn validated(
    path: &Path,
    manifest: &Manifest,
    binary: &Path,
) -> Result<BTreeMap<String, String>, String> {
    let Manifest { cluster, .. } = manifest;
    let name = cluster.metadata.name.as_deref().unwrap_or_default();
    check_config(binary, &complete(&cluster.spec))
        .map_err(|error| format!("{}: RedisCluster {name}: {error}", path.display()))
}

/// The error for a changed password: nodes with different passwords could not talk to each other.
fn password_stays(manifest: &Manifest) -> String {
    let auth = manifest.cluster.spec.auth.as_ref();
    let secret = auth.map(|auth| {
        let key = &auth.password_secret_ref;
        format!(" (Secret {}, key {})", key.name, key.key)
    });
    format!(
        "spec.auth.passwordSecretRef{}: the password cannot be changed while nodes run; \
         run `slotkeeper local down`, then start again",
        secret.unwrap_or_default()
    )
}

/// Reads the manifest as the successor of a cluster; a changed spec gets a new generation.
fn succeed(path: &Path, old: &RedisCluster, dir: &Path) -> Result<Manifest, String> {
    let mut manifest = read(path, Some(old))?;
    manifest.cluster = with_defaults(&manifest.cluster, noted_on(old));
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

impl ManifestFile {
    /// What to print about a file that is missing, or is back.
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
            "the manifest {path} is gone: the cluster keeps its last content"
        ))
    }

    /// None while the file is unchanged; else whether its new text was accepted.
    fn edited(&mut self) -> Option<Result<(), String>> {
        let stamp = stamp(&self.path);
        if stamp == self.stamp || stamp.is_none() {
            return None;
        }
        self.stamp = stamp;
        let old = &self.manifest;
        let taken = read(&self.path, Some(&old.cluster)).and_then(|mut new| {
            new.cluster = with_defaults(&new.cluster, noted_on(&old.cluster));
            if new.password != old.password {
                return Err(password_stays(&new));
            }
            let values = validated(&self.path, &new, &self.binary)?;
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

/// Removes a directory that got no cluster.
fn remove_unused(dir: &Path) {
    if !Layout::cluster_file(dir).exists() {
        let _ = std::fs::remove_file(Layout::lock_file(dir));
        // The directory stays if anything else is in it.
        let _ = std::fs::remove_dir(dir);
    }
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.modified().ok()?, meta.len()))
}
