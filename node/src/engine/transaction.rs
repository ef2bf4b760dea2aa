//! MULTI, EXEC, DISCARD.

use crate::command::{Command, resolve};
use crate::engine::{Acted, Engine};
use crate::resp::{Args, KeptRequests, Reply};
use crate::session::{Session, Transaction};
use crate::time::Now;

impl Engine {
    /// MULTI.
    pub(super) fn multi(session: &mut Session, reply: &mut Reply) {
        if session.multi.is_some() {
            reply.error("ERR MULTI calls can not be nested");
        } else {
            session.multi = Some(Transaction::default());
            reply.ok();
        }
    }

    /// DISCARD.
    pub(super) fn discard(&mut self, session: &mut Session, reply: &mut Reply) {
        if session.multi.is_none() {
            reply.error("ERR DISCARD without MULTI");
        } else {
            self.end_transaction(session);
            reply.ok();
        }
    }

    /// Queues a request that came after MULTI; of a transaction that will not be executed, nothing
    /// is kept. False when the queue takes no more.
    pub(super) fn queue(session: &mut Session, args: &Args<'_>, reply: &mut Reply) -> bool {
        let Some(multi) = &mut session.multi else {
            return true;
        };
        if !multi.failed && !multi.queue.push(args) {
            return false;
        }
        reply.simple("QUEUED");
        true
    }

    /// EXEC: executes the queue as one, or nothing of it.
    pub(super) fn exec(&mut self, session: &mut Session, now: Now, reply: &mut Reply) -> Acted {
        let Some(multi) = &session.multi else {
            reply.error("ERR EXEC without MULTI");
            return Acted::Replied;
        };
        if multi.failed {
            reply.error("EXECABORT Transaction discarded because of previous errors.");
            self.end_transaction(session);
            return Acted::Replied;
        }
        if session
            .watched
            .iter()
            .any(|key| self.data.watched_changed(key))
        {
            reply.null_array();
            self.end_transaction(session);
            return Acted::Replied;
        }
        let queue = self.end_transaction(session);
        reply.array(queue.len());
        let mut acted = Acted::Replied;
        let written = session.last_write_offset;
        self.begin_exec();
        for args in queue.iter() {
            match self.queued_command(&args) {
                Ok(command) => {
                    if self.run(session, command, &args, now, reply) == Acted::Close {
                        acted = Acted::Close;
                    }
                }
                Err(refused) => reply.error(&refused),
            }
        }
        self.commit_expired();
        self.end_exec();
        if session.last_write_offset != written {
            session.last_write_offset = self.replication.offset();
        }
        acted
    }

    /// The command of a request that was found to be one when it was queued.
    fn queued_command(&self, args: &Args<'_>) -> Result<&'static Command, String> {
        resolve(args).map_err(|refused| refused.0.into_owned())
    }

    /// Ends a transaction and its watches, however it went; gives its queue.
    pub(super) fn end_transaction(&mut self, session: &mut Session) -> KeptRequests {
        self.unwatch_all(session);
        session.multi.take().unwrap_or_default().queue
    }

    pub(super) fn unwatch_all(&mut self, session: &mut Session) {
        for watched in session.watched.take() {
            self.data.unwatch(&watched);
        }
    }

    /// A request was refused: a transaction that it was meant for will not be executed.
    pub(super) fn spoil_transaction(session: &mut Session) {
        if let Some(multi) = &mut session.multi {
            multi.failed = true;
            multi.queue = KeptRequests::default();
        }
    }
}
