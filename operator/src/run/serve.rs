//! `/metrics`, `/healthz` and `/readyz`, on a thread of their own: they answer while the passes are
//! busy, and no caller can make a pass wait.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::health::Health;
use super::metrics::{self, Metrics};

/// The head of a request has so long to arrive.
const HEAD_WAIT: Duration = Duration::from_secs(5);
/// A whole request has so long, its answer included.
const REQUEST_WAIT: Duration = Duration::from_secs(10);
/// The head of a request.
const HEAD_BYTES: usize = 16 << 10;
/// Connections at once; others wait to be accepted.
const CONNECTIONS: usize = 64;

/// Answers on that address until the process ends. Returns the address with its real port.
///
/// # Errors
/// When the address cannot be listened on, or the thread cannot be started.
pub fn serve(listen: SocketAddr, health: Arc<Health>, metrics: Metrics) -> io::Result<SocketAddr> {
    let listener = StdListener::bind(listen)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let site = Arc::new(Site { health, metrics });
    std::thread::Builder::new()
        .name("serve".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                match TcpListener::from_std(listener) {
                    Ok(listener) => accept(listener, site).await,
                    Err(error) => tracing::error!(%address, %error, "cannot serve"),
                }
            });
        })?;
    Ok(address)
}

/// What there is to be read.
struct Site {
    health: Arc<Health>,
    metrics: Metrics,
}

async fn accept(listener: TcpListener, site: Arc<Site>) {
    let connections = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&connections).acquire_owned().await else {
            return;
        };
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors: others will be closed.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let site = Arc::clone(&site);
        tokio::spawn(async move {
            // A client that is too slow, or has left, gets nothing.
            let _ = timeout(REQUEST_WAIT, converse(stream, &site)).await;
            drop(permit);
        });
    }
}

/// One request: a scraper asks every few seconds, and a kept connection would keep its permit.
async fn converse(stream: TcpStream, site: &Site) -> hyper::Result<()> {
    let answer = service_fn(async |request| Ok::<_, Infallible>(site.answer(&request)));
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT)
        .max_buf_size(HEAD_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), answer)
        .await
}

impl Site {
    fn answer(&self, request: &Request<Incoming>) -> Response<String> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut refusal = text(StatusCode::METHOD_NOT_ALLOWED, "only GET is served");
            let allowed = hyper::header::HeaderValue::from_static("GET, HEAD");
            refusal.headers_mut().insert(ALLOW, allowed);
            return refusal;
        }
        match request.uri().path() {
            "/healthz" => verdict(self.health.live()),
            "/readyz" => verdict(self.health.ready()),
            "/metrics" => with_type(StatusCode::OK, metrics::CONTENT_TYPE, self.metrics.render()),
            _ => text(
                StatusCode::NOT_FOUND,
                "there are /metrics, /healthz and /readyz",
            ),
        }
    }
}

fn verdict(verdict: Result<(), String>) -> Response<String> {
    match verdict {
        Ok(()) => text(StatusCode::OK, "ok"),
        Err(why) => text(StatusCode::SERVICE_UNAVAILABLE, &why),
    }
}

fn text(status: StatusCode, line: &str) -> Response<String> {
    with_type(status, "text/plain; charset=utf-8", format!("{line}\n"))
}

fn with_type(status: StatusCode, kind: &'static str, body: String) -> Response<String> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let kind = hyper::header::HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use super::super::health::Stage;
    use super::*;

    struct Served {
        address: SocketAddr,
        health: Arc<Health>,
        metrics: Metrics,
    }

    fn served() -> Served {
        let health = Arc::new(Health::new());
        let metrics = Metrics::new();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let address = serve(any, Arc::clone(&health), metrics.clone()).unwrap();
        Served {
            address,
            health,
            metrics,
        }
    }

    impl Served {
        fn ask(&self, request: &str) -> String {
            let mut stream = TcpStream::connect(self.address).unwrap();
            // The other side may have answered and left before it has read everything.
            let _ = stream.write_all(request.as_bytes());
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer);
            String::from_utf8(answer).unwrap()
        }

        fn get(&self, path: &str) -> String {
            self.ask(&format!("GET {path} HTTP/1.1\r\nHost: it\r\n\r\n"))
        }
    }

    #[test]
    fn metrics_are_served_in_prometheus_own_text() {
        let served = served();
        served.metrics.leads(true);
        let answer = served.get("/metrics");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        let kind = "content-type: text/plain; version=0.0.4; charset=utf-8\r\n";
        assert!(answer.contains(kind), "{answer}");
        assert!(answer.contains("\nslotkeeper_leader 1\n"), "{answer}");
    }

    #[test]
    fn readiness_follows_the_stage_and_says_what_is_missing() {
        let served = served();
        let starting = served.get("/readyz");
        assert!(starting.starts_with("HTTP/1.1 503 "), "{starting}");
        assert!(starting.ends_with("starting\n"), "{starting}");
        served.health.enter(Stage::Standby);
        assert!(served.get("/readyz").starts_with("HTTP/1.1 200 "));
        served.health.enter(Stage::Syncing);
        assert!(served.get("/readyz").starts_with("HTTP/1.1 503 "));
        served.health.enter(Stage::Leading);
        assert!(served.get("/readyz").starts_with("HTTP/1.1 200 "));
        assert!(served.get("/healthz").starts_with("HTTP/1.1 200 "));
    }

    #[test]
    fn other_paths_and_methods_are_refused() {
        let served = served();
        assert!(served.get("/").starts_with("HTTP/1.1 404 "));
        assert!(served.get("/metrics/").starts_with("HTTP/1.1 404 "));
        let post = served.ask("POST /metrics HTTP/1.1\r\nHost: it\r\nContent-Length: 0\r\n\r\n");
        assert!(post.starts_with("HTTP/1.1 405 "), "{post}");
        assert!(post.contains("allow: GET, HEAD\r\n"), "{post}");
        let head = served.ask("HEAD /healthz HTTP/1.1\r\nHost: it\r\n\r\n");
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        assert!(head.ends_with("\r\n\r\n"), "{head}");
    }

    #[test]
    fn nonsense_and_endless_heads_end_with_an_error_and_not_the_server() {
        let served = served();
        let nonsense = served.ask("\0\x01\x02 what?\r\n\r\n");
        assert!(nonsense.starts_with("HTTP/1.1 400 "), "{nonsense}");
        let long = format!("GET /metrics HTTP/1.1\r\nX: {}", "y".repeat(HEAD_BYTES * 4));
        let answer = served.ask(&long);
        assert!(!answer.contains(" 200 "), "{answer}");
        assert!(served.get("/healthz").starts_with("HTTP/1.1 200 "));
    }

    #[test]
    fn a_taken_address_is_an_error() {
        let served = served();
        let again = serve(served.address, Arc::clone(&served.health), Metrics::new());
        assert_eq!(again.unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }
}
