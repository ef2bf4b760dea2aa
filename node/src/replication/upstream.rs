//! The node as a replica: the link to its master, from the first PING to the stream.
//!
//! The machine takes what arrives on the link apart into [`Step`]s. It holds no data: its driver
//! loads the payload, executes the stream, and knows the offset.

mod handshake;

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;

use super::ReplId;
use crate::io::{Level, LinkEvent, LinkId, LinkOp};
use crate::resp::encode_command;
use crate::time::Now;

/// The longest line that a master may send during the handshake, in bytes.
const LINE_MAX: usize = 64 * 1024;

/// How long to wait before the next attempt, in milliseconds.
const RETRY_MS: u64 = 1000;

/// What the configuration says about the link.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `masteruser`.
    pub user: Option<Vec<u8>>,
    /// `masterauth`.
    pub password: Option<Vec<u8>>,
    /// The port at which we serve clients.
    pub listening_port: u16,
    /// The address that we want to be known by, if not the one that the master sees.
    pub announced_ip: Option<String>,
    /// `repl-timeout`, in milliseconds.
    pub timeout_ms: u64,
    /// Our own address to connect from.
    pub from: Option<IpAddr>,
}

/// The link to a master.
#[derive(Debug)]
pub struct Upstream {
    master: SocketAddr,
    settings: Settings,
    link: Option<LinkId>,
    /// Our address on the link that was opened last, and when that was.
    opened: Option<(SocketAddr, u64)>,
    state: LinkState,
    /// When the master was last heard of (or the attempt was made), in monotonic milliseconds.
    heard_at: u64,
    /// When the master last got a sign of life in the payload or in the stream.
    spoke_at: u64,
    down_since: Option<u64>,
    line: Vec<u8>,
    received: u64,
    events: VecDeque<UpstreamEvent>,
}

#[derive(Debug)]
enum LinkState {
    /// No link; the next attempt is due then.
    Down { retry_at: u64 },
    /// The connection is being made.
    Connecting,
    /// PING was sent.
    PingSent,
    /// These requests were sent; their answers come in this order.
    Handshake(VecDeque<HandshakeRequest>),
    /// PSYNC was sent.
    PsyncSent,
    /// A full sync was granted; its first line says how the payload ends.
    PayloadLine,
    /// The payload; it ends after a number of bytes, or with a mark.
    Payload(PayloadEnd),
    /// The payload is complete but for its mark, and how many bytes of that were read.
    Mark([u8; 40], usize),
    /// In sync.
    Streaming,
}

#[derive(Clone, Copy, Debug)]
enum PayloadEnd {
    After(u64),
    Mark([u8; 40]),
}

/// A request of the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HandshakeRequest {
    Auth,
    ListeningPort,
    Address,
    Capabilities,
    Version,
}

/// What comes out of the machine beside the steps.
#[derive(Debug)]
pub enum UpstreamEvent {
    /// Do this with the link.
    Link(LinkId, LinkOp),
    /// A line for the log.
    Log(Level, String),
}

