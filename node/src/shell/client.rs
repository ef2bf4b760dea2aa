//! A client connection: input that is not executed yet, replies that have not left yet.

use std::ops::Range;

use super::clock::Clock;
use super::socket::{Read, Socket};
use crate::engine::Engine;
use crate::io::SessionState;
use crate::resp::Reply;
use crate::session::Session;

/// A batch of requests may take so long before others have their turn.
const SLICE_US: u64 = 1000;
/// Bytes that are read for a parked session, so that its end is noticed.
const PARKED_MAX: usize = 1 << 20;
/// Bytes of one request and what follows it (Redis's `client-query-buffer-limit`).
const QUERY_MAX: usize = 1 << 30;
/// A rest that needed more room than this gives it back.
const REST_KEPT: usize = 64 << 10;
/// While so many bytes wait for a client that does not read, its requests wait, too: otherwise it
/// could fill the memory without any limit.
const UNSENT_MAX: usize = 64 << 20;

/// One client.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) socket: Socket,
    /// None once the engine was told of its end.
    pub(super) session: Option<Session>,
    state: State,
    rest: Vec<u8>,
    /// Where in `rest` the unexecuted input begins.
    rest_from: usize,
    /// The reply of this turn, in the buffer that all share.
    pub(super) pending: Option<Range<usize>>,
    /// What the engine was last told of the unsent bytes.
    pub(super) reported: usize,
    /// When closing began, on the monotonic scale in milliseconds.
    pub(super) closing_since: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Executes what arrives.
    Reading,
    /// Whole requests are left: executes before it reads.
    MoreToDo,
    /// Executes nothing.
    Parked,
}

/// What to do with a client after it was served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Served {
    /// Its waker will tell.
    Waits,
    /// Serve it again in the next turn.
    Again,
    /// Send what it has, then close it.
    Close,
    /// It is gone.
    Gone,
}

impl Client {
    pub(super) fn new(socket: Socket, session: Session) -> Client {
        Client {
            socket,
            session: Some(session),
            state: State::Reading,
            rest: Vec::new(),
            rest_from: 0,
            pending: None,
            reported: 0,
            closing_since: None,
        }
    }

    /// A parked session may execute again.
    pub(super) fn resume(&mut self) {
        if self.state == State::Parked {
            self.state = State::MoreToDo;
            self.socket.wake();
        }
    }

    /// Bytes that were received and not executed.
    fn unexecuted(&self) -> usize {
        self.rest.len() - self.rest_from
    }

    /// Reads and executes what there is, within the limits of one turn.
    pub(super) fn serve(
        &mut self,
        engine: &mut Engine,
        clock: &Clock,
        buffer: &mut [u8],
        reply: &mut Reply,
    ) -> Served {
        if self.socket.outbox.len() >= UNSENT_MAX {
            return Served::Waits;
        }
        let mut readable = true;
        let mut fresh = 0;
        let reads = match self.state {
            State::Reading => true,
            State::MoreToDo => false,
            State::Parked => self.unexecuted() < PARKED_MAX,
        };
        if reads {
            match self.socket.read(buffer) {
                Read::Nothing => return Served::Waits,
                Read::End(_) => return Served::Gone,
                Read::Bytes(count, more) => (fresh, readable) = (count, more),
            }
        }
        if self.state == State::Parked {
            self.keep(&buffer[..fresh]);
            // A full rest waits for the end of the parking, unasked.
            return if readable && self.unexecuted() < PARKED_MAX {
                Served::Again
            } else {
                Served::Waits
            };
        }
        let served = self.execute_some(engine, clock, &buffer[..fresh], reply);
        if self.unexecuted() > QUERY_MAX {
            return Served::Gone;
        }
        match served {
            Served::Waits if readable => Served::Again,
            served => served,
        }
    }

    fn execute_some(
        &mut self,
        engine: &mut Engine,
        clock: &Clock,
        fresh: &[u8],
        reply: &mut Reply,
    ) -> Served {
        let reply_from = reply.len();
        let Some(mut session) = self.session.take() else {
            return Served::Gone;
        };
        let state = if self.unexecuted() == 0 {
            let (consumed, state) = execute(engine, clock, &mut session, fresh, reply);
            self.keep(&fresh[consumed..]);
            state
        } else {
            self.keep(fresh);
            let input = &self.rest[self.rest_from..];
            let (consumed, state) = execute(engine, clock, &mut session, input, reply);
            self.rest_from += consumed;
            self.tidy();
            state
        };
        self.session = Some(session);
        if reply.len() > reply_from {
            self.pending = Some(reply_from..reply.len());
        }
        let (state, served) = match state {
            SessionState::NeedInput => (State::Reading, Served::Waits),
            SessionState::MoreToDo => (State::MoreToDo, Served::Again),
            SessionState::Parked => (State::Parked, Served::Again),
            SessionState::Close => (State::Reading, Served::Close),
        };
        self.state = state;
        served
    }

    fn keep(&mut self, input: &[u8]) {
        if input.is_empty() {
            return;
        }
        if self.rest_from > 0 {
            self.rest.drain(..self.rest_from);
            self.rest_from = 0;
        }
        self.rest.extend_from_slice(input);
    }

    fn tidy(&mut self) {
        if self.unexecuted() > 0 {
            return;
        }
        self.rest_from = 0;
        self.rest.clear();
        if self.rest.capacity() > REST_KEPT {
            self.rest = Vec::new();
        }
    }
}

/// Executes batch after batch while there are whole requests and time; gives what is consumed.
fn execute(
    engine: &mut Engine,
    clock: &Clock,
    session: &mut Session,
    input: &[u8],
    reply: &mut Reply,
) -> (usize, SessionState) {
    let mut now = clock.now();
    let deadline_us = now.mono_us + SLICE_US;
    let mut consumed = 0;
    loop {
        let progress = engine.on_bytes(session, &input[consumed..], now, reply);
        consumed += progress.consumed;
        if progress.state != SessionState::MoreToDo {
            return (consumed, progress.state);
        }
        now = clock.now();
        if now.mono_us >= deadline_us {
            return (consumed, SessionState::MoreToDo);
        }
    }
}
