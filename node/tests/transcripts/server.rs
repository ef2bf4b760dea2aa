//! Our node as a child process, and connections to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::ports::free_port;
use crate::value::{Source, Value};

/// For how long a reply may take, and a node to start.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running node, ended when this is dropped.
pub struct Node {
    child: Child,
    address: String,
    directory: PathBuf,
}

impl Node {
    /// Starts one on a free port, with a directory of its own.
    pub fn start(cluster: bool) -> Node {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let name = format!("slotkeeper-transcripts-{}-{number}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&directory).expect("a directory can be made");
        let port = free_port();
        let dir = directory.to_string_lossy().into_owned();
        let mut command = Command::new(env!("CARGO_BIN_EXE_slotkeeper-node"));
        command
            .args(["--port", &port.to_string(), "--dir", &dir, "--save", ""])
            .args(["--enable-debug-command", "yes"])
            .stdout(Stdio::null());
        if cluster {
            let bus = free_port().to_string();
            command.args(["--cluster-enabled", "yes", "--cluster-port", &bus]);
        }
        let child = command.spawn().expect("the node starts");
        let node = Node {
            child,
            address: format!("127.0.0.1:{port}"),
            directory,
        };
        node.wait_until_it_answers(cluster);
        node
    }

    /// Where it listens.
    pub fn address(&self) -> &str {
        &self.address
    }

    fn wait_until_it_answers(&self, cluster: bool) {
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(&self.address).is_err() {
            assert!(Instant::now() < deadline, "the node does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        let mut connection = Connection::open(&self.address);
        if cluster {
            connection.send(b"CLUSTER ADDSLOTSRANGE 0 16383\r\n");
            assert_eq!(connection.reply(false), "+OK");
        }
        loop {
            connection.send(b"EXISTS key\r\n");
            let reply = connection.reply(false);
            if reply == ":0" {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "the node does not serve: {reply}"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// A connection to a server.
pub struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// Connects.
    pub fn open(address: &str) -> Connection {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("it is no 0");
        stream.set_nodelay(true).expect("it is a TCP socket");
        Connection {
            stream: BufReader::new(stream),
        }
    }

    /// Sends bytes.
    pub fn send(&mut self, bytes: &[u8]) {
        // The server may have closed already; then the reply shows it.
        let _ = self.stream.get_mut().write_all(bytes);
    }

    /// The next reply as text.
    pub fn reply(&mut self, sorted: bool) -> String {
        match Value::read(self) {
            Some(value) => value.show(sorted),
            None => "(closed)".to_owned(),
        }
    }

    /// Whether the server is in cluster mode.
    pub fn is_cluster(&mut self) -> bool {
        self.send(b"INFO cluster\r\n");
        self.reply(false).contains("cluster_enabled:1")
    }
}

impl Source for Connection {
    fn line(&mut self) -> Option<Vec<u8>> {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line).ok()?;
        line.strip_suffix(b"\r\n").map(<[u8]>::to_vec)
    }

    fn block(&mut self, length: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; length + 2];
        self.stream.read_exact(&mut bytes).ok()?;
        bytes.truncate(length);
        Some(bytes)
    }
}
