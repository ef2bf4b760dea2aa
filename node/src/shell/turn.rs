//! The main loop. A turn executes what is ready, ends the turn in the engine, carries out what
//! came of it in order, and then sends the replies: none leaves before its consequences.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::task::{Context, Poll, Waker};

use tokio::signal::unix::Signal;
use tokio::time::{Instant, Sleep};

use super::batch::Batcher;
use super::data_file::{Answer, Piece, SnapshotWriter};
use super::files::NodesFile;
use super::group::{Group, READ_BYTES};
use super::net::Net;
use super::payload_file::PayloadFile;
use super::ready::{ReadyQueue, Token};
use super::socket::count_turn;
use crate::engine::Engine;
use crate::io::{DiskEvent, StopSignal};
use crate::resp::Reply;

/// A turn takes in no other client after this long ...
const TURN_US: u64 = 5000;
/// ... or once this much is to be sent.
pub(super) const TURN_REPLY_BYTES: usize = 1 << 20;
/// The loop looks around at least this often.
const HOUSEKEEPING_MS: u64 = 100;
/// How long a connection that was asked to close has to take what it was sent.
const CLOSING_MS: u64 = 10_000;

/// The signals that a node answers to.
pub(super) struct Signals {
    pub(super) terminate: Signal,
    pub(super) interrupt: Signal,
    /// Taken and ignored.
    pub(super) hangup: Signal,
    pub(super) waker: Waker,
    pub(super) interrupts: u32,
}

/// The files that the node keeps.
pub(super) struct Files {
    pub(super) nodes: Option<NodesFile>,
    pub(super) config: Option<PathBuf>,
    pub(super) data: PathBuf,
    pub(super) loading: Option<Receiver<Piece>>,
    /// `key-load-delay`: the next piece waits until then, in monotonic milliseconds; `u64::MAX` when
    /// none does.
    pub(super) load_from_ms: u64,
    pub(super) snapshot: SnapshotWriter,
    pub(super) payload: Option<PayloadFile>,
}

/// The engine with everything around it.
pub(super) struct Shell {
    pub(super) engine: Engine,
    pub(super) net: Net,
    pub(super) files: Files,
    pub(super) signals: Signals,
    pub(super) backlog: u32,
    pub(super) turn: Turn,
}

/// What the turns use again and again.
pub(super) struct Turn {
    pub(super) fresh: Vec<Token>,
    /// What the group has sent.
    pub(super) buffer: Box<[u8]>,
    pub(super) group: Group,
    pub(super) batcher: Batcher,
    pub(super) reply: Reply,
    /// Clients with a reply in `reply`.
    pub(super) replied: Vec<usize>,
    /// For how many holds of the engine stale replies were dropped.
    pub(super) holds: u64,
    timer: Pin<Box<Sleep>>,
    timer_waker: Waker,
    pub(super) armed_ms: Option<u64>,
    housekept_ms: u64,
    pub(super) exit: Option<i32>,
}

impl Turn {
    pub(super) fn new(queue: &Arc<ReadyQueue>) -> Turn {
        Turn {
            fresh: Vec::new(),
            buffer: vec![0; READ_BYTES].into(),
            group: Group::default(),
            batcher: Batcher::default(),
            reply: Reply::new(),
            replied: Vec::new(),
            holds: 0,
            timer: Box::pin(tokio::time::sleep_until(Instant::now())),
            timer_waker: queue.waker(Token::Timer),
            armed_ms: None,
            housekept_ms: 0,
            exit: None,
        }
    }
}

