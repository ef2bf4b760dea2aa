//! Writes that a later leader's fence off: each names the version of the object that it replaces, so
//! that a request which the API server performs late undoes nothing that was written after it.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use super::Leads;

/// A request has so long. What is not answered by then may still happen; its version tells it from
/// what comes after it.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often a write is tried while others write, too.
const ATTEMPTS: usize = 3;

/// One leadership: a later one of the same Lease has a higher number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Term {
    /// The UID of the Lease.
    pub lease: String,
    /// How often it had changed hands.
    pub transitions: i32,
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.lease, self.transitions)
    }
}

impl Term {
    /// Whether the text is that of a later term. Of another Lease nobody knows.
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

/// The version of an object; none where there is no object.
pub(super) type Version = Option<String>;

/// A write's outcome: the inner error says why it must not be.
pub(super) type Written<T> = kube::Result<Result<T, String>>;

/// An object that is written in full.
pub(super) trait Object: Sync {
    /// The version that is there, unless it is not ours to replace.
    fn look(&self) -> impl Future<Output = Written<Version>> + Send;

    /// Replaces exactly that version, or creates the object, and gives back the new version. What
    /// else is there now is an error with the code 404 or 409.
    fn replace(&self, version: &Version) -> impl Future<Output = kube::Result<Version>> + Send;
}

/// Who writes an object.
#[derive(Clone, Default)]
pub(super) struct Fenced {
    /// None: always.
    pub leads: Option<Leads>,
    /// The version as last known, if it is. Held while a request is under way, so that none of ours
    /// overtakes another.
    known: Arc<Mutex<Option<Version>>>,
}

impl Fenced {
    /// Writes the object in place of the version that is there.
    pub(super) async fn write(&self, object: impl Object) -> Written<()> {
        let writing = tokio::time::timeout(PATIENCE, self.try_write(&object));
        let late = |_| Ok(Err("no answer in time".to_owned()));
        writing.await.unwrap_or_else(late)
    }

    async fn try_write(&self, object: &impl Object) -> Written<()> {
        let mut known = self.known.lock().await;
        for _ in 0..ATTEMPTS {
            // Until there is an answer, nobody knows.
            let version = match known.take() {
                Some(version) => version,
                None => match object.look().await? {
                    Ok(version) => version,
                    Err(why) => return Ok(Err(why)),
                },
            };
            if self.leads.as_ref().is_some_and(|leads| !leads()) {
                return Ok(Err("another operator may lead by now".to_owned()));
            }
            match object.replace(&version).await {
                Ok(version) => {
                    *known = version.map(Some);
                    return Ok(Ok(()));
                }
                // Somebody else has written or deleted it.
                Err(kube::Error::Api(status)) if [404, 409].contains(&status.code) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Err("others write it all the time".to_owned()))
    }
}
