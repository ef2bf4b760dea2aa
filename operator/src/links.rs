//! One persistent connection to every node. A connection that breaks wakes the reconcile loop,
//! because it is the first sign that a process has died. A connection that is dropped takes with it
//! what was not delivered yet.

mod bounded;
mod network;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ErrorKind, RedisConnectionInfo, RedisError};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::model::{ARRIVES_WITHIN_MS, Address, Moment, PodIndex, Silence};
use crate::text;
use bounded::Bounded;
pub use network::{Network, Tcp};

/// How long one node may take to answer in one pass, connecting included.
pub const DEADLINE: Duration = Duration::from_millis(500);

/// How long the kernel tries to deliver a request, in milliseconds. A request is given up after
/// [`DEADLINE`], and its connection closed, which ends its delivery as well; this limit holds even
/// if the operator is stopped meanwhile. The rest of [`ARRIVES_WITHIN_MS`] is for the last packet.
const DELIVERED_WITHIN_MS: u32 = 1_000;

const _: () = assert!(DEADLINE.as_millis() < DELIVERED_WITHIN_MS as u128);
const _: () = assert!((DELIVERED_WITHIN_MS as u64) < ARRIVES_WITHIN_MS);

/// The connections of one cluster.
#[derive(Debug)]
pub struct Links<N = Tcp> {
    network: N,
    wake: Arc<Notify>,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    password: Option<String>,
    links: BTreeMap<PodIndex, Link>,
}

#[derive(Debug)]
struct Link {
    address: Address,
    connection: MultiplexedConnection,
    ended: Arc<AtomicBool>,
    driver: AbortHandle,
}

impl Links {
    /// No connections yet. When one breaks, `wake` is notified.
    #[must_use]
    pub fn new(wake: Arc<Notify>) -> Links {
        Links::over(Tcp, wake)
    }
}

impl<N: Network> Links<N> {
    /// As [`Links::new`], over that network.
    #[must_use]
    pub fn over(network: N, wake: Arc<Notify>) -> Links<N> {
        Links {
            network,
            wake,
            inner: Mutex::default(),
        }
    }

    /// The time now.
    pub fn now(&self) -> Moment {
        self.network.now()
    }

    /// Sets the password for all nodes; a different one closes every connection.
    pub fn set_password(&self, password: Option<&str>) {
        let mut inner = self.lock();
        if inner.password.as_deref() != password {
            inner.password = password.map(str::to_owned);
            inner.links.clear();
        }
    }

    /// Closes the connections to pods that no longer exist.
    pub fn keep(&self, keep: impl Fn(PodIndex) -> bool) {
        self.lock().links.retain(|index, _| keep(*index));
    }

    /// The open connection to the node of a pod, or a new one. It is authenticated.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn get(
        &self,
        index: PodIndex,
        address: &Address,
    ) -> Result<MultiplexedConnection, Silence> {
        if let Some(connection) = self.kept(index, address) {
            return Ok(connection);
        }
        let password = self.lock().password.clone();
        let connecting = self.connect(address, password.as_deref());
        let link = tokio::time::timeout(DEADLINE, connecting)
            .await
            .map_err(|_| Silence::TimedOut)??;
        let connection = link.connection.clone();
        self.lock().links.insert(index, link);
        Ok(connection)
    }

    /// A text from a node, for people: one line, without the password.
    #[must_use]
    pub fn line(&self, said: &str) -> String {
        text::line_without(said, self.lock().password.as_deref())
    }

    /// Closes the connection to a pod whose node did not answer in time, or that broke. What it was
    /// asked and has not read arrives no more, except for what is on its way.
    pub fn drop_link(&self, index: PodIndex) {
        self.lock().links.remove(&index);
    }

    fn kept(&self, index: PodIndex, address: &Address) -> Option<MultiplexedConnection> {
        let mut inner = self.lock();
        let link = inner.links.get(&index)?;
        if link.address == *address && !link.ended.load(Ordering::Relaxed) {
            return Some(link.connection.clone());
        }
        inner.links.remove(&index);
        None
    }

    async fn connect(&self, address: &Address, password: Option<&str>) -> Result<Link, Silence> {
        let stream = self.network.connect(address).await;
        let stream = Bounded::new(stream.map_err(|error| match error.kind() {
            std::io::ErrorKind::ConnectionRefused => Silence::Refused,
            _ => Silence::TimedOut,
        })?);
        let info = RedisConnectionInfo::default().set_skip_set_lib_name();
        let info = match password {
            Some(password) => info.set_password(password),
            None => info,
        };
        let (connection, driver) =
            MultiplexedConnection::new_with_config(&info, stream, AsyncConnectionConfig::default())
                .await
                .map_err(|error| silence(&error))?;
        let ended = Arc::new(AtomicBool::new(false));
        let (flag, wake) = (ended.clone(), self.wake.clone());
        let driver = tokio::spawn(async move {
            driver.await;
            // If it is true already, we closed the connection ourselves.
            if !flag.swap(true, Ordering::Relaxed) {
                wake.notify_one();
            }
        });
        Ok(Link {
            address: address.clone(),
            connection,
            ended,
            driver: driver.abort_handle(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        self.driver.abort();
    }
}

/// What the error of a connection or a query says about the node.
#[must_use]
pub fn silence(error: &RedisError) -> Silence {
    // A pipeline reports the first of its errors by its code only here.
    let errors = error.clone().into_server_errors().unwrap_or_default();
    let code = errors.first().map(|(_, error)| error.code());
    match (error.kind(), code.or_else(|| error.code())) {
        (ErrorKind::AuthenticationFailed, _) | (_, Some("NOAUTH" | "WRONGPASS" | "NOPERM")) => {
            Silence::WrongPassword
        }
        (_, Some("LOADING")) => Silence::Loading,
        (_, Some("BUSY")) => Silence::Busy,
        (ErrorKind::Io, _) if error.is_connection_refusal() => Silence::Refused,
        (ErrorKind::Io, _) => Silence::TimedOut,
        _ => Silence::Malformed(error.to_string()),
    }
}
