//! One engine, and a replica that only listens: what it gets is compared with a model.

use std::collections::BTreeMap;

use slotkeeper_node::config::Config;
use slotkeeper_node::io::SessionId;
use slotkeeper_node::persistence::rdb::{RdbItem, RdbReader};
use slotkeeper_node::resp::encode_command;

use crate::network::Network;

const KEYS: usize = 1_000_000;
const LARGE: usize = 64 << 20;
const MARK_LEN: usize = 40;

/// What one call may serialise, and what may wait for a replica, in bytes.
const STEP_BYTES: u64 = 64 * 1024;
const UNSENT_BOUND: u64 = 1 << 20;

type Model = BTreeMap<String, String>;

/// Writes to a node, and remembers what it wrote.
struct Writer {
    session: SessionId,
    model: Model,
    batch: Vec<u8>,
}

impl Writer {
    fn new(network: &mut Network) -> Writer {
        let session = network.connect(0);
        Writer {
            session,
            model: Model::new(),
            batch: Vec::new(),
        }
    }

    fn command(&mut self, words: &[&str]) {
        encode_command(&mut self.batch, words);
    }

    fn set(&mut self, key: &str, value: &str) {
        self.command(&["SET", key, value]);
        self.model.insert(key.to_owned(), value.to_owned());
    }

    fn flush(&mut self, network: &mut Network) {
        let batch = std::mem::take(&mut self.batch);
        network.send(0, self.session, &batch);
        let answers = network.received(0, self.session);
        let refused = answers
            .split(|byte| *byte == b'\n')
            .find(|line| line.starts_with(b"-"));
        assert_eq!(refused.map(|line| line.escape_ascii().to_string()), None);
    }

    /// Changes one key in one of five ways, by its number.
    fn change(&mut self, number: usize) {
        let key = format!("key:{number}");
        match number % 5 {
            0 => self.set(&key, &format!("overwritten {number}")),
            1 => {
                self.command(&["DEL", &key]);
                self.model.remove(&key);
            }
            2 => {
                self.command(&["PEXPIREAT", &key, "1"]);
                self.model.remove(&key);
            }
            3 => {
                self.command(&["MULTI"]);
                self.set(&key, "in a transaction");
                self.set(&format!("new:{number}"), "born during the sync");
                self.command(&["EXEC"]);
            }
            _ => {
                self.command(&["APPEND", &key, "+"]);
                self.model.entry(key).or_default().push('+');
            }
        }
    }
}

fn master(network: &mut Network) -> Writer {
    let config = Config {
        // Bytes are counted.
        rdbcompression: false,
        save: Vec::new(),
        ..Config::default()
    };
    network.start(config, None);
    let mut writer = Writer::new(network);
    for number in 0..KEYS {
        writer.set(&format!("key:{number}"), &format!("value of key {number}"));
        if writer.batch.len() > 60_000 {
            writer.flush(network);
        }
    }
    writer.flush(network);
    writer
}

/// What the listener was sent: the announced offset, the keys of the payload, and the stream.
struct Heard {
    offset: u64,
    keys: Model,
    payload: usize,
}

/// Takes the answer to PSYNC apart.
fn hear(bytes: &[u8]) -> Option<Heard> {
    let start = bytes.windows(5).position(|window| window == b"$EOF:")?;
    let head = String::from_utf8_lossy(&bytes[..start]).into_owned();
    let line = head.lines().find(|line| line.starts_with("+FULLRESYNC"))?;
    let offset = line.split(' ').nth(2)?.parse().ok()?;
    let body = &bytes[start + 5 + MARK_LEN + 2..];
    let mut keys = Model::new();
    let mut sink = |item: RdbItem<'_>| {
        if let RdbItem::Entry { key, value, .. } = item {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            assert_eq!(
                keys.insert(text(key), text(&value)),
                None,
                "a key came twice"
            );
        }
        Ok(())
    };
    let fed = RdbReader::new()
        .feed(body, &mut sink)
        .expect("a valid payload");
    let mark = &bytes[start + 5..start + 5 + MARK_LEN];
    (fed.done && body[fed.consumed..].starts_with(mark)).then_some(Heard {
        offset,
        keys,
        payload: fed.consumed,
    })
}

/// Asks for a full sync as a replica does.
fn listen(network: &mut Network) -> SessionId {
    let session = network.connect(0);
    network.call(0, session, &["REPLCONF", "listening-port", "1"]);
    network.call(0, session, &["REPLCONF", "capa", "eof", "capa", "psync2"]);
    let mut request = Vec::new();
    encode_command(&mut request, &["PSYNC", "?", "-1"]);
    network.send(0, session, &request);
    session
}

/// Far more turns than all of it takes, in virtual milliseconds.
const TURNS: u64 = 200_000;

/// A turn of the node, and at most `len` bytes for the listener.
fn listen_on(network: &mut Network, session: SessionId, heard: &mut Vec<u8>, len: usize) {
    assert!(network.now.mono_ms() < TURNS, "the sync does not end");
    network.step();
    heard.extend(network.take(0, session, len));
}

fn goes_on(network: &mut Network) -> bool {
    network.hosts[0].engine.walk_serialised().is_some()
}

#[test]
fn the_payload_is_the_state_at_its_offset() {
    let mut network = Network::new();
    let mut writer = master(&mut network);
    writer.set("large", &"x".repeat(LARGE));
    writer.flush(&mut network);
    let session = listen(&mut network);
    network.step();
    let before = writer.model.clone();
    let mut heard = Vec::new();
    let mut waited = false;
    for number in 0..KEYS {
        writer.change(number);
        if number == KEYS / 4 {
            while !heard.ends_with(&[b'x'; 100]) {
                assert!(goes_on(&mut network), "the large value comes");
                listen_on(&mut network, session, &mut heard, 1 << 20);
            }
        }
        if writer.batch.len() > 8_000 || number + 1 == KEYS {
            writer.flush(&mut network);
            // So slow that all changes are made before the payload is through.
            listen_on(&mut network, session, &mut heard, 0);
            while network.is_parked(0, writer.session) {
                waited = true;
                listen_on(&mut network, session, &mut heard, 4_000);
            }
        }
    }
    assert!(goes_on(&mut network), "all was changed during the sync");
    assert!(waited, "the listener was slower than the writer");
    while goes_on(&mut network) {
        listen_on(&mut network, session, &mut heard, 1 << 20);
    }
    heard.extend(network.received(0, session));
    let heard = hear(&heard).expect("a whole payload");
    assert!(heard.payload > LARGE);
    let different = heard
        .keys
        .iter()
        .find(|(key, value)| before.get(*key) != Some(*value));
    assert_eq!(different.map(|(key, _)| key), None);
    assert_eq!(heard.keys.len(), before.len());
    assert!(heard.offset > 0);
    let largest_entry = 64;
    let most = network.most_serialised;
    assert!(
        most <= STEP_BYTES + largest_entry,
        "{most} bytes in one call"
    );
    let most = network.most_unsent as u64;
    assert!(most <= UNSENT_BOUND + STEP_BYTES, "{most} bytes waited");
}
