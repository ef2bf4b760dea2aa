//! What the operator needs from the platform that runs the nodes: a view of the pods, a few
//! objects, and a notification when something changes. Everything else goes to the nodes
//! themselves.

mod check;
mod configure;
pub mod created;
pub(crate) mod directives;
pub mod kubernetes;
pub mod local;
pub mod manifest;
mod password;

use std::collections::BTreeMap;
use std::future::Future;

use slotkeeper_crds::{RedisCluster, RedisClusterStatus};
use thiserror::Error;

use crate::model::{Memory, Objects, PodIndex, PodUid, PodView};
pub use check::{check_config, node_program};
pub use password::read_password;

/// A platform runs the pods of one cluster.
pub trait Platform {
    /// The manifest with the defaults that its cluster was created with. Every pass works on this.
    fn as_created(&self, cluster: &RedisCluster) -> RedisCluster {
        cluster.clone()
    }

    /// Everything that the platform knows about the cluster now.
    fn survey(
        &self,
        cluster: &RedisCluster,
    ) -> impl Future<Output = Result<Survey, PlatformError>> + Send;

    /// The present incarnation of a pod, read again just before a step is sent to its node.
    fn pod_uid(&self, index: PodIndex) -> impl Future<Output = Option<PodUid>> + Send;

    /// Creates or corrects the common objects of the cluster.
    fn ensure_common(
        &self,
        cluster: &RedisCluster,
    ) -> impl Future<Output = Result<(), PlatformError>> + Send;

    /// Creates or corrects the object of a shard, with that number of pods.
    fn ensure_shard(
        &self,
        cluster: &RedisCluster,
        shard: u32,
        pods: u32,
    ) -> impl Future<Output = Result<(), PlatformError>> + Send;

    /// Removes the object of a shard and its pods.
    fn remove_shard(&self, shard: u32) -> impl Future<Output = Result<(), PlatformError>> + Send;

    /// Stores the operator's memory. Called only when it has changed, and before the steps that it
    /// describes are performed.
    fn remember(&self, memory: &Memory) -> impl Future<Output = Result<(), PlatformError>> + Send;

    /// The label selector of the cluster's pods, for the status; none if pods have no labels.
    fn selector(&self) -> Option<String>;

    /// Writes the status. Called only when it has changed.
    fn publish(
        &self,
        status: &RedisClusterStatus,
    ) -> impl Future<Output = Result<(), PlatformError>> + Send;
}

/// What the platform knows about a cluster at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Survey {
    /// The objects behind the pods.
    pub objects: Objects,
    /// One for every desired pod, existing or not, and one for every other pod of the cluster.
    pub pods: BTreeMap<PodIndex, PodView>,
    /// The password that nodes and clients share.
    pub password: Option<String>,
}

/// The platform could not do or report something.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PlatformError {
    /// It refused.
    #[error("{0}")]
    Refused(String),
    /// It did not answer; the request may have happened.
    #[error("{0}")]
    Unknown(String),
}
