//! Observe and act with real redis-servers: Redis accepts what the operator sends.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use slotkeeper::act::Actor;
use slotkeeper::links::{DEADLINE, Links};
use slotkeeper::model::{
    Address, FailoverMode, NodeFacts, NodeView, Objects, Observation, PodIndex, PodPhase, PodUid,
    PodView, Seen, Silence, Step, StepOutcome, Target,
};
use slotkeeper::observe::observe;
use slotkeeper::platform::Survey;
use slotkeeper_crds::{RedisCluster, RedisClusterSpec};
use slotkeeper_topology::{Epoch, NodeId};
use tokio::sync::Notify;

#[path = "support/server.rs"]
mod server;
#[path = "support/static_platform.rs"]
mod static_platform;

use server::{PASSWORD, Server};
use static_platform::StaticPlatform;

/// The servers as the pods of one cluster: one per shard.
struct RealCluster {
    servers: Vec<Server>,
    survey: Survey,
    links: Links,
    wake: Arc<Notify>,
    seen: Seen,
    cluster: RedisCluster,
}

impl RealCluster {
    async fn start(count: u32) -> RealCluster {
        let servers: Vec<Server> = (0..count).map(|_| Server::start("")).collect();
        let pods = (0..).zip(&servers).map(|(shard, server)| {
            let pod = PodView {
                uid: PodUid("1".to_owned()),
                phase: PodPhase::Running,
                address: Some(server.address.clone()),
                volume_mounted: true,
                ..PodView::default()
            };
            (PodIndex::new(shard, 0), pod)
        });
        let wake = Arc::new(Notify::new());
        let mut real = RealCluster {
            survey: Survey {
                objects: Objects::default(),
                pods: pods.collect(),
                password: Some(PASSWORD.to_owned()),
            },
            links: Links::new(wake.clone()),
            wake,
            seen: Seen::default(),
            servers,
            cluster: RedisCluster::new("real", RedisClusterSpec::default()),
        };
        let indexes: Vec<PodIndex> = real.survey.pods.keys().copied().collect();
        for index in indexes {
            real.until(|o| o.facts(index).is_some()).await;
        }
        real
    }

    async fn look(&mut self) -> Observation {
        observe(&self.survey, &self.links, &mut self.seen).await
    }

