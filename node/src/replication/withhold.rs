//! A master that restarts holds back until it has shown itself current.
//!
//! A process that comes back without its data, or with old ones, answers gossip before a client has
//! missed it; serving at once, it would empty its replicas. So it asks each of them first what it
//! holds. This machine asks and judges; it does not know the data.

mod enquiry;

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};

use slotkeeper_topology::NodeId;

use self::enquiry::{Enquiry, Outcome};
use super::ReplId;
use crate::io::{Level, LinkEvent, LinkId, LinkOp};
use crate::time::Now;

/// The time between two enquiries at one replica, in milliseconds.
const PAUSE_MS: u64 = 500;

/// How long a replica has to answer, in milliseconds.
const PATIENCE_MS: u64 = 2000;

/// What the data file says about the history of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// The replication id.
    pub id: ReplId,
    /// The offset.
    pub offset: u64,
    /// The id that the history had before, and the first offset that it does not have.
    pub second: Option<(ReplId, u64)>,
}

/// What a replica says about its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whether it holds a key.
    pub has_keys: bool,
    /// `master_replid`.
    pub id: ReplId,
    /// `master_replid2`.
    pub second: ReplId,
    /// `master_repl_offset`.
    pub offset: u64,
}

/// What an answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is lost when the replica starts from our data.
    NotNewer,
    /// It continues our history: it is to become the master.
    Newer,
    /// It holds another history.
    Undecided,
}

/// How to talk to the replicas.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// `masteruser`.
    pub user: Option<Vec<u8>>,
    /// `masterauth`.
    pub password: Option<Vec<u8>>,
    /// Our own address to connect from.
    pub from: Option<IpAddr>,
}

/// What is to be done.
#[derive(Debug)]
pub enum WithholdEvent {
    /// Do this with a link.
    Link(LinkId, LinkOp),
    /// A line for the log.
    Log(Level, String),
    /// A replica is newer: tell the cluster that this node has failed.
    DeclareFailed,
    /// Serve.
    End,
}

/// The state of withholding.
#[derive(Debug)]
pub struct Withholding {
    held: Option<Held>,
    access: Access,
    replicas: BTreeMap<NodeId, Member>,
    next_link: u64,
    /// When to serve nevertheless, in monotonic milliseconds.
    deadline: Option<u64>,
    declare_at: u64,
    ended: bool,
    events: VecDeque<WithholdEvent>,
}

#[derive(Debug)]
struct Member {
    address: Option<SocketAddr>,
    enquiry: Option<Enquiry>,
    ask_at: u64,
    verdict: Option<Verdict>,
    /// What was last logged about it, so that nothing is said twice in a row.
    said: String,
}

/// Judges an answer by what we hold.
#[must_use]
pub fn judge(held: Option<&Held>, answer: &Answer) -> Verdict {
    if !answer.has_keys {
        return Verdict::NotNewer;
    }
    let Some(held) = held else {
        return Verdict::Undecided;
    };
    let older_name = |(id, end): (ReplId, u64)| answer.id == id && answer.offset < end;
    if answer.id == held.id {
        if answer.offset > held.offset {
            Verdict::Newer
        } else {
            Verdict::NotNewer
        }
    } else if answer.second == held.id {
        Verdict::Newer
    } else if held.second.is_some_and(older_name) {
        Verdict::NotNewer
    } else {
        Verdict::Undecided
    }
}

impl Withholding {
    /// Begins to withhold. `first_link` and the ids after it are for the enquiries; `wait_secs` is
    /// `cluster-empty-master-wait`.
    #[must_use]
    pub fn new(
        held: Option<Held>,
        access: Access,
        first_link: u64,
        wait_secs: i64,
        now: Now,
    ) -> Withholding {
        let wait_ms = u64::try_from(wait_secs).ok().map(|secs| secs * 1000);
        Withholding {
            held,
            access,
            replicas: BTreeMap::new(),
            next_link: first_link,
            deadline: wait_ms.map(|wait| now.mono_ms() + wait),
            declare_at: 0,
            ended: false,
            events: VecDeque::new(),
        }
    }

    /// What is to be done; drain it after every call.
    pub fn poll_event(&mut self) -> Option<WithholdEvent> {
        self.events.pop_front()
    }

    /// What each replica has shown itself to be so far; none for one that has not answered.
    pub fn verdicts(&self) -> impl Iterator<Item = (NodeId, Option<Verdict>)> {
        self.replicas
            .iter()
            .map(|(id, member)| (*id, member.verdict))
    }

    /// The regular work, ten times a second. `replicas` are those that the cluster knows now.
    pub fn on_timer(&mut self, replicas: &[(NodeId, Option<SocketAddr>)], now: Now) {
        self.take_up(replicas, now);
        for id in self.replicas.keys().copied().collect::<Vec<_>>() {
            self.attend(id, now);
        }
        self.conclude(now);
    }

    fn take_up(&mut self, replicas: &[(NodeId, Option<SocketAddr>)], now: Now) {
        for (id, address) in replicas {
            let member = self.replicas.entry(*id).or_insert_with(|| Member {
                address: *address,
                enquiry: None,
                ask_at: now.mono_ms(),
                verdict: None,
                said: String::new(),
            });
            if address.is_some() && member.address != *address {
                member.address = *address;
                member.verdict = None;
                member.ask_at = now.mono_ms();
            }
        }
        let gone = |id: &NodeId| !replicas.iter().any(|(known, _)| known == id);
        for id in self
            .replicas
            .keys()
            .copied()
            .filter(gone)
            .collect::<Vec<_>>()
        {
            self.hang_up(id);
            self.replicas.remove(&id);
        }
    }

