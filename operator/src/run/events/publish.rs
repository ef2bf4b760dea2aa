//! Publishes Events: counts up repeated ones, retries, and limits their rate.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event, Recorder, Reporter};

use crate::run::rate_limit::{RateLimit, TokenBucket};
use crate::text;

/// The `reportingController` of our Events.
const CONTROLLER: &str = "slotkeeper.dev/operator";

/// The same Event within this time is counted up; the recorder keeps an Event this long.
const SERIES: Duration = Duration::from_mins(6);

/// The rate limit of Events of one kind, regardless of their notes, so that failures with ever new
/// notes do not flood. Forming a large cluster causes some hundred within minutes.
const KIND: RateLimit = RateLimit {
    burst: 100,
    every: Duration::from_secs(30),
};

/// The time limit of one attempt, and the number of attempts.
const PATIENCE: Duration = Duration::from_secs(5);
const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);

/// Publishes Events one by one.
pub(super) struct Publisher {
    client: Client,
    reporter: Reporter,
    series: HashMap<Key, Series>,
}

/// What makes two Events the same, apart from their note.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    about: Option<String>,
    reason: String,
    action: String,
    related: Option<String>,
}

/// A series of equal Events. A recorder counts an Event up even if its note has changed, so each
/// note gets its own recorder; otherwise an Event would keep the reason of an earlier failure.
struct Series {
    note: Option<String>,
    recorder: Option<Recorder>,
    bucket: TokenBucket,
    last: Instant,
}

impl Publisher {
    pub(super) fn new(client: Client) -> Publisher {
        Publisher {
            client,
            // The instance is the hostname, which in a pod is the name of the pod.
            reporter: CONTROLLER.into(),
            series: HashMap::new(),
        }
    }

    /// Publishes one, with a few attempts if that may help. Too many of one kind are refused.
    pub(super) async fn publish(
        &mut self,
        event: &Event,
        about: &ObjectReference,
    ) -> Result<(), String> {
        if !self.admit(event, about, Instant::now()) {
            return Err("too many Events of this kind".to_owned());
        }
        let mut failed = String::new();
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                tokio::time::sleep(PAUSE).await;
            }
            let recorder = self.recorder(event, about);
            match tokio::time::timeout(PATIENCE, recorder.publish(event, about)).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) => {
                    failed = text::of_api(&error);
                    // The Event to count up may be gone: the next attempt creates a new one.
                    self.forget_recorder(event, about);
                    if !may_help(&error) {
                        break;
                    }
                }
                Err(_) => "no answer in time".clone_into(&mut failed),
            }
        }
        Err(failed)
    }

    /// Whether one more of its kind may be published.
    fn admit(&mut self, event: &Event, about: &ObjectReference, now: Instant) -> bool {
        self.series
            .retain(|_, series| now.duration_since(series.last) < SERIES);
        let series = self.series.entry(Key::of(event, about));
        let series = series.or_insert_with(|| Series {
            note: None,
            recorder: None,
            bucket: TokenBucket::new(KIND, now),
            last: now,
        });
        series.last = now;
        series.bucket.admit(now).is_some()
    }

    /// The recorder of the series that an admitted Event belongs to.
    fn recorder(&mut self, event: &Event, about: &ObjectReference) -> Recorder {
        let fresh = || Recorder::new(self.client.clone(), self.reporter.clone());
        let Some(series) = self.series.get_mut(&Key::of(event, about)) else {
            return fresh();
        };
        if series.note != event.note {
            series.recorder = None;
            series.note.clone_from(&event.note);
        }
        series.recorder.get_or_insert_with(fresh).clone()
    }

    fn forget_recorder(&mut self, event: &Event, about: &ObjectReference) {
        if let Some(series) = self.series.get_mut(&Key::of(event, about)) {
            series.recorder = None;
        }
    }
}

