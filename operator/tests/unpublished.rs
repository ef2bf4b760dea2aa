//! A status that cannot be stored, as on a full disk.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;
use std::sync::atomic::Ordering;

use slotkeeper::model::{PlannedStep, StepOutcome};
use slotkeeper::reconcile::{Progress, Reconciler};
use slotkeeper_crds::{RedisCluster, RedisClusterSpec, RedisClusterStatus};
use tokio::sync::Notify;

#[path = "support/static_platform.rs"]
mod static_platform;

use static_platform::StaticPlatform;

/// The number of shards in the status before and after each report.
#[derive(Default)]
struct Reports(Vec<(Option<usize>, usize)>);

impl Progress for Reports {
    fn acted(&mut self, _: &PlannedStep, _: &StepOutcome) {}

    fn reported(&mut self, before: Option<&RedisClusterStatus>, after: &RedisClusterStatus) {
        let before = before.map(|status| status.shards.len());
        self.0.push((before, after.shards.len()));
    }
}

fn cluster(shards: u16) -> RedisCluster {
    let spec = RedisClusterSpec {
        shards,
        ..RedisClusterSpec::default()
    };
    RedisCluster::new("demo", spec)
}

#[tokio::test]
async fn a_status_that_cannot_be_stored_is_told_once_and_so_is_its_end() {
    let platform = StaticPlatform::default();
    let full = platform.no_status.clone();
    let mut reconciler = Reconciler::new(platform, None, None, Arc::new(Notify::new()));
    let mut recorded = Reports::default();
    full.store(true, Ordering::Relaxed);
    for shards in [3, 4, 3] {
        // The second pass also knows the outcomes of the first one's steps.
        for _ in 0..2 {
            let pass = reconciler.pass(&cluster(shards), &mut recorded).await;
            pass.unwrap_err();
        }
        let reports = recorded.0.len();
        for _ in 0..3 {
            let pass = reconciler.pass(&cluster(shards), &mut recorded).await;
            pass.unwrap_err();
        }
        assert_eq!(recorded.0.len(), reports, "said again: {:?}", recorded.0);
    }
    let changes = recorded
        .0
        .iter()
        .filter(|(before, after)| *before != Some(*after));
    let changes: Vec<_> = changes.copied().collect();
    assert_eq!(changes, [(None, 3), (Some(3), 4), (Some(4), 3)]);
    assert!(reconciler.status().is_none(), "nothing was published");
    full.store(false, Ordering::Relaxed);
    let reports = recorded.0.len();
    reconciler.pass(&cluster(3), &mut recorded).await.unwrap();
    assert_eq!(recorded.0.len(), reports);
    assert!(reconciler.status().is_some());
}