    /// Asks a replica if it is time to, and gives up on one that does not answer.
    fn attend(&mut self, id: NodeId, now: Now) {
        let now_ms = now.mono_ms();
        let Some(member) = self.replicas.get_mut(&id) else {
            return;
        };
        if member.verdict == Some(Verdict::NotNewer) || now_ms < member.ask_at {
            return;
        }
        if member.enquiry.is_some() {
            self.unanswered(id, "no answer in time", now);
            return;
        }
        let Some(to) = member.address else {
            return;
        };
        let link = LinkId::Enquiry(self.next_link);
        self.next_link += 1;
        member.enquiry = Some(Enquiry::new(link));
        member.ask_at = now_ms + PATIENCE_MS;
        let from = self.access.from;
        self.events
            .push_back(WithholdEvent::Link(link, LinkOp::Open { to, from }));
    }

    /// Something happened on the link of an enquiry.
    pub fn on_link(&mut self, link: LinkId, event: &LinkEvent<'_>, now: Now) {
        let same = |member: &Member| member.enquiry.as_ref().is_some_and(|e| e.link() == link);
        let Some((id, member)) = self.replicas.iter_mut().find(|(_, member)| same(member)) else {
            return;
        };
        let id = *id;
        let Some(enquiry) = &mut member.enquiry else {
            return;
        };
        match event {
            LinkEvent::Opened { .. } => {
                let request = enquiry.begin(&self.access);
                self.events
                    .push_back(WithholdEvent::Link(link, LinkOp::Send(request)));
            }
            LinkEvent::Closed { reason } => {
                member.enquiry = None;
                self.unanswered(id, reason, now);
            }
            LinkEvent::Bytes(bytes) => match enquiry.on_bytes(bytes) {
                Outcome::More => {}
                Outcome::Failed(reason) => self.unanswered(id, &reason, now),
                Outcome::Answered(answer) => self.answered(id, &answer, now),
            },
        }
        self.conclude(now);
    }

    fn answered(&mut self, id: NodeId, answer: &Answer, now: Now) {
        let verdict = judge(self.held.as_ref(), answer);
        self.hang_up(id);
        let Some(member) = self.replicas.get_mut(&id) else {
            return;
        };
        member.verdict = Some(verdict);
        member.ask_at = now.mono_ms() + PAUSE_MS;
        let what = match verdict {
            Verdict::NotNewer => "has nothing newer",
            Verdict::Newer => "has newer data of our history",
            Verdict::Undecided => "has keys of another history; only its keeper can decide",
        };
        let keys = if answer.has_keys { "keys" } else { "no keys" };
        let (repl_id, offset) = (answer.id, answer.offset);
        self.say(id, format!("{what} ({keys}, {repl_id}:{offset})"));
    }

    fn unanswered(&mut self, id: NodeId, reason: &str, now: Now) {
        self.hang_up(id);
        if let Some(member) = self.replicas.get_mut(&id) {
            member.verdict = None;
            member.ask_at = now.mono_ms() + PAUSE_MS;
        }
        self.say(id, format!("has not answered: {reason}"));
    }

    /// Logs something about a replica, unless it was the last thing said about it.
    fn say(&mut self, id: NodeId, what: String) {
        if let Some(member) = self.replicas.get_mut(&id)
            && member.said != what
        {
            let text = format!("Withholding: replica {id} {what}");
            member.said = what;
            self.events
                .push_back(WithholdEvent::Log(Level::Notice, text));
        }
    }

    fn hang_up(&mut self, id: NodeId) {
        let member = self.replicas.get_mut(&id);
        if let Some(enquiry) = member.and_then(|member| member.enquiry.take()) {
            self.events
                .push_back(WithholdEvent::Link(enquiry.link(), LinkOp::Close));
        }
    }

    /// Draws the conclusions of what is known.
    fn conclude(&mut self, now: Now) {
        if self.ended {
            return;
        }
        let verdicts = || self.replicas.values().map(|member| member.verdict);
        if verdicts().all(|verdict| verdict == Some(Verdict::NotNewer)) {
            let text = if self.replicas.is_empty() {
                "Withholding ends: this master knows no replica that could hold newer data"
            } else {
                "Withholding ends: every replica has answered and none is newer"
            };
            self.end(Level::Notice, text);
        } else if self
            .deadline
            .is_some_and(|deadline| now.mono_ms() >= deadline)
        {
            let text = "Withholding ends after cluster-empty-master-wait: this master serves \
                        although a replica may hold newer data, which is LOST now";
            self.end(Level::Warning, text);
        } else if verdicts().any(|verdict| verdict == Some(Verdict::Newer))
            && now.mono_ms() >= self.declare_at
        {
            self.declare_at = now.mono_ms() + 1000;
            self.events.push_back(WithholdEvent::DeclareFailed);
        }
    }

    /// Ends it for that reason: a command, or another master has taken over.
    pub fn end(&mut self, level: Level, why: &str) {
        if self.ended {
            return;
        }
        self.ended = true;
        for id in self.replicas.keys().copied().collect::<Vec<_>>() {
            self.hang_up(id);
        }
        self.events
            .push_back(WithholdEvent::Log(level, why.to_owned()));
        self.events.push_back(WithholdEvent::End);
    }
}

#[cfg(test)]
mod tests;
