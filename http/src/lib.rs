//! The port that probes and Prometheus ask, the same for node and operator: HTTP/1.1 on a thread of
//! its own, which answers while the program is busy.
//!
//! Whoever can reach the port may connect to it, and a probe that gets no answer costs the process
//! its life. So every connection is accepted at once; whoever is one too many goes, not who comes;
//! and every wait has an end.

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

/// The head of a request has so long to arrive.
const HEAD_WAIT: Duration = Duration::from_secs(1);
/// A connection has so long in all: its request, the answer, and for taking it.
const WAIT: Duration = Duration::from_secs(5);
/// The head of a request; what a probe sends has a few hundred bytes. hyper takes no less.
const HEAD_BYTES: usize = 8 << 10;
/// The content type of plain text.
const PLAIN: &str = "text/plain; charset=utf-8";

/// What is to be read at the port.
pub trait Site: Send + Sync + 'static {
    /// All paths, for whoever asks for another one.
    const PATHS: &'static str;

    /// What a path says, without its query; none where there is nothing.
    fn read(&self, path: &str) -> impl Future<Output = Option<Answer>> + Send;
}

/// What a path says.
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

    /// Of a probe: 200, or 503 with the reason.
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

/// Answers on these sockets, which do not block, until the process ends.
///
/// # Errors
/// When the thread, which gets that name, or its runtime cannot be started.
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
            // Out of file descriptors, for one: others will be closed.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let site = Arc::clone(&site);
        connections.admit(from.ip(), |asked| {
            tokio::spawn(converse(stream, site, asked)).abort_handle()
        });
        // Those that were accepted get their turn, and those that have to go leave.
        tokio::task::yield_now().await;
    }
}

/// One request: who asks every few seconds does not need to keep a connection for it.
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
    // A client that is too slow, has left, or speaks no HTTP gets nothing more.
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
