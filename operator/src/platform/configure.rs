//! Brings the directives of the manifest to the nodes that run, wherever that is: each process is
//! asked once what it has, and told what it should have. What it takes only when it starts is noted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{ErrorKind, RedisError, cmd};
use slotkeeper_crds::owned::OWNED;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

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

/// By place, what its process was told.
type AllTold = BTreeMap<Place, Told>;

/// Keeps the nodes of one cluster configured; ends with it.
#[derive(Debug)]
pub struct Configurator {
    running: watch::Sender<Running>,
    told: watch::Receiver<AllTold>,
    task: JoinHandle<()>,
}

impl Running {
    /// The nodes of these pods. `values` is what [`check_config`] said of the manifest.
    ///
    /// [`check_config`]: super::check_config
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

    /// Whether they all were told what they should have by now.
    fn is_told(&self, told: &AllTold) -> bool {
        let was = |(place, node): (&Place, &Node)| {
            let told = told.get(place);
            told.is_some_and(|told| told.uid == node.uid && told.values == self.values)
        };
        self.nodes.iter().all(was)
    }
}

impl Configurator {
    /// For the nodes of a cluster. `say` hears, for people, what became of a directive of a node.
    #[must_use]
    pub fn start(say: impl Fn(Place, &str) + Send + Sync + 'static) -> Configurator {
        let (running, seen) = watch::channel(Running::default());
        let (telling, told) = watch::channel(AllTold::default());
        let task = tokio::spawn(keep_configured(seen, telling, say));
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

    /// The directives that wait for a restart of the node in that pod; none while it was not asked.
    #[must_use]
    pub fn restart_for(&self, place: Place, uid: &PodUid) -> Option<Vec<String>> {
        let told = self.told.borrow();
        let told = told.get(&place).filter(|told| told.uid == *uid);
        told.map(|told| told.at_start.iter().cloned().collect())
    }

    /// Waits until every node that a pass saw last was told: without end, should one not answer.
    pub async fn all_told(&self) {
        let running = self.running.borrow().clone();
        let mut told = self.told.clone();
        // It fails when the task has ended, after which nobody is told anything.
        let _ = told.wait_for(|told| running.is_told(told)).await;
    }
}

impl Drop for Configurator {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn keep_configured(
    mut seen: watch::Receiver<Running>,
    told: watch::Sender<AllTold>,
    say: impl Fn(Place, &str) + Sync,
) {
    let links = Links::new(Arc::new(Notify::new()));
    loop {
        let running = seen.borrow_and_update().clone();
        links.set_password(running.password.as_deref());
        links.keep(|place| running.nodes.contains_key(&place));
        told.send_modify(|told| told.retain(|place, _| running.nodes.contains_key(place)));
        let mut pause = SAME;
        for (place, node) in &running.nodes {
            let before = told.borrow().get(place).cloned();
            let say = |text: &str| say(*place, text);
            match tell(&links, *place, node, &running.values, before, say).await {
                Some(now) => told.send_modify(|told| drop(told.insert(*place, now))),
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
    links: &Links,
    place: Place,
    node: &Node,
    values: &BTreeMap<String, String>,
    before: Option<Told>,
    say: impl Fn(&str) + Sync,
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
            Ok(()) => say(&links.line(&format!("{name} is {value:?} now"))),
            Err(error) if error.kind() == ErrorKind::Io => return None,
            Err(error) => {
                let why = links.line(&reason(&error));
                say(&format!("{name} waits for a restart: {why}"));
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
