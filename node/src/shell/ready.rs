//! What is ready: wakers put their token into one queue, which a turn drains.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

/// What a waker stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// The listener of that index.
    Listener(usize),
    /// The bus listener of that index.
    BusListener(usize),
    /// The client connection at that index of the slab.
    Client(usize),
    /// The link at that index of the slab.
    Link(usize),
    /// The timer.
    Timer,
    /// A signal.
    Signal,
    /// The threads that read and write files.
    Files,
    /// The health server wants metrics.
    Metrics,
}

/// The tokens of those that are ready, each once.
#[derive(Debug, Default)]
pub(super) struct ReadyQueue {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    tokens: Vec<Arc<Mark>>,
    main: Option<Waker>,
}

/// Those that are to be served, in their order.
#[derive(Debug, Default)]
pub(super) struct Line {
    tokens: VecDeque<Token>,
    /// Those for whom the turn was over before it was theirs.
    put_off: Vec<Token>,
}

impl Line {
    /// These, in this order.
    pub(super) fn new(tokens: &[Token]) -> Line {
        Line {
            tokens: tokens.iter().copied().collect(),
            put_off: Vec::new(),
        }
    }

    /// A turn begins: those that were put off come first, so that who is served in every turn and takes
    /// long does not keep them away for ever.
    pub(super) fn begin_turn(&mut self, fresh: impl Iterator<Item = Token>) {
        for token in self.put_off.drain(..).rev() {
            self.tokens.push_front(token);
        }
        self.tokens.extend(fresh);
    }

    /// How many may be served in this turn.
    pub(super) fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether nobody is to be served, in the next turn either.
    pub(super) fn is_empty(&self) -> bool {
        self.tokens.is_empty() && self.put_off.is_empty()
    }

    /// Who comes now.
    pub(super) fn next(&mut self) -> Option<Token> {
        self.tokens.pop_front()
    }

    /// It comes once more, after all others.
    pub(super) fn push(&mut self, token: Token) {
        self.tokens.push_back(token);
    }

    /// It was to come now, but comes first in the next turn.
    pub(super) fn put_off(&mut self, token: Token) {
        self.put_off.push(token);
    }
}

/// One that may be ready.
#[derive(Debug)]
struct Mark {
    token: Token,
    queue: Arc<ReadyQueue>,
    queued: AtomicBool,
}

impl ReadyQueue {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whom to wake when the queue is no longer empty.
    pub(super) fn set_main(&self, main: &Waker) {
        let mut inner = self.lock();
        if !inner
            .main
            .as_ref()
            .is_some_and(|known| known.will_wake(main))
        {
            inner.main = Some(main.clone());
        }
    }

    /// A waker that queues this token.
    pub(super) fn waker(self: &Arc<Self>, token: Token) -> Waker {
        Waker::from(Arc::new(Mark {
            token,
            queue: Arc::clone(self),
            queued: AtomicBool::new(false),
        }))
    }

    /// Appends all that are queued to `out`, in their order.
    pub(super) fn drain(&self, out: &mut Vec<Token>) {
        let mut inner = self.lock();
        for mark in inner.tokens.drain(..) {
            mark.queued.store(false, Ordering::Release);
            out.push(mark.token);
        }
    }

    fn push(&self, mark: &Arc<Mark>) {
        let mut inner = self.lock();
        let first = inner.tokens.is_empty();
        inner.tokens.push(Arc::clone(mark));
        if first && let Some(main) = &inner.main {
            main.wake_by_ref();
        }
    }
}

impl Wake for Mark {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            self.queue.push(self);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_queued_once_until_it_is_taken() {
        let queue = Arc::new(ReadyQueue::default());
        let (one, two) = (queue.waker(Token::Client(1)), queue.waker(Token::Link(2)));
        one.wake_by_ref();
        two.wake_by_ref();
        one.wake_by_ref();
        let mut out = Vec::new();
        queue.drain(&mut out);
        assert_eq!(out, [Token::Client(1), Token::Link(2)]);
        one.wake_by_ref();
        queue.drain(&mut out);
        assert_eq!(out.len(), 3);
    }

    #[test]
    fn who_was_put_off_comes_before_those_that_were_served() {
        let mut line = Line::default();
        line.begin_turn([1, 2, 3, 4].map(Token::Client).into_iter());
        let long = line.next().expect("there are four");
        line.push(long);
        for _ in 0..2 {
            let late = line.next().expect("there are three");
            line.put_off(late);
        }
        assert!(!line.is_empty());
        line.begin_turn([Token::Timer].into_iter());
        let order: Vec<Token> = std::iter::from_fn(|| line.next()).collect();
        let clients = [2, 3, 4, 1].map(Token::Client);
        assert_eq!(order, [&clients[..], &[Token::Timer]].concat());
        assert!(line.is_empty());
    }
}
