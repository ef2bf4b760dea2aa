//! A write load on a cluster: numbered keys, and which of them were acknowledged.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use redis::Commands;
use redis::cluster::{ClusterClient, ClusterConnection};

/// A thread that writes until it is dropped.
#[derive(Debug)]
pub struct Load {
    client: ClusterClient,
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    /// All keys below this number were acknowledged.
    acknowledged: AtomicU64,
    paused: AtomicBool,
    ended: AtomicBool,
    /// Held during a write, so that a pause begins when none is under way.
    writing: Mutex<()>,
}

impl Load {
    /// Starts writing through the node at a port of 127.0.0.1, without a password.
    ///
    /// # Panics When the address is invalid.
    #[must_use]
    pub fn start(port: u16) -> Load {
        Load::start_with(port, None)
    }

    /// Starts writing, with a password if there is one.
    ///
    /// # Panics
    /// When the address is none.
    #[must_use]
    pub fn start_with(port: u16, password: Option<&str>) -> Load {
        Load::start_at(&[format!("127.0.0.1:{port}")], password)
    }

    /// Starts writing through any of these servers, `host:port` each.
    ///
    /// # Panics When an address is invalid.
    #[must_use]
    pub fn start_at(servers: &[String], password: Option<&str>) -> Load {
        let urls = servers.iter().map(|server| format!("redis://{server}"));
        let mut builder = ClusterClient::builder(urls);
        if let Some(password) = password {
            builder = builder.password(password);
        }
        let client = builder
            .response_timeout(Duration::from_secs(2))
            .connection_timeout(Duration::from_secs(2))
            .build()
            .expect("an address of this form is one");
        let shared = Arc::new(Shared::default());
        let writer = std::thread::spawn({
            let (client, shared) = (client.clone(), Arc::clone(&shared));
            move || write_on(&client, &shared)
        });
        Load {
            client,
            shared,
            writer: Some(writer),
        }
    }

    /// Stops writing until [`Load::resume`]; no write is in progress when this returns.
    ///
    /// # Panics
    /// When the writer panicked.
    pub fn pause(&self) {
        self.shared.paused.store(true, Ordering::SeqCst);
        drop(
            self.shared
                .writing
                .lock()
                .expect("the writer does not panic"),
        );
    }

    /// Continues writing.
    pub fn resume(&self) {
        self.shared.paused.store(false, Ordering::SeqCst);
    }

    /// The number of acknowledged writes.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.shared.acknowledged.load(Ordering::SeqCst)
    }

    /// Reads every acknowledged key.
    ///
    /// # Panics
    /// When one is missing or wrong, or when the cluster cannot be read for a minute.
    pub fn check(&self, after: &str) {
        let count = self.acknowledged();
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut connection = None;
        let mut number = 0;
        while number < count {
            match read(&self.client, &mut connection, number) {
                Ok(value) => {
                    assert_eq!(
                        value,
                        Some(number),
                        "key load:{number} of {count} after {after}"
                    );
                    number += 1;
                }
                Err(error) => {
                    assert!(Instant::now() < deadline, "no read after {after}: {error}");
                    connection = None;
                    sleep(Duration::from_millis(100));
                }
            }
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        if let Some(writer) = self.writer.take() {
            // A panic of the writer shows as too few acknowledged writes.
            let _ = writer.join();
        }
    }
}

fn read(
    client: &ClusterClient,
    connection: &mut Option<ClusterConnection>,
    number: u64,
) -> redis::RedisResult<Option<u64>> {
    open(client, connection)?.get(format!("load:{number}"))
}

fn open<'a>(
    client: &ClusterClient,
    connection: &'a mut Option<ClusterConnection>,
) -> redis::RedisResult<&'a mut ClusterConnection> {
    if connection.is_none() {
        *connection = Some(client.get_connection()?);
    }
    Ok(connection
        .as_mut()
        .expect("it was just opened if it was not open"))
}

/// Writes one key after the other; a key that failed is written again until it is acknowledged.
fn write_on(client: &ClusterClient, shared: &Shared) {
    let mut connection = None;
    while !shared.ended.load(Ordering::SeqCst) {
        sleep(Duration::from_millis(2));
        let Ok(_writing) = shared.writing.lock() else {
            return;
        };
        if shared.paused.load(Ordering::SeqCst) {
            continue;
        }
        let number = shared.acknowledged.load(Ordering::SeqCst);
        let written: redis::RedisResult<()> = open(client, &mut connection)
            .and_then(|connection| connection.set(format!("load:{number}"), number));
        match written {
            Ok(()) => shared.acknowledged.store(number + 1, Ordering::SeqCst),
            Err(_) => connection = None,
        }
    }
}
