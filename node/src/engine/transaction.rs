//! MULTI, EXEC, DISCARD.

use std::collections::VecDeque;

use crate::command::{Command, Effect, resolve};
use crate::engine::requests::Call;
use crate::engine::{Acted, Engine};
use crate::io::SessionId;
use crate::request::{Action, ClusterRequest, OneOf};
use crate::resp::{Args, KeptRequests, Reply};
use crate::session::{Session, Transaction};
use crate::spec::Flag;

impl Session {
    /// MULTI.
    pub(super) fn begin_transaction(&mut self, reply: &mut Reply) {
        if self.multi.is_some() {
            reply.error("ERR MULTI calls can not be nested");
        } else {
            self.multi = Some(Transaction::default());
            reply.ok();
        }
    }
}

impl Engine {
    /// DISCARD.
    pub(super) fn discard(&mut self, id: SessionId, reply: &mut Reply) {
        if self.sessions.at(id).multi.is_none() {
            reply.error("ERR DISCARD without MULTI");
        } else {
            self.end_transaction(id);
            reply.ok();
        }
    }

    /// Queues a request that came after MULTI; of a transaction that will not be executed, nothing
    /// is kept. False when the queue takes no more.
    pub(super) fn queue(&mut self, id: SessionId, args: &Args<'_>, reply: &mut Reply) -> bool {
        let Some(multi) = &mut self.sessions.at_mut(id).multi else {
            return true;
        };
        if !multi.failed && !multi.queue.push(args) {
            return false;
        }
        reply.simple("QUEUED");
        true
    }

    /// EXEC: executes the queue as one, or nothing of it.
    pub(super) fn exec(&mut self, call: &mut Call<'_>, reply: &mut Reply) -> Acted {
        let id = call.id;
        let session = self.sessions.at(id);
        let Some(multi) = &session.multi else {
            reply.error("ERR EXEC without MULTI");
            return Acted::Replied;
        };
        if multi.failed {
            reply.error("EXECABORT Transaction discarded because of previous errors.");
            self.end_transaction(id);
            return Acted::Replied;
        }
        if session
            .watched
            .iter()
            .any(|key| self.data.watched_changed(key))
        {
            reply.null_array();
            self.end_transaction(id);
            return Acted::Replied;
        }
        let written = session.last_write_offset;
        let queue = self.take_queue(id);
        if let Some(requests) = self.cluster_requests(&queue, call) {
            let resp3 = self.sessions.at(id).resp3;
            let together = ClusterRequest::Together { requests, resp3 };
            return self.cluster_request(together, id, call.now, reply);
        }
        reply.array(queue.len());
        let mut acted = Acted::Replied;
        // Long values that are still to be encoded, with the replies behind them.
        let mut awaited = VecDeque::new();
        self.begin_exec();
        for (at, args) in queue.iter().enumerate() {
            let reply = awaited.back_mut().map_or(&mut *reply, |(_, behind)| behind);
            call.at = at;
            match self.queued_command(&args) {
                Ok(command) => {
                    if self.run(call, command, &args, reply) == Acted::Close {
                        acted = Acted::Close;
                    }
                }
                Err(refused) => reply.error(&refused),
            }
            if let Some(encoding) = self.dumped.take() {
                let mut behind = Reply::new();
                behind.set_resp3(reply.resp3());
                awaited.push_back((encoding, behind));
            }
        }
        call.at = 0;
        self.drop_restoring(id);
        self.commit_expired();
        self.end_exec();
        if self.data.has_ready() {
            self.serve_ready();
        }
        let session = self.sessions.at_mut(id);
        if session.last_write_offset != written {
            session.last_write_offset = self.replication.offset();
        }
        self.reply_with(id, awaited, acted, reply)
    }

    /// What a transaction asks the cluster for, if it has nothing else: nodes.conf is written once for
    /// all of it. `redis-cli --cluster fix` makes a node the owner of a slot this way.
    fn cluster_requests(&mut self, queue: &KeptRequests, call: &Call<'_>) -> Option<Vec<OneOf>> {
        let goes_together = |args: &Args<'_>| {
            resolve(args).is_ok_and(|command| command.flags().has(Flag::StoredTogether))
        };
        if self.cluster.is_none() || !queue.iter().all(|args| goes_together(&args)) {
            return None;
        }
        let mut requests = Vec::new();
        let mut nothing = Reply::new();
        for args in queue.iter() {
            let command = resolve(&args).ok()?;
            let request = match self.execute(call, command, &args, &mut nothing) {
                Ok(Effect::Ask(action)) => match *action {
                    Action::Cluster(request) => Ok(request),
                    _ => return None,
                },
                Ok(_) => return None,
                Err(refused) => Err(refused.0.into_owned()),
            };
            let command = command.id;
            requests.push(OneOf { command, request });
        }
        for args in queue.iter() {
            let command = resolve(&args).ok()?;
            self.account(call.id, command, &args, call.now, &Reply::new(), 0);
        }
        (!requests.is_empty()).then_some(requests)
    }

    /// The command of a request that was found to be one when it was queued.
    fn queued_command(&self, args: &Args<'_>) -> Result<&'static Command, String> {
        resolve(args).map_err(|refused| refused.0.into_owned())
    }

    /// Ends a transaction that is not executed, and its watches.
    pub(super) fn end_transaction(&mut self, id: SessionId) {
        self.take_queue(id);
        self.drop_restoring(id);
    }

    /// Ends a transaction and its watches; gives its queue.
    fn take_queue(&mut self, id: SessionId) -> KeptRequests {
        self.unwatch_all(id);
        let multi = self.sessions.at_mut(id).multi.take();
        multi.unwrap_or_default().queue
    }

    pub(super) fn unwatch_all(&mut self, id: SessionId) {
        for watched in self.sessions.at_mut(id).watched.take() {
            self.data.unwatch(&watched);
        }
    }
}
