//! Reads everything once: all nodes in parallel, with one deadline.

use futures::future::join_all;
use redis::aio::MultiplexedConnection;

use crate::links::{DEADLINE, Links, Network, silence};
use crate::model::{Address, NodeFacts, NodeView, Observation, PodIndex, PodView, Seen, Silence};
use crate::platform::Survey;

/// Asks every node of the survey and combines the answers with the pods. `seen` is what earlier
/// passes saw; it is updated with this one.
pub async fn observe<N: Network>(
    survey: &Survey,
    links: &Links<N>,
    seen: &mut Seen,
) -> Observation {
    let now = links.now();
    links.set_password(survey.password.as_deref());
    links.keep(|index| survey.pods.contains_key(&index));
    let asking = survey
        .pods
        .iter()
        .map(|(index, pod)| async { (*index, ask_pod(links, *index, pod).await) });
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

async fn ask_pod<N: Network>(links: &Links<N>, index: PodIndex, pod: &PodView) -> NodeView {
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
    let asking = tokio::time::timeout(DEADLINE, ask(links, index, address));
    match asking.await.unwrap_or(Err(Silence::TimedOut)) {
        Ok(facts) => NodeView::Answered(Box::new(facts)),
        Err(why) => {
            links.drop_link(index);
            NodeView::Silent(match why {
                Silence::Malformed(what) => Silence::Malformed(links.line(&what)),
                why => why,
            })
        }
    }
}

/// Asks a node. A broken connection is opened again once, which distinguishes a refused connection
/// from a late answer.
async fn ask<N: Network>(
    links: &Links<N>,
    index: PodIndex,
    address: &Address,
) -> Result<NodeFacts, Silence> {
    let first = links.get(index, address).await?;
    match read(links, first).await {
        Err(Silence::TimedOut | Silence::Refused) => {
            links.drop_link(index);
            read(links, links.get(index, address).await?).await
        }
        answer => answer,
    }
}

async fn read<N: Network>(
    links: &Links<N>,
    mut connection: MultiplexedConnection,
) -> Result<NodeFacts, Silence> {
    let mut questions = redis::pipe();
    questions.cmd("CLUSTER").arg("NODES");
    questions.cmd("CLUSTER").arg("INFO");
    let info = questions.cmd("INFO");
    for section in NodeFacts::INFO_SECTIONS {
        info.arg(section);
    }
    let answer = questions.query_async(&mut connection).await;
    let (nodes, cluster, info): (String, String, String) =
        answer.map_err(|error| silence(&error))?;
    NodeFacts::parse(&nodes, &cluster, &info, links.now())
        .map_err(|error| Silence::Malformed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::sync::Notify;

    use super::*;
    use crate::model::PodPhase;
    use crate::text;

    /// A server that accepts every password and repeats it, at length and in colours.
    async fn babbler() -> Address {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let said = format!("-ERR \x1b[31ms3cret was said {}\r\n", "again ".repeat(5000));
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut asked = [0; 4096];
                while let Ok(count @ 1..) = stream.read(&mut asked).await {
                    let is_auth = asked[..count].windows(4).any(|word| word == b"AUTH");
                    let answer = if is_auth { "+OK\r\n" } else { &*said.repeat(3) };
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            }
        });
        Address {
            ip: "127.0.0.1".to_owned(),
            port,
            bus_port: 0,
        }
    }

    #[tokio::test]
    async fn what_a_node_babbles_is_a_line_without_the_password() {
        let index = PodIndex::new(0, 0);
        let pod = PodView {
            phase: PodPhase::Running,
            address: Some(babbler().await),
            ..PodView::default()
        };
        let survey = Survey {
            pods: [(index, pod)].into(),
            password: Some("s3cret".to_owned()),
            ..Survey::default()
        };
        let links = Links::new(Arc::new(Notify::new()));
        let observation = observe(&survey, &links, &mut Seen::default()).await;
        let Some(Silence::Malformed(what)) = observation.silence(index) else {
            panic!("{:?}", observation.silence(index));
        };
        assert!(what.contains("(redacted) was said"), "{what}");
        assert!(what.len() <= text::MOST, "{what}");
        assert!(!what.contains("s3cret") && !what.contains('\x1b'), "{what}");
    }
}
