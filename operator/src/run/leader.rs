//! One operator at a time: an election over a Lease of coordination.k8s.io/v1.
//!
//! The crates that offer this compare the times in the Lease, which other clocks have written, or
//! speak to older API clients; so the rules of client-go are kept here, by the monotonic clock of
//! the process alone.

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
use elector::{Answer, Elector, Next, Request, Terms};

const TERMS: Terms = Terms {
    duration: Duration::from_secs(15),
    renew_every: Duration::from_secs(5),
    deadline: Duration::from_secs(10),
    retry: Duration::from_secs(1),
    patience: Duration::from_secs(3),
};

/// Someone who wants to lead.
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

/// Tells at any moment whether this process leads; clones tell the same.
#[derive(Clone, Debug)]
pub struct Fence(watch::Receiver<Standing>);

#[derive(Clone, Debug)]
enum Standing {
    LeadsUntil(Instant),
    Over(String),
}

impl Candidate {
    /// Stands for the Lease of that namespace and name. No other process that lives may have the
    /// same identity; one that has ended may, and its leadership is taken up at once.
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

    /// Waits until this process leads. The Lease is taken when there is none, when nobody holds it,
    /// or when it was seen unchanged for the 15 seconds that its holder has promised to renew it
    /// in. From then on it is renewed every 5 seconds in the background.
    pub async fn acquire(self) -> Leadership {
        let mut elector = Elector::new(&self.identity, TERMS, now());
        let mut said = (None, None);
        let until = loop {
            if let Some(until) = elector.leads_until() {
                break until;
            }
            match elector.next(now()) {
                Next::Send(request) => self.turn(&mut elector, request).await,
                Next::Wait(until) => tokio::time::sleep_until(until.into()).await,
                // A leader alone can lose.
                Next::Lost(_) => elector = Elector::new(&self.identity, TERMS, now()),
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
            "leads from now on"
        );
        let (standing, fence) = watch::channel(Standing::LeadsUntil(until));
        let stop = Arc::new(Notify::new());
        let term = elector.term();
        let keeper = tokio::spawn(self.keep(elector, standing, Arc::clone(&stop)));
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
            tracing::info!(lease = self.name, %holder, "another process leads; this one stands by");
        }
    }

    /// Renews until it is lost, or to be released.
    async fn keep(
        self,
        mut elector: Elector,
        standing: watch::Sender<Standing>,
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
                standing.send_replace(Standing::LeadsUntil(until));
            }
        };
        self.metrics.leads(false);
        standing.send_replace(Standing::Over(why));
    }

    async fn release(&self, elector: &Elector) -> String {
        let Some(request) = elector.release() else {
            return "it was over before it was released".to_owned();
        };
        let sending = tokio::time::timeout(TERMS.patience, self.send(request));
        match sending.await {
            Ok(Answer::Written(_)) => "it was released".to_owned(),
            answer => {
                let answer = answer.map_or_else(|_| "no answer".to_owned(), |it| format!("{it:?}"));
                tracing::warn!(lease = self.name, answer, "the Lease was not released");
                "it was not released; it runs out by itself".to_owned()
            }
        }
    }

    /// Sends one request and hands in its answer.
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

/// The monotonic clock that the timers of the runtime go by.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Puts the times in, which people read and no candidate relies on.
fn stamp(lease: &mut Lease) {
    let now = MicroTime(Timestamp::now());
    let spec = lease.spec.get_or_insert_default();
    spec.acquire_time.get_or_insert_with(|| now.clone());
    spec.renew_time = Some(now);
}

impl Leadership {
    /// Resolves when this process leads no more, with the reason. It has to end then, at once:
    /// another one leads, or is about to.
    pub async fn lost(&self) -> String {
        let mut standing = self.fence.0.clone();
        let over = standing.wait_for(|standing| matches!(standing, Standing::Over(_)));
        match over.await.as_deref() {
            Ok(Standing::Over(why)) => why.clone(),
            _ => "nobody renews the Lease any more".to_owned(),
        }
    }

    /// Which leadership it is.
    #[must_use]
    pub fn term(&self) -> Term {
        self.term.clone()
    }

    /// Tells whether this process leads.
    #[must_use]
    pub fn fence(&self) -> Fence {
        self.fence.clone()
    }

    /// Gives the Lease up, so that a successor starts at once. To be called when nothing is
    /// reconciled any more.
    pub async fn release(mut self) {
        self.stop.notify_one();
        if (&mut self.keeper).await.is_err() {
            tracing::warn!("the Lease was not released; it runs out by itself");
        }
    }
}

/// A process that stops without a release leaves the Lease to run out.
impl Drop for Leadership {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl Fence {
    /// Whether this process leads at this very moment, whatever has or has not run in between: a
    /// process that slept through its deadline leads no more.
    #[must_use]
    pub fn holds(&self) -> bool {
        match &*self.0.borrow() {
            Standing::LeadsUntil(until) => now() < *until,
            Standing::Over(_) => false,
        }
    }
}

/// The identity of this process. `pod` is the name of its pod, where it runs in one: the first
/// process of a container that starts again is then the same candidate as the one before it, which
/// has ended for sure, and leads on at once.
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
