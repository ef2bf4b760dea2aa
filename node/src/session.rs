//! What the node remembers of one client connection: all of it, in one place.

use std::net::SocketAddr;
use std::ops::Range;

use crate::data::{Waiter, Watched};
use crate::io::{Peer, SessionId, Unsent};
use crate::request::{Awaited, Block};
use crate::resp::{Args, Decoder, KeptRequests};

/// A client connection's state.
#[derive(Debug)]
pub struct Session {
    /// Which connection it is.
    pub id: SessionId,
    /// The other side.
    pub remote: SocketAddr,
    /// Our side.
    pub local: SocketAddr,
    /// What kind of client it is.
    pub role: SessionRole,
    /// RESP3 instead of RESP2.
    pub resp3: bool,
    /// The selected database.
    pub db: usize,
    /// Whether AUTH was passed, or is not needed.
    pub authenticated: bool,
    /// CLIENT SETNAME; empty for none.
    pub name: Vec<u8>,
    /// CLIENT SETINFO LIB-NAME.
    pub lib_name: Vec<u8>,
    /// CLIENT SETINFO LIB-VER.
    pub lib_ver: Vec<u8>,
    /// ASKING was the last command.
    pub asking: bool,
    /// READONLY: a replica may answer reads.
    pub readonly: bool,
    /// CLIENT NO-EVICT.
    pub no_evict: bool,
    /// CLIENT NO-TOUCH.
    pub no_touch: bool,
    /// CLIENT REPLY.
    pub reply_mode: ReplyMode,
    /// MULTI's queue, while one is open.
    pub multi: Option<Transaction>,
    /// What WATCH saw.
    pub watched: WatchList,
    /// The stream offset after the last write of this session, which WAIT waits for.
    pub last_write_offset: u64,
    /// What is known of a long request that has not arrived in full.
    pub decoder: Decoder,
    /// It waits for something, and executes nothing meanwhile.
    pub parked: bool,
    /// If it waits for keys: for which, and what it does then.
    pub blocked: Option<Box<Blocked>>,
    /// It is about to be closed, and executes nothing more.
    pub killed: bool,
    /// When it was opened, in monotonic milliseconds.
    pub created_ms: u64,
    /// When it last sent something, in monotonic milliseconds.
    pub active_ms: u64,
    /// The last command's full name, `client|list`.
    pub command: &'static str,
    /// The bytes of its input that were left after its last batch ...
    pub unread: usize,
    /// ... and the memory that holds its input, as the shell has reported it.
    pub input: usize,
    /// Unsent replies and pushes, as the shell has reported them.
    pub unsent: Unsent,
    /// Since when more is unsent than the soft limit allows, in monotonic milliseconds.
    pub over_soft_since: Option<u64>,
    /// How much of its memory is in the account of all sessions, in bytes.
    pub counted: usize,
    /// Whether it is among those that may be closed to save memory.
    pub listed: bool,
}

/// What kind of client a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionRole {
    /// An ordinary client.
    Normal,
    /// A replica of ours, once it has sent SYNC or PSYNC.
    Replica,
    /// The stream of our master: not answered, never refused, does not expire keys.
    Master,
}

/// CLIENT REPLY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyMode {
    /// Replies are sent.
    On,
    /// None until ON.
    Off,
    /// SKIP was just said: the next command's reply is dropped.
    SkipNext,
}

/// The queue between MULTI and EXEC.
#[derive(Debug, Default)]
pub struct Transaction {
    /// The commands with their arguments.
    pub queue: KeptRequests,
    /// A command was refused at queueing: EXEC aborts.
    pub failed: bool,
}

/// What a session waits for that waits for keys.
#[derive(Debug)]
pub struct Blocked {
    /// Its place in the order of waiting.
    pub waiter: Waiter,
    /// What it waits for at each key.
    pub awaited: Awaited,
    /// The request that is run when one of them has changed.
    pub request: KeptRequests,
    /// Which of its arguments are the keys.
    pub keys: Range<usize>,
    /// It waits at a master.
    pub at_master: bool,
    /// The memory that all of this takes, its places in the keyspace's queues included, in bytes.
    pub memory: usize,
}

impl Blocked {
    /// What is to be remembered of one that waits.
    #[must_use]
    pub fn new(waiter: Waiter, block: &Block, request: KeptRequests) -> Blocked {
        let mut blocked = Blocked {
            waiter,
            awaited: block.awaited.clone(),
            request,
            keys: block.keys.clone(),
            at_master: false,
            memory: 0,
        };
        let names: usize = blocked.keys().map(<[u8]>::len).sum();
        let places = names + blocked.keys.len() * PLACE;
        blocked.memory = size_of::<Blocked>() + blocked.request.memory() + places;
        blocked
    }

    /// The request.
    ///
    /// # Panics
    /// If there is none: it is kept before anyone waits.
    #[must_use]
    pub fn args(&self) -> Args<'_> {
        let mut requests = self.request.iter();
        requests.next().expect("it was kept before the wait began")
    }

    /// The keys.
    pub fn keys(&self) -> impl Iterator<Item = &[u8]> {
        let args = self.args();
        self.keys.clone().map(move |index| args.get(index))
    }
}

/// What a place in a queue takes, and the queue if nobody else stands there, in bytes.
const PLACE: usize = 200;

/// The keys that a session watches, and the memory that they take.
#[derive(Debug, Default)]
pub struct WatchList {
    keys: Vec<Watched>,
    memory: usize,
}

impl WatchList {
    /// Adds one.
    pub fn push(&mut self, watched: Watched) {
        // The keyspace knows it by name, too.
        self.memory += 2 * (size_of::<Watched>() + watched.key.len());
        self.keys.push(watched);
    }

    /// Takes all of them out.
    pub fn take(&mut self) -> Vec<Watched> {
        self.memory = 0;
        std::mem::take(&mut self.keys)
    }

    /// All of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Watched> {
        self.keys.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether it is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

impl Session {
    /// What MULTI has queued.
    pub fn queue(&self) -> impl Iterator<Item = Args<'_>> {
        self.multi.iter().flat_map(|multi| multi.queue.iter())
    }

    /// A request was refused: a transaction that it was meant for will not be executed.
    pub fn spoil_transaction(&mut self) {
        if let Some(multi) = &mut self.multi {
            multi.failed = true;
            multi.queue = KeptRequests::default();
        }
    }

    /// What MULTI and WATCH keep, in bytes.
    #[must_use]
    pub fn transaction_memory(&self) -> usize {
        let queue = |multi: &Transaction| multi.queue.memory();
        self.multi.as_ref().map_or(0, queue) + self.watched.memory
    }

    /// A new connection.
    #[must_use]
    pub fn new(id: SessionId, peer: Peer, authenticated: bool) -> Session {
        Session {
            id,
            remote: peer.remote,
            local: peer.local,
            role: SessionRole::Normal,
            resp3: false,
            db: 0,
            authenticated,
            name: Vec::new(),
            lib_name: Vec::new(),
            lib_ver: Vec::new(),
            asking: false,
            readonly: false,
            no_evict: false,
            no_touch: false,
            reply_mode: ReplyMode::On,
            multi: None,
            watched: WatchList::default(),
            last_write_offset: 0,
            decoder: Decoder::new(),
            parked: false,
            blocked: None,
            killed: false,
            created_ms: 0,
            active_ms: 0,
            command: "NULL",
            unread: 0,
            input: 0,
            unsent: Unsent::default(),
            over_soft_since: None,
            counted: 0,
            listed: false,
        }
    }
}
