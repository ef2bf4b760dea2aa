use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{ErrorKind, RedisError, cmd};
use tokio::sync::{Notify, watch};

use super::supervisor::{Supervisor, Tell};
use crate::links::{DEADLINE, Links};
use crate::model::{Phase, Place};

/// A node that did not answer is asked again after that long.
const AGAIN: Duration = Duration::from_secs(1);

/// The directives that the nodes shall have.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wanted {
    /// As the manifest has them.
    pub config: BTreeMap<String, String>,
    /// Every directive with its value, as the node's program understands the manifest: those that
    /// it does not name have their defaults.
    pub values: BTreeMap<String, String>,
}

/// Brings changed directives to the nodes that run, without end. What a node takes only when it
/// starts is noted in its record.
pub async fn keep_configured(
    supervisor: Arc<Supervisor>,
    password: Option<String>,
    mut wanted: watch::Receiver<Wanted>,
    tell: Tell,
) {
    let links = Links::new(Arc::new(Notify::new()));
    links.set_password(password.as_deref());
    loop {
        let now = wanted.borrow_and_update().clone();
        for (place, life) in supervisor.lives() {
            if life.phase == Phase::Running {
                configure(&supervisor, &links, place, &now, &tell).await;
            }
        }
        tokio::select! {
            changed = wanted.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(AGAIN) => {}
        }
    }
}

async fn configure(
    supervisor: &Supervisor,
    links: &Links,
    place: Place,
    wanted: &Wanted,
    tell: &Tell,
) {
    let (life, names) = supervisor.record(|state| {
        let pod = state.pod(place);
        (pod.incarnation, pod.untried(&wanted.config))
    });
    let Ok(address) = supervisor.layout().address(place) else {
        return;
    };
    let pod = supervisor.layout().pod(place);
    for name in names {
        let Some(value) = wanted.values.get(&name.to_ascii_lowercase()) else {
            continue;
        };
        let taken = match links.get(place, &address).await {
            Ok(connection) => set(connection, &name, value).await,
            Err(_) => Taken::Unknown,
        };
        match &taken {
            // It is asked again.
            Taken::Unknown => return links.drop_link(place),
            Taken::Now => tell(&format!("{pod}: {name} is {value:?} now")),
            Taken::AtStart(why) => {
                tell(&format!(
                    "{pod}: {name} waits for the node's restart: {why}"
                ));
            }
        }
        supervisor.record(|state| {
            let pod = state.pod(place);
            // A process that was started meanwhile has read its file.
            if pod.incarnation == life {
                pod.note(&name, wanted.config.get(&name), taken == Taken::Now);
            }
        });
    }
}

/// What a node said to CONFIG SET.
#[derive(Debug, PartialEq)]
enum Taken {
    Now,
    /// Refused at run time; the words of the node.
    AtStart(String),
    /// No answer.
    Unknown,
}

async fn set(mut connection: MultiplexedConnection, name: &str, value: &str) -> Taken {
    let mut command = cmd("CONFIG");
    command.arg("SET").arg(name).arg(value);
    let answer = command.query_async::<()>(&mut connection);
    match tokio::time::timeout(DEADLINE, answer).await {
        Ok(Ok(())) => Taken::Now,
        Ok(Err(error)) if error.kind() != ErrorKind::Io => Taken::AtStart(reason(&error)),
        Ok(Err(_)) | Err(_) => Taken::Unknown,
    }
}

/// The last part of `CONFIG SET failed (possibly related to argument 'x') - reason`.
fn reason(error: &RedisError) -> String {
    let said = error
        .detail()
        .map_or_else(|| error.to_string(), str::to_owned);
    let last = said.rsplit(" - ").next().unwrap_or_default();
    last.to_owned()
}
