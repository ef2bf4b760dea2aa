//! The main loop. A turn executes whoever is ready, ends the turn in the engine, carries out what
//! came of it in order, and then sends the replies: none leaves before its consequences.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::task::{Context, Poll, Waker};

use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::Signal;
use tokio::time::{Instant, Sleep};

use super::client::{Client, Served};
use super::clock::Clock;
use super::data_file::{Answer, Piece, SnapshotWriter};
use super::files::NodesFile;
use super::health::Board;
use super::link::{Link, News};
use super::listen;
use super::log::Log;
use super::places::Places;
use super::ready::{ReadyQueue, Token};
use super::socket::Socket;
use super::system::reason;
use crate::engine::Engine;
use crate::io::{DiskEvent, LinkEvent, LinkId, Peer, SessionId};
use crate::resp::Reply;

/// What is read at once.
pub(super) const READ_BYTES: usize = 64 << 10;
/// A turn takes in no one else after so long ...
const TURN_US: u64 = 5000;
/// ... or once so much is to be sent.
const TURN_REPLY_BYTES: usize = 1 << 20;
/// Connections accepted at once.
const ACCEPTS: usize = 64;
/// The loop looks around at least this often.
const HOUSEKEEPING_MS: u64 = 100;
/// A connection that was asked to close has so long to take what it was sent.
const CLOSING_MS: u64 = 10_000;

/// A listening socket.
pub(super) struct Listener {
    pub(super) socket: TcpListener,
    pub(super) waker: Waker,
}

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
    pub(super) snapshot: SnapshotWriter,
}

/// The engine with everything around it.
pub(super) struct Shell {
    pub(super) engine: Engine,
    pub(super) clock: Clock,
    pub(super) log: Log,
    pub(super) queue: Arc<ReadyQueue>,
    pub(super) listeners: Vec<Listener>,
    pub(super) bus_listeners: Vec<Listener>,
    pub(super) clients: Places<Client>,
    pub(super) by_session: HashMap<SessionId, usize>,
    pub(super) links: Places<Link>,
    pub(super) by_link: HashMap<LinkId, usize>,
    pub(super) files: Files,
    pub(super) signals: Signals,
    pub(super) board: Arc<Board>,
    pub(super) backlog: u32,
    pub(super) keepalive_secs: u32,
    pub(super) turn: Turn,
}

/// What the turns use again and again.
pub(super) struct Turn {
    /// Who is ready, in order.
    ready: VecDeque<Token>,
    fresh: Vec<Token>,
    buffer: Box<[u8]>,
    pub(super) reply: Reply,
    /// Clients with a reply in `reply`.
    replied: Vec<usize>,
    /// Clients and links that got something into their outbox.
    pub(super) pushed: Vec<usize>,
    pub(super) sent: Vec<usize>,
    /// Clients that shall close after what they were sent.
    pub(super) closing: Vec<usize>,
    timer: Pin<Box<Sleep>>,
    timer_waker: Waker,
    armed_ms: Option<u64>,
    housekept_ms: u64,
    pub(super) exit: Option<i32>,
}

impl Turn {
    pub(super) fn new(queue: &Arc<ReadyQueue>) -> Turn {
        let all_first = [Token::Timer, Token::Signal, Token::Files, Token::Metrics];
        Turn {
            ready: all_first.into(),
            fresh: Vec::new(),
            buffer: vec![0; READ_BYTES].into(),
            reply: Reply::new(),
            replied: Vec::new(),
            pushed: Vec::new(),
            sent: Vec::new(),
            closing: Vec::new(),
            timer: Box::pin(tokio::time::sleep_until(Instant::now())),
            timer_waker: queue.waker(Token::Timer),
            armed_ms: None,
            housekept_ms: 0,
            exit: None,
        }
    }

    pub(super) fn serve_later(&mut self, token: Token) {
        self.ready.push_back(token);
    }
}

