//! Leader election with a Lease of coordination.k8s.io/v1: one operator acts at a time.
//!
//! The available crates compare the times in the Lease, which other clocks have written, or need
//! older API clients. So the rules of client-go are implemented here, using only the monotonic
//! clock of the process.

mod elector;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::sync::{Notify, watch};

use super::metrics::Metrics;
use crate::platform::kubernetes::Term;
use crate::text;
use elector::{Answer, Elector, LeaseTiming, Next, Request};

const TIMING: LeaseTiming = LeaseTiming {
    duration: Duration::from_secs(15),
    renew_every: Duration::from_secs(5),
    deadline: Duration::from_secs(10),
    retry: Duration::from_secs(1),
    patience: Duration::from_secs(3),
};

/// A candidate for the leadership.
pub struct Candidate {
    api: Api<Lease>,
    name: String,
    identity: String,
    metrics: Metrics,
}

/// This process leads, until it is [lost](Leadership::lost) or [released](Leadership::release).
#[derive(Debug)]
pub struct Leadership {
    fence: Fence,
    term: Term,
    stop: Arc<Notify>,
    keeper: tokio::task::JoinHandle<()>,
}

/// Says at any moment whether this process leads; clones agree.
#[derive(Clone, Debug)]
pub struct Fence(watch::Receiver<LeaseState>);

#[derive(Clone, Debug)]
enum LeaseState {
    LeadsUntil(Instant),
    Over(String),
}

impl Candidate {
    /// A candidate for the Lease of that namespace and name. No other living process may have the
    /// same identity; a process that has ended may have had it, and its leadership is continued at
    /// once.
    #[must_use]
    pub fn new(
        client: Client,
        namespace: &str,
        name: &str,
        identity: &str,
        metrics: Metrics,
    ) -> Candidate {
        Candidate {
            api: Api::namespaced(client, namespace),
            name: name.to_owned(),
            identity: identity.to_owned(),
            metrics,
        }
    }

    /// Waits until this process leads. The Lease is taken if it does not exist, has no holder, or
    /// was seen unchanged for its duration of 15 seconds. From then on it is renewed every 5
    /// seconds in the background.
    pub async fn acquire(self) -> Leadership {
        let mut elector = Elector::new(&self.identity, TIMING, now());
        let mut said = (None, None);
        let until = loop {
            if let Some(until) = elector.leads_until() {
                break until;
            }
            match elector.next(now()) {
                Next::Send(request) => self.turn(&mut elector, request).await,
                Next::Wait(until) => tokio::time::sleep_until(until.into()).await,
                // Only a leader can lose.
                Next::Lost(_) => elector = Elector::new(&self.identity, TIMING, now()),
            }
            let news = (
                elector.holder().map(str::to_owned),
                elector.trouble().map(str::to_owned),
            );
            if elector.leads_until().is_none() && news != said {
                self.say(&news);
                said = news;
            }
        };
        tracing::info!(
            lease = self.name,
            identity = self.identity,
            "this process is the leader now"
        );
        let (lease_state, fence) = watch::channel(LeaseState::LeadsUntil(until));
        let stop = Arc::new(Notify::new());
        let term = elector.term();
        let keeper = tokio::spawn(self.keep(elector, lease_state, Arc::clone(&stop)));
        Leadership {
            fence: Fence(fence),
            term,
            stop,
            keeper,
        }
    }

    fn say(&self, (holder, trouble): &(Option<String>, Option<String>)) {
        if let Some(trouble) = trouble {
            tracing::warn!(lease = self.name, %trouble, "the Lease cannot be read or taken");
        } else if let Some(holder) = holder {
            tracing::info!(lease = self.name, %holder, "another process is the leader; this one stands by");
        }
    }

    /// Renews the Lease until it is lost or released.
    async fn keep(
        self,
        mut elector: Elector,
        lease_state: watch::Sender<LeaseState>,
        stop: Arc<Notify>,
    ) {
        self.metrics.leads(true);
        let why = loop {
            match elector.next(now()) {
                Next::Send(request) => {
                    self.turn(&mut elector, request).await;
                    if let Some(trouble) = elector.trouble() {
                        tracing::warn!(lease = self.name, %trouble, "the Lease was not renewed");
                    }
                }
                Next::Wait(until) => {
                    let wait = tokio::time::sleep_until(until.into());
                    tokio::select! {
                        () = wait => {}
                        () = stop.notified() => break self.release(&elector).await,
                    }
                }
                Next::Lost(why) => break why,
            }
            if let Some(until) = elector.leads_until() {
                lease_state.send_replace(LeaseState::LeadsUntil(until));
            }
        };
        self.metrics.leads(false);
        lease_state.send_replace(LeaseState::Over(why));
    }

