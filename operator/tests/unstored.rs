//! A vote that cannot be stored, with nodes that do not report votes: real redis-servers.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use slotkeeper::model::{
    FailoverMode, ObjectState, Objects, PlannedStep, PodIndex, PodPhase, PodUid, PodView,
    ProcessEnd, Proof, ShardObject, Step, StepOutcome,
};
use slotkeeper::platform::Survey;
use slotkeeper::reconcile::{Progress, Reconciler, is_ready};
use slotkeeper::wall_clock::now;
use slotkeeper_crds::{RedisCluster, RedisClusterSpec, RedisClusterStatus};
use tokio::sync::Notify;

#[path = "support/server.rs"]
mod server;
#[path = "support/static_platform.rs"]
mod static_platform;

use server::{PASSWORD, Server};
use static_platform::StaticPlatform;

const MASTER: PodIndex = PodIndex {
    shard: 0,
    ordinal: 0,
};

/// Counts the votes asked for.
#[derive(Default)]
struct Votes(usize);

impl Progress for Votes {
    fn acted(&mut self, step: &PlannedStep, _: &StepOutcome) {
        let mode = match step.step {
            Step::Failover { mode, .. } => Some(mode),
            _ => None,
        };
        self.0 += usize::from(mode.is_some_and(|mode| mode != FailoverMode::Plain));
    }

    fn reported(&mut self, _: Option<&RedisClusterStatus>, _: &RedisClusterStatus) {}
}

struct Fixture {
    servers: Vec<Server>,
    survey: Arc<Mutex<Survey>>,
    full: Arc<AtomicBool>,
    reconciler: Reconciler<StaticPlatform>,
    cluster: RedisCluster,
    votes: Votes,
}

impl Fixture {
    /// One shard with one replica.
    fn new() -> Fixture {
        let indexes = [MASTER, PodIndex::new(0, 1)];
        let hostname = |index: PodIndex| format!("real-{index}.real");
        let servers: Vec<Server> = (indexes.iter())
            .map(|index| Server::start(&hostname(*index)))
            .collect();
        let pods = (indexes.iter().zip(&servers)).map(|(index, server)| {
            let pod = PodView {
                uid: PodUid("1".to_owned()),
                hostname: hostname(*index),
                phase: PodPhase::Running,
                address: Some(server.address.clone()),
                volume_mounted: true,
                ..PodView::default()
            };
            (*index, pod)
        });
        let object = ShardObject {
            pods: 2,
            state: ObjectState::Current,
        };
        let survey = Arc::new(Mutex::new(Survey {
            objects: Objects {
                common: ObjectState::Current,
                shards: [(0, object)].into(),
                refused: None,
            },
            pods: pods.collect(),
            password: Some(PASSWORD.to_owned()),
        }));
        let full = Arc::new(AtomicBool::new(false));
        let platform = StaticPlatform {
            survey: survey.clone(),
            full: full.clone(),
            ..StaticPlatform::default()
        };
        let spec = RedisClusterSpec {
            shards: 1,
            replicas_per_shard: 1,
            ..RedisClusterSpec::default()
        };
        Fixture {
            servers,
            survey,
            full,
            reconciler: Reconciler::new(platform, None, None, Arc::new(Notify::new())),
            cluster: RedisCluster::new("real", spec),
            votes: Votes::default(),
        }
    }

    /// Runs passes until the status matches.
    async fn until(&mut self, such: impl Fn(&RedisClusterStatus) -> bool) {
        let start = Instant::now();
        while !self.reconciler.status().is_some_and(&such) {
            let _ = self.reconciler.pass(&self.cluster, &mut self.votes).await;
            let status = self.reconciler.status();
            assert!(start.elapsed() < Duration::from_secs(40), "{status:#?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    fn kill_master(&self) {
        self.servers[0].signal("-KILL");
        let mut survey = self.survey.lock().unwrap();
        let pod = survey.pods.get_mut(&MASTER).unwrap();
        pod.phase = PodPhase::Terminated;
        pod.ended = Some(ProcessEnd {
            uid: pod.uid.clone(),
            at: now(),
            proof: Proof::Terminated,
        });
    }
}

#[tokio::test]
async fn a_vote_that_nobody_would_know_of_waits_until_it_is_stored() {
    let mut fixture = Fixture::new();
    fixture.until(is_ready).await;
    fixture.full.store(true, Ordering::Relaxed);
    fixture.kill_master();
    fixture
        .until(|status| format!("{status:?}").contains("cannot be stored"))
        .await;
    assert_eq!(fixture.votes.0, 0);
    fixture.full.store(false, Ordering::Relaxed);
    fixture.until(|status| status.slots_covered == 16384).await;
    assert_eq!(fixture.votes.0, 1);
}
