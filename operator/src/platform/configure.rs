//! Applies the directives of the manifest to running nodes, on every platform: each process is
//! asked once for its values, and gets CONFIG SET for those that differ. Directives that need a
//! restart are noted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{ErrorKind, RedisError, cmd};
use slotkeeper_crds::RedisClusterSpec;
use slotkeeper_crds::owned::OWNED;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::links::{DEADLINE, Links, silence};
use crate::model::{Address, MemoryBounds, PodIndex, PodPhase, PodUid, PodView, Silence};

/// A node that did not answer is asked again after this time.
const AGAIN: Duration = Duration::from_secs(1);
/// A node that did answer is asked again after this time whether it is still the same process.
const SAME: Duration = Duration::from_secs(10);

/// The running nodes, and the values that they should have.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Running {
    nodes: BTreeMap<PodIndex, Node>,
    password: Option<String>,
    values: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq)]
struct Node {
    uid: PodUid,
    address: Address,
    /// Its `maxmemory`, where it follows the memory limit of its own pod.
    maxmemory: Option<String>,
}

/// The directives as applied to a process. A restarted process has another run id.
#[derive(Clone, Debug, PartialEq)]
struct Applied {
    uid: PodUid,
    run_id: String,
    values: BTreeMap<String, String>,
    /// Directives that take effect only after a restart.
    at_start: BTreeSet<String>,
}

/// What was applied, by pod.
type AllApplied = BTreeMap<PodIndex, Applied>;

/// Keeps the nodes of one cluster configured, until it is dropped.
#[derive(Debug)]
pub struct Configurator {
    running: watch::Sender<Running>,
    applied: watch::Receiver<AllApplied>,
    task: JoinHandle<()>,
}

impl Running {
    /// The nodes of these pods. `values` is the result of [`check_config`] for the manifest of `spec`.
    ///
    /// [`check_config`]: super::check_config
    #[must_use]
    pub fn of(
        pods: &BTreeMap<PodIndex, PodView>,
        password: Option<String>,
        values: BTreeMap<String, String>,
        spec: &RedisClusterSpec,
    ) -> Running {
        let running = pods
            .iter()
            .filter(|(_, pod)| pod.phase == PodPhase::Running);
        let nodes = running.filter_map(|(index, pod)| {
            let (uid, address) = (pod.uid.clone(), pod.address.clone()?);
            let maxmemory = MemoryBounds::maxmemory_within(spec, pod.memory_limit);
            let node = Node {
                uid,
                address,
                maxmemory: maxmemory.map(|bytes| bytes.to_string()),
            };
            Some((*index, node))
        });
        Running {
            nodes: nodes.collect(),
            password,
            values,
        }
    }

    /// The values of one of them.
    fn values_of(&self, node: &Node) -> BTreeMap<String, String> {
        let mut values = self.values.clone();
        if let Some(maxmemory) = &node.maxmemory {
            values.insert("maxmemory".to_owned(), maxmemory.clone());
        }
        values
    }

    /// Whether the desired values were applied to all of them.
    fn is_applied(&self, applied: &AllApplied) -> bool {
        let was = |(index, node): (&PodIndex, &Node)| {
            let applied = applied.get(index);
            applied.is_some_and(|applied| {
                applied.uid == node.uid && applied.values == self.values_of(node)
            })
        };
        self.nodes.iter().all(was)
    }
}

impl Configurator {
    /// Starts the task for the nodes of a cluster. `say` gets a line for people for every directive
    /// that was applied or refused.
    #[must_use]
    pub fn start(say: impl Fn(PodIndex, &str) + Send + Sync + 'static) -> Configurator {
        let (running, seen) = watch::channel(Running::default());
        let (applying, applied) = watch::channel(AllApplied::default());
        let task = tokio::spawn(keep_configured(seen, applying, say));
        Configurator {
            running,
            applied,
            task,
        }
    }

    /// Takes the running nodes that a pass saw.
    pub fn update(&self, running: Running) {
        self.running.send_if_modified(|known| {
            let news = *known != running;
            *known = running;
            news
        });
    }

    /// The directives that wait for a restart of the node in that pod; none until it was asked.
    #[must_use]
    pub fn restart_for(&self, index: PodIndex, uid: &PodUid) -> Option<Vec<String>> {
        let applied = self.applied.borrow();
        let applied = applied.get(&index).filter(|applied| applied.uid == *uid);
        applied.map(|applied| applied.at_start.iter().cloned().collect())
    }

