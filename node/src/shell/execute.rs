//! Executes what a client has sent, while all connections are at hand for the heartbeat.

use super::client::Served;
use super::net::Net;
use crate::engine::Engine;
use crate::io::{SessionId, SessionState};
use crate::resp::Reply;
use crate::time::Now;

/// How long a batch of requests may take before others have their turn.
const SLICE_US: u64 = 1000;

impl Net {
    /// Executes what there is, within the limits of one turn; `more` may be there to read at once.
    pub(super) fn execute(
        &mut self,
        engine: &mut Engine,
        index: usize,
        now: Now,
        fresh: &[u8],
        more: bool,
        reply: &mut Reply,
    ) -> Served {
        let Some(client) = self.clients.get_mut(index) else {
            return Served::Gone;
        };
        let Some(session) = client.session else {
            client.in_group = false;
            return Served::Gone;
        };
        let reply_from = reply.len();
        let rest = client.take_rest(fresh);
        let input = rest.as_ref().map_or(fresh, |(rest, from)| &rest[*from..]);
        let (consumed, state) = self.execute_batches(engine, now, session, input, reply);
        let Some(client) = self.clients.get_mut(index) else {
            return Served::Gone;
        };
        client.in_group = false;
        let served = client.executed(rest, fresh, consumed, state);
        if reply.len() > reply_from {
            client.pending = Some(reply_from..reply.len());
        }
        client.tell_received(engine);
        match served {
            Served::Waits if more => Served::Again,
            served => served,
        }
    }

    /// Executes batch after batch while there are whole requests and time; gives what is consumed.
    fn execute_batches(
        &mut self,
        engine: &mut Engine,
        mut now: Now,
        session: SessionId,
        input: &[u8],
        reply: &mut Reply,
    ) -> (usize, SessionState) {
        let deadline_us = now.mono_us + SLICE_US;
        let mut consumed = 0;
        loop {
            let progress = engine.on_bytes(session, &input[consumed..], now, reply, self);
            consumed += progress.consumed;
            if progress.state != SessionState::MoreToDo {
                return (consumed, progress.state);
            }
            now = self.clock.now();
            if now.mono_us >= deadline_us {
                return (consumed, SessionState::MoreToDo);
            }
        }
    }
}
