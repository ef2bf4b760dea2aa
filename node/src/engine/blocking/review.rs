//! Whether those who wait for keys still wait in the right place: a slot may go to another node, a
//! master may become a replica, the cluster may go down.

use slotkeeper_topology::key_slot;

use crate::cluster::{Cluster, NodeRef, Route};
use crate::command::resolve;
use crate::engine::Engine;
use crate::engine::parking::Parked;
use crate::engine::route::redirect;
use crate::io::{Output, SessionId};
use crate::resp::Reply;
use crate::session::ReplyMode;
use crate::spec::Flag;

/// How many are looked at in one turn.
const STEP: usize = 500;

pub(in crate::engine) const DEMOTED: &str = "UNBLOCKED force unblock from blocking operation, instance state changed \
    (master -> replica?)";

/// What decides where a client may wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Standing {
    is_replica: bool,
    cluster_down: bool,
    master: Option<NodeRef>,
    /// How often a slot went to another node, was opened or closed.
    routes: u64,
}

/// A look at all who wait, in steps.
#[derive(Debug, Default)]
pub(super) struct Review {
    /// What was so when the last one began.
    seen: Standing,
    /// Behind which session it goes on, while there is one.
    after: Option<SessionId>,
}

impl Engine {
    /// Looks at those who wait for keys if something has changed that they depend on: as many as one
    /// turn allows. Whether there are more.
    pub(in crate::engine) fn step_review(&mut self) -> bool {
        let standing = self.standing();
        if standing != self.blocking.review.seen {
            let demoted = standing.is_replica && !self.blocking.review.seen.is_replica;
            self.blocking.review = Review {
                seen: standing,
                after: Some(SessionId::new(0, u32::MAX)),
            };
            if demoted {
                self.dismiss_those_who_wait_for_replicas();
            }
        }
        for _ in 0..STEP {
            let Some(after) = self.blocking.review.after else {
                return false;
            };
            let next = self.parking.next_for_keys(after);
            self.blocking.review.after = next;
            if let Some(id) = next {
                self.blocking.count_look();
                self.end_if_out_of_place(id);
            }
        }
        self.blocking.review.after.is_some()
    }

    fn standing(&self) -> Standing {
        let cluster = self.cluster.as_deref();
        Standing {
            is_replica: self.is_replica,
            cluster_down: cluster.is_some_and(|cluster| !cluster.state_ok()),
            master: cluster.and_then(Cluster::my_master),
            routes: cluster.map_or(0, Cluster::route_changes),
        }
    }

    /// Ends a session's wait for keys if it is not to be served here any longer. Whether it was.
    pub(super) fn end_if_out_of_place(&mut self, id: SessionId) -> bool {
        let Some(session) = self.sessions.get(id) else {
            return false;
        };
        let Some(blocked) = &session.blocked else {
            return false;
        };
        if blocked.at_master && self.is_replica {
            self.dismiss(id);
            return true;
        }
        let Some(refusal) = self.refusal_to_wait(session.readonly, id) else {
            return false;
        };
        self.answer_blocked(id, |reply| reply.error(&refusal));
        true
    }

    /// Why keys are not waited for here any longer, in Redis's words. A slot that is on its way is
    /// waited for to the end.
    fn refusal_to_wait(&self, readonly: bool, id: SessionId) -> Option<String> {
        let cluster = self.cluster.as_deref()?;
        if !cluster.state_ok() {
            return Some("CLUSTERDOWN The cluster is down".to_owned());
        }
        let blocked = self.sessions.at(id).blocked.as_ref()?;
        let slot = key_slot(blocked.keys().next()?);
        match cluster.route(slot) {
            Route::Mine | Route::Migrating(_) | Route::Importing(_) => None,
            Route::Unassigned => Some("CLUSTERDOWN Hash slot not served".to_owned()),
            Route::Moved(owner) => {
                let args = blocked.args();
                let writes = resolve(&args).is_ok_and(|it| it.flags().has(Flag::Write));
                let reads_here = readonly && !writes && cluster.my_master() == Some(owner);
                let refused = || redirect(cluster, "MOVED", slot, owner).0.into_owned();
                (!reads_here).then(refused)
            }
        }
    }

    /// Ends a session whose wait began at a master that is none any longer, as Redis does: it would
    /// go on asking a node that cannot serve it.
    fn dismiss(&mut self, id: SessionId) {
        self.stats.count_error(DEMOTED.as_bytes());
        self.end_block(id);
        if self.sessions.at(id).reply_mode == ReplyMode::On {
            let mut reply = Reply::new();
            reply.error(DEMOTED);
            self.out(Output::Push(id, reply.take().into()));
        }
        if self.sessions.kill(id) {
            self.parking.forget(id);
            let flush = true;
            self.out(Output::Close { session: id, flush });
        }
    }

    /// A replica's replicas confirm nothing.
    fn dismiss_those_who_wait_for_replicas(&mut self) {
        let is_ack = |parked| matches!(parked, Parked::Acks { .. });
        for id in self.parking.release(is_ack) {
            self.dismiss(id);
        }
    }
}