    async fn until(&mut self, holds: impl Fn(&Observation) -> bool) -> Observation {
        let start = Instant::now();
        loop {
            let observation = self.look().await;
            if holds(&observation) {
                return observation;
            }
            assert!(
                start.elapsed() < Duration::from_secs(15),
                "{observation:#?}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn facts(&mut self, shard: u32) -> NodeFacts {
        let observation = self.look().await;
        observation.facts(PodIndex::new(shard, 0)).unwrap().clone()
    }

    async fn target(&mut self, shard: u32) -> Target {
        let id = self.facts(shard).await.id;
        target(shard, id)
    }

    async fn act(&self, step: Step) -> StepOutcome {
        let actor = Actor {
            platform: &StaticPlatform::default(),
            links: &self.links,
            cluster: &self.cluster,
            survey: &self.survey,
        };
        actor.act(&step).await
    }

    async fn done(&self, step: Step) {
        let text = step.to_string();
        assert_eq!(self.act(step).await, StepOutcome::Done, "{text}");
    }
}

fn target(shard: u32, id: NodeId) -> Target {
    Target {
        pod: PodIndex::new(shard, 0),
        uid: PodUid("1".to_owned()),
        id,
    }
}

fn not_sent(outcome: StepOutcome) -> String {
    match outcome {
        StepOutcome::NotSent(why) => why,
        other => panic!("sent: {other:?}"),
    }
}

fn refused(outcome: StepOutcome) -> String {
    match outcome {
        StepOutcome::Refused(why) => why,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn steps_form_a_cluster_fail_over_and_drop_an_id() {
    let mut real = RealCluster::start(3).await;
    let (a, b, c) = (
        real.target(0).await,
        real.target(1).await,
        real.target(2).await,
    );

    // Two masters with their own slots and epochs.
    for (node, slots, epoch) in [(&a, "0-8191", 1), (&b, "8192-16000 16002-16383", 2)] {
        let (node, slots) = (node.clone(), slots.parse().unwrap());
        real.done(Step::AddSlots {
            node: node.clone(),
            slots,
        })
        .await;
        real.done(Step::SetConfigEpoch {
            node,
            epoch: Epoch(epoch),
        })
        .await;
    }
    assert_eq!(
        real.facts(1).await.myself().slots.to_string(),
        "8192-16000 16002-16383"
    );
    let again = Step::AddSlots {
        node: a.clone(),
        slots: "5".parse().unwrap(),
    };
    assert!(refused(real.act(again).await).contains("Slot 5 is already busy"));
    let late = Step::SetConfigEpoch {
        node: a.clone(),
        epoch: Epoch(9),
    };
    assert!(refused(real.act(late).await).contains("config epoch is already non-zero"));

    // They meet, and the third becomes a replica of the first.
    for peer in [&b, &c] {
        let address = real.survey.pods[&peer.pod].address.clone().unwrap();
        real.done(Step::Meet {
            node: a.clone(),
            peer: peer.clone(),
            address,
        })
        .await;
    }
    real.until(|o| o.answered().all(|(_, facts)| facts.peers().count() == 2))
        .await;
    real.done(Step::Replicate {
        node: c.clone(),
        master: a.id,
    })
    .await;
    real.until(|o| o.facts(c.pod).is_some_and(NodeFacts::link_up))
        .await;
    let on_replica = Step::AddSlots {
        node: c.clone(),
        slots: "16001".parse().unwrap(),
    };
    assert_eq!(not_sent(real.act(on_replica).await), "2-0 is not a master");

    // The replica takes over, but not in place of another master.
    let failover = |node: &Target, master| Step::Failover {
        node: node.clone(),
        mode: FailoverMode::Plain,
        master,
        epoch: None,
    };
    let other = not_sent(real.act(failover(&c, b.id)).await);
    assert_eq!(other, format!("2-0 is not a replica of {}", b.id));
    real.done(failover(&c, a.id)).await;
    real.until(|o| o.facts(c.pod).is_some_and(NodeFacts::is_master))
        .await;
    real.until(|o| {
        o.facts(a.pod)
            .is_some_and(|facts| facts.master() == Some(c.id))
    })
    .await;

    // An epoch above every other, no matter which node has the highest now.
    let above = real.facts(0).await.cluster.current_epoch;
    real.done(Step::BumpEpoch {
        node: b.clone(),
        above,
    })
    .await;
    assert!(real.facts(1).await.cluster.my_epoch > above);

    // The old master, now an empty replica, is reset and forgotten, twice.
    real.until(|o| o.facts(a.pod).is_some_and(NodeFacts::link_up))
        .await;
    real.done(Step::ResetSoft { node: a.clone() }).await;
    assert!(real.facts(0).await.alone());
    let forget = Step::Forget {
        id: a.id,
        nodes: vec![b.clone(), c.clone()],
    };
    real.done(forget.clone()).await;
    real.done(forget).await;
    let master = not_sent(real.act(Step::ResetSoft { node: c.clone() }).await);
    assert_eq!(master, "it is not a replica");
}

#[tokio::test]
async fn a_step_reaches_nobody_but_the_node_that_it_names() {
    let mut real = RealCluster::start(2).await;
    let (a, b) = (real.target(0).await, real.target(1).await);
    let slots = || "0".parse().unwrap();
    let wrong_id = target(0, b.id);
    let why = not_sent(
        real.act(Step::AddSlots {
            node: wrong_id,
            slots: slots(),
        })
        .await,
    );
    assert_eq!(why, format!("0-0 answers as {}", a.id));
    let dead = Target {
        uid: PodUid("0".to_owned()),
        ..a.clone()
    };
    let why = not_sent(
        real.act(Step::AddSlots {
            node: dead,
            slots: slots(),
        })
        .await,
    );
    assert_eq!(why, "the pod has been replaced");

    // The address of another node: MEET is not sent.
    let address = a_s_address(&real);
    let meet = Step::Meet {
        node: a.clone(),
        peer: b.clone(),
        address,
    };
    assert_eq!(
        not_sent(real.act(meet).await),
        format!("1-0 answers as {}", a.id)
    );
    assert!(real.facts(0).await.alone());

    let platform = real.act(Step::EnsureCommon).await;
    assert_eq!(platform, StepOutcome::Refused("no quota".to_owned()));
    let platform = real.act(Step::RemoveShard { shard: 0 }).await;
    assert_eq!(platform, StepOutcome::Unknown("timed out".to_owned()));
    let unknown = Step::EndWithholding {
        node: a,
        run_id: "x".to_owned(),
    };
    assert!(refused(real.act(unknown).await).contains("unknown command"));
}

fn a_s_address(real: &RealCluster) -> Address {
    real.servers[0].address.clone()
}

#[tokio::test]
async fn every_silence_is_told_from_the_others() {
    let mut real = RealCluster::start(3).await;
    let silence = |observation: &Observation| -> BTreeMap<u32, Silence> {
        let nodes = observation.nodes.iter();
        nodes
            .filter_map(|(index, view)| match view {
                NodeView::Answered(_) => None,
                NodeView::Silent(why) => Some((index.shard, why.clone())),
            })
            .collect()
    };
    assert_eq!(silence(&real.look().await), BTreeMap::new());

    // A death wakes the operator without a pass, and the next pass sees the refused connection.
    real.servers[0].signal("-KILL");
    let heard = tokio::time::timeout(Duration::from_secs(2), real.wake.notified()).await;
    assert!(heard.is_ok(), "the end of a connection wakes no pass");
    real.servers[1].signal("-STOP");
    let start = Instant::now();
    let observation = real.look().await;
    assert!(
        start.elapsed() < DEADLINE + Duration::from_millis(400),
        "one deadline for all"
    );
    let silent = silence(&observation);
    assert_eq!(silent[&0], Silence::Refused);
    assert_eq!(silent[&1], Silence::TimedOut);
    assert_eq!(silent.len(), 2);
    real.servers[1].signal("-CONT");
    real.until(|o| o.facts(PodIndex::new(1, 0)).is_some()).await;

    for password in [None, Some("wrong".to_owned())] {
        real.survey.password = password;
        let silent = silence(&real.look().await);
        assert_eq!(silent[&2], Silence::WrongPassword);
    }
    real.survey
        .pods
        .get_mut(&PodIndex::new(2, 0))
        .unwrap()
        .address = None;
    assert_eq!(silence(&real.look().await)[&2], Silence::NoAddress);
    real.survey
        .pods
        .get_mut(&PodIndex::new(2, 0))
        .unwrap()
        .phase = PodPhase::Missing;
    assert_eq!(silence(&real.look().await)[&2], Silence::NotAsked);
}
