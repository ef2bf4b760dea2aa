//! A snapshot beside a full sync.

use std::collections::BTreeMap;

use super::*;
use crate::io::{DiskEvent, DiskOp};
use crate::persistence::rdb::{RdbItem, RdbReader};

/// The values of strings that a data file has.
fn loaded(file: &[u8]) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let (mut reader, mut values) = (RdbReader::new(), BTreeMap::new());
    let mut keep = |item: RdbItem<'_>| {
        if let RdbItem::Entry { key, value, .. } = item {
            values.insert(key.to_vec(), value.into_owned());
        }
        Ok(())
    };
    assert!(reader.feed(file, &mut keep).expect("it is sound").done);
    values
}

#[test]
fn a_snapshot_is_made_beside_a_full_sync_each_of_its_own_moment() {
    let (mut node, _replica, mut way) = start();
    let mut client = node.client();
    assert_eq!(node.ask(&mut client, "SET born:1 x"), "+OK\r\n");
    assert_eq!(
        node.ask(&mut client, "BGSAVE"),
        "+Background saving started\r\n"
    );
    let (mut file, mut came_beside, mut saved) = (Vec::new(), 0, false);
    let mut goes_on = false;
    for turn in 0..100_000 {
        node.engine.on_turn(node.now);
        node.drain();
        for output in std::mem::take(&mut node.outputs) {
            let event = match output {
                Output::Push(to, bytes) if to == way.replica => {
                    way.unsent += bytes.len();
                    continue;
                }
                Output::Resume(_) => {
                    goes_on = true;
                    continue;
                }
                Output::Disk(DiskOp::SnapshotBegin) => DiskEvent::SnapshotWritten(0),
                Output::Disk(DiskOp::SnapshotWrite(bytes)) => {
                    goes_on |= file.is_empty();
                    file.extend_from_slice(&bytes);
                    came_beside += usize::from(node.engine.is_syncing());
                    DiskEvent::SnapshotWritten(bytes.len())
                }
                Output::Disk(DiskOp::SnapshotCommit) => {
                    saved = true;
                    DiskEvent::SnapshotSaved
                }
                _ => continue,
            };
            node.engine.on_disk(event, node.now);
        }
        way.unsent -= way.unsent.min(30_000);
        (node.engine).on_sent(way.replica, Unsent::of(way.unsent), node.now);
        if std::mem::take(&mut goes_on) {
            // Of keys that neither walk, one, or both have come to.
            let request = format!("SET key:{} changed\nSET born:2 x", turn % KEYS);
            node.ask(&mut client, &request);
            goes_on = client.state != SessionState::Parked;
        }
        if saved && !node.engine.is_walking() {
            break;
        }
    }
    assert!(saved && came_beside > 10, "{came_beside} pieces");
    let values = loaded(&file);
    assert_eq!(values.len(), KEYS + LARGE_KEYS + 1);
    assert!(values.contains_key(&b"born:1"[..]) && !values.contains_key(&b"born:2"[..]));
    let as_before = |number| values[format!("key:{number}").as_bytes()].len() == 200;
    assert!((0..KEYS).all(as_before), "the state when it began");
}