/// What the bytes of the link mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// The payload of a full sync comes: the data set of this history at this offset.
    FullSync {
        /// The history's id.
        id: ReplId,
        /// The offset.
        offset: u64,
    },
    /// A part of the payload. Answered by [`Upstream::payload_fed`].
    Payload(&'a [u8]),
    /// The payload was complete and correct: the data set is the master's.
    Synced,
    /// The stream goes on where we were; the history may have a new id.
    Continue {
        /// The id, if the master named one.
        id: Option<ReplId>,
    },
    /// A part of the stream.
    Stream(&'a [u8]),
}

impl Upstream {
    /// A replica of that master; the first attempt is due at once.
    #[must_use]
    pub fn new(master: SocketAddr, settings: Settings, now: Now) -> Upstream {
        Upstream {
            master,
            settings,
            link: None,
            opened: None,
            state: LinkState::Down {
                retry_at: now.mono_ms(),
            },
            heard_at: now.mono_ms(),
            spoke_at: now.mono_ms(),
            down_since: None,
            line: Vec::new(),
            received: 0,
            events: VecDeque::new(),
        }
    }

    /// The master's address.
    #[must_use]
    pub fn master(&self) -> SocketAddr {
        self.master
    }

    /// Takes up changed settings, from the next attempt on.
    pub fn set_settings(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// Whether that is our link.
    #[must_use]
    pub fn owns(&self, link: LinkId) -> bool {
        self.link == Some(link)
    }

    /// In sync and streaming.
    #[must_use]
    pub fn is_up(&self) -> bool {
        matches!(self.state, LinkState::Streaming)
    }

    /// A full sync was granted and is not complete.
    #[must_use]
    pub fn is_syncing(&self) -> bool {
        matches!(
            self.state,
            LinkState::PayloadLine | LinkState::Payload(_) | LinkState::Mark(..)
        )
    }

    /// As ROLE names the state.
    #[must_use]
    pub fn state_name(&self) -> &'static str {
        match self.state {
            LinkState::Down { .. } => "connect",
            LinkState::Connecting => "connecting",
            LinkState::PingSent | LinkState::Handshake(_) | LinkState::PsyncSent => "handshake",
            LinkState::PayloadLine | LinkState::Payload(_) | LinkState::Mark(..) => "sync",
            LinkState::Streaming => "connected",
        }
    }

    /// Since when the link is down, in monotonic milliseconds; none while it is up or if it never
    /// was.
    #[must_use]
    pub fn down_since(&self) -> Option<u64> {
        if self.is_up() { None } else { self.down_since }
    }

    /// When the master was last heard of, in monotonic milliseconds.
    #[must_use]
    pub fn heard_at(&self) -> u64 {
        self.heard_at
    }

    /// Bytes of the payload received, and how many there will be, if that is known.
    #[must_use]
    pub fn payload_progress(&self) -> (u64, Option<u64>) {
        match self.state {
            LinkState::Payload(PayloadEnd::After(left)) => {
                (self.received, Some(self.received + left))
            }
            _ => (self.received, None),
        }
    }

    /// What is to be done; drain it after every call.
    pub fn poll_event(&mut self) -> Option<UpstreamEvent> {
        self.events.pop_front()
    }

    /// The regular work, ten times a second: connect, give up, show a sign of life. `offset` is
    /// that of the last command executed; `next_link` an id that a new connection may take.
    /// True if it was taken.
    pub fn on_timer(&mut self, offset: u64, next_link: LinkId, now: Now) -> bool {
        let now_ms = now.mono_ms();
        if let LinkState::Down { retry_at } = self.state {
            if now_ms >= retry_at {
                self.connect(next_link, now);
                return true;
            }
            return false;
        }
        if now_ms - self.heard_at > self.settings.timeout_ms {
            let text = self.timeout_text();
            self.log(Level::Warning, text);
            self.drop_link(now);
        } else if now_ms - self.spoke_at >= 1000 {
            self.spoke_at = now_ms;
            match self.state {
                LinkState::Streaming => self.acknowledge(offset, now),
                LinkState::Payload(_) => self.send(Bytes::from_static(b"\n")),
                _ => {}
            }
        }
        false
    }

    fn timeout_text(&self) -> &'static str {
        match self.state {
            LinkState::Streaming => "MASTER timeout: no data nor PING received...",
            LinkState::PayloadLine | LinkState::Payload(_) | LinkState::Mark(..) => {
                "Timeout receiving bulk data from MASTER... If the problem persists try to set \
                 the 'repl-timeout' parameter in redis.conf to a larger value."
            }
            _ => "Timeout connecting to the MASTER...",
        }
    }

    fn connect(&mut self, link: LinkId, now: Now) {
        self.log(
            Level::Notice,
            format!("Connecting to MASTER {}", self.master),
        );
        self.link = Some(link);
        self.state = LinkState::Connecting;
        self.heard_at = now.mono_ms();
        self.line.clear();
        let (to, from) = (self.master, self.settings.from);
        self.events
            .push_back(UpstreamEvent::Link(link, LinkOp::Open { to, from }));
        self.log(Level::Notice, "MASTER <-> REPLICA sync started");
    }

    /// Sends `REPLCONF ACK offset`.
    pub fn acknowledge(&mut self, offset: u64, now: Now) {
        self.spoke_at = now.mono_ms();
        self.request(&["REPLCONF", "ACK", &offset.to_string()]);
    }

    /// Gives the link up, for what came on it cannot be followed; the next attempt is made in a
    /// second.
    pub fn fail(&mut self, reason: &str, now: Now) {
        self.log(
            Level::Warning,
            format!("MASTER <-> REPLICA link given up: {reason}"),
        );
        self.drop_link(now);
        // It would end the same way at once.
        let retry_at = now.mono_ms() + RETRY_MS;
        self.state = LinkState::Down { retry_at };
    }

    /// Ends the link on request; the next attempt follows at once.
    pub fn kill(&mut self, now: Now) {
        self.drop_link(now);
    }

    /// While in sync: the link, our address on it, and when it was opened, in milliseconds of the
    /// monotonic scale.
    #[must_use]
    pub fn connection(&self) -> Option<(LinkId, SocketAddr, u64)> {
        let (local, since) = self.opened?;
        Some((self.link.filter(|_| self.is_up())?, local, since))
    }

    /// Ends the link for good: the node follows this master no longer.
    pub fn close(&mut self, now: Now) {
        self.drop_link(now);
    }

    fn drop_link(&mut self, now: Now) {
        if let Some(link) = self.link.take() {
            self.events
                .push_back(UpstreamEvent::Link(link, LinkOp::Close));
        }
        self.went_down(now);
    }

    fn went_down(&mut self, now: Now) {
        let now_ms = now.mono_ms();
        let mut retry_at = now_ms + RETRY_MS;
        if self.is_up() {
            self.log(Level::Notice, "Connection with master lost.");
            self.down_since = Some(now_ms);
            retry_at = now_ms;
        }
        self.link = None;
        self.state = LinkState::Down { retry_at };
    }

    /// The connection is up, or has ended. Its bytes go to [`next_step`](Self::next_step).
    pub fn on_link(&mut self, event: &LinkEvent<'_>, now: Now) {
        match event {
            LinkEvent::Opened { local } => {
                self.heard_at = now.mono_ms();
                self.opened = Some((*local, now.mono_ms()));
                self.state = LinkState::PingSent;
                self.log(
                    Level::Notice,
                    "Non blocking connect for SYNC fired the event.",
                );
                self.request(&["PING"]);
            }
            LinkEvent::Closed { reason } => {
                if !self.is_up() {
                    let text = format!("MASTER <-> REPLICA sync failed: {reason}");
                    self.log(Level::Warning, text);
                }
                self.went_down(now);
            }
            LinkEvent::Bytes(_) => {}
        }
    }

    /// Takes the next step out of the bytes that arrived; none when they are used up or the link
    /// was given up. `history` is what we have: the id and the first byte that we lack; none
    /// when the data set is of no use for a partial resync.
    pub fn next_step<'a>(
        &mut self,
        input: &mut &'a [u8],
        history: Option<(ReplId, u64)>,
        now: Now,
    ) -> Option<Step<'a>> {
        self.heard_at = now.mono_ms();
        loop {
            if input.is_empty() {
                return None;
            }
            match &mut self.state {
                LinkState::Down { .. } | LinkState::Connecting => return None,
                LinkState::Streaming => return Some(Step::Stream(std::mem::take(input))),
                LinkState::Payload(end) => {
                    let len = match *end {
                        PayloadEnd::After(left) => left.min(input.len() as u64) as usize,
                        PayloadEnd::Mark(_) => input.len(),
                    };
                    return Some(Step::Payload(&input[..len]));
                }
                LinkState::Mark(mark, read) => {
                    let len = input.len().min(mark.len() - *read);
                    let (part, rest) = input.split_at(len);
                    *input = rest;
                    if part != &mark[*read..*read + len] {
                        self.fail("the payload does not end with its mark", now);
                        return None;
                    }
                    *read += len;
                    if *read == mark.len() {
                        return Some(self.synced());
                    }
                }
                _ => {
                    let line = self.take_line(input, now)?;
                    if let Some(step) = self.on_line(&line, history, now) {
                        return Some(step);
                    }
                }
            }
        }
    }

    /// That many bytes of the [`Step::Payload`] belonged to the file, which is complete now or not.
    /// They are taken from `input`. The step, if that completes the sync.
    pub fn payload_fed(
        &mut self,
        input: &mut &[u8],
        consumed: usize,
        done: bool,
        now: Now,
    ) -> Option<Step<'static>> {
        *input = &input[consumed..];
        self.received += consumed as u64;
        let LinkState::Payload(end) = &mut self.state else {
            return None;
        };
        match (end, done) {
            (PayloadEnd::After(left), _) => {
                *left -= consumed as u64;
                match (*left, done) {
                    (0, true) => return Some(self.synced()),
                    (0, false) => self.fail("the payload ends too early", now),
                    (_, true) => self.fail("the payload goes on after its end", now),
                    (_, false) => {}
                }
            }
            (PayloadEnd::Mark(mark), true) => self.state = LinkState::Mark(*mark, 0),
            (PayloadEnd::Mark(_), false) => {}
        }
        None
    }

    fn synced(&mut self) -> Step<'static> {
        self.state = LinkState::Streaming;
        self.log(
            Level::Notice,
            "MASTER <-> REPLICA sync: Finished with success",
        );
        Step::Synced
    }

    /// A whole line without its end; none while it is not complete.
    fn take_line(&mut self, input: &mut &[u8], now: Now) -> Option<Vec<u8>> {
        let end = input.iter().position(|byte| *byte == b'\n');
        let len = end.map_or(input.len(), |end| end + 1);
        self.line.extend_from_slice(&input[..len]);
        *input = &input[len..];
        if self.line.len() > LINE_MAX {
            self.fail("a line of the handshake is too long", now);
            return None;
        }
        end?;
        let mut line = std::mem::take(&mut self.line);
        while matches!(line.last(), Some(b'\r' | b'\n')) {
            line.pop();
        }
        Some(line)
    }

    fn request(&mut self, argv: &[impl AsRef<[u8]>]) {
        let mut out = Vec::new();
        encode_command(&mut out, argv);
        self.send(Bytes::from(out));
    }

    fn send(&mut self, bytes: Bytes) {
        if let Some(link) = self.link {
            self.events
                .push_back(UpstreamEvent::Link(link, LinkOp::Send(bytes)));
        }
    }

    fn log(&mut self, level: Level, text: impl Into<String>) {
        self.events
            .push_back(UpstreamEvent::Log(level, text.into()));
    }
}

#[cfg(test)]
mod tests;
