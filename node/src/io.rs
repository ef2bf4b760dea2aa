//! What crosses the border between the engine and its driver: the shell, or the simulator.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;

/// A client connection. Its number is never used twice by one process; its slot, where the engine
/// keeps the session, is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId {
    number: u64,
    slot: u32,
}

impl SessionId {
    /// The connection of that number, whose session is in that slot.
    #[must_use]
    pub const fn new(number: u64, slot: u32) -> SessionId {
        SessionId { number, slot }
    }

    /// What CLIENT ID answers.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.number
    }

    /// Where the engine keeps the session.
    #[must_use]
    pub const fn slot(self) -> u32 {
        self.slot
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number.fmt(f)
    }
}

/// A connection to another node. The engine gives the numbers; none is used twice for a kind by one
/// process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LinkId {
    /// Of the cluster bus, in or out.
    Bus(u64),
    /// A replica's link to its master.
    Master(u64),
    /// An enquiry at another node's data port.
    Enquiry(u64),
    /// MIGRATE's, to another server's data port.
    Migrate(u64),
}

/// Where an accepted connection comes from and where it arrived.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// The other side.
    pub remote: SocketAddr,
    /// Our side.
    pub local: SocketAddr,
}

/// What waits to be sent on a client connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unsent {
    /// How many bytes.
    pub bytes: usize,
    /// In how many pieces.
    pub pieces: usize,
    /// The memory of those pieces that are this connection's own.
    pub own: usize,
    /// The memory of those that others may share.
    pub shared: usize,
}

impl Unsent {
    /// A number of bytes, in one piece of that length.
    #[must_use]
    pub fn of(bytes: usize) -> Unsent {
        Unsent {
            bytes,
            pieces: usize::from(bytes > 0),
            own: bytes,
            shared: 0,
        }
    }

    /// The memory that holds them.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.own + self.shared
    }
}

/// What [`Engine::on_bytes`](crate::engine::Engine::on_bytes) did with the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// How many bytes of the input are done with; the caller keeps the rest and offers it again.
    pub consumed: usize,
    /// What the session waits for.
    pub state: SessionState,
}

/// Whether, and when, the caller should call again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionState {
    /// Call again when more bytes have arrived.
    NeedInput,
    /// Whole requests are left in the input: call again in the next turn.
    MoreToDo,
    /// Nothing more is executed until [`Output::Resume`] names this session.
    Parked,
    /// Send what the reply holds, then close.
    Close,
}

/// What happened on a link.
#[derive(Clone, Copy, Debug)]
pub enum LinkEvent<'a> {
    /// The connection that [`LinkOp::Open`] or [`LinkOp::OpenNamed`] asked for is up; our address on it.
    Opened {
        /// Our side.
        local: SocketAddr,
    },
    /// Bytes arrived.
    Bytes(&'a [u8]),
    /// It could not be opened, or it has ended. No further event comes.
    Closed {
        /// Why, for the log.
        reason: &'a str,
    },
}

/// What the engine wants of a link.
#[derive(Clone, Debug)]
pub enum LinkOp {
    /// Connect.
    Open {
        /// Where to.
        to: SocketAddr,
        /// Our own address to connect from, if one is configured (`bind`).
        from: Option<IpAddr>,
    },
    /// Connect to a host by its name: to the first of its addresses that accepts it.
    OpenNamed {
        /// The name.
        host: String,
        /// The port.
        port: u16,
        /// Our own address to connect from, if one is configured (`bind`).
        from: Option<IpAddr>,
    },
    /// Send.
    Send(Bytes),
    /// Close after what was sent has left; one that was accepted at the bus port at once, since only
    /// answers are sent on it; one of MIGRATE at once as well, and what is under way is lost: a value
    /// must not arrive after it was changed here. No event follows.
    Close,
}

/// A signal that asks the process to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopSignal {
    /// SIGTERM.
    Terminate,
    /// SIGINT.
    Interrupt,
}

/// How serious a line of the log is, as redis.conf's `loglevel` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For developers.
    Debug,
    /// Rarely useful.
    Verbose,
    /// What an operator wants to see.
    Notice,
    /// What an operator must see.
    Warning,
}

/// What caused a line of the log. Where that is outside the node, only some lines of one origin
/// are written in a while, and the rest is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The node itself, or a client that may administrate it: all lines are written.
    Node,
    /// A host that reaches the bus port and is no member.
    Strangers,
    /// Members, or hosts that claim to be one.
    Members,
    /// The master that is followed: its address comes from members.
    Master,
    /// Clients that connect.
    Clients,
    /// Replicas and clients that ask for the data set.
    Replicas,
    /// Connections that could not be accepted.
    Connections,
}

impl Origin {
    /// How many there are.
    pub const COUNT: usize = Origin::ALL.len();
    /// All of them, in their order.
    pub const ALL: [Origin; 7] = [
        Origin::Node,
        Origin::Strangers,
        Origin::Members,
        Origin::Master,
        Origin::Clients,
        Origin::Replicas,
        Origin::Connections,
    ];

    /// What their lines are about, for the count of those that were left out.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Origin::Node => "this node",
            Origin::Strangers => "strangers on the cluster bus",
            Origin::Members => "members on the cluster bus",
            Origin::Master => "the link to the master",
            Origin::Clients => "clients",
            Origin::Replicas => "replicas",
            Origin::Connections => "connections",
        }
    }
}

