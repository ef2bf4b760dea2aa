//! One candidate of the leader election, as a pure state machine.

use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};

use crate::platform::kubernetes::Term;

/// The times of an election. They are the defaults of the Kubernetes components, except for the
/// renewal interval; the deadline is well below the duration that others wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct LeaseTiming {
    /// How long others wait for a renewal before they take over.
    pub(super) duration: Duration,
    /// How often the leader renews.
    pub(super) renew_every: Duration,
    /// A leader without a renewal for this long no longer leads. Shorter than `duration`, so that
    /// it has stopped before another one starts.
    pub(super) deadline: Duration,
    /// The delay after a failure, and how often standbys read the Lease.
    pub(super) retry: Duration,
    /// The time limit of one request.
    pub(super) patience: Duration,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Next {
    /// Send this, and pass on the answer.
    Send(Request),
    /// Wait until then.
    Wait(Instant),
    /// The leadership is lost, for this reason.
    Lost(String),
}

/// A request to the API server.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Request {
    /// Read the Lease.
    Read,
    /// Create it where it has no resourceVersion, else replace exactly that version.
    Write(Box<Lease>),
}

/// The outcome of a request.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    /// The present Lease.
    Found(Box<Lease>),
    /// The Lease does not exist.
    Absent,
    /// It was written, with this result.
    Written(Box<Lease>),
    /// Another client has written it meanwhile.
    Conflict,
    /// It failed or was not answered; a write may have happened.
    Failed(String),
}

/// One candidate: a pure state machine, driven by answers and its own monotonic clock. It never
/// uses the times in the Lease, which come from other clocks: a holder counts as gone once the
/// Lease was seen unchanged for its whole duration.
#[derive(Debug)]
pub(super) struct Elector {
    identity: String,
    timing: LeaseTiming,
    state: State,
    trouble: Option<String>,
}

#[derive(Debug)]
enum State {
    Standby {
        seen: Option<Seen>,
        turn: Turn,
    },
    Leading {
        lease: Box<Lease>,
        /// When the last confirmed renewal was sent.
        renewed: Instant,
        next: Instant,
        /// The Lease was changed by another client: read it before it is written again.
        stale: bool,
    },
    Lost(String),
}

/// What a standby saw last.
#[derive(Debug)]
struct Seen {
    lease: Option<Box<Lease>>,
    /// It may be taken from then on, if it stays unchanged.
    free_at: Instant,
}

#[derive(Clone, Copy, Debug)]
enum Turn {
    Look(Instant),
    Take,
}

impl Elector {
    pub(super) fn new(identity: &str, timing: LeaseTiming, now: Instant) -> Elector {
        Elector {
            identity: identity.to_owned(),
            timing,
            state: State::Standby {
                seen: None,
                turn: Turn::Look(now),
            },
            trouble: None,
        }
    }

    /// Until when this process leads, unless it renews that.
    pub(super) fn leads_until(&self) -> Option<Instant> {
        match self.state {
            State::Leading { renewed, .. } => Some(renewed + self.timing.deadline),
            State::Standby { .. } | State::Lost(_) => None,
        }
    }

    /// The term of the leadership, for a leader.
    pub(super) fn term(&self) -> Term {
        let State::Leading { lease, .. } = &self.state else {
            return Term::default();
        };
        let transitions = lease.spec.as_ref().and_then(|spec| spec.lease_transitions);
        Term {
            lease: lease.metadata.uid.clone().unwrap_or_default(),
            transitions: transitions.unwrap_or_default(),
        }
    }

    /// The holder of the Lease, as far as is known.
    pub(super) fn holder(&self) -> Option<&str> {
        match &self.state {
            State::Standby { seen, .. } => seen.as_ref()?.lease.as_deref().and_then(holder),
            State::Leading { .. } => Some(&self.identity),
            State::Lost(_) => None,
        }
    }

