//! The longest single engine call while a keyspace grows, in CPU time of the calling thread.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use slotkeeper_node::config::Config;
use slotkeeper_node::engine::{Boot, Engine, NoHeartbeat};
use slotkeeper_node::io::{DiskEvent, DiskOp, Output, Peer};
use slotkeeper_node::resp::Reply;
use slotkeeper_node::time::{Now, Stopwatch};

/// What the keys look like, and where they go.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Over all slots of a cluster node.
    Spread,
    /// A fifth of them under one hash tag, the rest over all slots.
    OneTag,
    /// In one database of a node without cluster mode.
    Standalone,
}

/// Every shape that is measured.
pub const SHAPES: [Shape; 3] = [Shape::Spread, Shape::OneTag, Shape::Standalone];

impl Shape {
    /// For the report.
    pub fn name(self) -> &'static str {
        match self {
            Shape::Spread => "spread keys",
            Shape::OneTag => "one hash tag",
            Shape::Standalone => "cluster-enabled no",
        }
    }

    fn key(self, number: u32) -> String {
        match self {
            Shape::OneTag if number.is_multiple_of(5) => format!("{{tag}}:{number}"),
            _ => format!("key:{number}"),
        }
    }
}

/// The longest call while a keyspace grows, each call taken at its best of so many growths.
///
/// The growths are the same call by call, so what the engine itself takes long for is long in all
/// of them. What a busy machine adds, which a thread's CPU time counts as well, meets other calls
/// every time.
pub fn longest(growths: usize, shape: Shape, keys: u32) -> Result<Duration, String> {
    let mut best = vec![Duration::MAX; keys as usize];
    for _ in 0..growths {
        grow(shape, &mut best)?;
    }
    Ok(best.into_iter().max().unwrap_or_default())
}

/// Adds as many keys as there are calls; notes for each call how long it took, if less than before.
fn grow(shape: Shape, best: &mut [Duration]) -> Result<(), String> {
    let config = Config {
        cluster_enabled: !matches!(shape, Shape::Standalone),
        save: Vec::new(),
        ..Config::default()
    };
    let mut engine = Engine::start(config, Boot::default(), Box::new(Still), Now::default())?;
    engine.on_disk(DiskEvent::LoadEnd, Now::default());
    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let peer = Peer {
        remote: loopback,
        local: loopback,
    };
    let session = engine.open(peer, Now::default()).map_err(|_| "refused")?;
    let mut reply = Reply::new();
    if !matches!(shape, Shape::Standalone) {
        let assign = b"CLUSTER ADDSLOTSRANGE 0 16383\r\n";
        engine.on_bytes(
            session,
            assign,
            Now::default(),
            &mut reply,
            &mut NoHeartbeat,
        );
    }
    let mut now = Now::default();
    // A master waits a moment before it calls the cluster well.
    while engine.cluster().is_some_and(|cluster| !cluster.state_ok()) && now.mono_us < 20_000_000 {
        now.mono_us += 100_000;
        now.unix_us += 100_000;
        engine.on_timer(now);
        while let Some(output) = engine.poll_output() {
            if matches!(output, Output::Disk(DiskOp::SaveNodesConf(_))) {
                engine.on_disk(DiskEvent::NodesConfSaved, now);
            }
        }
    }
    // What it has replied so far.
    engine.on_bytes(session, b"", now, &mut reply, &mut NoHeartbeat);
    let value = "x".repeat(crate::load::VALUE_BYTES);
    for (number, best) in (0..).zip(best) {
        let key = shape.key(number);
        let request = format!(
            "*3\r\n$3\r\nSET\r\n${}\r\n{key}\r\n${}\r\n{value}\r\n",
            key.len(),
            value.len()
        );
        reply.clear();
        let before = thread_cpu_time();
        engine.on_bytes(
            session,
            request.as_bytes(),
            now,
            &mut reply,
            &mut NoHeartbeat,
        );
        *best = (*best).min(thread_cpu_time() - before);
        if reply.bytes() != b"+OK\r\n" {
            return Err(format!(
                "SET {key}: {}",
                String::from_utf8_lossy(reply.bytes())
            ));
        }
    }
    Ok(())
}

/// Measures nothing: the statistics of the engine do not matter here.
struct Still;

impl Stopwatch for Still {
    fn micros(&self) -> u64 {
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