impl Key {
    fn of(event: &Event, about: &ObjectReference) -> Key {
        let related = event.secondary.as_ref();
        Key {
            about: about.uid.clone(),
            reason: event.reason.clone(),
            action: event.action.clone(),
            related: related.and_then(|related| related.uid.clone()),
        }
    }
}

/// Whether the same request may succeed a moment later.
fn may_help(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => matches!(status.code, 404 | 409 | 429) || status.code >= 500,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::{Arc, Mutex};

    use serde_json::{Value, json};

    use super::super::invalid_manifest;
    use super::*;
    use crate::platform::kubernetes::fake_server;

    /// The requests to an API server, and the errors that it will still answer with.
    #[derive(Clone, Default)]
    struct Server {
        asked: Arc<Mutex<Vec<String>>>,
        errors: Arc<Mutex<VecDeque<u16>>>,
    }

    impl Server {
        fn publisher(&self) -> Publisher {
            let server = self.clone();
            Publisher::new(fake_server::client(move |method, _, body: Value| {
                let count = body["series"]["count"].as_u64().unwrap_or(1);
                let note = body["note"].as_str().unwrap_or_default();
                let asked = format!("{method} {note} x{count}");
                server.asked.lock().unwrap().push(asked);
                let error = server.errors.lock().unwrap().pop_front();
                error.map_or(Ok(json!(body)), Err)
            }))
        }

        fn asked(&self) -> Vec<String> {
            std::mem::take(&mut self.asked.lock().unwrap())
        }
    }

    async fn publish(publisher: &mut Publisher, note: &str) -> Result<(), String> {
        let about = ObjectReference {
            name: Some("demo".to_owned()),
            namespace: Some("shop".to_owned()),
            ..ObjectReference::default()
        };
        publisher.publish(&invalid_manifest(note), &about).await
    }

    #[tokio::test(start_paused = true)]
    async fn the_same_again_is_counted_up_and_another_note_is_another_event() {
        let server = Server::default();
        let mut publisher = server.publisher();
        for note in ["a", "a", "a", "b", "a"] {
            publish(&mut publisher, note).await.unwrap();
        }
        let asked = [
            "POST a x1",
            "PATCH a x2",
            "PATCH a x3",
            "POST b x1",
            "POST a x1",
        ];
        assert_eq!(server.asked(), asked);
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_pass_is_tried_again_a_few_times() {
        let server = Server::default();
        let mut publisher = server.publisher();
        server.errors.lock().unwrap().extend([503, 429]);
        assert_eq!(publish(&mut publisher, "a").await, Ok(()));
        assert_eq!(server.asked(), ["POST a x1"; 3]);
        server.errors.lock().unwrap().extend([500; 3]);
        assert!(publish(&mut publisher, "b").await.is_err());
        assert_eq!(server.asked(), ["POST b x1"; 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_forbidden_is_not_tried_again() {
        let server = Server::default();
        let mut publisher = server.publisher();
        server.errors.lock().unwrap().push_back(403);
        let error = publish(&mut publisher, "a").await.unwrap_err();
        assert!(error.contains("not today"), "{error}");
        assert_eq!(server.asked(), ["POST a x1"]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_event_that_is_gone_is_made_anew_when_it_would_be_counted_up() {
        let server = Server::default();
        let mut publisher = server.publisher();
        publish(&mut publisher, "a").await.unwrap();
        server.errors.lock().unwrap().push_back(404);
        publish(&mut publisher, "a").await.unwrap();
        assert_eq!(server.asked(), ["POST a x1", "PATCH a x2", "POST a x1"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_kind_that_never_ends_is_left_out_whatever_its_notes_say() {
        let server = Server::default();
        let mut publisher = server.publisher();
        let mut left_out = 0;
        for number in 0..1000 {
            let note = format!("spec.shards: nonsense {number}");
            left_out += usize::from(publish(&mut publisher, &note).await.is_err());
        }
        let published = server.asked().len();
        assert_eq!(published + left_out, 1000);
        // The burst, and some more on a slow machine.
        assert!((100..200).contains(&published), "{published}");
    }
}
