//! Requests in pieces, and malformed ones.

use proptest::prelude::*;

use super::*;

const OPEN: Limits = Limits {
    bulk_max: 512 << 20,
    request_max: 1 << 30,
    authenticated: true,
};

type Requests = Vec<Vec<Vec<u8>>>;

/// Feeds an input in pieces, as a connection would, and gives all requests and the error.
fn feed(pieces: &[&[u8]], limits: &Limits) -> (Requests, Option<ProtocolError>, Vec<u8>) {
    let mut decoder = Decoder::new();
    let mut batch = Batch::new();
    let mut buffer = Vec::new();
    let mut requests = Vec::new();
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            decoder.decode(&buffer, limits, &mut batch);
            for request in 0..batch.len() {
                requests.push(batch.args(&buffer, request).to_owned());
            }
            if let Some(error) = batch.error() {
                return (requests, Some(error), buffer);
            }
            let consumed = batch.tail();
            buffer.drain(..consumed);
            if batch.is_empty() {
                break;
            }
        }
    }
    (requests, None, buffer)
}

fn error_of(input: &[u8]) -> String {
    let (_, error, _) = feed(&[input], &OPEN);
    error.map(|error| error.to_string()).unwrap_or_default()
}

fn texts(requests: &Requests) -> Vec<String> {
    let text = |request: &Vec<Vec<u8>>| {
        let words = request.iter().map(|word| String::from_utf8_lossy(word));
        words.collect::<Vec<_>>().join("|")
    };
    requests.iter().map(text).collect()
}

#[test]
fn reads_arrays_and_inline_requests() {
    let input =
        b"*2\r\n$3\r\nGET\r\n$1\r\na\r\nPING\r\n\r\n*0\r\n*-1\r\nset a \"b c\"\n*1\r\n$0\r\n\r\n";
    let (requests, error, rest) = feed(&[input], &OPEN);
    assert_eq!(texts(&requests), ["GET|a", "PING", "set|a|b c", ""]);
    assert_eq!(error, None);
    assert!(rest.is_empty());
}

#[test]
fn words_errors_as_redis_does() {
    for (input, text) in [
        (&b"*x\r\n"[..], "Protocol error: invalid multibulk length"),
        (
            b"*2147483648\r\n",
            "Protocol error: invalid multibulk length",
        ),
        (b"*1\r\nGET\r\n", "Protocol error: expected '$', got 'G'"),
        (b"*1\r\n$x\r\n", "Protocol error: invalid bulk length"),
        (b"*1\r\n$-1\r\n", "Protocol error: invalid bulk length"),
        (
            b"*1\r\n$536870913\r\n",
            "Protocol error: invalid bulk length",
        ),
        (
            b"set \"a\r\n",
            "Protocol error: unbalanced quotes in request",
        ),
    ] {
        assert_eq!(error_of(input), text);
    }
    let long = vec![b'a'; LINE_MAX + 1];
    assert_eq!(error_of(&long), "Protocol error: too big inline request");
    let count = [b"*".as_slice(), &long].concat();
    assert_eq!(
        error_of(&count),
        "Protocol error: too big mbulk count string"
    );
    let length = [b"*1\r\n$".as_slice(), &long].concat();
    assert_eq!(
        error_of(&length),
        "Protocol error: too big bulk count string"
    );
}

#[test]
fn allows_less_before_authentication() {
    let closed = Limits {
        authenticated: false,
        ..OPEN
    };
    let error = |input: &[u8]| feed(&[input], &closed).1;
    assert_eq!(error(b"*10\r\n$16384\r\n"), None);
    assert_eq!(error(b"*11\r\n"), Some(ProtocolError::UnauthenticatedCount));
    assert_eq!(
        error(b"*1\r\n$16385\r\n"),
        Some(ProtocolError::UnauthenticatedLength)
    );
}

#[test]
fn requests_before_an_error_are_given() {
    let (requests, error, _) = feed(&[b"PING\r\n*1\r\n:1\r\n"], &OPEN);
    assert_eq!(texts(&requests), ["PING"]);
    assert_eq!(error, Some(ProtocolError::ExpectedBulk(b':')));
}

#[test]
fn a_batch_is_bounded() {
    let input = b"PING\r\n".repeat(40);
    let mut batch = Batch::new();
    Decoder::new().decode(&input, &OPEN, &mut batch);
    assert_eq!(batch.len(), BATCH_MAX);
    assert_eq!(batch.end(0), 6);
    assert_eq!(batch.tail(), BATCH_MAX * 6);
}

#[test]
fn an_endless_request_is_an_error() {
    let limits = Limits {
        request_max: 1000,
        ..OPEN
    };
    let mut input = b"*2\r\n$3\r\nGET\r\n$5000\r\n".to_vec();
    input.resize(1100, b'x');
    let (_, error, _) = feed(&[&input], &limits);
    assert_eq!(error, Some(ProtocolError::RequestTooBig));
}

/// What was read is overwritten: it would be found if it was looked at again.
#[test]
fn a_long_request_in_small_pieces_is_read_once() {
    const COUNT: usize = 20_000;
    let argument = b"$3\r\nabc\r\n";
    let mut input = format!("*{COUNT}\r\n").into_bytes();
    let head = input.len();
    input.extend(argument.repeat(COUNT));
    let (mut decoder, mut batch) = (Decoder::new(), Batch::new());
    for end in (0..input.len()).step_by(7).chain([input.len()]) {
        decoder.decode(&input[..end], &OPEN, &mut batch);
        assert_eq!(batch.error(), None, "after {end} bytes");
        let known = end.saturating_sub(head) / argument.len();
        if known >= KEEP_FROM {
            input[..head + known * argument.len()].fill(b'!');
        }
    }
    assert_eq!((batch.len(), batch.tail()), (1, input.len()));
    assert_eq!(batch.args(&input, 0).len(), COUNT);
}

fn piece_of_protocol() -> impl Strategy<Value = Vec<u8>> {
    let bulk = proptest::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| {
        let mut out = format!("${}\r\n", bytes.len()).into_bytes();
        out.extend(bytes);
        out.extend(b"\r\n");
        out
    });
    let request = proptest::collection::vec(bulk, 0..50).prop_map(|bulks| {
        let mut out = format!("*{}\r\n", bulks.len()).into_bytes();
        out.extend(bulks.concat());
        out
    });
    prop_oneof![
        8 => request,
        2 => "[a-z \"'\\\\]{0,20}\r\n".prop_map(String::into_bytes),
        1 => proptest::collection::vec(any::<u8>(), 0..8),
    ]
}

proptest! {
    #[test]
    fn any_split_of_the_input_gives_the_same_requests(
        pieces in proptest::collection::vec(piece_of_protocol(), 1..6),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let input = pieces.concat();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
        cuts.sort_unstable();
        cuts.push(input.len());
        let mut start = 0;
        let mut parts = Vec::new();
        for cut in cuts {
            parts.push(&input[start..cut]);
            start = cut;
        }
        let (whole, whole_error, _) = feed(&[&input], &OPEN);
        let (split, split_error, _) = feed(&parts, &OPEN);
        prop_assert_eq!(whole, split);
        prop_assert_eq!(whole_error, split_error);
    }

    #[test]
    fn random_bytes_do_no_harm(input in proptest::collection::vec(any::<u8>(), 0..300)) {
        feed(&[&input], &OPEN);
        let input = [b"*3\r\n$".as_slice(), &input].concat();
        feed(&[&input], &OPEN);
    }
}
