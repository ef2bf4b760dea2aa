//! The endpoint of the probes and of metrics: a thread of its own that reads what the main loop
//! has published last, so that it answers while the data port is busy.

use std::io;
use std::net::TcpListener as StdListener;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};
use tokio::time::timeout;

use super::clock::Clock;
use crate::io::Health;
use crate::time::Stopwatch;

/// A main loop that has not turned for so long is dead.
const DEAD_MS: u64 = 10_000;
/// Metrics wait so long for the main loop, then the last ones are given.
const METRICS_WAIT: Duration = Duration::from_millis(500);
/// A request has so long to arrive and to take its answer.
const REQUEST_WAIT: Duration = Duration::from_secs(5);
/// The head of a request.
const REQUEST_BYTES: usize = 8 << 10;
/// Requests at once.
const REQUESTS: usize = 64;

/// What the main loop publishes.
#[derive(Debug)]
pub(super) struct Board {
    clock: Clock,
    beat_ms: AtomicU64,
    is_read: AtomicBool,
    health: Mutex<Option<Health>>,
    metrics: Mutex<Option<String>>,
    published: Notify,
    ask: Waker,
}

impl Board {
    /// The waker asks the main loop for metrics.
    pub(super) fn new(clock: Clock, ask: Waker) -> Board {
        Board {
            clock,
            beat_ms: AtomicU64::new(clock.micros() / 1000),
            is_read: AtomicBool::new(false),
            health: Mutex::new(None),
            metrics: Mutex::new(None),
            published: Notify::new(),
            ask,
        }
    }

    /// The main loop is alive.
    pub(super) fn beat(&self, mono_ms: u64) {
        self.beat_ms.store(mono_ms, Ordering::Relaxed);
    }

    /// Whether anybody reads what is published.
    pub(super) fn is_read(&self) -> bool {
        self.is_read.load(Ordering::Relaxed)
    }

    pub(super) fn publish_health(&self, health: Health) {
        *lock(&self.health) = Some(health);
    }

    pub(super) fn publish_metrics(&self, metrics: String) {
        *lock(&self.metrics) = Some(metrics);
        self.published.notify_waiters();
    }

    fn live(&self) -> Result<(), String> {
        let silent_ms =
            (self.clock.micros() / 1000).saturating_sub(self.beat_ms.load(Ordering::Relaxed));
        if silent_ms < DEAD_MS {
            return Ok(());
        }
        Err(format!("the main loop has not turned for {silent_ms} ms"))
    }

    fn ready(&self) -> Result<(), String> {
        self.live()?;
        let health = lock(&self.health).clone();
        health.map_or_else(|| Err("starting".to_owned()), |health| health.ready)
    }

    async fn metrics(&self) -> Option<String> {
        let published = self.published.notified();
        self.ask.wake_by_ref();
        let _ = timeout(METRICS_WAIT, published).await;
        lock(&self.metrics).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers on those sockets until the process ends.
///
/// # Errors
/// When the thread cannot be started.
pub(super) fn serve(listeners: Vec<StdListener>, board: Arc<Board>) -> io::Result<()> {
    board.is_read.store(true, Ordering::Relaxed);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    std::thread::Builder::new()
        .name("health".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                let requests = Arc::new(Semaphore::new(REQUESTS));
                for listener in listeners {
                    if let Ok(listener) = TcpListener::from_std(listener) {
                        tokio::spawn(accept(listener, Arc::clone(&board), Arc::clone(&requests)));
                    }
                }
                std::future::pending::<()>().await;
            });
        })?;
    Ok(())
}

async fn accept(listener: TcpListener, board: Arc<Board>, requests: Arc<Semaphore>) {
    loop {
        let Ok(permit) = Arc::clone(&requests).acquire_owned().await else {
            return;
        };
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors: others will be closed.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let board = Arc::clone(&board);
        tokio::spawn(async move {
            // A client that is too slow, or has left, gets nothing.
            let _ = timeout(REQUEST_WAIT, answer(stream, &board)).await;
            drop(permit);
        });
    }
}

async fn answer(mut stream: TcpStream, board: &Board) -> io::Result<()> {
    let Some(head) = read_head(&mut stream).await? else {
        return Ok(());
    };
    let response = respond(&head, board).await;
    stream.write_all(response.as_bytes()).await?;
    stream.shutdown().await
}

