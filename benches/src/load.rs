//! Loads: filling a server, and redis-benchmark's requests over random keys.

use std::fmt;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use crate::server::Server;

/// Bytes of every value.
pub const VALUE_BYTES: usize = 64;

/// The core that clients run on; the servers have core 0.
pub const CLIENT_CORE: usize = 1;
/// How many connections a load has.
pub const CLIENTS: u64 = 50;
const FILL_BATCH: u32 = 1000;

/// The command under load.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// SET of a random key.
    Set,
    /// GET of a random key.
    Get,
}

/// What the client does.
#[derive(Debug)]
pub struct Workload {
    /// The command.
    pub kind: Kind,
    /// Requests that are sent before a reply is awaited.
    pub pipeline: u32,
    /// Requests in all.
    pub requests: u64,
    /// Keys to choose from.
    pub keys: u32,
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if matches!(self.kind, Kind::Set) {
            "SET"
        } else {
            "GET"
        };
        write!(f, "{kind} P={}", self.pipeline)
    }
}

/// What one run showed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Measured {
    /// CPU time of the server per operation, in microseconds.
    pub cpu_us: f64,
    /// Operations per second.
    pub per_second: f64,
    /// Latencies in milliseconds.
    pub p50: f64,
    /// See `p50`.
    pub p99: f64,
    /// See `p50`.
    pub p999: f64,
}

impl Measured {
    /// The share of the time that the server was running.
    pub fn busy(&self) -> f64 {
        self.cpu_us * self.per_second / 1e6
    }
}

/// Writes every key that the loads choose from, under the names that redis-benchmark makes.
pub fn fill(port: u16, keys: u32) -> Result<(), String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).map_err(|e| e.to_string())?;
    let value = "x".repeat(VALUE_BYTES);
    let mut replies = vec![0; FILL_BATCH as usize * b"+OK\r\n".len()];
    for first in (0..keys).step_by(FILL_BATCH as usize) {
        let batch = first..keys.min(first + FILL_BATCH);
        let mut requests = String::new();
        for number in batch.clone() {
            write!(
                requests,
                "*3\r\n$3\r\nSET\r\n$16\r\nkey:{number:012}\r\n${VALUE_BYTES}\r\n{value}\r\n"
            )
            .expect("a String takes everything");
        }
        stream
            .write_all(requests.as_bytes())
            .map_err(|e| e.to_string())?;
        let replies = &mut replies[..batch.len() * b"+OK\r\n".len()];
        stream.read_exact(replies).map_err(|e| e.to_string())?;
        if !replies.starts_with(b"+OK") {
            return Err(format!("SET: {}", String::from_utf8_lossy(replies)));
        }
    }
    Ok(())
}

/// One run of redis-benchmark against a server.
pub fn run(server: &Server, workload: &Workload) -> Result<Measured, String> {
    let before = server.cpu_time()?;
    let output = Command::new("taskset")
        .args([
            "-c",
            &CLIENT_CORE.to_string(),
            "redis-benchmark",
            "-p",
            &server.port().to_string(),
        ])
        .args([
            "-c",
            &CLIENTS.to_string(),
            "-n",
            &workload.requests.to_string(),
        ])
        .args([
            "-r",
            &workload.keys.to_string(),
            "-P",
            &workload.pipeline.to_string(),
        ])
        .args(command(workload.kind))
        .output()
        .map_err(|e| format!("redis-benchmark: {e}"))?;
    let cpu = server.cpu_time()?.saturating_sub(before);
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err(format!(
            "redis-benchmark: {}",
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    let per_second = number_after(&text, "throughput summary:").ok_or("no throughput summary")?;
    let percentile = |at: f64| percentile(&text, at).ok_or(format!("no percentile {at}"));
    Ok(Measured {
        cpu_us: cpu.as_secs_f64() * 1e6 / workload.requests as f64,
        per_second,
        p50: percentile(50.0)?,
        p99: percentile(99.0)?,
        p999: percentile(99.9)?,
    })
}

fn command(kind: Kind) -> Vec<String> {
    let key = "key:__rand_int__".to_owned();
    match kind {
        Kind::Set => vec!["SET".to_owned(), key, "x".repeat(VALUE_BYTES)],
        Kind::Get => vec!["GET".to_owned(), key],
    }
}

fn number_after(text: &str, label: &str) -> Option<f64> {
    text.split_once(label)?
        .1
        .split_whitespace()
        .next()?
        .parse()
        .ok()
}

/// The first line of the distribution that covers the wanted share, as `99.902% <= 1.343 ...`.
fn percentile(text: &str, at: f64) -> Option<f64> {
    text.split(['\n', '\r']).find_map(|line| {
        let (share, rest) = line.split_once("% <= ")?;
        let share: f64 = share.trim().parse().ok()?;
        (share >= at).then(|| rest.split_whitespace().next()?.parse().ok())?
    })
}
