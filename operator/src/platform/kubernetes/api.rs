//! Writes to the API server, with a limit on how long a pass waits for them.

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
use super::cache::Live;
use super::fenced::Written as FencedResult;
use super::names::MANAGER;
use super::objects::compare::says;
use super::objects::{DesiredObject, Kind};
use crate::platform::PlatformError;
use crate::text;

/// How long a pass waits for the API server. A slower request continues in the background: no
/// quota, webhook or slow server may delay the successor of a dead master.
const PATIENCE: Duration = Duration::from_millis(500);

/// After a slower request, passes do not wait for the API server at all for this time.
const REST: Duration = Duration::from_secs(2);

/// Applies the objects of one cluster.
pub struct Writer {
    client: Client,
    namespace: String,
    /// None: it always writes.
    leads: Option<Leads>,
    written: Mutex<BTreeMap<(Kind, String), Written>>,
    slow_until: Mutex<Option<Instant>>,
}

/// What was applied last, and the resulting version.
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

    /// The same, while `leads` says so.
    #[must_use]
    pub fn leading(mut self, leads: Leads) -> Writer {
        self.leads = Some(leads);
        self
    }

    /// Whether an object is as desired. If something else, such as a webhook, changes what is
    /// applied, then the result counts: applying it again would never change anything.
    #[must_use]
    pub fn is_current(&self, live: &Live, wanted: &DesiredObject) -> bool {
        if says(&live.value, &wanted.body) {
            return true;
        }
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (wanted.kind, wanted.name.clone());
        written.get(&key).is_some_and(|written| {
            written.body == digest(&wanted.body) && written.version == live.version
        })
    }

    /// Creates the object, or corrects our fields in it (server-side apply).
    ///
    /// # Errors
    /// When the API server refuses it, or has not answered yet.
    pub async fn apply(self: &Arc<Writer>, wanted: DesiredObject) -> Result<(), PlatformError> {
        let writer = self.clone();
        let what = format!("{:?} {}", wanted.kind, wanted.name);
        self.with_timeout(what, async move {
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

    /// Deletes an object and, in the background, what it owns. A missing object is not a failure.
    ///
    /// # Errors
    /// When the API server refuses it, or has not answered yet.
    pub async fn delete(self: &Arc<Writer>, kind: Kind, name: String) -> Result<(), PlatformError> {
        let api = self.api(kind);
        let params = DeleteParams {
            propagation_policy: Some(PropagationPolicy::Background),
            ..DeleteParams::default()
        };
        self.with_timeout(format!("{kind:?} {name}"), async move {
            match api.delete(&name, &params).await {
                Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
                other => other.map(drop),
            }
        })
        .await
    }

    /// Waits for a request, at most as long as a pass may wait.
    ///
    /// # Errors When the API server refuses it, or has not answered yet: then the request continues
    /// and may still succeed.
    pub async fn with_timeout<T: Send + 'static>(
        &self,
        what: String,
        request: impl Future<Output = kube::Result<T>> + Send + 'static,
    ) -> Result<T, PlatformError> {
        if self.leads.as_ref().is_some_and(|leads| !leads()) {
            let why = format!("{what}: another operator may be the leader now");
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

    /// The same for a fenced write.
    ///
    /// # Errors As above, or when the fence refuses the write.
    pub async fn write_fenced(
        &self,
        what: String,
        request: impl Future<Output = FencedResult<()>> + Send + 'static,
    ) -> Result<(), PlatformError> {
        let written = self.with_timeout(what.clone(), request).await?;
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

/// An error of the API server as an outcome: a refused request has not happened.
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
