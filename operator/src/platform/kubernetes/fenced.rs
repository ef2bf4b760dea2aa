//! Fenced writes: each names the version of the object that it replaces, so a request that the API
//! server performs late undoes nothing that a later leader has written.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use super::Leads;

/// The time limit of a request. Without an answer it may still happen, but its version keeps it
/// from overwriting later writes.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often a write is tried while others write as well.
const ATTEMPTS: usize = 3;

/// One leadership. A later one of the same Lease has a higher number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Term {
    /// The UID of the Lease.
    pub lease: String,
    /// Its number of transitions.
    pub transitions: i32,
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.lease, self.transitions)
    }
}

impl Term {
    /// Whether the text is a later term of the same Lease. Terms of different Leases cannot be
    /// compared.
    pub(super) fn precedes(&self, text: &str) -> bool {
        let Some((lease, number)) = text.rsplit_once('/') else {
            return false;
        };
        let later = number
            .parse()
            .is_ok_and(|number: i32| number > self.transitions);
        lease == self.lease && later
    }
}

/// The version of an object; none if there is no object.
pub(super) type Version = Option<String>;

/// The outcome of a write; the inner error says why the fence refuses it.
pub(super) type Written<T> = kube::Result<Result<T, String>>;

/// An object that is written as a whole.
pub(super) trait FencedObject: Sync {
    /// The present version, unless it must not be replaced.
    fn read_version(&self) -> impl Future<Output = Written<Version>> + Send;

    /// Replaces exactly that version, or creates the object, and returns the new version. If
    /// another version is there, the error has the code 404 or 409.
    fn replace(&self, version: &Version) -> impl Future<Output = kube::Result<Version>> + Send;
}

/// Writes one object, fenced.
#[derive(Clone, Default)]
pub(super) struct FencedWriter {
    /// None: always.
    pub leads: Option<Leads>,
    /// The last known version. Locked during a request, so that requests of this writer do not
    /// overtake each other.
    known: Arc<Mutex<Option<Version>>>,
}

impl FencedWriter {
    /// Replaces the present version of the object.
    pub(super) async fn write(&self, object: impl FencedObject) -> Written<()> {
        let writing = tokio::time::timeout(PATIENCE, self.try_write(&object));
        let late = |_| Ok(Err("no answer in time".to_owned()));
        writing.await.unwrap_or_else(late)
    }

    async fn try_write(&self, object: &impl FencedObject) -> Written<()> {
        let mut known = self.known.lock().await;
        for _ in 0..ATTEMPTS {
            // Until there is an answer, the version is unknown.
            let version = match known.take() {
                Some(version) => version,
                None => match object.read_version().await? {
                    Ok(version) => version,
                    Err(why) => return Ok(Err(why)),
                },
            };
            if self.leads.as_ref().is_some_and(|leads| !leads()) {
                return Ok(Err("another operator may be the leader now".to_owned()));
            }
            match object.replace(&version).await {
                Ok(version) => {
                    *known = version.map(Some);
                    return Ok(Ok(()));
                }
                // Another client has written or deleted it.
                Err(kube::Error::Api(status)) if [404, 409].contains(&status.code) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Err("other clients keep writing it".to_owned()))
    }
}
