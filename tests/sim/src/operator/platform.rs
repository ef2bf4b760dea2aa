//! The platform of the operator in the simulator: pods are the simulation's hosts. What it is asked
//! for waits until the simulation has done it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use slotkeeper::model::{Memory, PodIndex, PodUid};
use slotkeeper::platform::{Platform, PlatformError, Survey};
use slotkeeper_crds::{RedisCluster, RedisClusterStatus};

use super::memory::Store;

/// What is asked of the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    Common,
    Shard { shard: u32, pods: u32 },
    RemoveShard(u32),
}

#[derive(Clone, Default)]
pub(super) struct SimPlatform(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    survey: Survey,
    uids: BTreeMap<PodIndex, PodUid>,
    request: Option<Request>,
    answer: Option<Result<(), PlatformError>>,
    waker: Option<Waker>,
    store: Store,
    status: Option<RedisClusterStatus>,
}

impl SimPlatform {
    /// What a pass reads at its begin.
    pub(super) fn set_survey(&self, survey: Survey) {
        self.lock().survey = survey;
    }

    /// What is read of the pods before a step.
    pub(super) fn set_uids(&self, uids: BTreeMap<PodIndex, PodUid>) {
        self.lock().uids = uids;
    }

    /// What is asked for and has no answer yet.
    pub(super) fn take_request(&self) -> Option<Request> {
        self.lock().request.take()
    }

    /// Answers it.
    pub(super) fn answer(&self, answer: Result<(), PlatformError>) {
        let mut inner = self.lock();
        inner.answer = Some(answer);
        inner.waker.take().into_iter().for_each(Waker::wake);
    }

    /// What outlives an operator.
    pub(super) fn store<R>(&self, with: impl FnOnce(&mut Store) -> R) -> R {
        with(&mut self.lock().store)
    }

    /// The status that was published last.
    pub(super) fn status(&self) -> Option<RedisClusterStatus> {
        self.lock().status.clone()
    }

    async fn ask(&self, request: Request) -> Result<(), PlatformError> {
        {
            let mut inner = self.lock();
            (inner.request, inner.answer) = (Some(request), None);
        }
        std::future::poll_fn(|context| {
            let mut inner = self.lock();
            match inner.answer.take() {
                Some(answer) => Poll::Ready(answer),
                None => {
                    inner.waker = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Platform for SimPlatform {
    async fn survey(&self, _: &RedisCluster) -> Result<Survey, PlatformError> {
        Ok(self.lock().survey.clone())
    }

    async fn pod_uid(&self, index: PodIndex) -> Option<PodUid> {
        self.lock().uids.get(&index).cloned()
    }

    async fn ensure_common(&self, _: &RedisCluster) -> Result<(), PlatformError> {
        self.ask(Request::Common).await
    }

    async fn ensure_shard(
        &self,
        _: &RedisCluster,
        shard: u32,
        pods: u32,
    ) -> Result<(), PlatformError> {
        self.ask(Request::Shard { shard, pods }).await
    }

    async fn remove_shard(&self, shard: u32) -> Result<(), PlatformError> {
        self.ask(Request::RemoveShard(shard)).await
    }

    async fn remember(&self, memory: &Memory) -> Result<(), PlatformError> {
        match self.lock().store.put(memory) {
            true => Ok(()),
            false => Err(PlatformError::Unknown(
                "the store does not answer".to_owned(),
            )),
        }
    }

    fn selector(&self) -> Option<String> {
        None
    }

    async fn publish(&self, status: &RedisClusterStatus) -> Result<(), PlatformError> {
        self.lock().status = Some(status.clone());
        Ok(())
    }
}
