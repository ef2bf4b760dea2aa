//! `/metrics`, `/healthz` and `/readyz`, independent of passes: they answer while passes are busy,
//! and no caller can delay a pass.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use slotkeeper_http::{Answer, Site};

use super::health::Health;
use super::metrics::{self, Metrics};

/// Serves on that address until the process ends. Returns the address with its actual port.
///
/// # Errors When listening on the address fails, or the thread cannot be started.
pub fn serve(listen: SocketAddr, health: Arc<Health>, metrics: Metrics) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(listen)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let page = Arc::new(Page { health, metrics });
    slotkeeper_http::serve("serve", vec![listener], &page)?;
    Ok(address)
}

/// The pages.
struct Page {
    health: Arc<Health>,
    metrics: Metrics,
}

impl Site for Page {
    const PATHS: &'static str = "there are /metrics, /healthz and /readyz";

    async fn read(&self, path: &str) -> Option<Answer> {
        Some(match path {
            "/healthz" => Answer::verdict(self.health.live()),
            "/readyz" => Answer::verdict(self.health.ready()),
            "/metrics" => Answer::ok(metrics::CONTENT_TYPE, self.metrics.render()),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use super::super::health::OperatorState;
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
        fn get(&self, path: &str) -> String {
            let mut stream = TcpStream::connect(self.address).unwrap();
            let patience = std::time::Duration::from_secs(10);
            stream.set_read_timeout(Some(patience)).unwrap();
            write!(stream, "GET {path} HTTP/1.1\r\nHost: it\r\n\r\n").unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
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
        served.health.enter(OperatorState::Standby);
        assert!(served.get("/readyz").starts_with("HTTP/1.1 200 "));
        served.health.enter(OperatorState::Syncing);
        assert!(served.get("/readyz").starts_with("HTTP/1.1 503 "));
        served.health.enter(OperatorState::Leading);
        assert!(served.get("/readyz").starts_with("HTTP/1.1 200 "));
        assert!(served.get("/healthz").starts_with("HTTP/1.1 200 "));
    }

    #[test]
    fn other_paths_are_refused() {
        let served = served();
        assert!(served.get("/").starts_with("HTTP/1.1 404 "));
        assert!(served.get("/metrics/").starts_with("HTTP/1.1 404 "));
    }

    #[test]
    fn idle_connections_keep_no_probe_waiting() {
        let served = served();
        let connect = |_| {
            let mut stream = TcpStream::connect(served.address).unwrap();
            // A connection that was already closed accepts nothing more.
            let _ = stream.write_all(b"GET ");
            stream
        };
        let idle: Vec<TcpStream> = (0..500).map(connect).collect();
        assert!(served.get("/healthz").starts_with("HTTP/1.1 200 "));
        drop(idle);
    }

    #[test]
    fn a_taken_address_is_an_error() {
        let served = served();
        let again = serve(served.address, Arc::clone(&served.health), Metrics::new());
        assert_eq!(again.unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }
}