impl Shell {
    /// One turn; the exit code once the node leaves.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<i32> {
        self.queue.set_main(context.waker());
        let now = self.clock.begin_turn();
        self.serve_ready(now.mono_us + TURN_US);
        let now = self.clock.now();
        if now.mono_ms() >= self.engine.next_timer() {
            self.engine.on_timer(now);
        }
        let more = self.engine.on_turn(self.clock.now());
        self.carry_out();
        self.send_replies();
        let told = self.send_pushes();
        self.close_finished();
        if let Some(code) = self.turn.exit {
            return Poll::Ready(code);
        }
        self.housekeep();
        self.arm_timer();
        if more || told || !self.turn.ready.is_empty() {
            context.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// The end: files are finished, connections closed. The data set is left to the system, which
    /// frees it at once.
    pub(super) fn leave(self) {
        drop(self.files);
        drop(self.clients);
        drop(self.links);
        std::mem::forget(self.engine);
    }

    fn serve_ready(&mut self, until_us: u64) {
        let mut fresh = std::mem::take(&mut self.turn.fresh);
        self.queue.drain(&mut fresh);
        self.turn.ready.extend(fresh.drain(..));
        self.turn.fresh = fresh;
        for _ in 0..self.turn.ready.len() {
            let Some(token) = self.turn.ready.pop_front() else {
                return;
            };
            match token {
                Token::Client(place) => self.serve_client(place),
                Token::Link(place) => self.serve_link(place),
                Token::Listener(index) => self.accept_clients(index),
                Token::BusListener(index) => self.accept_links(index),
                Token::Timer => self.turn.armed_ms = None,
                Token::Signal => self.take_signals(),
                Token::Files => self.take_file_events(),
                Token::Metrics => self
                    .board
                    .publish_metrics(self.engine.metrics(self.clock.now())),
            }
            if self.turn.reply.len() > TURN_REPLY_BYTES || self.clock.now().mono_us >= until_us {
                return;
            }
        }
    }

    fn serve_client(&mut self, place: usize) {
        let Some(client) = self.clients.get_mut(place) else {
            return;
        };
        client.socket.flush();
        if client.socket.is_broken() {
            self.remove_client(place);
            return;
        }
        if client.closing_since.is_some() || !client.socket.outbox.is_empty() || client.reported > 0
        {
            self.turn.pushed.push(place);
        }
        if client.closing_since.is_some() {
            return;
        }
        if client.pending.is_some() {
            // Served in this turn already.
            self.turn.serve_later(Token::Client(place));
            return;
        }
        let turn = &mut self.turn;
        let engine = &mut self.engine;
        let served = client.serve(engine, &self.clock, &mut turn.buffer, &mut turn.reply);
        if client.pending.is_some() {
            turn.replied.push(place);
        }
        match served {
            Served::Waits => {}
            Served::Again => turn.serve_later(Token::Client(place)),
            Served::Close => turn.closing.push(place),
            Served::Gone => self.remove_client(place),
        }
    }

    fn serve_link(&mut self, place: usize) {
        let Some(link) = self.links.get_mut(place) else {
            return;
        };
        let id = link.id;
        let now = self.clock.now();
        let news = link.serve(&mut self.turn.buffer);
        let is_closing = link.closing_since.is_some();
        match news {
            News::Nothing => {}
            News::Closed(reason) => {
                self.links.remove(place);
                self.by_link.remove(&id);
                if !is_closing {
                    let reason = &reason;
                    self.engine.on_link(id, LinkEvent::Closed { reason }, now);
                }
            }
            // What still comes in on a link that is closing interests nobody.
            _ if is_closing => {}
            News::Opened(local) => self.engine.on_link(id, LinkEvent::Opened { local }, now),
            News::Bytes(count, more) => {
                let bytes = &self.turn.buffer[..count];
                self.engine.on_link(id, LinkEvent::Bytes(bytes), now);
                if more {
                    self.turn.serve_later(Token::Link(place));
                }
            }
        }
        if is_closing {
            self.turn.sent.push(place);
        }
    }

    fn accept_clients(&mut self, index: usize) {
        for _ in 0..ACCEPTS {
            let Some(stream) = self.accept(Token::Listener(index)) else {
                return;
            };
            self.welcome(stream);
        }
        self.turn.serve_later(Token::Listener(index));
    }

    fn welcome(&mut self, stream: TcpStream) {
        let _ = listen::prepare(&stream, self.keepalive_secs);
        let (Ok(remote), Ok(local)) = (stream.peer_addr(), stream.local_addr()) else {
            // It has left already.
            return;
        };
        let peer = Peer { remote, local };
        match self.engine.open(peer, self.clock.now()) {
            Err(refusal) => {
                // Best effort: it is closed in any case.
                let _ = stream.try_write(&refusal);
            }
            Ok(session) => {
                let place = self.clients.next();
                let waker = self.queue.waker(Token::Client(place));
                self.by_session.insert(session.id, place);
                self.clients
                    .insert(Client::new(Socket::new(stream, waker), session));
                self.turn.serve_later(Token::Client(place));
            }
        }
    }

    fn accept_links(&mut self, index: usize) {
        for _ in 0..ACCEPTS {
            let Some(stream) = self.accept(Token::BusListener(index)) else {
                return;
            };
            let _ = listen::prepare(&stream, self.keepalive_secs);
            let (Ok(remote), Ok(local)) = (stream.peer_addr(), stream.local_addr()) else {
                continue;
            };
            let id = self
                .engine
                .accept_bus(Peer { remote, local }, self.clock.now());
            let place = self.links.next();
            let waker = self.queue.waker(Token::Link(place));
            self.links.insert(Link::accepted(id, stream, waker));
            self.by_link.insert(id, place);
            self.turn.serve_later(Token::Link(place));
        }
        self.turn.serve_later(Token::BusListener(index));
    }

    /// The next connection that waits there. After an error (no file descriptor is left) it is
    /// tried again at the next housekeeping.
    fn accept(&mut self, token: Token) -> Option<TcpStream> {
        let listener = match token {
            Token::Listener(index) => self.listeners.get(index)?,
            Token::BusListener(index) => self.bus_listeners.get(index)?,
            _ => return None,
        };
        let mut context = Context::from_waker(&listener.waker);
        match listener.socket.poll_accept(&mut context) {
            Poll::Pending => None,
            Poll::Ready(Ok((stream, _))) => Some(stream),
            Poll::Ready(Err(error)) => {
                let text = format!("Error accepting a connection: {}", reason(&error));
                self.log.warning(&text);
                None
            }
        }
    }

    fn take_signals(&mut self) {
        let mut context = Context::from_waker(&self.signals.waker);
        let mut asked = false;
        while self.signals.terminate.poll_recv(&mut context).is_ready() {
            self.log.warning("Received SIGTERM scheduling shutdown...");
            asked = true;
        }
        while self.signals.interrupt.poll_recv(&mut context).is_ready() {
            self.signals.interrupts += 1;
            if self.signals.interrupts > 1 {
                self.log.warning("You insist... exiting now.");
                self.turn.exit = Some(1);
                return;
            }
            self.log.warning("Received SIGINT scheduling shutdown...");
            asked = true;
        }
        while self.signals.hangup.poll_recv(&mut context).is_ready() {}
        if asked {
            self.engine.on_terminate(self.clock.now());
        }
    }

    /// One piece of the data file a turn, so that clients get their -LOADING in between.
    fn take_file_events(&mut self) {
        let now = self.clock.now();
        while let Some(answer) = self.files.snapshot.answer() {
            let event = match &answer {
                Answer::Written(bytes) => DiskEvent::SnapshotWritten(*bytes),
                Answer::Saved => DiskEvent::SnapshotSaved,
                Answer::Failed(reason) => DiskEvent::SnapshotFailed(reason),
            };
            self.engine.on_disk(event, now);
        }
        let Some(Ok(piece)) = self.files.loading.as_ref().map(Receiver::try_recv) else {
            return;
        };
        match piece {
            Piece::Bytes(bytes) => {
                self.engine.on_disk(DiskEvent::LoadBytes(&bytes), now);
                self.turn.serve_later(Token::Files);
                return;
            }
            Piece::End => self.engine.on_disk(DiskEvent::LoadEnd, now),
            Piece::Failed(reason) => self.engine.on_disk(DiskEvent::LoadFailed(&reason), now),
        }
        self.files.loading = None;
    }

    fn send_replies(&mut self) {
        let turn = &mut self.turn;
        for place in turn.replied.drain(..) {
            let Some(client) = self.clients.get_mut(place) else {
                continue;
            };
            if let Some(range) = client.pending.take() {
                client.socket.send(&turn.reply.bytes()[range]);
            }
            if !client.socket.outbox.is_empty() || client.socket.is_broken() {
                turn.pushed.push(place);
            }
        }
        if turn.reply.len() > 2 * TURN_REPLY_BYTES {
            turn.reply = Reply::new();
        } else {
            turn.reply.clear();
        }
    }

    /// Sends what was pushed, and tells the engine how much of it is left: true when
    /// something waits for that (a walk at its bound) and goes on in another turn.
    fn send_pushes(&mut self) -> bool {
        let now = self.clock.now();
        let mut told = false;
        for place in std::mem::take(&mut self.turn.pushed) {
            let Some(client) = self.clients.get_mut(place) else {
                continue;
            };
            client.socket.flush();
            if client.socket.is_broken() {
                self.remove_client(place);
                continue;
            }
            let unsent = client.socket.outbox.len();
            if unsent == 0 && client.closing_since.is_some() {
                self.turn.closing.push(place);
            }
            // The engine counts what it pushes by itself: it is told even when all has left.
            if let Some(session) = &client.session {
                client.reported = unsent;
                self.engine.on_sent(session.id, unsent, now);
                told = self.engine.waits_for_sent();
            }
        }
        for place in std::mem::take(&mut self.turn.sent) {
            let Some(link) = self.links.get_mut(place) else {
                continue;
            };
            link.flush();
            if link.closing_since.is_some() && link.is_done() {
                let id = link.id;
                self.links.remove(place);
                self.by_link.remove(&id);
            }
        }
        told
    }

    /// Closes clients that have what they were sent; the others get their time.
    fn close_finished(&mut self) {
        let now = self.clock.now();
        for place in std::mem::take(&mut self.turn.closing) {
            let Some(client) = self.clients.get_mut(place) else {
                continue;
            };
            client.closing_since.get_or_insert(now.mono_ms());
            if let Some(session) = client.session.take() {
                self.by_session.remove(&session.id);
                self.engine.close(session, now);
            }
            if client.socket.outbox.is_empty() {
                self.remove_client(place);
            }
        }
    }

    pub(super) fn remove_client(&mut self, place: usize) {
        let Some(client) = self.clients.remove(place) else {
            return;
        };
        if let Some(session) = client.session {
            self.by_session.remove(&session.id);
            self.engine.close(session, self.clock.now());
        }
    }

    fn housekeep(&mut self) {
        let now = self.clock.now();
        self.board.beat(now.mono_ms());
        if now.mono_ms() < self.turn.housekept_ms + HOUSEKEEPING_MS {
            return;
        }
        self.turn.housekept_ms = now.mono_ms();
        if self.board.is_read() {
            self.board.publish_health(self.engine.health(now));
        }
        let accepting = (0..self.listeners.len()).map(Token::Listener);
        let accepting = accepting.chain((0..self.bus_listeners.len()).map(Token::BusListener));
        self.turn.ready.extend(accepting);
        let late = |since: Option<u64>| since.is_some_and(|ms| ms + CLOSING_MS < now.mono_ms());
        let clients: Vec<usize> = self.clients.used().collect();
        for place in clients {
            if self
                .clients
                .get_mut(place)
                .is_some_and(|client| late(client.closing_since))
            {
                self.remove_client(place);
            }
        }
        let links: Vec<usize> = self.links.used().collect();
        for place in links {
            if let Some(link) = self.links.get_mut(place)
                && late(link.closing_since)
            {
                let id = link.id;
                self.links.remove(place);
                self.by_link.remove(&id);
            }
        }
    }

    /// Sets the timer to what comes first; only ever earlier, so that it is seldom moved.
    fn arm_timer(&mut self) {
        let wanted = self
            .engine
            .next_timer()
            .min(self.turn.housekept_ms + HOUSEKEEPING_MS);
        if self.turn.armed_ms.is_some_and(|armed| armed <= wanted) {
            return;
        }
        self.turn.armed_ms = Some(wanted);
        let timer = &mut self.turn.timer;
        timer
            .as_mut()
            .reset(Instant::from_std(self.clock.instant(wanted)));
        let mut context = Context::from_waker(&self.turn.timer_waker);
        if timer.as_mut().poll(&mut context).is_ready() {
            self.turn.serve_later(Token::Timer);
        }
    }
}
