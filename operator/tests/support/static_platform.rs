//! A platform that changes nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use slotkeeper::model::{Memory, PodIndex, PodUid};
use slotkeeper::platform::{Platform, PlatformError, Survey};
use slotkeeper_crds::{RedisCluster, RedisClusterStatus};

/// Its pods never change; other requests fail.
#[derive(Clone, Debug, Default)]
pub struct StaticPlatform {
    /// The survey.
    pub survey: Arc<Mutex<Survey>>,
    /// Whether it cannot store the operator's memory.
    pub full: Arc<AtomicBool>,
    /// Whether it cannot store the status.
    pub no_status: Arc<AtomicBool>,
}

impl Platform for StaticPlatform {
    async fn survey(&self, _: &RedisCluster) -> Result<Survey, PlatformError> {
        Ok(self.survey.lock().unwrap().clone())
    }

    async fn pod_uid(&self, _: PodIndex) -> Option<PodUid> {
        Some(PodUid("1".to_owned()))
    }

    async fn ensure_common(&self, _: &RedisCluster) -> Result<(), PlatformError> {
        Err(PlatformError::Refused("no quota".to_owned()))
    }

    async fn ensure_shard(&self, _: &RedisCluster, _: u32, _: u32) -> Result<(), PlatformError> {
        Ok(())
    }

    async fn remove_shard(&self, _: u32) -> Result<(), PlatformError> {
        Err(PlatformError::Unknown("timed out".to_owned()))
    }

    async fn remember(&self, _: &Memory) -> Result<(), PlatformError> {
        unless(&self.full)
    }

    fn selector(&self) -> Option<String> {
        None
    }

    async fn publish(&self, _: &RedisClusterStatus) -> Result<(), PlatformError> {
        unless(&self.no_status)
    }
}

fn unless(full: &AtomicBool) -> Result<(), PlatformError> {
    match full.load(Ordering::Relaxed) {
        true => Err(PlatformError::Refused("no quota".to_owned())),
        false => Ok(()),
    }
}