/// What comes out of the engine beside the caller's own reply, in the order in which it must be
/// carried out: a file that is written before a message leaves stands before it.
#[derive(Debug)]
pub enum Output {
    /// Bytes for a client connection: a replica's stream, a reply that was waited for.
    Push(SessionId, Bytes),
    /// A parked session may execute again.
    Resume(SessionId),
    /// Close a client connection, after what was pushed has left or at once.
    Close {
        /// Which.
        session: SessionId,
        /// Whether to send first what is still unsent.
        flush: bool,
    },
    /// An operation on a link.
    Link(LinkId, LinkOp),
    /// An operation on a file.
    Disk(DiskOp),
    /// A line for the log.
    Log(Origin, Level, String),
    /// Something that only the shell can change, such as a port or the log file.
    Reconfigure(Reconfigure),
    /// CONFIG SET needs this of the machine: all of it, or nothing changes. Answered by
    /// `on_acquired` with the session's id.
    Acquire {
        /// The session that waits for the answer.
        session: SessionId,
        /// What it needs.
        needs: Needs,
    },
    /// Leave with this exit code once everything before it is done.
    Exit(i32),
}

/// An operation on one of the node's files. Only operations that say so are answered.
#[derive(Debug)]
pub enum DiskOp {
    /// Replace nodes.conf atomically and durably; answered by `NodesConfSaved` or `NodesConfFailed`
    /// before the next output is carried out.
    SaveNodesConf(Bytes),
    /// Open a temporary file for a snapshot; answered by `SnapshotWritten(0)` or `SnapshotFailed`.
    SnapshotBegin,
    /// Append to it; answered by `SnapshotWritten` or `SnapshotFailed`.
    SnapshotWrite(Bytes),
    /// Make it durable and rename it to `dir/dbfilename`; answered by `SnapshotSaved` or
    /// `SnapshotFailed`.
    SnapshotCommit,
    /// Remove it.
    SnapshotAbort,
    /// Read the data file again; answered by `LoadBytes` and `LoadEnd`, or by `LoadFailed`, as at the
    /// start.
    Load,
    /// Open a file for the payload of a full sync, of which nothing stays behind, whatever happens;
    /// answered by `PayloadWritten(0)` or `PayloadFailed`.
    PayloadBegin,
    /// Append to it; answered by `PayloadWritten` or `PayloadFailed`.
    PayloadWrite(Bytes),
    /// Read that many bytes of it, which are written already; answered by `PayloadRead` or
    /// `PayloadFailed`.
    PayloadRead {
        /// The session that reads them.
        session: SessionId,
        /// From where.
        from: u64,
        /// How many.
        len: usize,
    },
    /// Close it. What was asked of it before is not answered any more.
    PayloadEnd,
    /// Rewrite the configuration file; answered by `ConfigRewritten` with the session's id.
    RewriteConfig {
        /// The session that waits for the answer.
        session: SessionId,
        /// The new text.
        text: String,
    },
}

/// What became of a [`DiskOp`], and the data file.
#[derive(Clone, Copy, Debug)]
pub enum DiskEvent<'a> {
    /// The next piece of the data file. Where there is a file, one comes at least, if an empty one.
    LoadBytes(&'a [u8]),
    /// The whole file was given; or there is none, when no piece came before.
    LoadEnd,
    /// The file cannot be read.
    LoadFailed(&'a str),
    /// nodes.conf is in place.
    NodesConfSaved,
    /// It could not be stored; what was there before is there still.
    NodesConfFailed(&'a str),
    /// That many bytes of the snapshot are written.
    SnapshotWritten(usize),
    /// The snapshot is in place.
    SnapshotSaved,
    /// The snapshot could not be written; it is removed.
    SnapshotFailed(&'a str),
    /// That many bytes of the payload are written.
    PayloadWritten(usize),
    /// What `PayloadRead` asked for.
    PayloadRead {
        /// The session that reads them.
        session: SessionId,
        /// The bytes.
        bytes: &'a Bytes,
    },
    /// The payload could not be written or read; its file is closed.
    PayloadFailed(&'a str),
    /// The answer to `RewriteConfig`.
    ConfigRewritten {
        /// The session that waits for it.
        session: SessionId,
        /// Why not, if it failed.
        result: Result<(), &'a str>,
    },
}

/// A change by CONFIG SET that reaches what the shell holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reconfigure {
    /// `loglevel`.
    LogLevel(Level),
    /// `dir`, `dbfilename`: where the next snapshot goes.
    DataFile {
        /// The directory.
        dir: String,
        /// The file in it.
        file: String,
    },
    /// `tcp-keepalive`, in seconds; 0 for none.
    KeepAlive(u32),
}

/// What a change by CONFIG SET needs of the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// `bind` or `port`.
    pub listen: Option<Listen>,
    /// `maxclients`: room for that many open connections.
    pub clients: Option<usize>,
}

/// Where clients connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// The directive that was changed: `bind` or `port`.
    pub directive: &'static str,
    /// The addresses.
    pub bind: Vec<String>,
    /// The port; 0 for none.
    pub port: u16,
}

/// Why the machine does not give what a directive needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// The directive.
    pub directive: &'static str,
    /// The reason, as the reply has it.
    pub reason: String,
}

/// The endpoint of the probes: what `/livez` and `/readyz` answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Ready to serve clients; the reason when not, in words for people.
    pub ready: Result<(), String>,
    /// Whether the data set is being loaded, synced or withheld (live all the same).
    pub busy: bool,
}
