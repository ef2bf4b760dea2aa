//! The link to our master, message by message.

use super::*;

const ID: &str = "0123456789abcdef0123456789abcdef01234567";
const MARK: &str = "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm";

fn at(mono_ms: u64) -> Now {
    Now {
        unix_us: 0,
        mono_us: mono_ms * 1000,
    }
}

struct Harness {
    upstream: Upstream,
    sent: String,
    logged: Vec<String>,
}

impl Harness {
    fn new(password: Option<&str>) -> Harness {
        let settings = Settings {
            password: password.map(|password| password.as_bytes().to_vec()),
            listening_port: 6380,
            timeout_ms: 60_000,
            ..Settings::default()
        };
        let master = "127.0.0.1:6379".parse().expect("an address");
        let upstream = Upstream::new(master, settings, at(0));
        let mut harness = Harness {
            upstream,
            sent: String::new(),
            logged: Vec::new(),
        };
        assert!(harness.upstream.on_timer(0, LinkId::Master(1), at(0)));
        let local = "127.0.0.1:50000".parse().expect("an address");
        harness
            .upstream
            .on_link(&LinkEvent::Opened { local }, at(1));
        harness
    }

    fn drain(&mut self) {
        while let Some(event) = self.upstream.poll_event() {
            match event {
                UpstreamEvent::Link(_, LinkOp::Send(bytes)) => {
                    let text = String::from_utf8_lossy(&bytes);
                    let words = text
                        .split("\r\n")
                        .filter(|word| !word.starts_with(['*', '$']));
                    self.sent.push_str(&words.collect::<Vec<_>>().join(" "));
                }
                UpstreamEvent::Link(_, LinkOp::Open { .. } | LinkOp::OpenNamed { .. }) => {
                    self.sent.push_str("<open>");
                }
                UpstreamEvent::Link(_, LinkOp::Close) => self.sent.push_str("<close>"),
                UpstreamEvent::Log(_, text) => self.logged.push(text),
            }
        }
    }

    /// Feeds bytes of the handshake; the step that they lead to, and what was sent meanwhile.
    fn line(&mut self, line: &str) -> (Option<Step<'static>>, String) {
        let mut input = line.as_bytes();
        let history = Some((ReplId::parse(ID.as_bytes()).expect("an id"), 11));
        let step = match self.upstream.next_step(&mut input, history, at(2)) {
            Some(Step::FullSync { id, offset }) => Some(Step::FullSync { id, offset }),
            Some(Step::Continue { id }) => Some(Step::Continue { id }),
            None => None,
            Some(other) => panic!("{other:?}"),
        };
        self.drain();
        (step, std::mem::take(&mut self.sent))
    }

    fn until_psync(password: Option<&str>) -> Harness {
        let mut harness = Harness::new(password);
        harness.line("+PONG\r\n");
        if password.is_some() {
            harness.line("+OK\r\n");
        }
        harness.line("+OK\r\n+OK\r\n-ERR Unrecognized REPLCONF option: version\r\n");
        harness
    }
}

#[test]
fn introduces_itself_and_asks_for_what_it_lacks() {
    let mut harness = Harness::new(Some("secret"));
    let sent = harness.line("+PONG\r\n").1;
    let expected = "<open>PING AUTH secret REPLCONF listening-port 6380 \
                    REPLCONF capa eof capa psync2 capa slotkeeper-field-times REPLCONF version 9.0.0 ";
    assert_eq!(sent, expected);
    assert_eq!(harness.line("+OK\r\n+OK\r\n+OK\r\n").1, "");
    assert_eq!(harness.line("+O").1, "");
    assert_eq!(harness.line("K\r\n").1, format!("PSYNC {ID} 11 "));
    let continued = harness.line(&format!("+CONTINUE {}\r\n", ReplId::NONE)).0;
    assert_eq!(
        continued,
        Some(Step::Continue {
            id: Some(ReplId::NONE)
        })
    );
    assert!(harness.upstream.is_up());
    let mut input = &b"stream"[..];
    let step = harness.upstream.next_step(&mut input, None, at(3));
    assert_eq!(step, Some(Step::Stream(b"stream")));
    harness.upstream.on_timer(17, LinkId::Master(2), at(1500));
    harness.drain();
    assert_eq!(harness.sent, "REPLCONF ACK 17 ");
}

