//! The open connections, and which one is closed when there are too many.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::AbortHandle;

/// The maximum number of connections.
pub(crate) const CONNECTIONS: usize = 64;
/// The maximum number of connections from one source.
pub(crate) const SHARE: usize = 16;

/// The open connections. No new connection is refused: if there are too many, it replaces the one
/// that has waited longest. A probe sends its request right after connecting, and is answered long
/// before it could be replaced.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    list: Mutex<Vec<Connection>>,
}

/// One connection.
#[derive(Debug)]
struct Connection {
    source: IpAddr,
    asked: Asked,
    task: AbortHandle,
}

/// Whether the request of a connection has arrived.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked(Arc<AtomicBool>);

impl Asked {
    /// It has.
    pub(crate) fn note(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Connections {
    /// Admits a connection from that address; `start` starts the task that serves it. Another
    /// connection may be closed for it.
    pub(crate) fn admit(&self, from: IpAddr, start: impl FnOnce(Asked) -> AbortHandle) {
        let source = source(from);
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        list.retain(|one| !one.task.is_finished());
        let open = list.iter().map(|one| (one.source, one.asked.get()));
        let leaves = leaves(&open.collect::<Vec<_>>(), source);
        if let Some(leaves) = leaves {
            list.remove(leaves).task.abort();
        }
        let asked = Asked::default();
        let task = start(asked.clone());
        list.push(Connection {
            source,
            asked,
            task,
        });
    }
}

/// Which connection must be closed for a new one, if any: one of the same source if that has its
/// full share, else any one if there are too many. The oldest that has not sent its request yet, or
/// the oldest.
fn leaves(open: &[(IpAddr, bool)], source: IpAddr) -> Option<usize> {
    let shares = |one: &&(IpAddr, bool)| one.0 == source;
    let own = open.iter().filter(shares).count() >= SHARE;
    if !own && open.len() < CONNECTIONS {
        return None;
    }
    let may_leave = |one: &(IpAddr, bool)| !own || one.0 == source;
    let silent = |one: &(IpAddr, bool)| may_leave(one) && !one.1;
    let oldest = || open.iter().position(may_leave);
    open.iter().position(silent).or_else(oldest)
}

/// What counts as one source: an IPv4 address, or the /64 prefix of an IPv6 address, since one host
/// can use all of it.
fn source(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into(),
        ip => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: usize) -> IpAddr {
        IpAddr::from([10, 0, 0, u8::try_from(last).unwrap()])
    }

    /// This number of connections from each of the sources.
    fn open(sources: usize, each: usize, asked: bool) -> Vec<(IpAddr, bool)> {
        let sources = (0..sources).flat_map(|source| vec![(ip(source), asked); each]);
        sources.collect()
    }

    #[test]
    fn nobody_leaves_while_there_is_room() {
        assert_eq!(leaves(&[], ip(1)), None);
        assert_eq!(leaves(&open(1, SHARE - 1, false), ip(0)), None);
        assert_eq!(leaves(&open(3, SHARE, false), ip(9)), None);
    }

    #[test]
    fn a_source_beyond_its_share_loses_its_own_oldest() {
        let mut open = open(2, SHARE, false);
        assert_eq!(leaves(&open, ip(1)), Some(SHARE));
        open[SHARE].1 = true;
        assert_eq!(leaves(&open, ip(1)), Some(SHARE + 1));
    }

    #[test]
    fn of_a_full_house_the_oldest_that_has_not_asked_leaves() {
        let mut open = open(8, CONNECTIONS / 8, false);
        assert_eq!(leaves(&open, ip(9)), Some(0));
        open[0].1 = true;
        assert_eq!(leaves(&open, ip(9)), Some(1));
        open.iter_mut().for_each(|one| one.1 = true);
        assert_eq!(leaves(&open, ip(9)), Some(0), "one of them has to");
    }

    #[test]
    fn one_host_is_one_source() {
        let ip = |text: &str| source(text.parse().unwrap());
        assert_eq!(ip("::ffff:10.0.0.1"), ip("10.0.0.1"));
        assert_eq!(ip("2001:db8::1"), ip("2001:db8::ffff:2"));
        assert_ne!(ip("2001:db8::1"), ip("2001:db8:0:1::1"));
        assert_ne!(ip("10.0.0.1"), ip("10.0.0.2"));
    }
}
