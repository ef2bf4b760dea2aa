//! Who may connect, and as which user: connections, AUTH, HELLO, RESET.

use crate::config::Config;
use crate::engine::sessions::Sessions;
use crate::engine::stats::Stats;
use crate::engine::{Acted, Engine};
use crate::io::{Peer, SessionId};
use crate::resp::Reply;
use crate::session::{ReplyMode, Session, SessionRole};
use crate::time::Now;

/// The version of Redis whose behaviour this node has; clients ask for it to know what they may
/// send.
pub(super) const REDIS_VERSION: &str = "7.0.15";

/// What HELLO asks for.
pub(super) struct Hello {
    /// 2 or 3, if named.
    pub(super) protocol: Option<u8>,
    /// User and password.
    pub(super) auth: Option<(Vec<u8>, Vec<u8>)>,
    /// The name to set.
    pub(super) name: Option<Vec<u8>>,
}

impl Engine {
    /// Admits a client connection.
    ///
    /// # Errors
    /// The refusal to send before it is closed (maxclients, protected mode).
    pub fn open(&mut self, peer: Peer, now: Now) -> Result<SessionId, Vec<u8>> {
        open(&self.config, &mut self.sessions, &mut self.stats, peer, now)
    }

    /// RESET: as if the connection were new, but for its id.
    pub(super) fn reset_session(&mut self, id: SessionId, reply: &mut Reply) -> Acted {
        if self.sessions.at(id).role == SessionRole::Normal {
            self.end_transaction(id);
        }
        reset(&self.config, self.sessions.at_mut(id), reply);
        Acted::Replied
    }

    /// How the node calls its mode, in INFO.
    pub(super) fn mode_name(&self) -> &'static str {
        mode_name(&self.config)
    }
}

/// [`Engine::open`], also while a command takes long.
pub(super) fn open(
    config: &Config,
    sessions: &mut Sessions,
    stats: &mut Stats,
    peer: Peer,
    now: Now,
) -> Result<SessionId, Vec<u8>> {
    if sessions.len() >= config.maxclients {
        stats.rejected_connections += 1;
        return Err(b"-ERR max number of clients reached\r\n".to_vec());
    }
    let open = config.requirepass.is_none();
    if open && config.protected_mode && !peer.remote.ip().to_canonical().is_loopback() {
        stats.rejected_connections += 1;
        return Err(PROTECTED.as_bytes().to_vec());
    }
    stats.connections += 1;
    Ok(sessions.open(peer, open, now))
}

/// AUTH.
pub(super) fn auth(
    config: &Config,
    session: &mut Session,
    user: Option<&[u8]>,
    password: &[u8],
    reply: &mut Reply,
) {
    if user.is_none() && config.requirepass.is_none() {
        reply.error(
            "ERR AUTH <password> called without any password configured for the default user. Are \
             you sure your configuration is correct?",
        );
    } else if authenticate(config, session, user, password) {
        reply.ok();
    } else {
        reply.error(WRONG_PASSWORD);
    }
}

fn authenticate(
    config: &Config,
    session: &mut Session,
    user: Option<&[u8]>,
    password: &[u8],
) -> bool {
    let known = user.is_none_or(|user| user == b"default");
    let right = match &config.requirepass {
        Some(wanted) => same_secret(wanted, password),
        None => true,
    };
    session.authenticated |= known && right;
    known && right
}

/// HELLO: everything that it asks for takes effect, or nothing.
pub(super) fn hello(
    config: &Config,
    is_replica: bool,
    session: &mut Session,
    wanted: Hello,
    reply: &mut Reply,
) {
    if let Some((user, password)) = wanted.auth
        && !authenticate(config, session, Some(&user), &password)
    {
        reply.error(WRONG_PASSWORD);
        return;
    }
    if !session.authenticated {
        reply.error(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the \
             HELLO AUTH <user> <pass> option can be used to authenticate the client and select \
             the RESP protocol version at the same time",
        );
        return;
    }
    if let Some(name) = wanted.name {
        session.name = name;
    }
    if let Some(protocol) = wanted.protocol {
        session.resp3 = protocol == 3;
        reply.set_resp3(session.resp3);
    }
    let text = |reply: &mut Reply, name: &str, value: &str| {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    };
    let zone = config.availability_zone.as_deref();
    reply.map(7 + usize::from(zone.is_some()));
    text(reply, "server", "redis");
    text(reply, "version", REDIS_VERSION);
    reply.bulk(b"proto");
    reply.integer(if session.resp3 { 3 } else { 2 });
    reply.bulk(b"id");
    reply.integer(session.id.number().cast_signed());
    text(reply, "mode", mode_name(config));
    let role = if is_replica { "replica" } else { "master" };
    text(reply, "role", role);
    reply.bulk(b"modules");
    reply.array(0);
    if let Some(zone) = zone {
        text(reply, "availability_zone", zone);
    }
}

/// How the node calls its mode.
fn mode_name(config: &Config) -> &'static str {
    if config.cluster_enabled {
        "cluster"
    } else {
        "standalone"
    }
}

/// RESET, once the session's transaction has ended.
pub(super) fn reset(config: &Config, session: &mut Session, reply: &mut Reply) {
    if session.role != SessionRole::Normal {
        reply.error("ERR can only reset normal client connections");
        return;
    }
    session.db = 0;
    session.resp3 = false;
    session.asking = false;
    session.readonly = false;
    session.no_evict = false;
    session.no_touch = false;
    session.reply_mode = ReplyMode::On;
    session.name.clear();
    session.authenticated = config.requirepass.is_none();
    reply.set_resp3(false);
    reply.simple("RESET");
}

const WRONG_PASSWORD: &str = "WRONGPASS invalid username-password pair or user is disabled.";

const PROTECTED: &str = "-DENIED Redis is running in protected mode: no password is set, so only \
    clients on this machine are served. Set requirepass, or, where every machine that reaches \
    this port may be trusted, protected-mode no.\r\n";

/// Compares in a time that does not tell how much of a guess is right.
fn same_secret(wanted: &[u8], guess: &[u8]) -> bool {
    let mut difference = wanted.len() ^ guess.len();
    for (index, &byte) in guess.iter().enumerate() {
        let wanted = wanted.get(index).copied().unwrap_or(!byte);
        difference |= usize::from(wanted ^ byte);
    }
    difference == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_secret_is_the_same() {
        assert!(same_secret(b"123456", b"123456"));
        for guess in ["", "12345", "1234567", "123457", "023456"] {
            assert!(!same_secret(b"123456", guess.as_bytes()), "{guess}");
        }
    }
}
