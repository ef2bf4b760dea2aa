//! The server on a real socket.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::*;

struct Page;

impl Site for Page {
    const PATHS: &'static str = "there are /live, /ready and /long";

    async fn read(&self, path: &str) -> Option<Answer> {
        match path {
            "/live" => Some(Answer::verdict(Ok(()))),
            "/ready" => Some(Answer::verdict(Err("starting".to_owned()))),
            "/long" => Some(Answer::ok("text/x-long", "y".repeat(64 << 20))),
            _ => None,
        }
    }
}

fn served() -> SocketAddr {
    let listener = StdListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let at = listener.local_addr().unwrap();
    serve("page", vec![listener], &Arc::new(Page)).unwrap();
    at
}

fn connect(at: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(at).unwrap();
    let patience = Some(Duration::from_secs(30));
    stream.set_read_timeout(patience).unwrap();
    stream
}

fn ask(at: SocketAddr, request: &str) -> String {
    let mut stream = connect(at);
    // The other side may have answered and left before it has read everything.
    let _ = stream.write_all(request.as_bytes());
    rest(&mut stream)
}

/// What comes until the other side ends it.
fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{error}"),
        _ => String::from_utf8(answer).unwrap(),
    }
}

fn get(at: SocketAddr, path: &str) -> String {
    ask(at, &format!("GET {path} HTTP/1.1\r\nHost: it\r\n\r\n"))
}

fn is_live(at: SocketAddr) -> bool {
    get(at, "/live").starts_with("HTTP/1.1 200 OK\r\n")
}

#[test]
fn answers_are_those_of_the_site() {
    let at = served();
    let live = get(at, "/live?verbose");
    assert!(live.starts_with("HTTP/1.1 200 OK\r\n"), "{live}");
    assert!(live.contains("connection: close\r\n"), "{live}");
    assert!(live.ends_with("\r\n\r\nok\n"), "{live}");
    let ready = get(at, "/ready");
    assert!(ready.starts_with("HTTP/1.1 503 "), "{ready}");
    assert!(ready.ends_with("\r\n\r\nstarting\n"), "{ready}");
    let missing = get(at, "/live/");
    assert!(missing.starts_with("HTTP/1.1 404 "), "{missing}");
    assert!(missing.ends_with("/live, /ready and /long\n"), "{missing}");
}

#[test]
fn a_head_has_no_body_and_other_methods_are_refused() {
    let at = served();
    let head = ask(at, "HEAD /live HTTP/1.1\r\nHost: it\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(head.ends_with("\r\n\r\n"), "{head}");
    let post = ask(
        at,
        "POST /live HTTP/1.1\r\nHost: it\r\nContent-Length: 0\r\n\r\n",
    );
    assert!(post.starts_with("HTTP/1.1 405 "), "{post}");
    assert!(post.contains("allow: GET, HEAD\r\n"), "{post}");
}

#[test]
fn nonsense_and_endless_heads_end_with_an_error_and_not_the_server() {
    let at = served();
    let nonsense = ask(at, "\0\x01\x02 what?\r\n\r\n");
    assert!(nonsense.starts_with("HTTP/1.1 400 "), "{nonsense}");
    let long = format!("GET /live HTTP/1.1\r\nX: {}", "y".repeat(HEAD_BYTES * 4));
    assert!(!ask(at, &long).contains(" 200 "));
    assert!(is_live(at));
}

#[test]
fn probes_are_answered_however_many_wait_with_half_a_request() {
    let at = served();
    for waiting in [64, 128, 500] {
        let half: Vec<TcpStream> = (0..waiting)
            .map(|_| {
                let mut stream = connect(at);
                // One that had to leave already takes no more.
                let _ = stream.write_all(b"GET ");
                stream
            })
            .collect();
        assert!(is_live(at), "beside {waiting}");
        drop(half);
    }
}

#[test]
fn whoever_does_not_ask_is_let_go() {
    let at = served();
    let mut silent = connect(at);
    let mut half = connect(at);
    half.write_all(b"GET /live HTTP/1.1\r\n").unwrap();
    assert_eq!(rest(&mut silent), "");
    assert!(!rest(&mut half).contains(" 200 "));
}

#[test]
fn whoever_does_not_take_its_answer_is_let_go() {
    let at = served();
    let mut slow = connect(at);
    write!(slow, "GET /long HTTP/1.1\r\nHost: it\r\n\r\n").unwrap();
    let mut tries = 0;
    // An error shows that the other side has closed.
    while slow.write_all(b"\r\n").is_ok() {
        tries += 1;
        assert!(tries < 600, "it is still served");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(is_live(at));
}
