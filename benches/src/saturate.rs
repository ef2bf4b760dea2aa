//! A load that keeps a server busy at pipeline 1, so that its CPU time is the cost of its work.
//!
//! redis-benchmark takes longer for a request than either server does. While they wait for it they
//! poll, in ever smaller turns the faster they are, so that their CPU time comes to what the client
//! takes. This client does no more for a request than a send and a receive, and never sleeps, so
//! that no server pays for waking it.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::load::{CLIENT_CORE, CLIENTS, Measured, VALUE_BYTES};
use crate::server::Server;

/// After this time without a reply, the run fails.
const PATIENCE: Duration = Duration::from_secs(10);

/// The command under load.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// SET of a random key.
    Set,
    /// GET of a random key.
    Get,
}

/// One run of so many requests for random keys below a number.
pub fn run(server: &Server, kind: Kind, requests: u64, keys: u32) -> Result<Measured, String> {
    let mut load = Load::open(server.port(), kind, keys)?;
    on_client_core(|| {
        let before = server.cpu_time()?;
        let start = Instant::now();
        load.run(requests)?;
        let elapsed = start.elapsed();
        let cpu = server.cpu_time()?.saturating_sub(before);
        let requests = requests as f64;
        Ok(Measured {
            cpu_us: cpu.as_secs_f64() * 1e6 / requests,
            per_second: requests / elapsed.as_secs_f64(),
            busy: cpu.as_secs_f64() / elapsed.as_secs_f64(),
            ..Measured::default()
        })
    })
}

fn on_client_core<T>(run: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let failed = |error: rustix::io::Errno| format!("pinning the client: {error}");
    let before = sched_getaffinity(None).map_err(failed)?;
    let mut core = CpuSet::new();
    core.set(CLIENT_CORE);
    sched_setaffinity(None, &core).map_err(failed)?;
    let result = run();
    sched_setaffinity(None, &before).map_err(failed)?;
    result
}

struct Load {
    epoll: OwnedFd,
    connections: Vec<Connection>,
    request: Vec<u8>,
    /// Where in the request the digits of the key stand.
    digits: Range<usize>,
    reply_len: usize,
    keys: u32,
    random: u64,
}

struct Connection {
    stream: TcpStream,
    /// Bytes of the reply that are still to come.
    missing: usize,
}

impl Load {
    fn open(port: u16, kind: Kind, keys: u32) -> Result<Load, String> {
        let text = |error: std::io::Error| error.to_string();
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(|e| e.to_string())?;
        let mut connections = Vec::new();
        for index in 0..CLIENTS {
            let stream = TcpStream::connect(("127.0.0.1", port)).map_err(text)?;
            stream.set_nodelay(true).map_err(text)?;
            stream.set_nonblocking(true).map_err(text)?;
            let (data, flags) = (epoll::EventData::new_u64(index), epoll::EventFlags::IN);
            epoll::add(&epoll, &stream, data, flags | epoll::EventFlags::ET)
                .map_err(|e| e.to_string())?;
            connections.push(Connection { stream, missing: 0 });
        }
        let value = "x".repeat(VALUE_BYTES);
        let key = "$16\r\nkey:000000000000\r\n";
        let digits = |request: &str| request.find("000000000000").map(|at| at..at + 12);
        let (request, reply) = match kind {
            Kind::Set => (
                format!("*3\r\n$3\r\nSET\r\n{key}${VALUE_BYTES}\r\n{value}\r\n"),
                "+OK\r\n".to_owned(),
            ),
            Kind::Get => (
                format!("*2\r\n$3\r\nGET\r\n{key}"),
                format!("${VALUE_BYTES}\r\n{value}\r\n"),
            ),
        };
        Ok(Load {
            epoll,
            connections,
            digits: digits(&request).ok_or("no key in the request")?,
            request: request.into(),
            reply_len: reply.len(),
            keys,
            random: 0x9E37_79B9_7F4A_7C15,
        })
    }

    /// Sends this number of requests and receives their replies.
    fn run(&mut self, requests: u64) -> Result<(), String> {
        let (mut sent, mut done) = (0, 0);
        for index in 0..self.connections.len() {
            if sent < requests {
                self.send(index)?;
                sent += 1;
            }
        }
        let mut events = Vec::with_capacity(self.connections.len());
        let mut heard = Instant::now();
        while done < requests {
            let now = Timespec::default();
            epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&now))
                .map_err(|e| e.to_string())?;
            if events.is_empty() {
                if heard.elapsed() > PATIENCE {
                    return Err("the server has stopped answering".to_owned());
                }
                continue;
            }
            heard = Instant::now();
            for event in events.drain(..) {
                let index = event.data.u64() as usize;
                if !self.receive(index)? {
                    continue;
                }
                done += 1;
                if sent < requests {
                    self.send(index)?;
                    sent += 1;
                }
            }
        }
        Ok(())
    }

    /// Sends the next request: of a random key.
    fn send(&mut self, index: usize) -> Result<(), String> {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let mut number = (self.random >> 32) % u64::from(self.keys);
        for digit in self.request[self.digits.clone()].iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
        }
        let connection = &mut self.connections[index];
        connection.missing = self.reply_len;
        // One request is far less than a socket takes.
        (connection.stream.write_all(&self.request)).map_err(|e| format!("sending: {e}"))
    }

    /// Whether the reply has arrived as a whole.
    fn receive(&mut self, index: usize) -> Result<bool, String> {
        let connection = &mut self.connections[index];
        let mut reply = [0; 2 * VALUE_BYTES];
        loop {
            let count = match connection.stream.read(&mut reply) {
                Ok(0) => return Err("the server has closed the connection".to_owned()),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(format!("receiving: {error}")),
            };
            let begins = connection.missing == self.reply_len;
            if (begins && reply[0] == b'-') || count > connection.missing {
                let text = String::from_utf8_lossy(&reply[..count]);
                return Err(format!("an unexpected reply: {text}"));
            }
            connection.missing -= count;
            if connection.missing == 0 {
                return Ok(true);
            }
        }
    }
}
