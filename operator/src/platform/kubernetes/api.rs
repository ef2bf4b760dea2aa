//! What the operator writes to the API server, and how long it waits for it.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::future::Future;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PropagationPolicy};
use kube::{Api, Client};
use serde_json::Value;

use super::Leads;
use super::fenced::Written as Fenced;
use super::names::MANAGER;
use super::objects::compare::says;
use super::objects::{Kind, Wanted};
use super::world::Live;
use crate::platform::PlatformError;
use crate::text;

/// How long a pass waits for the API server. What takes longer goes on behind its back: no quota,
/// webhook or slow server may stand between a dead master and its successor.
const PATIENCE: Duration = Duration::from_millis(500);

/// After a request that took longer the next passes wait for none for so long.
const REST: Duration = Duration::from_secs(2);

/// Applies the objects of one cluster.
pub struct Writer {
    client: Client,
    namespace: String,
    /// None: always.
    leads: Option<Leads>,
    written: Mutex<BTreeMap<(Kind, String), Written>>,
    slow_until: Mutex<Option<Instant>>,
}

/// What the API server made of what was applied last.
#[derive(Clone, Debug, PartialEq)]
struct Written {
    body: u64,
    version: String,
}

impl Writer {
    /// For the objects in a namespace.
    #[must_use]
    pub fn new(client: Client, namespace: String) -> Writer {
        Writer {
            client,
            namespace,
            leads: None,
            written: Mutex::default(),
            slow_until: Mutex::default(),
        }
    }

    /// The same, for as long as `leads` says so.
    #[must_use]
    pub fn leading(mut self, leads: Leads) -> Writer {
        self.leads = Some(leads);
        self
    }

    /// Whether an object says what it shall. If somebody else, a webhook say, has changed what was
    /// applied, then what became of it counts: to apply it again would change nothing, for ever.
    #[must_use]
    pub fn is_current(&self, live: &Live, wanted: &Wanted) -> bool {
        if says(&live.value, &wanted.body) {
            return true;
        }
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (wanted.kind, wanted.name.clone());
        written.get(&key).is_some_and(|written| {
            written.body == digest(&wanted.body) && written.version == live.version
        })
    }

    /// Creates the object, or corrects what is ours in it (server-side apply).
    ///
    /// # Errors
    /// When the API server refuses it, or has not answered yet.
    pub async fn apply(self: &Arc<Writer>, wanted: Wanted) -> Result<(), PlatformError> {
        let writer = self.clone();
        let what = format!("{:?} {}", wanted.kind, wanted.name);
        self.patiently(what, async move {
            let api = writer.api(wanted.kind);
            let params = PatchParams::apply(MANAGER).force();
            let patch = Patch::Apply(&wanted.body);
            let applied = api.patch(&wanted.name, &params, &patch).await?;
            let generation = applied.metadata.generation.map(|number| number.to_string());
            let version = generation.or(applied.metadata.resource_version);
            let body = digest(&wanted.body);
            let written = Written {
                body,
                version: version.unwrap_or_default(),
            };
            let mut all = writer
                .written
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            all.insert((wanted.kind, wanted.name), written);
            Ok(())
        })
        .await
    }

    /// Deletes an object and, in the background, what it owns. One that is not there is no failure.
    ///
    /// # Errors
    /// When the API server refuses it, or has not answered yet.
    pub async fn delete(self: &Arc<Writer>, kind: Kind, name: String) -> Result<(), PlatformError> {
        let api = self.api(kind);
        let params = DeleteParams {
            propagation_policy: Some(PropagationPolicy::Background),
            ..DeleteParams::default()
        };
        self.patiently(format!("{kind:?} {name}"), async move {
            match api.delete(&name, &params).await {
                Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
                other => other.map(drop),
            }
        })
        .await
    }

    /// Waits for a request as long as a pass may wait.
    ///
    /// # Errors
    /// When the API server refuses it, or has not answered yet: then it goes on, and what it asks
    /// for may still happen.
    pub async fn patiently<T: Send + 'static>(
        &self,
        what: String,
        request: impl Future<Output = kube::Result<T>> + Send + 'static,
    ) -> Result<T, PlatformError> {
        if self.leads.as_ref().is_some_and(|leads| !leads()) {
            let why = format!("{what}: another operator may lead by now");
            return Err(PlatformError::Refused(why));
        }
        if self.is_slow() {
            return Err(PlatformError::Unknown(format!(
                "{what}: the API server is slow"
            )));
        }
        match tokio::time::timeout(PATIENCE, tokio::spawn(request)).await {
            Ok(Ok(answer)) => answer.map_err(|error| refusal(&what, &error)),
            Ok(Err(error)) => Err(PlatformError::Unknown(format!("{what}: {error}"))),
            Err(_) => {
                self.note_slow();
                let ms = PATIENCE.as_millis();
                Err(PlatformError::Unknown(format!(
                    "{what}: the API server has not answered within {ms} ms"
                )))
            }
        }
    }

    /// The same for one that says itself when it must not be.
    ///
    /// # Errors
    /// Then, too.
    pub async fn fencedly(
        &self,
        what: String,
        request: impl Future<Output = Fenced<()>> + Send + 'static,
    ) -> Result<(), PlatformError> {
        let written = self.patiently(what.clone(), request).await?;
        written.map_err(|why| PlatformError::Refused(format!("{what}: {why}")))
    }

    fn is_slow(&self) -> bool {
        let until = self.slow_until.lock();
        let until = *until.unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }

    fn note_slow(&self) {
        let mut until = self
            .slow_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *until = Some(Instant::now() + REST);
    }

    fn api(&self, kind: Kind) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.namespace, &kind.api_resource())
    }
}

/// An error of the API server as an outcome: what it said no to has not happened.
fn refusal(what: &str, error: &kube::Error) -> PlatformError {
    match error {
        kube::Error::Api(status) if status.code < 500 => {
            PlatformError::Refused(format!("{what}: {}", text::of_api(error)))
        }
        _ => PlatformError::Unknown(format!("{what}: {}", text::of_api(error))),
    }
}

fn digest(body: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    body.to_string().hash(&mut hasher);
    hasher.finish()
}
