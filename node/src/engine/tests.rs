//! Whole engines, driven by text: what a client writes and what it reads.

mod blocking;
mod carried;
mod clients;
mod cluster;
mod copies;
mod debug;
mod dropping;
mod eviction;
mod field_times;
mod heartbeat;
mod invariants;
mod keys;
mod measured;
mod memory;
mod migrate;
mod pauses;
mod protocol;
mod queues;
mod sleep;
mod snapshots;
mod stream;
mod streams;
mod timed_model;
mod timers;
mod transactions;
mod walk;

use super::{Boot, Engine, NoHeartbeat};
use crate::config::Config;
use crate::io::{DiskEvent, DiskOp, Output, Peer, SessionId, SessionState};
use crate::resp::Reply;
use crate::time::{Now, Stopwatch};

/// A stopwatch that stands still.
struct Still;

impl Stopwatch for Still {
    fn nanos(&self) -> u64 {
        0
    }
}

/// An engine with its clock.
struct Node {
    engine: Engine,
    now: Now,
    outputs: Vec<Output>,
    /// nodes.conf was stored since this was last reset.
    stored: bool,
}

/// A client connection.
#[derive(Debug)]
struct Client {
    session: SessionId,
    unread: Vec<u8>,
    state: SessionState,
}

fn boot() -> Boot {
    Boot {
        nodes_conf: None,
        config_file: None,
        config_text: None,
        run_id: [b'a'; 40],
        hash_key: [1, 2],
        random_seed: 7,
        pid: 1,
        executable: String::new(),
        os: String::new(),
    }
}

impl Node {
    fn standalone() -> Node {
        Node::with(Config::default())
    }

    /// A master of all slots.
    fn master() -> Node {
        Node::cluster_with(Config::default())
    }

    fn cluster_with(config: Config) -> Node {
        let mut node = Node::with(Config {
            cluster_enabled: true,
            ..config
        });
        let mut client = node.client();
        if let Some(password) = node.engine.config.requirepass.clone() {
            let password = String::from_utf8(password).expect("the test's own");
            node.ask(&mut client, &format!("AUTH {password}"));
        }
        assert_eq!(
            node.ask(&mut client, "CLUSTER ADDSLOTSRANGE 0 16383"),
            "+OK\r\n"
        );
        node.pass(5000);
        assert!(
            node.ask(&mut client, "CLUSTER INFO")
                .contains("cluster_state:ok")
        );
        node
    }

    fn with(config: Config) -> Node {
        let mut node = Node::started(config, boot());
        node.drain();
        node
    }

    /// What it has to say at its start is in its outputs.
    fn started(config: Config, boot: Boot) -> Node {
        let now = Now {
            unix_us: 1_700_000_000_000_000,
            mono_us: 1_000_000,
        };
        let mut engine = Engine::start(config, boot, Box::new(Still), now).expect("it starts");
        engine.on_disk(DiskEvent::LoadEnd, now);
        Node {
            engine,
            now,
            outputs: Vec::new(),
            stored: false,
        }
    }

    fn client(&mut self) -> Client {
        self.client_from([127, 0, 0, 1])
            .expect("this machine is admitted")
    }

    fn client_from(&mut self, ip: [u8; 4]) -> Result<Client, String> {
        let peer = Peer {
            remote: (ip, 40_000).into(),
            local: ([127, 0, 0, 1], 6379).into(),
        };
        let session = (self.engine.open(peer, self.now))
            .map_err(|refusal| String::from_utf8(refusal).expect("a refusal is text"))?;
        Ok(Client {
            session,
            unread: Vec::new(),
            state: SessionState::NeedInput,
        })
    }

    /// Sends bytes and returns what is replied at once.
    fn send(&mut self, client: &mut Client, bytes: &[u8]) -> String {
        client.unread.extend_from_slice(bytes);
        let mut reply = Reply::new();
        loop {
            self.execute(client, &mut reply);
            self.engine.on_turn(self.now);
            self.stored = false;
            self.drain();
            // A request that waited for nodes.conf goes on at once.
            if !(self.stored && self.resumed(client.session)) {
                break;
            }
        }
        String::from_utf8_lossy(&reply.bytes()).into_owned()
    }

    fn execute(&mut self, client: &mut Client, reply: &mut Reply) {
        loop {
            let unread = std::mem::take(&mut client.unread);
            let progress =
                (self.engine).on_bytes(client.session, &unread, self.now, reply, &mut NoHeartbeat);
            client.unread = unread[progress.consumed..].to_vec();
            client.state = progress.state;
            if progress.state != SessionState::MoreToDo {
                break;
            }
        }
    }

    /// Sends one line, or several, and returns what is replied at once.
    fn ask(&mut self, client: &mut Client, lines: &str) -> String {
        self.send(client, format!("{lines}\n").as_bytes())
    }

    /// Lets time pass, in milliseconds, with all timers that come due.
    fn pass(&mut self, millis: u64) {
        let end = self.now.mono_us + millis * 1000;
        while self.now.mono_us < end {
            let next = (self.engine.next_timer() * 1000).clamp(self.now.mono_us + 1, end);
            self.now.unix_us += (next - self.now.mono_us).cast_signed();
            self.now.mono_us = next;
            self.engine.on_timer(self.now);
            self.engine.on_turn(self.now);
            self.drain();
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.engine.poll_output() {
            if matches!(output, Output::Disk(DiskOp::SaveNodesConf(_))) {
                self.engine.on_disk(DiskEvent::NodesConfSaved, self.now);
                self.stored = true;
            }
            self.outputs.push(output);
        }
    }

    /// Whether the session was named for resumption since the last time this was asked.
    fn resumed(&mut self, session: SessionId) -> bool {
        let before = self.outputs.len();
        (self.outputs).retain(|output| !matches!(output, Output::Resume(id) if *id == session));
        self.outputs.len() < before
    }
}