#[test]
fn logs_a_missing_password_as_redis_does() {
    let mut harness = Harness::new(None);
    harness.line("-NOAUTH Authentication required.\r\n");
    harness.line(&"-NOAUTH Authentication required.\r\n".repeat(3));
    let sent = harness.line("-NOAUTH Authentication required.\r\n").1;
    assert_eq!(sent, "<close>");
    let expected = "MASTER aborted replication with an error: NOAUTH Authentication required.";
    assert_eq!(harness.logged.last().map(String::as_str), Some(expected));
    assert!(
        !harness.upstream.on_timer(0, LinkId::Master(2), at(900)),
        "it waits a second"
    );
    assert!(harness.upstream.on_timer(0, LinkId::Master(2), at(1002)));
}

#[test]
fn logs_a_wrong_password_as_redis_does() {
    let mut harness = Harness::new(Some("wrong"));
    harness.line("+PONG\r\n");
    let reply = "-WRONGPASS invalid username-password pair or user is disabled.";
    assert_eq!(harness.line(&format!("{reply}\r\n")).1, "<close>");
    let expected = format!("Unable to AUTH to MASTER: {reply}");
    assert_eq!(harness.logged.last(), Some(&expected));
}

#[test]
fn a_master_that_loads_is_asked_again() {
    for reply in [
        "-LOADING Redis is loading the dataset in memory",
        "-NOMASTERLINK Can't SYNC",
    ] {
        let mut harness = Harness::until_psync(None);
        let (step, sent) = harness.line(&format!("{reply}\r\n"));
        assert_eq!((step, sent.as_str()), (None, "<close>"));
        assert!(
            harness
                .logged
                .last()
                .is_some_and(|text| text.contains("should be in the future"))
        );
    }
}

/// Feeds it all in pieces of that size, taking `file` bytes of payload; what came out of it.
fn sync(harness: &mut Harness, all: &[u8], size: usize, file: usize) -> (usize, bool, Vec<u8>) {
    let (mut payload, mut synced, mut stream) = (0, false, Vec::new());
    for mut input in all.chunks(size) {
        while let Some(step) = harness.upstream.next_step(&mut input, None, at(5)) {
            match step {
                Step::Payload(bytes) => {
                    let consumed = bytes.len().min(file - payload);
                    payload += consumed;
                    let done = payload == file;
                    let upstream = &mut harness.upstream;
                    let step = upstream.payload_fed(&mut input, consumed, done, at(5));
                    synced |= step == Some(Step::Synced);
                }
                Step::Synced => synced = true,
                Step::Stream(bytes) => stream.extend_from_slice(bytes),
                _ => {}
            }
        }
    }
    (payload, synced, stream)
}

#[test]
fn takes_both_forms_of_payload_in_any_split() {
    let file = [b'x'; 100];
    let marked = [
        format!("\n\n$EOF:{MARK}\r\n").as_bytes(),
        &file,
        MARK.as_bytes(),
        b"*1",
    ]
    .concat();
    let counted = [&b"\n$100\r\n"[..], &file, b"*1"].concat();
    for all in [marked, counted] {
        for size in 1..all.len() {
            let mut harness = Harness::until_psync(None);
            let step = harness.line(&format!("+FULLRESYNC {ID} 42\r\n")).0;
            assert!(matches!(step, Some(Step::FullSync { offset: 42, .. })));
            assert!(harness.upstream.is_syncing());
            let outcome = sync(&mut harness, &all, size, file.len());
            assert_eq!(outcome, (100, true, b"*1".to_vec()), "pieces of {size}");
            assert!(harness.upstream.is_up());
        }
    }
}

#[test]
fn a_payload_of_the_wrong_length_ends_the_link() {
    let marked = [format!("$EOF:{MARK}\r\n").as_bytes(), &[b'x'; 150]].concat();
    for all in [&b"$99\r\nxx"[..], &marked] {
        let mut harness = Harness::until_psync(None);
        harness.line(&format!("+FULLRESYNC {ID} 42\r\n"));
        let all = [all, &[b'x'; 97]].concat();
        assert!(!sync(&mut harness, &all, 7, 100).1);
        assert!(!harness.upstream.is_syncing());
    }
}

#[test]
fn silence_ends_the_link() {
    let mut harness = Harness::until_psync(None);
    harness.line("+CONTINUE\r\n");
    harness.upstream.on_timer(0, LinkId::Master(2), at(60_002));
    assert!(harness.upstream.is_up());
    harness.upstream.on_timer(0, LinkId::Master(2), at(60_003));
    assert_eq!(harness.upstream.down_since(), Some(60_003));
    assert!(
        harness.upstream.on_timer(0, LinkId::Master(2), at(60_003)),
        "tries again at once"
    );
}
