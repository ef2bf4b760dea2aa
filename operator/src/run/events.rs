//! Events of events.k8s.io/v1 for every step. A pass only queues them; a separate task publishes
//! them.

mod compose;
mod publish;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::Event;
use tokio::sync::{mpsc, oneshot};

use super::metrics::Metrics;
use publish::Publisher;

pub use compose::{invalid_manifest, of_status, of_step};

/// The maximum number of queued Events. Forming the largest cluster causes a few thousand, over
/// minutes.
const QUEUE: usize = 1024;

/// Queues Events for publishing; clones share the queue.
#[derive(Clone, Debug)]
pub struct Events {
    queue: mpsc::Sender<QueueItem>,
    full: Arc<AtomicBool>,
    metrics: Metrics,
}

pub(super) enum QueueItem {
    Publish(Box<QueuedEvent>),
    /// Confirms that everything before it is published.
    Flushed(oneshot::Sender<()>),
}

pub(super) struct QueuedEvent {
    pub(super) event: Event,
    pub(super) about: ObjectReference,
}

impl Events {
    /// Starts the task that publishes them. It ends when the last handle is dropped.
    #[must_use]
    pub fn start(client: Client, metrics: Metrics) -> Events {
        let (events, items) = Events::queue(metrics.clone());
        tokio::spawn(work(items, Publisher::new(client), metrics));
        events
    }

    pub(super) fn queue(metrics: Metrics) -> (Events, mpsc::Receiver<QueueItem>) {
        let (queue, items) = mpsc::channel(QUEUE);
        let full = Arc::default();
        let events = Events {
            queue,
            full,
            metrics,
        };
        (events, items)
    }

    /// Queues Events about that object. Never waits: Events that do not fit are lost, and counted.
    pub fn enqueue(&self, about: &ObjectReference, events: Vec<Event>) {
        for event in events {
            let about = about.clone();
            let item = QueueItem::Publish(Box::new(QueuedEvent { event, about }));
            let full = self.queue.try_send(item).is_err();
            let was_full = self.full.swap(full, Ordering::Relaxed);
            if full {
                self.metrics.event_lost();
            }
            if full && !was_full {
                tracing::warn!("Events are lost: the API server is too slow");
            }
        }
    }

    /// Waits until everything queued so far is published, at most this long.
    pub async fn flush(&self, most: Duration) {
        let (flushed, done) = oneshot::channel();
        let flushing = async {
            // Without the task there is nothing to wait for.
            if self.queue.send(QueueItem::Flushed(flushed)).await.is_ok() {
                let _ = done.await;
            }
        };
        let _ = tokio::time::timeout(most, flushing).await;
    }
}

async fn work(mut items: mpsc::Receiver<QueueItem>, mut publisher: Publisher, metrics: Metrics) {
    while let Some(item) = items.recv().await {
        match item {
            QueueItem::Publish(told) => {
                let QueuedEvent { event, about } = *told;
                if let Err(error) = publisher.publish(&event, &about).await {
                    metrics.event_lost();
                    let reason = event.reason;
                    tracing::warn!(reason, %error, "an Event was not published");
                }
            }
            QueueItem::Flushed(flushed) => {
                let _ = flushed.send(());
            }
        }
    }
}
