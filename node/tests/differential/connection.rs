//! A connection that keeps apart what the protocol keeps apart.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use slotkeeper_node::resp::encode_command;

use crate::value::{Source, Value};

/// For how long a reply may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection to a server.
pub struct Connection(BufReader<TcpStream>);

impl Connection {
    /// To a port of 127.0.0.1, with that version of the protocol.
    pub fn open(port: u16, protocol: u8) -> Connection {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("it is not 0");
        stream.set_nodelay(true).expect("it is a TCP socket");
        let mut connection = Connection(BufReader::new(stream));
        if protocol == 3 {
            connection.ask(&["HELLO", "3"]);
        }
        connection
    }

    /// Sends a request.
    pub fn send(&mut self, request: &[impl AsRef<[u8]>]) {
        let mut bytes = Vec::new();
        encode_command(&mut bytes, request);
        // If the server has closed the connection, the reply shows it.
        drop(self.0.get_mut().write_all(&bytes));
    }

    /// The next reply.
    pub fn reply(&mut self) -> Value {
        Value::read(self).unwrap_or(Value::Missing("(no reply)"))
    }

    /// Sends a request and reads the reply.
    pub fn ask(&mut self, request: &[impl AsRef<[u8]>]) -> Value {
        self.send(request);
        self.reply()
    }

    /// Sends requests at once, and reads all replies.
    pub fn ask_all(&mut self, requests: &[Vec<Vec<u8>>]) -> Vec<Value> {
        for request in requests {
            self.send(request);
        }
        requests.iter().map(|_| self.reply()).collect()
    }

    /// The same, with the reply as text.
    pub fn text(&mut self, request: &[impl AsRef<[u8]>]) -> String {
        self.ask(request).show(false)
    }
}

impl Source for Connection {
    fn line(&mut self) -> Option<Vec<u8>> {
        let mut line = Vec::new();
        self.0.read_until(b'\n', &mut line).ok()?;
        line.strip_suffix(b"\r\n").map(<[u8]>::to_vec)
    }

    fn block(&mut self, length: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; length + 2];
        self.0.read_exact(&mut bytes).ok()?;
        bytes.truncate(length);
        Some(bytes)
    }
}
