//! What is ready: wakers put their token into one queue, which a turn drains.

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
}
