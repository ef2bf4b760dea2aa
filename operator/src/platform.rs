//! What the operator asks of the place where nodes run: pods to look at, a few objects to keep, and
//! a word when something happens there. Everything else goes to the nodes themselves.

mod check;
mod configure;
pub(crate) mod directives;
pub mod kubernetes;
pub mod local;
pub mod manifest;
mod password;

use std::collections::BTreeMap;
use std::future::Future;

use slotkeeper_crds::{RedisCluster, RedisClusterStatus};
use thiserror::Error;

use crate::model::{Memory, Objects, Place, PodUid, PodView};
pub use check::{check_config, node_program};
pub use password::read_password;

/// A platform keeps the pods of one cluster.
pub trait Platform {
    /// Everything that the platform knows of the cluster now.
    fn survey(
        &self,
        cluster: &RedisCluster,
    ) -> impl Future<Output = Result<Survey, PlatformError>> + Send;

    /// The present life of a pod, read again just before a step is sent to its node.
    fn life(&self, place: Place) -> impl Future<Output = Option<PodUid>> + Send;

    /// Creates or corrects what the whole cluster shares.
    fn ensure_common(
        &self,
        cluster: &RedisCluster,
    ) -> impl Future<Output = Result<(), PlatformError>> + Send;

    /// Creates or corrects the object of a shard, to keep that many pods.
    fn ensure_shard(
        &self,
        cluster: &RedisCluster,
        shard: u32,
        pods: u32,
    ) -> impl Future<Output = Result<(), PlatformError>> + Send;

    /// Removes the object of a shard and its pods.
    fn remove_shard(&self, shard: u32) -> impl Future<Output = Result<(), PlatformError>> + Send;

    /// Stores what has to outlive the operator. Called only when it has changed, and before the
    /// steps that it speaks of are performed.
    fn remember(&self, memory: &Memory) -> impl Future<Output = Result<(), PlatformError>> + Send;

    /// What selects the pods of the cluster by their labels, for the status; none where pods have
    /// no labels.
    fn selector(&self) -> Option<String>;

    /// Writes the status. Called only when it has changed.
    fn publish(
        &self,
        status: &RedisClusterStatus,
    ) -> impl Future<Output = Result<(), PlatformError>> + Send;
}

/// What the platform knows of a cluster at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Survey {
    /// The objects behind the pods.
    pub objects: Objects,
    /// One for every desired place, there or not, and one for every further pod of the cluster.
    pub pods: BTreeMap<Place, PodView>,
    /// The password that nodes and clients share.
    pub password: Option<String>,
}

/// The platform could not do or say something.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PlatformError {
    /// It refused.
    #[error("{0}")]
    Refused(String),
    /// It did not answer; what was asked may have happened.
    #[error("{0}")]
    Unknown(String),
}
