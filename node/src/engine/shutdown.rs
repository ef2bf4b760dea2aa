//! SHUTDOWN and the signals that ask for it.

mod hand_over;

use self::hand_over::HandOver;
use crate::engine::parking::Parked;
use crate::engine::{Acted, Engine};
use crate::io::{Level, Output, SessionId, StopSignal};
use crate::replication::master::ReplicaState;
use crate::request::ShutdownRequest;
use crate::resp::Reply;
use crate::time::Now;

/// A shutdown in progress.
pub(super) struct Shutdown {
    /// Whose SHUTDOWN it is; none for a signal.
    session: Option<SessionId>,
    request: ShutdownRequest,
    /// Replicas are waited for until then, in milliseconds of the monotonic scale.
    until: u64,
    state: ShutdownState,
    hand_over: HandOver,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ShutdownState {
    /// Waits until the replicas have everything.
    Replicas,
    /// A replica takes over.
    HandOver,
    /// The data are saved.
    Saving,
}

impl Engine {
    /// SHUTDOWN.
    pub(super) fn shutdown(
        &mut self,
        request: ShutdownRequest,
        id: SessionId,
        now: Now,
        reply: &mut Reply,
    ) -> Acted {
        if request.abort {
            self.abort_shutdown(reply);
            return Acted::Replied;
        }
        if self.replication.shutdown.is_some() {
            reply.error("ERR Errors trying to SHUTDOWN. Check logs.");
            return Acted::Replied;
        }
        self.log(Level::Warning, "User requested shutdown...");
        self.park(id, Parked::Reply);
        self.begin_shutdown(Some(id), request, now);
        Acted::Waiting
    }

    fn abort_shutdown(&mut self, reply: &mut Reply) {
        let Some(shutdown) = self.replication.shutdown.take() else {
            reply.error("ERR No shutdown in progress.");
            return;
        };
        if shutdown.state == ShutdownState::Saving {
            self.abort_snapshot();
        }
        self.pause_for_shutdown(false);
        if let Some(session) = shutdown.session {
            let text = b"-ERR Errors trying to SHUTDOWN. Check logs.\r\n";
            self.resume_with(session, text.to_vec());
        }
        self.log(Level::Notice, "Shutdown manually aborted.");
        reply.ok();
    }

    /// A second signal does not wait any longer.
    pub(super) fn signalled(&mut self, signal: StopSignal, now: Now) {
        if self.replication.shutdown.is_some() {
            self.log(Level::Warning, "Asked to end a second time, exiting now...");
            self.out(Output::Exit(1));
            return;
        }
        self.log(Level::Warning, "User requested shutdown...");
        let request = match signal {
            StopSignal::Terminate => self.config.shutdown_on_sigterm,
            StopSignal::Interrupt => self.config.shutdown_on_sigint,
        };
        self.begin_shutdown(None, request, now);
    }

    fn begin_shutdown(&mut self, session: Option<SessionId>, request: ShutdownRequest, now: Now) {
        self.with_cluster(now, |cluster, facts| cluster.store_rest(facts, now));
        let state = ShutdownState::Replicas;
        let until = now.mono_ms() + self.config.shutdown_timeout * 1000;
        let hand_over = HandOver::default();
        self.replication.shutdown = Some(Shutdown {
            session,
            request,
            until,
            state,
            hand_over,
        });
        if self.is_loading_file() {
            self.exit_now(0);
            return;
        }
        self.pause_for_shutdown(true);
        self.replication.request_acks();
        self.continue_shutdown(now);
    }

    /// Ten times a second.
    pub(super) fn shutdown_cron(&mut self, now: Now) {
        if self.replication.shutdown.is_some() {
            self.continue_shutdown(now);
        }
    }

    pub(super) fn continue_shutdown(&mut self, now: Now) {
        let Some(shutdown) = &self.replication.shutdown else {
            return;
        };
        let late = now.mono_ms() >= shutdown.until || shutdown.request.now;
        match shutdown.state {
            ShutdownState::Replicas => {
                let behind = self.replicas_behind();
                if (behind > 0 || self.data.is_dropping()) && !late {
                    return;
                }
                self.give_up_dropping();
                if behind > 0 {
                    let text = format!("{behind} replicas do not have everything at shutdown");
                    self.log(Level::Warning, text);
                }
                self.begin_hand_over(now);
            }
            ShutdownState::HandOver => {
                let done = self.hand_over_is_done();
                if done || self.has_no_successor(now) {
                    self.end_hand_over();
                    // Who wanted to write here is told where to go.
                    self.pause_for_shutdown(!done);
                    self.begin_last_save(now);
                } else {
                    self.step_hand_over(now);
                }
            }
            ShutdownState::Saving => {}
        }
    }

    /// Whether a shutdown waits until the replicas have everything.
    pub(super) fn waits_for_replicas(&self) -> bool {
        let shutdown = self.replication.shutdown.as_ref();
        shutdown.is_some_and(|shutdown| shutdown.state == ShutdownState::Replicas)
    }

    /// How many replicas that follow the stream have not confirmed all of it.
    fn replicas_behind(&self) -> usize {
        let offset = self.replication.stream.offset();
        let behind = |replica: &crate::replication::master::Replica| {
            replica.state == ReplicaState::Online && replica.acked < offset
        };
        self.replication
            .replicas
            .attached()
            .filter(|(_, replica)| behind(replica))
            .count()
    }

    fn set_shutdown_state(&mut self, state: ShutdownState) {
        if let Some(shutdown) = &mut self.replication.shutdown {
            shutdown.state = state;
        }
    }

    /// Saves if that was asked for, or if there are save points; then exits.
    fn begin_last_save(&mut self, now: Now) {
        let Some(shutdown) = &self.replication.shutdown else {
            return;
        };
        let save = shutdown
            .request
            .save
            .unwrap_or(!self.config.save.is_empty());
        self.abort_snapshot();
        self.stop_syncs("this node leaves");
        if !save || !self.may_save() {
            self.exit_now(0);
            return;
        }
        self.set_shutdown_state(ShutdownState::Saving);
        self.log(
            Level::Notice,
            "Saving the final RDB snapshot before exiting.",
        );
        self.replication.snapshots.schedule(None);
        self.begin_due_snapshot(now);
    }

    /// A snapshot has ended; perhaps the last one.
    pub(super) fn snapshot_ended(&mut self, ok: bool) {
        let Some(shutdown) = &self.replication.shutdown else {
            return;
        };
        if shutdown.state != ShutdownState::Saving || self.replication.snapshots.is_scheduled() {
            return;
        }
        if ok || shutdown.request.force {
            self.exit_now(0);
            return;
        }
        let session = shutdown.session;
        self.log(Level::Warning, "Error trying to save the DB, can't exit.");
        self.replication.shutdown = None;
        self.pause_for_shutdown(false);
        if let Some(session) = session {
            let text = b"-ERR Errors trying to SHUTDOWN. Check logs.\r\n";
            self.resume_with(session, text.to_vec());
        }
    }

    fn pause_for_shutdown(&mut self, paused: bool) {
        self.pause.set_by_shutdown(paused);
        if !paused {
            self.resume_paused();
        }
    }

    pub(super) fn exit_now(&mut self, code: i32) {
        self.log(Level::Warning, "Redis is now ready to exit, bye bye...");
        self.out(Output::Exit(code));
    }
}
