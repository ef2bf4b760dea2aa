//! Brings the directives of the manifest to the nodes that run: each process is asked once what it
//! has, and told what it should have. What it takes only when it starts is noted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{ErrorKind, cmd};
use slotkeeper_crds::owned::OWNED;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tracing::info;

use super::watched::ClusterKey;
use crate::links::{DEADLINE, Links};
use crate::model::{Address, Phase, Place, PodUid, PodView};

/// A node that did not answer is asked again after that long.
const AGAIN: Duration = Duration::from_secs(1);
/// One that did is asked again after that long whether it is still the same process.
const SAME: Duration = Duration::from_secs(10);

/// The nodes that run, and what they should have.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Running {
    nodes: BTreeMap<Place, Node>,
    password: Option<String>,
    values: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq)]
struct Node {
    uid: PodUid,
    address: Address,
}

/// What a process made of the directives. One that has started again answers with another run id.
#[derive(Clone, Debug, PartialEq)]
struct Told {
    uid: PodUid,
    run_id: String,
    values: BTreeMap<String, String>,
    /// What it takes only when it starts.
    at_start: BTreeSet<String>,
}

/// Keeps the nodes of one cluster configured; ends with it.
#[derive(Debug)]
pub struct Configurator {
    running: watch::Sender<Running>,
    told: Arc<Mutex<BTreeMap<Place, Told>>>,
    task: JoinHandle<()>,
}

impl Running {
    /// The nodes of these pods.
    #[must_use]
    pub fn of(
        pods: &BTreeMap<Place, PodView>,
        password: Option<String>,
        values: BTreeMap<String, String>,
    ) -> Running {
        let running = pods.iter().filter(|(_, pod)| pod.phase == Phase::Running);
        let nodes = running.filter_map(|(place, pod)| {
            let (uid, address) = (pod.uid.clone(), pod.address.clone()?);
            Some((*place, Node { uid, address }))
        });
        Running {
            nodes: nodes.collect(),
            password,
            values,
        }
    }
}

impl Configurator {
    /// For the nodes of a cluster.
    #[must_use]
    pub fn start(key: ClusterKey) -> Configurator {
        let (running, seen) = watch::channel(Running::default());
        let told = Arc::default();
        let task = tokio::spawn(keep_configured(key, seen, Arc::clone(&told)));
        Configurator {
            running,
            told,
            task,
        }
    }

    /// Takes what a pass saw.
    pub fn see(&self, running: Running) {
        self.running.send_if_modified(|known| {
            let news = *known != running;
            *known = running;
            news
        });
    }

    /// The directives that wait for a restart of the node in that pod.
    #[must_use]
    pub fn restart_for(&self, place: Place, uid: &PodUid) -> Vec<String> {
        let told = lock(&self.told);
        let told = told.get(&place).filter(|told| told.uid == *uid);
        told.map(|told| told.at_start.iter().cloned().collect())
            .unwrap_or_default()
    }
}

impl Drop for Configurator {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn keep_configured(
    key: ClusterKey,
    mut seen: watch::Receiver<Running>,
    told: Arc<Mutex<BTreeMap<Place, Told>>>,
) {
    let links = Links::new(Arc::new(Notify::new()));
    loop {
        let running = seen.borrow_and_update().clone();
        links.set_password(running.password.as_deref());
        links.keep(|place| running.nodes.contains_key(&place));
        lock(&told).retain(|place, _| running.nodes.contains_key(place));
        let mut pause = SAME;
        for (place, node) in &running.nodes {
            let before = lock(&told).get(place).cloned();
            match tell(&key, &links, *place, node, &running.values, before).await {
                Some(now) => drop(lock(&told).insert(*place, now)),
                None => {
                    links.drop_link(*place);
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

/// What the process of a node was told; none where it did not answer.
async fn tell(
    key: &ClusterKey,
    links: &Links,
    place: Place,
    node: &Node,
    values: &BTreeMap<String, String>,
    before: Option<Told>,
) -> Option<Told> {
    let mut connection = links.get(place, &node.address).await.ok()?;
    let run_id = run_id(&mut connection).await?;
    if let Some(before) = before
        && (&before.uid, &before.run_id, &before.values) == (&node.uid, &run_id, values)
    {
        return Some(before);
    }
    let mut get = cmd("CONFIG");
    get.arg("GET").arg("*");
    let has: BTreeMap<String, String> = ask(&mut connection, &get).await?;
    let mut at_start = BTreeSet::new();
    for (name, value) in outdated(&has, values) {
        let mut set = cmd("CONFIG");
        set.arg("SET").arg(name).arg(value);
        let answer = tokio::time::timeout(DEADLINE, set.query_async::<()>(&mut connection));
        match answer.await.ok()? {
            Ok(()) => info!(cluster = %key, node = %place, "{name} is {value:?} now"),
            Err(error) if error.kind() == ErrorKind::Io => return None,
            Err(error) => {
                info!(cluster = %key, node = %place, "{name} waits for a restart: {error}");
                at_start.insert(name.to_owned());
            }
        }
    }
    Some(Told {
        uid: node.uid.clone(),
        run_id,
        values: values.clone(),
        at_start,
    })
}

/// The directives that a node has otherwise than it should, without those that the operator sets.
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let owned = pairs
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
        owned.collect()
    }

    #[test]
    fn tells_what_differs_and_is_not_the_operators() {
        let has = map(&[("maxmemory", "0"), ("port", "6379"), ("loglevel", "notice")]);
        let values = map(&[
            ("maxmemory", "1048576"),
            ("port", "7000"),
            ("loglevel", "notice"),
            ("not-of-this-node", "1"),
        ]);
        assert_eq!(outdated(&has, &values), [("maxmemory", "1048576")]);
    }
}
