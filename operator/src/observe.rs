//! Reads everything once: all nodes at the same time, with one deadline.

use futures::future::join_all;
use redis::aio::MultiplexedConnection;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::links::{DEADLINE, Links, silence};
use crate::model::{
    Address, Moment, NodeFacts, NodeView, Observation, Place, PodView, Seen, Silence,
};
use crate::platform::Survey;

/// The time now.
#[must_use]
pub fn now() -> Moment {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Moment(since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }))
}

/// Asks every node that the survey knows, and puts the answers beside the pods. `seen` is what
/// earlier passes saw; it learns from this one.
pub async fn observe(survey: &Survey, links: &Links, seen: &mut Seen) -> Observation {
    let now = now();
    links.set_password(survey.password.as_deref());
    links.keep(|place| survey.pods.contains_key(&place));
    let asking = survey
        .pods
        .iter()
        .map(|(place, pod)| async { (*place, ask_pod(links, *place, pod).await) });
    let nodes = join_all(asking).await.into_iter().collect();
    let mut observation = Observation {
        now,
        objects: survey.objects.clone(),
        pods: survey.pods.clone(),
        nodes,
        seen: Seen::default(),
    };
    seen.update(&observation);
    observation.seen = seen.clone();
    observation
}

async fn ask_pod(links: &Links, place: Place, pod: &PodView) -> NodeView {
    let Some(address) = &pod.address else {
        return NodeView::Silent(if pod.phase.may_run() {
            Silence::NoAddress
        } else {
            Silence::NotAsked
        });
    };
    if !pod.phase.may_run() {
        return NodeView::Silent(Silence::NotAsked);
    }
    let asking = tokio::time::timeout(DEADLINE, ask(links, place, address));
    match asking.await.unwrap_or(Err(Silence::TimedOut)) {
        Ok(facts) => NodeView::Answered(Box::new(facts)),
        Err(why) => {
            links.drop_link(place);
            NodeView::Silent(why)
        }
    }
}

/// Asks a node. A kept connection that turns out to be broken is made anew once, which tells a
/// refused one from a late one.
async fn ask(links: &Links, place: Place, address: &Address) -> Result<NodeFacts, Silence> {
    let first = links.get(place, address).await?;
    match read(first).await {
        Err(Silence::TimedOut | Silence::Refused) => {
            links.drop_link(place);
            read(links.get(place, address).await?).await
        }
        answer => answer,
    }
}

async fn read(mut connection: MultiplexedConnection) -> Result<NodeFacts, Silence> {
    let mut questions = redis::pipe();
    questions.cmd("CLUSTER").arg("NODES");
    questions.cmd("CLUSTER").arg("INFO");
    let info = questions.cmd("INFO");
    for section in ["server", "persistence", "replication", "keyspace"] {
        info.arg(section);
    }
    let answer = questions.query_async(&mut connection).await;
    let (nodes, cluster, info): (String, String, String) =
        answer.map_err(|error| silence(&error))?;
    NodeFacts::parse(&nodes, &cluster, &info, now())
        .map_err(|error| Silence::Malformed(error.to_string()))
}