    async fn release(&self, elector: &Elector) -> String {
        let Some(request) = elector.release() else {
            return "it was lost before it was released".to_owned();
        };
        let sending = tokio::time::timeout(TIMING.patience, self.send(request));
        match sending.await {
            Ok(Answer::Written(_)) => "it was released".to_owned(),
            answer => {
                let answer = answer.map_or_else(|_| "no answer".to_owned(), |it| format!("{it:?}"));
                tracing::warn!(lease = self.name, answer, "the Lease was not released");
                "it was not released; it expires by itself".to_owned()
            }
        }
    }

    /// Sends one request and passes on its answer.
    async fn turn(&self, elector: &mut Elector, request: Request) {
        let sent = now();
        let sending = tokio::time::timeout(elector.patience(sent), self.send(request));
        let answer = sending
            .await
            .unwrap_or_else(|_| Answer::Failed("no answer in time".to_owned()));
        elector.answered(sent, answer, now());
    }

    async fn send(&self, request: Request) -> Answer {
        let params = PostParams::default();
        let result = match request {
            Request::Read => match self.api.get_opt(&self.name).await {
                Ok(Some(lease)) => return Answer::Found(Box::new(lease)),
                Ok(None) => return Answer::Absent,
                Err(error) => Err(error),
            },
            Request::Write(mut lease) => {
                lease.metadata.name = Some(self.name.clone());
                stamp(&mut lease);
                match lease.metadata.resource_version {
                    Some(_) => self.api.replace(&self.name, &params, &lease).await,
                    None => self.api.create(&params, &lease).await,
                }
            }
        };
        match result {
            Ok(lease) => Answer::Written(Box::new(lease)),
            Err(kube::Error::Api(status)) if status.code == 404 => Answer::Absent,
            Err(kube::Error::Api(status)) if status.code == 409 => Answer::Conflict,
            Err(error) => Answer::Failed(text::of_api(&error)),
        }
    }
}

/// The monotonic clock of the runtime's timers.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Sets the times, which are for people; no candidate relies on them.
fn stamp(lease: &mut Lease) {
    let now = MicroTime(Timestamp::now());
    let spec = lease.spec.get_or_insert_default();
    spec.acquire_time.get_or_insert_with(|| now.clone());
    spec.renew_time = Some(now);
}

impl Leadership {
    /// Resolves when this process no longer leads, with the reason. The process must then end at
    /// once, because another one leads or is about to.
    pub async fn lost(&self) -> String {
        let mut lease_state = self.fence.0.clone();
        let over = lease_state.wait_for(|lease_state| matches!(lease_state, LeaseState::Over(_)));
        match over.await.as_deref() {
            Ok(LeaseState::Over(why)) => why.clone(),
            _ => "the Lease is no longer renewed".to_owned(),
        }
    }

    /// Which leadership it is.
    #[must_use]
    pub fn term(&self) -> Term {
        self.term.clone()
    }

    /// A fence that says whether this process leads.
    #[must_use]
    pub fn fence(&self) -> Fence {
        self.fence.clone()
    }

    /// Gives up the Lease, so that a successor starts at once. Call it when nothing is reconciled
    /// any more.
    pub async fn release(mut self) {
        self.stop.notify_one();
        if (&mut self.keeper).await.is_err() {
            tracing::warn!("the Lease was not released; it expires by itself");
        }
    }
}

/// If a process stops without a release, the Lease expires.
impl Drop for Leadership {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl Fence {
    /// Whether this process leads at this moment, even if no task ran in between: a process that
    /// slept past its deadline does not lead.
    #[must_use]
    pub fn holds(&self) -> bool {
        match &*self.0.borrow() {
            LeaseState::LeadsUntil(until) => now() < *until,
            LeaseState::Over(_) => false,
        }
    }
}

/// The identity of this process. `pod` is the name of its pod, if it runs in one. Then the first
/// process of a restarted container is the same candidate as its predecessor, which has certainly
/// ended, and continues to lead at once.
#[must_use]
pub fn identity(pod: Option<&str>) -> String {
    let pid = std::process::id();
    if let Some(pod) = pod.filter(|pod| !pod.is_empty()) {
        return format!("{pod}_{pid}");
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanos = since.map_or(0, |since| since.as_nanos());
    let uname = rustix::system::uname();
    format!("{}_{pid}_{nanos:x}", uname.nodename().to_string_lossy())
}
