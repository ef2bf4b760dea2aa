//! An engine in this process, of which every call is timed.

use std::borrow::Cow;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use slotkeeper_node::cluster::Cluster;
use slotkeeper_node::config::Config;
use slotkeeper_node::engine::{Boot, Engine, NoHeartbeat};
use slotkeeper_node::io::{DiskEvent, DiskOp, Output, Peer, SessionId, SessionState, Unsent};
use slotkeeper_node::resp::Reply;
use slotkeeper_node::time::{Now, Stopwatch};

/// The calls of one run after the other, each at its best of all runs, in CPU time of this thread.
///
/// The runs are the same call by call, so what the engine itself takes long for is long in all of
/// them. What a busy machine adds, which a thread's CPU time counts as well, meets other calls every
/// time.
#[derive(Debug, Default)]
pub struct Calls {
    best: Vec<Duration>,
    next: usize,
}

impl Calls {
    /// Another run begins.
    pub fn rewind(&mut self) {
        self.next = 0;
    }

    /// Of all calls, the longest.
    pub fn longest(&self) -> Duration {
        self.best.iter().copied().max().unwrap_or_default()
    }

    fn note(&mut self, took: Duration) {
        match self.best.get_mut(self.next) {
            Some(best) => *best = took.min(*best),
            None => self.best.push(took),
        }
        self.next += 1;
    }
}

/// The engine, and what a shell would hold for it.
pub struct Node {
    engine: Engine,
    now: Now,
    client: SessionId,
    reply: Reply,
    /// Requests of the client that are not executed yet.
    unread: Vec<u8>,
    parked: bool,
    /// Where calls are timed.
    calls: Option<Calls>,
}

impl Node {
    /// An engine that serves a client; with `cluster`, all slots.
    pub fn start(cluster: bool) -> Result<Node, String> {
        let config = Config {
            cluster_enabled: cluster,
            save: Vec::new(),
            repl_diskless_sync_delay: 0,
            maxclients: usize::MAX,
            ..Config::default()
        };
        let now = Now::default();
        let mut engine = Engine::start(config, Boot::default(), Box::new(Still), now)?;
        engine.on_disk(DiskEvent::LoadEnd, now);
        let client = open(&mut engine, now)?;
        let mut node = Node {
            engine,
            now,
            client,
            reply: Reply::new(),
            unread: Vec::new(),
            parked: false,
            calls: None,
        };
        if cluster {
            node.send(b"CLUSTER ADDSLOTSRANGE 0 16383\r\n");
            // A master waits a moment before it calls the cluster well.
            while !node.serves_slots() && node.now.mono_us < 20_000_000 {
                node.pass(Duration::from_millis(100));
            }
        }
        // What it has replied so far.
        node.send(b"");
        Ok(node)
    }

    fn serves_slots(&self) -> bool {
        (self.engine.cluster()).is_some_and(Cluster::state_ok)
    }

    /// From now on calls are timed.
    pub fn time(&mut self, calls: Calls) {
        self.calls = Some(calls);
    }

    /// Ends that.
    pub fn timed(&mut self) -> Calls {
        self.calls.take().unwrap_or_default()
    }

    /// One call of the engine.
    fn call<T>(&mut self, call: impl FnOnce(&mut Engine, Now) -> T) -> T {
        let Some(calls) = &mut self.calls else {
            return call(&mut self.engine, self.now);
        };
        let before = thread_cpu_time();
        let result = call(&mut self.engine, self.now);
        calls.note(thread_cpu_time() - before);
        result
    }

