//! Servers as processes, and a client for them.

#![allow(dead_code, reason = "each test uses what it needs of it")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use slotkeeper_node::resp::{ReplyParser, ReplyValue, encode_command};

use crate::ports::free_port_with_bus;

/// A server with a directory of its own; both end with the value.
pub struct Server {
    child: Child,
    pub port: u16,
    dir: PathBuf,
}

impl Server {
    /// Our node.
    pub fn node(arguments: &[&str]) -> Server {
        Server::start(env!("CARGO_BIN_EXE_slotkeeper-node"), arguments)
    }

    /// Debian's redis-server.
    pub fn redis(arguments: &[&str]) -> Server {
        Server::start("redis-server", arguments)
    }

    fn start(program: &str, arguments: &[&str]) -> Server {
        let port = free_port_with_bus();
        let dir =
            std::env::temp_dir().join(format!("slotkeeper-test-{}-{port}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a directory");
        let log = std::fs::File::create(dir.join("log")).expect("a log");
        let child = Command::new(program)
            .args([
                "--port",
                &port.to_string(),
                "--save",
                "",
                "--bind",
                "127.0.0.1",
            ])
            .args(["--dir", &dir.to_string_lossy()])
            .args(arguments)
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .stdin(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{program}: {error}"));
        let server = Server { child, port, dir };
        server.until("it answers", || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
                && server.client().call(&["PING"]) == ReplyValue::Simple(b"PONG".to_vec())
        });
        server
    }

    pub fn client(&self) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .expect("a timeout");
        Client {
            stream,
            parser: ReplyParser::new(1 << 30),
        }
    }

    /// Its directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }

    /// Waits until that holds.
    pub fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let start = Instant::now();
        while !holds() {
            if start.elapsed() > Duration::from_secs(120) {
                panic!("never came: {what}\n{}", self.log());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// A field of INFO.
    pub fn info(&self, name: &str) -> String {
        let reply = self.client().call(&["INFO"]);
        let text = String::from_utf8_lossy(reply.text().unwrap_or_default()).into_owned();
        let mut lines = text.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.unwrap_or_default().trim().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let ended = self.child.kill().and_then(|()| self.child.wait());
        drop((ended, std::fs::remove_dir_all(&self.dir)));
    }
}

pub struct Client {
    stream: TcpStream,
    parser: ReplyParser,
}

impl Client {
    pub fn call(&mut self, words: &[&str]) -> ReplyValue {
        let mut batch = Vec::new();
        encode_command(&mut batch, words);
        self.calls(&batch, 1).remove(0)
    }

    /// Sends requests at once and reads as many replies.
    pub fn calls(&mut self, batch: &[u8], count: usize) -> Vec<ReplyValue> {
        self.stream.write_all(batch).expect("it reads");
        let (mut replies, mut buffer) = (Vec::with_capacity(count), vec![0; 1 << 16]);
        while replies.len() < count {
            match self.parser.next().expect("a reply") {
                Some(reply) => replies.push(reply),
                None => {
                    let len = self.stream.read(&mut buffer).expect("it answers");
                    assert!(len > 0, "the server has closed the connection");
                    self.parser.feed(&buffer[..len]);
                }
            }
        }
        replies
    }
}
