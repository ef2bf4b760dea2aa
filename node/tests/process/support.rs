//! Starts nodes and talks to them.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use slotkeeper_node::resp::{ReplyParser, ReplyValue, encode_command};

use crate::ports::free_port;

/// Nothing here takes longer than this on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A directory that is removed at the end.
pub struct Directory(PathBuf);

impl Directory {
    pub fn new() -> Directory {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("slotkeeper-process-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Directory(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap_or_default()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs the binary to its end; standard output and error in one text.
pub fn run_to_end(args: &[&str]) -> (ExitStatus, String) {
    let output = binary(args).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status, String::from_utf8_lossy(&text).into_owned())
}

/// Runs the binary to its end, with nobody to read what it prints.
pub fn run_unread(args: &[&str]) -> ExitStatus {
    let unread = || std::io::pipe().unwrap().1;
    let mut command = binary(args);
    command.stdout(unread()).stderr(unread()).status().unwrap()
}

fn binary(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slotkeeper-node"));
    command.args(args).stdin(Stdio::null());
    command
}

/// A running node; killed at the end.
pub struct Node {
    child: Child,
    pub port: u16,
    pub bus_port: u16,
}

impl Node {
    /// Starts one on a free port at 127.0.0.1, with these directives beside, and waits until it
    /// answers.
    pub fn start(directory: &Directory, directives: &[&str]) -> Node {
        let node = Node::spawn(directory, directives);
        node.wait_for("serving", || {
            let mut client = node.try_client()?;
            client.send(&["PING"]);
            let reply = client.reply();
            // Either is an answer of a node that serves.
            matches!(&reply, ReplyValue::Simple(text) if text == b"PONG")
                .then_some(())
                .or_else(|| is_error(&reply, "NOAUTH").then_some(()))
        });
        node
    }

    /// Starts one without waiting.
    pub fn spawn(directory: &Directory, directives: &[&str]) -> Node {
        let (port, bus_port) = (free_port(), free_port());
        let (port_text, bus_text) = (port.to_string(), bus_port.to_string());
        let path = directory.path().to_str().unwrap();
        let own = [
            "--port",
            &port_text,
            "--cluster-port",
            &bus_text,
            "--dir",
            path,
        ];
        let mut args = [directives, &own, &["--logfile", "log"]].concat();
        if !directives.contains(&"--bind") {
            args.extend(["--bind", "127.0.0.1"]);
        }
        let child = binary(&args).spawn().unwrap();
        Node {
            child,
            port,
            bus_port,
        }
    }

    pub fn client(&self) -> Client {
        self.try_client().unwrap()
    }

    fn try_client(&self) -> Option<Client> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        Some(Client::over(stream))
    }

    /// Waits for something to become true.
    pub fn wait_for<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(Instant::now() < deadline, "still not {what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end.
    pub fn exit_code(&mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the node does not leave");
    }

    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A connection.
pub struct Client {
    pub stream: TcpStream,
    parser: ReplyParser,
}

impl Client {
    pub fn over(stream: TcpStream) -> Client {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client {
            stream,
            parser: ReplyParser::new(64 << 20),
        }
    }

    pub fn send(&mut self, request: &[&str]) {
        let mut bytes = Vec::new();
        encode_command(&mut bytes, request);
        self.stream.write_all(&bytes).unwrap();
    }

    pub fn reply(&mut self) -> ReplyValue {
        let mut buffer = [0; 64 << 10];
        loop {
            if let Some(reply) = self.parser.next().unwrap() {
                return reply;
            }
            let count = self.stream.read(&mut buffer).unwrap();
            assert_ne!(count, 0, "the connection has ended");
            self.parser.feed(&buffer[..count]);
        }
    }

    pub fn call(&mut self, request: &[&str]) -> ReplyValue {
        self.send(request);
        self.reply()
    }

    /// The reply as text.
    pub fn text(&mut self, request: &[&str]) -> String {
        match self.call(request) {
            ReplyValue::Integer(number) => number.to_string(),
            ReplyValue::Null => "nil".to_owned(),
            ReplyValue::Simple(text) | ReplyValue::Bulk(text) | ReplyValue::Error(text) => {
                String::from_utf8_lossy(&text).into_owned()
            }
            other => format!("{other:?}"),
        }
    }

    /// Reads until the other side closes.
    pub fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        // A reset ends it, too.
        let _ = self.stream.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

pub fn is_error(reply: &ReplyValue, start: &str) -> bool {
    matches!(reply, ReplyValue::Error(text) if text.starts_with(start.as_bytes()))
}
