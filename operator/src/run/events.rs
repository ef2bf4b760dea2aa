//! Events of events.k8s.io/v1 for every act. A pass only puts them into a queue; a task of their
//! own publishes them.

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

/// So many Events wait at most; forming the largest cluster takes a few thousand, over minutes.
const QUEUE: usize = 1024;

/// Takes Events to publish; clones feed the same queue.
#[derive(Clone, Debug)]
pub struct Events {
    queue: mpsc::Sender<Order>,
    full: Arc<AtomicBool>,
    metrics: Metrics,
}

pub(super) enum Order {
    Publish(Box<Told>),
    /// Everything before it is published.
    Flushed(oneshot::Sender<()>),
}

pub(super) struct Told {
    pub(super) event: Event,
    pub(super) about: ObjectReference,
}

impl Events {
    /// Starts the task that publishes them. It ends with the last handle.
    #[must_use]
    pub fn start(client: Client, metrics: Metrics) -> Events {
        let (events, orders) = Events::queue(metrics.clone());
        tokio::spawn(work(orders, Publisher::new(client), metrics));
        events
    }

    pub(super) fn queue(metrics: Metrics) -> (Events, mpsc::Receiver<Order>) {
        let (queue, orders) = mpsc::channel(QUEUE);
        let full = Arc::default();
        let events = Events {
            queue,
            full,
            metrics,
        };
        (events, orders)
    }

    /// Has them published about that object, some time soon. Never waits: what the queue cannot
    /// take is lost, and counted.
    pub fn tell(&self, about: &ObjectReference, events: Vec<Event>) {
        for event in events {
            let about = about.clone();
            let order = Order::Publish(Box::new(Told { event, about }));
            let full = self.queue.try_send(order).is_err();
            let was_full = self.full.swap(full, Ordering::Relaxed);
            if full {
                self.metrics.event_lost();
            }
            if full && !was_full {
                tracing::warn!("Events are lost: the API server takes them too slowly");
            }
        }
    }

    /// Waits until everything told so far is published, or that time is over.
    pub async fn flush(&self, most: Duration) {
        let (flushed, done) = oneshot::channel();
        let flushing = async {
            // Without the task there is nobody to wait for.
            if self.queue.send(Order::Flushed(flushed)).await.is_ok() {
                let _ = done.await;
            }
        };
        let _ = tokio::time::timeout(most, flushing).await;
    }
}

async fn work(mut orders: mpsc::Receiver<Order>, mut publisher: Publisher, metrics: Metrics) {
    while let Some(order) = orders.recv().await {
        match order {
            Order::Publish(told) => {
                let Told { event, about } = *told;
                if let Err(error) = publisher.publish(&event, &about).await {
                    metrics.event_lost();
                    let reason = event.reason;
                    tracing::warn!(reason, %error, "an Event was not published");
                }
            }
            Order::Flushed(flushed) => {
                let _ = flushed.send(());
            }
        }
    }
}
