//! The port for probes and Prometheus, used by node and operator: HTTP/1.1 on its own thread, which
//! answers while the program is busy.
//!
//! Everybody who can reach the port may connect, and a process is killed if its probes get no
//! answer. So every connection is accepted at once; if there are too many, an older one is closed,
//! not the new one; and every wait has a limit.

mod connections;

use std::convert::Infallible;
use std::future::{Future, pending};
use std::io;
use std::net::TcpListener as StdListener;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use connections::{Asked, Connections};

/// The time limit for the head of a request.
const HEAD_WAIT: Duration = Duration::from_secs(1);
/// The time limit of a connection: its request, the answer, and receiving it.
const WAIT: Duration = Duration::from_secs(5);
/// The maximum size of the head of a request, which is the minimum of hyper. Probes send a few
/// hundred bytes.
const HEAD_BYTES: usize = 8 << 10;
/// The content type of plain text.
const PLAIN: &str = "text/plain; charset=utf-8";

/// The pages at the port.
pub trait Site: Send + Sync + 'static {
    /// Lists all paths, for a request of another one.
    const PATHS: &'static str;

    /// The answer for a path without its query; none if there is no such path.
    fn read(&self, path: &str) -> impl Future<Output = Option<Answer>> + Send;
}

/// The answer for a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    status: StatusCode,
    content_type: &'static str,
    body: String,
}

impl Answer {
    /// 200 with that body.
    #[must_use]
    pub fn ok(content_type: &'static str, body: String) -> Answer {
        Answer {
            status: StatusCode::OK,
            content_type,
            body,
        }
    }

    /// The answer to a probe: 200, or 503 with the reason.
    #[must_use]
    pub fn verdict(verdict: Result<(), String>) -> Answer {
        match verdict {
            Ok(()) => line(StatusCode::OK, "ok"),
            Err(why) => line(StatusCode::SERVICE_UNAVAILABLE, &why),
        }
    }
}

fn line(status: StatusCode, text: &str) -> Answer {
    Answer {
        status,
        content_type: PLAIN,
        body: format!("{text}\n"),
    }
}

/// Serves on these non-blocking sockets until the process ends.
///
/// # Errors When the thread with that name, or its runtime, cannot be started.
pub fn serve<S: Site>(thread: &str, listeners: Vec<StdListener>, site: &Arc<S>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let connections = Arc::new(Connections::default());
    for listener in listeners {
        let _inside = runtime.enter();
        let listener = TcpListener::from_std(listener)?;
        runtime.spawn(accept(listener, Arc::clone(site), Arc::clone(&connections)));
    }
    std::thread::Builder::new()
        .name(thread.to_owned())
        .spawn(move || runtime.block_on(pending::<()>()))?;
    Ok(())
}

async fn accept<S: Site>(listener: TcpListener, site: Arc<S>, connections: Arc<Connections>) {
    loop {
        let Ok((stream, from)) = listener.accept().await else {
            // For example, no file descriptor is left: some will be closed.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let site = Arc::clone(&site);
        connections.admit(from.ip(), |asked| {
            tokio::spawn(converse(stream, site, asked)).abort_handle()
        });
        // Lets accepted connections run, and closed ones end.
        tokio::task::yield_now().await;
    }
}

/// Serves one request: a client that asks every few seconds needs no persistent connection.
async fn converse<S: Site>(stream: TcpStream, site: Arc<S>, asked: Asked) {
    let answer = service_fn(async |request: Request<Incoming>| {
        asked.note();
        let (head, _) = request.into_parts();
        Ok::<_, Infallible>(respond(&*site, &head.method, head.uri.path()).await)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT)
        .max_buf_size(HEAD_BYTES)
        .half_close(true)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), answer);
    // A client that is too slow, has closed the connection, or does not speak HTTP gets no answer.
    let _ = timeout(WAIT, connection).await;
}

async fn respond<S: Site>(site: &S, method: &Method, path: &str) -> Response<String> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        let mut refusal = response(line(StatusCode::METHOD_NOT_ALLOWED, "only GET is answered"));
        let allowed = HeaderValue::from_static("GET, HEAD");
        refusal.headers_mut().insert(ALLOW, allowed);
        return refusal;
    }
    let answer = site.read(path).await;
    response(answer.unwrap_or_else(|| line(StatusCode::NOT_FOUND, S::PATHS)))
}

fn response(answer: Answer) -> Response<String> {
    let mut response = Response::new(answer.body);
    *response.status_mut() = answer.status;
    let kind = HeaderValue::from_static(answer.content_type);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

#[cfg(test)]
mod tests;
