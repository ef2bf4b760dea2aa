//! Each decoder alone.

use slotkeeper_node::config::Config;
use slotkeeper_node::engine::RdbCheck;
use slotkeeper_node::resp::{Batch, Decoder, Limits, ReplyParser, encode_command};
use slotkeeper_node::time::Now;
use slotkeeper_topology::parse_nodes;

use crate::allocation::peak;
use crate::cases;
use crate::mutation::Mutator;
use crate::node;

/// What a decoder may hold for each byte that it was given, and for nothing at all.
fn check(held: usize, given: usize, factor: usize) {
    let bound = 64 * 1024 + factor * given;
    assert!(held <= bound, "{held} bytes held for {given} given");
}

fn requests() -> Vec<Vec<u8>> {
    let mut examples = vec![
        b"PING\r\n".to_vec(),
        b"SET \"a b\" 'c\\'d'\r\nGET \"\\x41\\n\"\r\n".to_vec(),
    ];
    for words in [
        &["GET", "key"][..],
        &["SET", "key", "value", "EX", "100"],
        &["MSET", "a", "1", "b", "2", "c", "3"],
        &["ECHO", ""],
    ] {
        let mut example = Vec::new();
        for _ in 0..5 {
            encode_command(&mut example, words);
        }
        examples.push(example);
    }
    let mut long = Vec::new();
    encode_command(&mut long, &["DEL"; 100]);
    examples.push(long);
    examples
}

#[test]
fn requests_are_read_or_refused() {
    let mut mutator = Mutator::new(1, requests());
    for authenticated in [true, false] {
        cases(20_000, &mut mutator, |mutator, bytes| {
            let limits = Limits {
                bulk_max: 512 << 20,
                request_max: 1 << 30,
                authenticated,
            };
            let ((), held) = peak(|| {
                let (mut decoder, mut batch) = (Decoder::new(), Batch::new());
                let mut input = Vec::new();
                for piece in mutator.pieces(bytes) {
                    input.extend_from_slice(piece);
                    loop {
                        decoder.decode(&input, &limits, &mut batch);
                        for request in 0..batch.len() {
                            let args = batch.args(&input, request);
                            let total: usize = args.iter().map(<[u8]>::len).sum();
                            assert!(total <= bytes.len());
                        }
                        let done = batch.tail();
                        assert!(done <= input.len());
                        input.drain(..done);
                        if batch.error().is_some() {
                            return;
                        }
                        if done == 0 {
                            break;
                        }
                    }
                }
            });
            check(held, bytes.len(), 50);
        });
    }
}

#[test]
fn replies_are_read_or_refused() {
    let examples = [
        "+OK\r\n-ERR no\r\n:12\r\n$5\r\nhello\r\n$-1\r\n*-1\r\n",
        "*3\r\n$1\r\na\r\n*2\r\n:1\r\n+b\r\n$0\r\n\r\n",
        "*2\r\n*2\r\n*1\r\n*1\r\n:7\r\n$-1\r\n:-1\r\n",
        "$1000\r\n",
    ];
    let examples = examples.map(|text| text.as_bytes().to_vec()).to_vec();
    let mut mutator = Mutator::new(2, examples);
    cases(40_000, &mut mutator, |mutator, bytes| {
        let ((), held) = peak(|| {
            let mut parser = ReplyParser::new(1 << 30);
            for piece in mutator.pieces(bytes) {
                parser.feed(piece);
                while let Ok(Some(reply)) = parser.next() {
                    drop(reply);
                }
            }
        });
        check(held, bytes.len(), 100);
    });
}

#[test]
fn data_files_are_read_or_refused() {
    let file = node::data_file();
    let mut whole = RdbCheck::new(Now::default());
    let told = whole.feed(&file).and_then(|()| whole.finish());
    let told = told.expect("the example is a data file");
    for kind in ["hash", "list", "set", "stream", "string", "zset"] {
        assert!(told.contains(&format!("; {kind} ")), "{kind}: {told}");
    }
    let mut mutator = Mutator::new(3, vec![file]);
    cases(3_000, &mut mutator, |mutator, bytes| {
        let ((), held) = peak(|| {
            let mut check = RdbCheck::new(Now::default());
            let mut pieces = mutator.pieces(bytes).into_iter();
            while pieces.next().is_some_and(|piece| check.feed(piece).is_ok()) {}
        });
        // Three packed bytes become 264.
        check(held, bytes.len(), 100);
    });
}

#[test]
fn configurations_are_read_or_refused() {
    let text = "port 7000\nbind 127.0.0.1 -::1\nsave 3600 1 300 100\nmaxmemory 100mb\n\
        requirepass \"a b\\x41\\\"\"\nclient-output-buffer-limit replica 256mb 64mb 60\n\
        cluster-announce-hostname a.b\nloglevel notice\nappendonly no\n# remark\ntimeout '7'\n";
    let mut mutator = Mutator::new(4, vec![text.as_bytes().to_vec()]);
    cases(20_000, &mut mutator, |_, bytes| {
        let text = String::from_utf8_lossy(bytes);
        let ((), held) = peak(|| drop(Config::from_text(&text)));
        check(held, bytes.len(), 50);
    });
}

#[test]
fn node_lists_are_read_or_refused() {
    let mut mutator = Mutator::new(5, vec![node::nodes_conf().into_bytes()]);
    cases(20_000, &mut mutator, |_, bytes| {
        let text = String::from_utf8_lossy(bytes);
        let ((), held) = peak(|| drop(parse_nodes(&text)));
        check(held, bytes.len(), 100);
    });
}