impl Shell {
    /// One turn; the exit code once the node leaves.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<i32> {
        self.net.queue.set_main(context.waker());
        let now = self.net.clock.begin_turn();
        let began = now.mono_us;
        self.engine.look_at_clock(now);
        self.drop_stale_replies();
        if self.files.load_from_ms <= now.mono_ms() {
            self.files.load_from_ms = u64::MAX;
            self.net.serve_later(Token::Files);
        }
        self.serve_ready(now.mono_us + TURN_US);
        let now = self.net.clock.now();
        if now.mono_ms() >= self.engine.next_timer() {
            self.engine.on_timer(now);
        }
        let more = self.engine.on_turn(now);
        self.carry_out();
        self.engine.look_at_clock(self.net.clock.begin_turn());
        self.send_replies();
        let told = self.send_pushes();
        self.close_finished();
        if let Some(code) = self.turn.exit {
            return Poll::Ready(code);
        }
        self.net.probes.beat(now.mono_ms());
        if now.mono_ms() >= self.turn.housekept_ms + HOUSEKEEPING_MS {
            self.housekeep();
        }
        self.arm_timer();
        let wait = self.turn.batcher.end_turn(now.mono_us);
        count_turn(self.net.clock.now().mono_us.saturating_sub(began));
        if more || told || !self.net.ready.is_empty() {
            context.waker().wake_by_ref();
        } else if let Some(wait) = wait {
            std::thread::sleep(wait);
        }
        Poll::Pending
    }

    /// The end: files are finished, connections closed. The data set is left to the system, which
    /// frees it at once.
    pub(super) fn leave(self) {
        drop(self.files);
        drop(self.net);
        std::mem::forget(self.engine);
    }

    pub(super) fn take_signals(&mut self) {
        let mut context = Context::from_waker(&self.signals.waker);
        let mut asked = None;
        while self.signals.terminate.poll_recv(&mut context).is_ready() {
            self.net
                .log
                .warning("Received SIGTERM scheduling shutdown...");
            asked = Some(StopSignal::Terminate);
        }
        while self.signals.interrupt.poll_recv(&mut context).is_ready() {
            self.signals.interrupts += 1;
            if self.signals.interrupts > 1 {
                self.net.log.warning("You insist... exiting now.");
                self.turn.exit = Some(1);
                return;
            }
            self.net
                .log
                .warning("Received SIGINT scheduling shutdown...");
            asked = asked.or(Some(StopSignal::Interrupt));
        }
        while self.signals.hangup.poll_recv(&mut context).is_ready() {}
        if let Some(signal) = asked {
            self.engine.on_signal(signal, self.net.clock.now());
        }
    }

    /// One piece of the data file a turn, so that clients get their -LOADING in between.
    pub(super) fn take_file_events(&mut self) {
        let now = self.net.clock.now();
        while let Some(answer) = self.files.snapshot.answer() {
            let event = match &answer {
                Answer::Written(bytes) => DiskEvent::SnapshotWritten(*bytes),
                Answer::Saved => DiskEvent::SnapshotSaved,
                Answer::Failed(reason) => DiskEvent::SnapshotFailed(reason),
            };
            self.engine.on_disk(event, now);
        }
        while let Some(answer) = self.files.payload.as_ref().and_then(PayloadFile::answer) {
            self.engine.on_disk(answer.event(), now);
        }
        if self.files.load_from_ms != u64::MAX {
            return;
        }
        let Some(Ok(piece)) = self.files.loading.as_ref().map(Receiver::try_recv) else {
            return;
        };
        if let Piece::Bytes(bytes) = piece {
            self.engine.on_disk(DiskEvent::LoadBytes(&bytes), now);
            match self.engine.load_delay_ms() {
                0 => self.net.serve_later(Token::Files),
                delay => self.files.load_from_ms = now.mono_ms() + delay,
            }
            return;
        }
        self.files.loading = None;
        match piece {
            Piece::Bytes(_) => {}
            Piece::End => {
                self.engine.on_disk(DiskEvent::LoadEnd, now);
                // What it has to say of the file comes first.
                self.carry_out();
                if self.turn.exit.is_none() {
                    self.net.log.notice("Ready to accept connections");
                }
            }
            Piece::Failed(reason) => self.engine.on_disk(DiskEvent::LoadFailed(&reason), now),
        }
    }

    fn housekeep(&mut self) {
        let now = self.net.clock.now();
        self.turn.housekept_ms = now.mono_ms();
        self.net.log.tell_left_out(now.mono_ms());
        if self.net.probes.is_read() {
            self.net.probes.publish_health(self.engine.health(now));
        }
        let accepting = (0..self.net.listeners.len()).map(Token::Listener);
        let accepting = accepting.chain((0..self.net.bus_listeners.len()).map(Token::BusListener));
        accepting.for_each(|token| self.net.ready.push(token));
        let late = |since: Option<u64>| since.is_some_and(|ms| ms + CLOSING_MS < now.mono_ms());
        let clients: Vec<usize> = self.net.clients.used().collect();
        for index in clients {
            if self
                .net
                .clients
                .get_mut(index)
                .is_some_and(|client| late(client.closing_since))
            {
                self.remove_client(index);
            }
        }
        let links: Vec<usize> = self.net.links.used().collect();
        for index in links {
            if let Some(link) = self.net.links.get_mut(index)
                && late(link.closing_since)
            {
                self.net.remove_link(index);
            }
        }
    }

    /// Sets the timer to what comes first; only ever earlier, so that it is seldom moved.
    fn arm_timer(&mut self) {
        let wanted = self
            .engine
            .next_timer()
            .min(self.turn.housekept_ms + HOUSEKEEPING_MS)
            .min(self.files.load_from_ms);
        if self.turn.armed_ms.is_some_and(|armed| armed <= wanted) {
            return;
        }
        self.turn.armed_ms = Some(wanted);
        let timer = &mut self.turn.timer;
        timer
            .as_mut()
            .reset(Instant::from_std(self.net.clock.instant(wanted)));
        let mut context = Context::from_waker(&self.turn.timer_waker);
        if timer.as_mut().poll(&mut context).is_ready() {
            self.net.serve_later(Token::Timer);
        }
    }
}