    /// Waits until the values are applied to every node of the last pass: without a limit, if a
    /// node does not answer.
    pub async fn all_applied(&self) {
        let running = self.running.borrow().clone();
        let mut applied = self.applied.clone();
        // It fails if the task has ended; then nothing more is applied.
        let _ = applied
            .wait_for(|applied| running.is_applied(applied))
            .await;
    }
}

impl Drop for Configurator {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn keep_configured(
    mut seen: watch::Receiver<Running>,
    applied: watch::Sender<AllApplied>,
    say: impl Fn(PodIndex, &str) + Sync,
) {
    let links = Links::new(Arc::new(Notify::new()));
    loop {
        let running = seen.borrow_and_update().clone();
        links.set_password(running.password.as_deref());
        links.keep(|index| running.nodes.contains_key(&index));
        applied.send_modify(|applied| applied.retain(|index, _| running.nodes.contains_key(index)));
        let mut pause = SAME;
        for (index, node) in &running.nodes {
            let before = applied.borrow().get(index).cloned();
            let say = |text: &str| say(*index, text);
            let values = running.values_of(node);
            match apply(&links, *index, node, values, before, say).await {
                Some(now) => applied.send_modify(|applied| drop(applied.insert(*index, now))),
                None => {
                    links.drop_link(*index);
                    pause = AGAIN;
                }
            }
        }
        tokio::select! {
            changed = seen.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Applies the values to a node; none if it did not answer.
async fn apply(
    links: &Links,
    index: PodIndex,
    node: &Node,
    values: BTreeMap<String, String>,
    before: Option<Applied>,
    say: impl Fn(&str) + Sync,
) -> Option<Applied> {
    let mut connection = links.get(index, &node.address).await.ok()?;
    let run_id = run_id(&mut connection).await?;
    if let Some(before) = before
        && (&before.uid, &before.run_id, &before.values) == (&node.uid, &run_id, &values)
    {
        return Some(before);
    }
    let mut get = cmd("CONFIG");
    get.arg("GET").arg("*");
    let has: BTreeMap<String, String> = ask(&mut connection, &get).await?;
    let mut at_start = BTreeSet::new();
    for (name, value) in outdated(&has, &values) {
        let mut set = cmd("CONFIG");
        set.arg("SET").arg(name).arg(value);
        let answer = tokio::time::timeout(DEADLINE, set.query_async::<()>(&mut connection));
        match answer.await.ok()? {
            Ok(()) => say(&links.line(&format!("{name} is now {value:?}"))),
            Err(error) if is_for_now(&error) => return None,
            Err(error) => {
                let why = links.line(&reason(&error));
                say(&format!("{name} waits for a restart: {why}"));
                at_start.insert(name.to_owned());
            }
        }
    }
    Some(Applied {
        uid: node.uid.clone(),
        run_id,
        values,
        at_start,
    })
}

/// The directives whose values differ from the desired ones, without those that the operator sets.
fn outdated<'a>(
    has: &BTreeMap<String, String>,
    values: &'a BTreeMap<String, String>,
) -> Vec<(&'a str, &'a str)> {
    let owned = |name: &str| OWNED.iter().any(|owned| owned.directive == name);
    let differs = |name: &str, value: &str| has.get(name).is_some_and(|has| has != value);
    let values = values.iter().map(|(name, value)| (&**name, &**value));
    values
        .filter(|(name, value)| differs(name, value) && !owned(name))
        .collect()
}

/// Whether another try may succeed: the node does not answer, loads its data, or executes a long
/// command.
fn is_for_now(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Io || matches!(silence(error), Silence::Loading | Silence::Busy)
}

/// The last part of `CONFIG SET failed (possibly related to argument 'x') - reason`.
fn reason(error: &RedisError) -> String {
    let said = error
        .detail()
        .map_or_else(|| error.to_string(), str::to_owned);
    let last = said.rsplit(" - ").next().unwrap_or_default();
    last.to_owned()
}

async fn run_id(connection: &mut MultiplexedConnection) -> Option<String> {
    let mut info = cmd("INFO");
    info.arg("server");
    let text: String = ask(connection, &info).await?;
    let mut lines = text.lines();
    let run_id = lines.find_map(|line| line.strip_prefix("run_id:"))?;
    Some(run_id.trim().to_owned())
}

async fn ask<T: redis::FromRedisValue>(
    connection: &mut MultiplexedConnection,
    question: &redis::Cmd,
) -> Option<T> {
    let answer = tokio::time::timeout(DEADLINE, question.query_async(connection));
    answer.await.ok()?.ok()
}

#[cfg(test)]
mod tests;
