use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::AbortHandle;

/// Connections at once.
pub(crate) const CONNECTIONS: usize = 64;
/// Connections at once from one source.
pub(crate) const SHARE: usize = 16;

/// The connections that are open. Nobody is turned away: whoever comes takes the place of the one
/// that has been waited for longest. A probe asks as soon as it is connected, and is answered long
/// before so many others have come.
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
    /// Lets in a connection from there; `start` starts the task that serves it. Another one may be
    /// ended for it.
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

/// Who has to leave when one more comes from there, if anybody: of its own source where that has its
/// share, else of all where no place is left. The oldest that has not asked yet, or the oldest.
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

/// What counts as one source: an address, or the 64 bits of IPv6 that one host can choose from.
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

    /// So many connections from each of these sources, one after the other.
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
        assert_eq!(leaves(&open, ip(9)), Some(0), "somebody has to");
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