    /// Why the last request failed, if it did.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    pub(super) fn next(&mut self, now: Instant) -> Next {
        if let Some(until) = self.leads_until()
            && now >= until
        {
            self.lose(format!(
                "the Lease could not be renewed for {} s: {}",
                self.timing.deadline.as_secs(),
                self.trouble.as_deref().unwrap_or("the process stood still")
            ));
        }
        match &self.state {
            State::Standby {
                turn: Turn::Look(at),
                ..
            } if now < *at => Next::Wait(*at),
            State::Standby {
                turn: Turn::Look(_),
                ..
            } => Next::Send(Request::Read),
            State::Standby {
                turn: Turn::Take,
                seen,
            } => {
                let old = seen.as_ref().and_then(|seen| seen.lease.as_deref());
                Next::Send(Request::Write(Box::new(self.taken(old))))
            }
            State::Leading { next, renewed, .. } if now < *next => {
                Next::Wait((*next).min(*renewed + self.timing.deadline))
            }
            State::Leading { stale: true, .. } => Next::Send(Request::Read),
            State::Leading { lease, .. } => Next::Send(Request::Write(lease.clone())),
            State::Lost(why) => Next::Lost(why.clone()),
        }
    }

    /// The time limit of a request that is sent now.
    pub(super) fn patience(&self, now: Instant) -> Duration {
        let left = self
            .leads_until()
            .map(|until| until.saturating_duration_since(now));
        left.map_or(self.timing.patience, |left| left.min(self.timing.patience))
    }

    /// Takes the answer to a request that was sent at `sent`.
    pub(super) fn answered(&mut self, sent: Instant, answer: Answer, now: Instant) {
        self.trouble = match &answer {
            Answer::Failed(why) => Some(why.clone()),
            _ => None,
        };
        match &self.state {
            State::Standby { .. } => self.answered_standby(sent, answer, now),
            State::Leading { .. } => self.answered_leader(sent, answer, now),
            State::Lost(_) => {}
        }
    }

    fn answered_standby(&mut self, sent: Instant, answer: Answer, now: Instant) {
        match answer {
            Answer::Found(lease) => self.see(Some(lease), now),
            Answer::Absent => self.see(None, now),
            Answer::Written(lease) => self.lead(lease, sent),
            Answer::Conflict | Answer::Failed(_) => {
                let at = now + self.timing.retry;
                if let State::Standby { turn, .. } = &mut self.state {
                    *turn = Turn::Look(at);
                }
            }
        }
    }

    fn answered_leader(&mut self, sent: Instant, answer: Answer, now: Instant) {
        if let Answer::Written(lease) = answer {
            return self.lead(lease, sent);
        }
        let retry_at = now + self.timing.retry;
        let State::Leading {
            lease, next, stale, ..
        } = &mut self.state
        else {
            return;
        };
        match answer {
            // Our own write whose answer was lost, or a changed label.
            Answer::Found(found) if holder(&found) == Some(&self.identity) => {
                *lease = found;
                (*next, *stale) = (now, false);
            }
            Answer::Found(found) => {
                let by = holder(&found).unwrap_or("no one").to_owned();
                self.lose(format!("the Lease is held by {by}"));
            }
            // It was deleted. The first to create it holds it.
            Answer::Absent => {
                lease.metadata.resource_version = None;
                lease.metadata.uid = None;
                (*next, *stale) = (now, false);
            }
            Answer::Conflict => (*next, *stale) = (now, true),
            Answer::Failed(_) => *next = retry_at,
            Answer::Written(_) => {}
        }
    }

    /// A request that removes the holder, so that a successor can take the Lease at once; none if
    /// this process does not hold it.
    pub(super) fn release(&self) -> Option<Request> {
        let State::Leading { lease, .. } = &self.state else {
            return None;
        };
        let mut lease = lease.clone();
        let spec = lease.spec.get_or_insert_default();
        spec.holder_identity = None;
        spec.lease_duration_seconds = Some(1);
        Some(Request::Write(lease))
    }

    fn see(&mut self, lease: Option<Box<Lease>>, now: Instant) {
        let State::Standby { seen, turn } = &mut self.state else {
            return;
        };
        let ours = lease.as_deref().and_then(holder) == Some(&self.identity);
        let held = lease
            .as_deref()
            .is_some_and(|lease| holder(lease).is_some());
        let same = seen.as_ref().is_some_and(|seen| {
            seen.lease.as_deref().map(version) == lease.as_deref().map(version)
        });
        let free_at = match seen {
            // An earlier process with this identity held it; no other has it.
            _ if ours => now,
            Some(seen) if same => seen.free_at,
            _ if held => now + promise(lease.as_deref(), self.timing),
            // It existed a moment ago, and its holder may not know yet that it was deleted.
            Some(Seen {
                lease: Some(old), ..
            }) if lease.is_none() && holder(old).is_some() => now + promise(Some(old), self.timing),
            _ => now,
        };
        *turn = if free_at <= now {
            Turn::Take
        } else {
            Turn::Look(free_at.min(now + self.timing.retry))
        };
        *seen = Some(Seen { lease, free_at });
    }

    fn lead(&mut self, lease: Box<Lease>, sent: Instant) {
        self.state = State::Leading {
            lease,
            renewed: sent,
            next: sent + self.timing.renew_every,
            stale: false,
        };
    }

    fn lose(&mut self, why: String) {
        self.state = State::Lost(why);
    }

    /// The Lease with this process as the holder. The sender adds the times, for people.
    fn taken(&self, old: Option<&Lease>) -> Lease {
        let mut lease = old.cloned().unwrap_or_default();
        let before = lease.spec.take().unwrap_or_default();
        let again = before.holder_identity.as_ref() == Some(&self.identity);
        let seconds = i32::try_from(self.timing.duration.as_secs()).unwrap_or(i32::MAX);
        lease.spec = Some(LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: Some(seconds),
            acquire_time: before.acquire_time.filter(|_| again),
            lease_transitions: Some(match (old, before.lease_transitions) {
                (None, _) => 0,
                (Some(_), times) if again => times.unwrap_or(0),
                (Some(_), times) => times.unwrap_or(0).saturating_add(1),
            }),
            ..before
        });
        lease
    }
}

fn holder(lease: &Lease) -> Option<&str> {
    let holder = lease.spec.as_ref()?.holder_identity.as_deref();
    holder.filter(|holder| !holder.is_empty())
}

fn version(lease: &Lease) -> Option<&str> {
    lease.metadata.resource_version.as_deref()
}

/// The duration of the Lease, as its holder set it.
fn promise(lease: Option<&Lease>, timing: LeaseTiming) -> Duration {
    let seconds = lease
        .and_then(|lease| lease.spec.as_ref()?.lease_duration_seconds)
        .and_then(|seconds| u64::try_from(seconds).ok());
    seconds.map_or(timing.duration, Duration::from_secs)
}
