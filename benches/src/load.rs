//! Filling a server, and loading it with redis-benchmark.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use slotkeeper_node::resp::{ReplyParser, ReplyValue};

use crate::rows::Fill;
use crate::server::Server;

/// Bytes of every string.
pub const VALUE_BYTES: usize = 64;

/// The core that clients run on; the servers have core 0.
pub const CLIENT_CORE: usize = 1;
/// How many connections a load has.
pub const CLIENTS: u64 = 50;
/// How many requests of a fill are sent before their replies are read.
const FILL_REQUESTS: usize = 1000;
/// More bytes are not sent at once: both sides would wait for the other one to read.
const FILL_BYTES: usize = 64 * 1024;
/// The longest reply to a request of a fill.
const REPLY_MAX: usize = 1 << 20;

/// What the client does.
#[derive(Debug)]
pub struct Workload {
    /// For the report.
    pub name: String,
    /// The words of the request, in which redis-benchmark puts random numbers.
    pub words: Vec<String>,
    /// Requests that are sent before a reply is awaited.
    pub pipeline: u32,
    /// Requests in all.
    pub requests: u64,
    /// The random numbers are below this.
    pub range: u32,
}

/// What one run showed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Measured {
    /// CPU time of the server per operation, in microseconds.
    pub cpu_us: f64,
    /// Operations per second.
    pub per_second: f64,
    /// The share of the time that the server was running.
    pub busy: f64,
    /// Latencies in milliseconds.
    pub p50: f64,
    /// See `p50`.
    pub p99: f64,
    /// See `p50`.
    pub p999: f64,
}

/// Writes what a fill says, in its order, after what has to be there first.
pub fn fill(port: u16, fill: &Fill) -> Result<(), String> {
    if let Some(before) = fill.before {
        self::fill(port, before)?;
    }
    fill_alone(port, fill)
}

/// Writes what a fill says, where all that has to be there is there.
pub fn fill_alone(port: u16, fill: &Fill) -> Result<(), String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).map_err(|e| e.to_string())?;
    let (mut requests, mut count) = (String::new(), 0);
    for key in 0..fill.keys {
        for first in (0..fill.elements).step_by(fill.batch as usize) {
            let batch = first..fill.elements.min(first + fill.batch);
            fill.request.write(key, batch, &mut requests);
            count += 1;
            if count == FILL_REQUESTS || requests.len() > FILL_BYTES {
                exchange(&mut stream, &requests, count)?;
                requests.clear();
                count = 0;
            }
        }
    }
    exchange(&mut stream, &requests, count)
}

/// Makes the one value of a fill anew.
pub fn refill(server: &Server, values: &Fill) -> Result<(), String> {
    let first = std::iter::successors(Some(values), |fill| fill.before).last();
    if let Some(([_, key, ..], 1)) = first.map(|fill| (fill.request.head, fill.keys)) {
        server.ask(&format!("DEL {key}\r\n"))?;
    }
    fill(server.port(), values)
}

/// Sends requests and reads so many replies, none of which may be an error.
fn exchange(stream: &mut TcpStream, requests: &str, count: usize) -> Result<(), String> {
    (stream.write_all(requests.as_bytes())).map_err(|e| e.to_string())?;
    let (mut replies, mut bytes) = (ReplyParser::new(REPLY_MAX), [0; 4 * 1024]);
    let mut read = 0;
    while read < count {
        match replies.next().map_err(|error| format!("a fill: {error}"))? {
            Some(ReplyValue::Error(text)) => {
                return Err(format!("a fill: {}", String::from_utf8_lossy(&text)));
            }
            Some(_) => read += 1,
            None => {
                let len = stream.read(&mut bytes).map_err(|e| e.to_string())?;
                if len == 0 {
                    return Err("a fill: the server closed the connection".to_owned());
                }
                replies.feed(&bytes[..len]);
            }
        }
    }
    Ok(())
}

/// One run of redis-benchmark against a server.
pub fn run(server: &Server, workload: &Workload) -> Result<Measured, String> {
    let before = server.cpu_time()?;
    let output = (benchmark(server, workload).output()).map_err(|error| not_started(&error))?;
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
    let cpu_us = cpu.as_secs_f64() * 1e6 / workload.requests as f64;
    Ok(Measured {
        cpu_us,
        per_second,
        busy: cpu_us * per_second / 1e6,
        p50: percentile(50.0)?,
        p99: percentile(99.0)?,
        p999: percentile(99.9)?,
    })
}

/// Starts a load that goes on until it is ended.
pub fn start(server: &Server, workload: &Workload) -> Result<Child, String> {
    let mut command = benchmark(server, workload);
    (command.stdout(Stdio::null()).stderr(Stdio::null()).spawn())
        .map_err(|error| not_started(&error))
}

fn not_started(error: &std::io::Error) -> String {
    format!("redis-benchmark: {error}")
}

fn benchmark(server: &Server, workload: &Workload) -> Command {
    let mut command = Command::new("taskset");
    command
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
            &workload.range.to_string(),
            "-P",
            &workload.pipeline.to_string(),
        ])
        .args(&workload.words);
    command
}

/// The number behind a label.
pub fn number_after(text: &str, label: &str) -> Option<f64> {
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
