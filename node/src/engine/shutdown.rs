//! SHUTDOWN and the signals that ask for it.

mod hand_over;

use self::hand_over::HandOver;
use crate::engine::parking::Parked;
use crate::engine::{Acted, Engine};
use crate::io::{Level, Output, SessionId};
use crate::replication::master::Phase;
use crate::request::ShutdownRequest;
use crate::resp::Reply;
use crate::time::Now;

/// A shutdown in progress.
pub(super) struct Leaving {
    /// Whose SHUTDOWN it is; none for a signal.
    session: Option<SessionId>,
    request: ShutdownRequest,
    /// Replicas are waited for until then, in milliseconds of the monotonic scale.
    until: u64,
    stage: Stage,
    hand_over: HandOver,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The replicas shall have everything.
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
        if self.replication.leaving.is_some() {
            reply.error("ERR Errors trying to SHUTDOWN. Check logs.");
            return Acted::Replied;
        }
        self.log(Level::Warning, "User requested shutdown...");
        self.park(id, Parked::Reply);
        self.leave(Some(id), request, now);
        Acted::Waiting
    }

    fn abort_shutdown(&mut self, reply: &mut Reply) {
        let Some(leaving) = self.replication.leaving.take() else {
            reply.error("ERR No shutdown in progress.");
            return;
        };
        if leaving.stage == Stage::Saving {
            self.abort_snapshot();
        }
        self.pause_for_shutdown(false);
        if let Some(session) = leaving.session {
            let text = b"-ERR Errors trying to SHUTDOWN. Check logs.\r\n";
            self.resume_with(session, text.to_vec());
        }
        self.log(Level::Notice, "Shutdown manually aborted.");
        reply.ok();
    }

    /// SIGTERM or SIGINT. A second one does not wait any longer.
    pub(super) fn terminate(&mut self, now: Now) {
        if self.replication.leaving.is_some() {
            self.log(Level::Warning, "Asked to end a second time, exiting now...");
            self.out(Output::Exit(1));
            return;
        }
        self.log(Level::Warning, "User requested shutdown...");
        self.leave(None, ShutdownRequest::default(), now);
    }

    fn leave(&mut self, session: Option<SessionId>, request: ShutdownRequest, now: Now) {
        self.with_cluster(now, |cluster, facts| cluster.store_rest(facts, now));
        let stage = Stage::Replicas;
        let until = now.mono_ms() + self.config.shutdown_timeout * 1000;
        let hand_over = HandOver::default();
        self.replication.leaving = Some(Leaving {
            session,
            request,
            until,
            stage,
            hand_over,
        });
        if self.is_loading_file() {
            self.exit_now(0);
            return;
        }
        self.pause_for_shutdown(true);
        self.replication.request_acks();
        self.continue_leaving(now);
    }

    /// Ten times a second.
    pub(super) fn shutdown_cron(&mut self, now: Now) {
        if self.replication.leaving.is_some() {
            self.continue_leaving(now);
        }
    }

    pub(super) fn continue_leaving(&mut self, now: Now) {
        let Some(leaving) = &self.replication.leaving else {
            return;
        };
        let late = now.mono_ms() >= leaving.until || leaving.request.now;
        match leaving.stage {
            Stage::Replicas => {
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
            Stage::HandOver => {
                let done = self.hand_over_is_done();
                if done || self.nobody_takes_over(now) {
                    self.end_hand_over();
                    // Who wanted to write here is told where to go.
                    self.pause_for_shutdown(!done);
                    self.begin_last_save(now);
                } else {
                    self.step_hand_over(now);
                }
            }
            Stage::Saving => {}
        }
    }

    /// Whether a shutdown waits until the replicas have everything.
    pub(super) fn waits_for_replicas(&self) -> bool {
        let leaving = self.replication.leaving.as_ref();
        leaving.is_some_and(|leaving| leaving.stage == Stage::Replicas)
    }

    /// How many replicas that follow the stream have not confirmed all of it.
    fn replicas_behind(&self) -> usize {
        let offset = self.replication.stream.offset();
        let behind = |replica: &crate::replication::master::Replica| {
            replica.phase == Phase::Online && replica.acked < offset
        };
        self.replication
            .replicas
            .attached()
            .filter(|(_, replica)| behind(replica))
            .count()
    }

    fn set_stage(&mut self, stage: Stage) {
        if let Some(leaving) = &mut self.replication.leaving {
            leaving.stage = stage;
        }
    }

    /// Saves if that was asked for, or if there are save points; then leaves.
    fn begin_last_save(&mut self, now: Now) {
        let Some(leaving) = &self.replication.leaving else {
            return;
        };
        let save = leaving.request.save.unwrap_or(!self.config.save.is_empty());
        self.abort_snapshot();
        self.stop_syncs("this node leaves");
        if !save || !self.may_save() {
            self.exit_now(0);
            return;
        }
        self.set_stage(Stage::Saving);
        self.log(
            Level::Notice,
            "Saving the final RDB snapshot before exiting.",
        );
        self.replication.snapshots.schedule(None);
        self.begin_due_snapshot(now);
    }

    /// A snapshot has ended; perhaps the last one.
    pub(super) fn snapshot_ended(&mut self, ok: bool) {
        let Some(leaving) = &self.replication.leaving else {
            return;
        };
        if leaving.stage != Stage::Saving || self.replication.snapshots.is_scheduled() {
            return;
        }
        if ok || leaving.request.force {
            self.exit_now(0);
            return;
        }
        let session = leaving.session;
        self.log(Level::Warning, "Error trying to save the DB, can't exit.");
        self.replication.leaving = None;
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