    /// Sends requests; what is replied at once.
    pub fn send(&mut self, requests: &[u8]) -> Cow<'_, [u8]> {
        self.reply.clear();
        self.unread.extend_from_slice(requests);
        while !self.parked {
            let (client, unread) = (self.client, std::mem::take(&mut self.unread));
            let mut reply = std::mem::take(&mut self.reply);
            let progress = self.call(|engine, now| {
                engine.on_bytes(client, &unread, now, &mut reply, &mut NoHeartbeat)
            });
            self.reply = reply;
            self.unread = unread;
            self.unread.drain(..progress.consumed);
            self.parked = progress.state == SessionState::Parked;
            if progress.state != SessionState::MoreToDo {
                break;
            }
        }
        self.reply.bytes()
    }

    /// Another client sends a request, and must wait for something.
    pub fn wait(&mut self, request: &[u8]) -> Result<SessionId, String> {
        let session = open(&mut self.engine, self.now)?;
        let mut reply = Reply::new();
        let progress = self.call(|engine, now| {
            engine.on_bytes(session, request, now, &mut reply, &mut NoHeartbeat)
        });
        if progress.state != SessionState::Parked {
            let reply = String::from_utf8_lossy(&reply.bytes()).into_owned();
            return Err(format!("a client does not wait: {reply}"));
        }
        Ok(session)
    }

    /// The connection of another client ends.
    pub fn close(&mut self, session: SessionId) {
        self.call(|engine, now| engine.close(session, now));
    }

    /// Whether the client waits for something that turns bring.
    pub fn is_parked(&self) -> bool {
        self.parked
    }

    /// The end of a turn, with all that comes of it. Whether there is more to do at once.
    pub fn turn(&mut self) -> bool {
        let more = self.call(Engine::on_turn);
        while let Some(output) = self.engine.poll_output() {
            self.carry_out(output);
        }
        more
    }

    /// Turns until nothing more is to do.
    pub fn settle(&mut self) {
        while self.turn() || self.engine.waits_for_sent() {}
    }

    /// Whether a walk is under way, or is about to be.
    pub fn is_walking(&self) -> bool {
        self.engine.waits_for_sent()
    }

    /// Lets time pass.
    pub fn pass(&mut self, time: Duration) {
        let micros = time.as_micros() as u64;
        self.now.mono_us += micros;
        self.now.unix_us += micros.cast_signed();
        self.call(Engine::on_timer);
        self.turn();
    }

    /// A second connection asks for a full sync.
    pub fn sync(&mut self) -> Result<(), String> {
        let replica = open(&mut self.engine, self.now)?;
        let requests =
            b"REPLCONF listening-port 1\r\nREPLCONF capa eof capa psync2\r\nPSYNC ? -1\r\n";
        let mut reply = Reply::new();
        self.call(|engine, now| {
            engine.on_bytes(replica, requests, now, &mut reply, &mut NoHeartbeat)
        });
        Ok(())
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Disk(DiskOp::SaveNodesConf(_)) => {
                self.call(|engine, now| engine.on_disk(DiskEvent::NodesConfSaved, now));
            }
            Output::Disk(DiskOp::SnapshotBegin) => {
                self.call(|engine, now| engine.on_disk(DiskEvent::SnapshotWritten(0), now));
            }
            Output::Disk(DiskOp::SnapshotWrite(bytes)) => {
                let event = DiskEvent::SnapshotWritten(bytes.len());
                self.call(|engine, now| engine.on_disk(event, now));
            }
            Output::Disk(DiskOp::SnapshotCommit) => {
                self.call(|engine, now| engine.on_disk(DiskEvent::SnapshotSaved, now));
            }
            Output::Push(session, _) => {
                self.call(|engine, now| engine.on_sent(session, Unsent::default(), now));
            }
            Output::Resume(session) if session == self.client => self.parked = false,
            Output::Close { session, .. } => self.close(session),
            _ => {}
        }
    }
}

fn open(engine: &mut Engine, now: Now) -> Result<SessionId, String> {
    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let peer = Peer {
        remote: loopback,
        local: loopback,
    };
    engine.open(peer, now).map_err(|_| "refused".to_owned())
}

/// Measures nothing: the statistics of the engine do not matter here.
struct Still;

impl Stopwatch for Still {
    fn nanos(&self) -> u64 {
        0
    }
}

fn thread_cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        time.tv_sec.unsigned_abs(),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}
