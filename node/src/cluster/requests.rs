//! CLUSTER's subcommands that change something, and the way to those that show something.

mod members;
mod slots;

use super::store::Act;
use super::{Cluster, ClusterEvent, Facts, NodeRef};
use crate::io::SessionId;
use crate::request::{ClusterRequest, OneOf};
use crate::resp::Reply;

/// The reply of a request that changes something: OK, or an error's text.
type Outcome = Result<(), String>;

impl Cluster {
    /// Answers at once what changes nothing or is refused, and what no other node relies on; what binds
    /// this node is done once nodes.conf says it. True for that.
    pub(super) fn take_request(
        &mut self,
        request: ClusterRequest,
        session: Option<SessionId>,
        facts: &Facts<'_>,
        reply: &mut Reply,
    ) -> bool {
        if request.changes() {
            let mut copy = self.copy();
            let mut tried = Reply::new();
            copy.dispatch(request.clone(), facts, &mut tried);
            if tried.bytes().starts_with(b"-") {
                reply.raw(&tried.bytes());
                return false;
            }
            if let Err(why) = self.may_change() {
                reply.error(&why);
                return false;
            }
            if copy.todo.save && !self.may_forget(&request, &copy) {
                let Some(session) = session else {
                    reply.error("ERR CLUSTER waits for nodes.conf here: not inside a transaction");
                    return false;
                };
                self.propose(Act::Request(session, request));
                return true;
            }
            if copy.todo.save {
                let save = self.todo.save;
                self.dispatch(request, facts, reply);
                self.todo.save = save;
                self.todo.save_soon = true;
                return false;
            }
        }
        self.dispatch(request, facts, reply);
        false
    }

    pub(super) fn dispatch(
        &mut self,
        request: ClusterRequest,
        facts: &Facts<'_>,
        reply: &mut Reply,
    ) {
        let outcome = match request {
            ClusterRequest::Info => return self.reply_info(reply),
            ClusterRequest::Nodes => return self.reply_nodes(reply),
            ClusterRequest::Slots => return self.reply_slots(reply),
            ClusterRequest::Shards => return self.reply_shards(reply),
            ClusterRequest::Links => return self.reply_links(reply),
            ClusterRequest::MyId => return reply.bulk(self.my_id().as_bytes()),
            ClusterRequest::MyShardId => return reply.bulk(self.my_shard().as_bytes()),
            ClusterRequest::Replicas(id) => return self.request_replicas(&id, reply),
            ClusterRequest::CountFailureReports(id) => return self.request_reports(&id, reply),
            ClusterRequest::BumpEpoch => return self.request_bump_epoch(reply),
            ClusterRequest::Meet { ip, port, bus_port } => self.request_meet(&ip, port, bus_port),
            ClusterRequest::Forget(id) => self.request_forget(&id),
            ClusterRequest::Replicate(id) => self.request_replicate(&id, facts),
            ClusterRequest::ReplicateNoOne => {
                self.request_replicate_no_one();
                Ok(())
            }
            ClusterRequest::SaveConfig => {
                self.todo.save = true;
                Ok(())
            }
            ClusterRequest::AddSlots(slots) => self.request_add_slots(&slots),
            ClusterRequest::DelSlots(slots) => self.request_del_slots(&slots),
            ClusterRequest::FlushSlots => self.request_flush_slots(facts),
            ClusterRequest::SetSlot(slot, to) => self.request_set_slot(slot, &to, facts),
            ClusterRequest::SetConfigEpoch(epoch) => self.request_set_epoch(epoch),
            ClusterRequest::Failover(how) => self.start_manual_failover(how),
            ClusterRequest::FailoverFrom { how, master, epoch } => {
                self.start_failover_from(how, &master, epoch)
            }
            ClusterRequest::Reset { hard } => self.request_reset(hard, facts),
            ClusterRequest::Together { requests, resp3 } => {
                reply.set_resp3(resp3);
                reply.array(requests.len());
                for one in requests {
                    self.dispatch_one(one, facts, reply);
                }
                return;
            }
            ClusterRequest::CountKeysInSlot(_) | ClusterRequest::GetKeysInSlot(..) => {
                Err("ERR the keys of a slot are not the cluster's to count".to_owned())
            }
        };
        match outcome {
            Ok(()) => reply.ok(),
            Err(text) => reply.error(&text),
        }
    }

    fn dispatch_one(&mut self, one: OneOf, facts: &Facts<'_>, reply: &mut Reply) {
        let start = reply.len();
        match one.request {
            Ok(request) => self.dispatch(request, facts, reply),
            Err(refused) => reply.error(&refused),
        }
        if let Some(text) = reply.error_at(start) {
            let failed = ClusterEvent::Failed(one.command, text.to_vec());
            self.events.push_back(failed);
        }
    }

    pub(super) fn find_text(&self, id: &str) -> Option<NodeRef> {
        id.parse().ok().and_then(|id| self.nodes.find(&id))
    }

    fn known(&self, id: &str) -> Result<NodeRef, String> {
        self.find_text(id)
            .ok_or_else(|| format!("ERR Unknown node {id}"))
    }

    fn request_replicas(&self, id: &str, reply: &mut Reply) {
        match self.known(id) {
            Ok(r) if self.nodes[r].is_master() => self.reply_replicas(r, reply),
            Ok(_) => reply.error("ERR The specified node is not a master"),
            Err(text) => reply.error(&text),
        }
    }

    fn request_reports(&self, id: &str, reply: &mut Reply) {
        match self.known(id) {
            Ok(r) => reply.integer(self.reports_of(r) as i64),
            Err(text) => reply.error(&text),
        }
    }
}
