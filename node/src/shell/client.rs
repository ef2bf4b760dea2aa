//! A client connection: input that is not executed yet, replies that have not left yet.

use std::ops::Range;

use super::batch::Tally;
use super::socket::{Read, Socket};
use crate::engine::Engine;
use crate::io::{SessionId, SessionState};

/// Bytes that are read for a parked session, so that its end is noticed.
const PARKED_MAX: usize = 1 << 20;
/// A rest that needed more room than this gives it back.
const REST_KEPT: usize = 64 << 10;
/// The least by which a rest grows.
const REST_STEP: usize = 512;
/// When this many bytes wait for a client that does not read, its requests wait, too: otherwise it
/// could fill the memory without any limit.
const UNSENT_MAX: usize = 64 << 20;

/// One client.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) socket: Socket,
    /// None once the engine was told of its end.
    pub(super) session: Option<SessionId>,
    state: State,
    rest: Vec<u8>,
    /// Where in `rest` the unexecuted input begins.
    rest_from: usize,
    /// The memory of the rest that the engine was last told of.
    told: usize,
    /// It was read in this turn, and is about to be executed.
    pub(super) in_group: bool,
    /// The reply of this turn, in the buffer that all share.
    pub(super) pending: Option<Range<usize>>,
    /// What the engine was last told of the unsent bytes.
    pub(super) reported: usize,
    pub(super) tally: Tally,
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

/// What a client has to execute.
#[derive(Debug)]
pub(super) enum Input {
    /// What is left from before, and then that many bytes of the buffer.
    Some {
        fresh: usize,
        /// There may be more to read at once.
        more: bool,
    },
    /// Nothing for now.
    None(Served),
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
    pub(super) fn new(socket: Socket, session: SessionId) -> Client {
        Client {
            socket,
            session: Some(session),
            state: State::Reading,
            rest: Vec::new(),
            rest_from: 0,
            told: 0,
            in_group: false,
            pending: None,
            reported: 0,
            tally: Tally::default(),
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

    /// Reads what there is, unless there is enough to do already.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Input {
        if self.socket.outbox.len() >= UNSENT_MAX {
            return Input::None(Served::Waits);
        }
        let (mut fresh, mut more) = (0, true);
        let reads = match self.state {
            State::Reading => true,
            State::MoreToDo => false,
            State::Parked => self.unexecuted() < PARKED_MAX,
        };
        if reads {
            match self.socket.read(buffer) {
                Read::Nothing => return Input::None(Served::Waits),
                Read::End(_) => return Input::None(Served::Gone),
                Read::Bytes(count, readable) => (fresh, more) = (count, readable),
            }
        }
        if self.state == State::Parked {
            self.keep(&buffer[..fresh]);
            // A full rest waits for the end of the parking, unasked.
            return Input::None(if more && self.unexecuted() < PARKED_MAX {
                Served::Again
            } else {
                Served::Waits
            });
        }
        Input::Some { fresh, more }
    }

    /// The input that it is likely to execute next, for the engine to look ahead.
    pub(super) fn next_input<'a>(&'a self, fresh: &'a [u8]) -> Option<(SessionId, &'a [u8])> {
        let input = match self.unexecuted() {
            0 => fresh,
            _ => &self.rest[self.rest_from..],
        };
        Some((self.session?, input))
    }

    /// It has to wait for another turn, with what was read.
    pub(super) fn put_off(&mut self, fresh: &[u8]) {
        self.keep(fresh);
        self.in_group = false;
        self.state = State::MoreToDo;
    }

    /// What is left from before, with what is fresh behind it, and where in it the unexecuted input
    /// begins; none when nothing is left. It comes back by [`Client::executed`].
    #[inline]
    pub(super) fn take_rest(&mut self, fresh: &[u8]) -> Option<(Vec<u8>, usize)> {
        if self.unexecuted() == 0 {
            return None;
        }
        self.keep(fresh);
        Some((std::mem::take(&mut self.rest), self.rest_from))
    }

    /// That many bytes of the rest, or else of what is fresh, are executed.
    #[inline]
    pub(super) fn executed(
        &mut self,
        rest: Option<(Vec<u8>, usize)>,
        fresh: &[u8],
        consumed: usize,
        state: SessionState,
    ) -> Served {
        match rest {
            Some((rest, from)) => {
                self.rest = rest;
                self.rest_from = from + consumed;
                self.tidy();
            }
            None => self.keep(&fresh[consumed..]),
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

    /// Whether it has no part in the turn that goes on, and is not closing.
    pub(super) fn is_idle(&self) -> bool {
        let takes_part = self.in_group || self.pending.is_some() || self.closing_since.is_some();
        !takes_part && self.socket.outbox.len() < UNSENT_MAX
    }

    /// Tells the engine what memory holds the input, if that has changed.
    #[inline]
    pub(super) fn tell_received(&mut self, engine: &mut Engine) {
        let allocated = self.rest.capacity();
        if allocated != self.told
            && let Some(session) = self.session
        {
            self.told = allocated;
            engine.on_received(session, self.unexecuted(), allocated);
        }
    }

    fn keep(&mut self, input: &[u8]) {
        if input.is_empty() {
            return;
        }
        if self.rest_from > 0 {
            self.rest.drain(..self.rest_from);
            self.rest_from = 0;
        }
        // A long request is not worth twice its memory.
        if self.rest.len() + input.len() > self.rest.capacity() {
            let step = (self.rest.len() / 4).max(REST_STEP);
            self.rest.reserve_exact(input.len().max(step));
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