/// Everything up to the empty line.
async fn read_head(stream: &mut TcpStream) -> io::Result<Option<String>> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if head.len() >= REQUEST_BYTES || stream.read_buf(&mut head).await? == 0 {
            return Ok(None);
        }
    }
    Ok(Some(String::from_utf8_lossy(&head).into_owned()))
}

async fn respond(head: &str, board: &Board) -> String {
    let mut words = head.lines().next().unwrap_or_default().split(' ');
    let (method, target) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let path = target.split('?').next().unwrap_or_default();
    let probe = |result: Result<(), String>| match result {
        Ok(()) => ("200 OK", "ok\n".to_owned()),
        Err(reason) => ("503 Service Unavailable", format!("{reason}\n")),
    };
    let (status, body) = match (method, path) {
        ("GET" | "HEAD", "/livez") => probe(board.live()),
        ("GET" | "HEAD", "/readyz") => probe(board.ready()),
        ("GET" | "HEAD", "/metrics") => match board.metrics().await {
            Some(text) => ("200 OK", text),
            None => probe(Err("no metrics yet".to_owned())),
        },
        ("GET" | "HEAD", _) => ("404 Not Found", "/livez /readyz /metrics\n".to_owned()),
        _ => ("405 Method Not Allowed", "GET only\n".to_owned()),
    };
    let length = body.len();
    let shown = if method == "HEAD" { "" } else { &body };
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{shown}"
    )
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    fn board() -> Board {
        Board::new(Clock::start(), Waker::noop().clone())
    }

    fn health(ready: Result<(), &str>) -> Health {
        Health {
            ready: ready.map_err(str::to_owned),
            busy: false,
        }
    }

    async fn status(board: &Board, target: &str) -> String {
        let response = respond(&format!("GET {target} HTTP/1.1\r\n\r\n"), board).await;
        response.split(' ').nth(1).unwrap().to_owned()
    }

    #[tokio::test]
    async fn probes_follow_what_is_published() {
        let board = board();
        assert_eq!(status(&board, "/livez").await, "200");
        assert_eq!(status(&board, "/readyz").await, "503");
        board.publish_health(health(Ok(())));
        assert_eq!(status(&board, "/readyz?verbose").await, "200");
        board.publish_health(health(Err("loading")));
        let response = respond("GET /readyz HTTP/1.1\r\n\r\n", &board).await;
        assert!(response.ends_with("\r\n\r\nloading\n"), "{response}");
        assert_eq!(status(&board, "/").await, "404");
        let response = respond("POST /livez HTTP/1.1\r\n\r\n", &board).await;
        assert!(response.starts_with("HTTP/1.1 405"));
    }

    #[tokio::test]
    async fn metrics_are_the_last_ones_when_the_main_loop_is_stuck() {
        let board = board();
        assert_eq!(status(&board, "/metrics").await, "503");
        board.publish_metrics("a 1\n".to_owned());
        let response = respond("GET /metrics HTTP/1.1\r\n\r\n", &board).await;
        assert!(response.ends_with("\r\n\r\na 1\n"), "{response}");
    }

    #[test]
    fn a_stuck_main_loop_is_dead() {
        let clock = Clock::start();
        let board = Board::new(clock, Waker::noop().clone());
        board.publish_health(health(Ok(())));
        assert!(board.live().is_ok());
        let mut late = board;
        late.clock = clock.shifted(Duration::from_millis(DEAD_MS));
        assert!(late.live().unwrap_err().contains("has not turned for 100"));
        assert!(late.ready().is_err());
        late.beat(DEAD_MS);
        assert!(late.ready().is_ok());
    }

    #[test]
    fn answers_over_the_network_also_beside_a_client_that_says_nothing() {
        let listener = StdListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let at = listener.local_addr().unwrap();
        serve(vec![listener], Arc::new(board())).unwrap();
        let _silent = std::net::TcpStream::connect(at).unwrap();
        for (request, start) in [("GET /livez", "HTTP/1.1 200"), ("HEAD /x", "HTTP/1.1 404")] {
            let mut stream = std::net::TcpStream::connect(at).unwrap();
            write!(stream, "{request} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
            let mut response = String::new();
            stream.read_to_string(&mut response).unwrap();
            assert!(response.starts_with(start), "{response}");
        }
    }
}
