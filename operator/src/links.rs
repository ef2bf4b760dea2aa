//! One kept connection to every node. The end of one wakes the loop: it is the first sign of a
//! death.

mod bounded;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ErrorKind, RedisConnectionInfo, RedisError};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::model::{Address, Place, Silence};
use crate::text;
use bounded::Bounded;

/// How long one node may take to answer in one pass, connecting included.
pub const DEADLINE: Duration = Duration::from_millis(500);

/// The connections of one cluster.
#[derive(Debug)]
pub struct Links {
    wake: Arc<Notify>,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    password: Option<String>,
    links: BTreeMap<Place, Link>,
}

#[derive(Debug)]
struct Link {
    address: Address,
    connection: MultiplexedConnection,
    ended: Arc<AtomicBool>,
}

impl Links {
    /// No connections yet; the end of any will wake whoever waits on `wake`.
    #[must_use]
    pub fn new(wake: Arc<Notify>) -> Links {
        Links {
            wake,
            inner: Mutex::default(),
        }
    }

    /// The password for all nodes; another one than before ends every connection.
    pub fn set_password(&self, password: Option<&str>) {
        let mut inner = self.lock();
        if inner.password.as_deref() != password {
            inner.password = password.map(str::to_owned);
            inner.links.values().for_each(Link::retire);
            inner.links.clear();
        }
    }

    /// Ends the connections to places that are no more.
    pub fn keep(&self, keep: impl Fn(Place) -> bool) {
        self.lock().links.retain(|place, link| {
            let stays = keep(*place);
            if !stays {
                link.retire();
            }
            stays
        });
    }

    /// The kept connection to the node of a place, or a new one. It is authenticated.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn get(
        &self,
        place: Place,
        address: &Address,
    ) -> Result<MultiplexedConnection, Silence> {
        if let Some(connection) = self.kept(place, address) {
            return Ok(connection);
        }
        let password = self.lock().password.clone();
        let connecting = self.connect(address, password.as_deref());
        let (connection, ended) = tokio::time::timeout(DEADLINE, connecting)
            .await
            .map_err(|_| Silence::TimedOut)??;
        let link = Link {
            address: address.clone(),
            connection: connection.clone(),
            ended,
        };
        if let Some(old) = self.lock().links.insert(place, link) {
            old.retire();
        }
        Ok(connection)
    }

    /// What a node has said, for people: a line without the password.
    #[must_use]
    pub fn line(&self, said: &str) -> String {
        text::line_without(said, self.lock().password.as_deref())
    }

    /// Drops the connection to a place: it did not answer in time, or broke.
    pub fn drop_link(&self, place: Place) {
        if let Some(link) = self.lock().links.remove(&place) {
            link.retire();
        }
    }

    fn kept(&self, place: Place, address: &Address) -> Option<MultiplexedConnection> {
        let mut inner = self.lock();
        let link = inner.links.get(&place)?;
        if link.address == *address && !link.ended.load(Ordering::Relaxed) {
            return Some(link.connection.clone());
        }
        let link = inner.links.remove(&place)?;
        link.retire();
        None
    }

    async fn connect(
        &self,
        address: &Address,
        password: Option<&str>,
    ) -> Result<(MultiplexedConnection, Arc<AtomicBool>), Silence> {
        let stream = TcpStream::connect((address.ip.as_str(), address.port)).await;
        let stream = stream.map_err(|error| match error.kind() {
            std::io::ErrorKind::ConnectionRefused => Silence::Refused,
            _ => Silence::TimedOut,
        })?;
        // Small requests that wait for their answers: nothing to gain from collecting them.
        let _ = stream.set_nodelay(true);
        let stream = Bounded::new(stream);
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
        tokio::spawn(async move {
            driver.await;
            // True already: we ended it ourselves, which is no news.
            if !flag.swap(true, Ordering::Relaxed) {
                wake.notify_one();
            }
        });
        Ok((connection, ended))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Link {
    fn retire(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

/// What the error of a connection or an enquiry says about the node.
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
        (ErrorKind::Io, _) if error.is_connection_refusal() => Silence::Refused,
        (ErrorKind::Io, _) => Silence::TimedOut,
        _ => Silence::Malformed(error.to_string()),
    }
}
