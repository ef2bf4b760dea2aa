//! Processes that are stopped, as by SIGSTOP, and go on later.

use super::{Event, Simulation};
use crate::host::ConnKind;
use crate::net::{Endpoint, NodeIx};

/// In which order a process that goes on finds what has come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WakeOrder {
    /// As it came.
    Oldest,
    /// What clients have sent.
    Clients,
    /// What other nodes have sent.
    Nodes,
}

impl Simulation {
    /// Stops a host's process: its connections stand, new ones are accepted, and whatever is sent
    /// to it waits.
    pub fn stop(&mut self, ix: NodeIx) {
        self.asleep.entry(ix).or_default();
    }

    /// Lets it go on.
    pub fn wake(&mut self, ix: NodeIx, first: WakeOrder) {
        let mut missed = self.asleep.remove(&ix).unwrap_or_default();
        let is_client = |event: &Event| {
            matches!(event, Event::Arrive(conn, end)
                if matches!(self.hosts[ix].conn_kinds.get(&(*conn, *end)), Some(ConnKind::Session(_))))
        };
        match first {
            WakeOrder::Oldest => {}
            WakeOrder::Clients => missed.sort_by_key(|event| !is_client(event)),
            WakeOrder::Nodes => missed.sort_by_key(is_client),
        }
        for event in missed {
            self.schedule(self.now_us, event);
        }
    }

    /// Puts an event aside that is for a process that is stopped.
    pub(super) fn unless_asleep(&mut self, event: Event) -> Option<Event> {
        if self.asleep.is_empty() {
            return Some(event);
        }
        let concerned = match &event {
            Event::Arrive(conn, end) => match self.net.conn(*conn).map(|c| c.endpoint(*end)) {
                Some(Endpoint::Node(ix)) => Some(ix),
                _ => None,
            },
            Event::Accept { dialer, to, .. } => {
                let target = self.busy.filter(|busy| self.hosts[*busy].ip == to.ip());
                target.or(Some(*dialer))
            }
            Event::Connect(ix, ..)
            | Event::Refused(ix, ..)
            | Event::Timer(ix, _)
            | Event::Turn(ix, _)
            | Event::Disk(ix, ..) => Some(*ix),
            Event::Writer(_) | Event::Fault(..) => None,
        };
        match concerned.and_then(|ix| self.asleep.get_mut(&ix)) {
            Some(missed) => {
                missed.push(event);
                None
            }
            None => Some(event),
        }
    }
}
