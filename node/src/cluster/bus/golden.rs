//! Frames of a real redis-server 7.0.15, captured between four nodes while they met, failed over
//! by hand and by election, and lost a node; and what random bytes do.

use proptest::prelude::*;
use slotkeeper_topology::{Epoch, SlotSet};

use super::*;
use crate::cluster::node::Flags;

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(pair).collect()
}

macro_rules! frames {
    ($($name:literal),*) => {
        vec![$(($name, bytes(include_str!(concat!("golden/", $name, ".hex"))))),*]
    };
}

fn frames() -> Vec<(&'static str, Vec<u8>)> {
    frames![
        "meet",
        "ping",
        "pong",
        "ping-paused",
        "ping-replica",
        "fail",
        "publish",
        "auth-req",
        "auth-ack",
        "update",
        "mfstart"
    ]
}

fn frame(name: &str) -> Vec<u8> {
    frames().into_iter().find(|(n, _)| *n == name).unwrap().1
}

#[test]
fn frames_of_redis_are_written_back_byte_for_byte() {
    for (name, bytes) in frames() {
        assert_eq!(frame_length(&bytes), Ok(Some(bytes.len())), "{name}");
        let message = decode(&bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(name.starts_with(message.header.kind.name()), "{name}");
        assert!(encode(&message) == bytes, "{name}");
    }
}

#[test]
fn a_ping_says_what_its_sender_said() {
    let bytes = frame("ping");
    let Message {
        header,
        body: Body::Gossip {
            entries,
            extensions,
        },
    } = decode(&bytes).unwrap()
    else {
        panic!("a ping has gossip");
    };
    assert_eq!(
        (header.port, header.bus_port, header.plain_port),
        (21210, 31250, 0)
    );
    assert_eq!(header.flags, Flags::MASTER | Flags::MYSELF);
    assert_eq!((header.ip, header.master), (None, None));
    assert!(header.has(FLAG_EXTENSIONS));
    assert_eq!(entries.len(), 2);
    for entry in &entries {
        assert_eq!(entry.ip, Some("127.0.0.1".parse().unwrap()));
        assert!((31251..=31253).contains(&entry.bus_port));
        assert!(entry.pong_received > 1_700_000_000);
    }
    assert_eq!(extensions, [Extension::Hostname("node-0.example")]);
}

#[test]
fn a_replica_shows_the_slots_of_its_master() {
    let bytes = frame("ping-replica");
    let header = decode(&bytes).unwrap().header;
    assert!(header.flags.has(Flags::REPLICA));
    assert!(header.master.is_some());
    assert_eq!(SlotSet::from_bitmap(header.slots).to_string(), "0-5461");
}

#[test]
fn a_paused_master_and_a_forced_vote_are_marked() {
    let paused = frame("ping-paused");
    assert!(decode(&paused).unwrap().header.has(FLAG_PAUSED));
    let request = frame("auth-req");
    assert!(decode(&request).unwrap().header.has(FLAG_FORCE_ACK));
}

#[test]
fn an_update_names_the_newer_owner() {
    let bytes = frame("update");
    let Body::Update { epoch, id, slots } = decode(&bytes).unwrap().body else {
        panic!("an update has an owner");
    };
    assert!(epoch > Epoch(0));
    assert_eq!(id, decode(&bytes).unwrap().header.sender);
    assert_eq!(SlotSet::from_bitmap(slots).to_string(), "0-5461");
}

#[test]
fn the_extensions_of_later_versions_go_to_and_fro() {
    let bytes = frame("ping");
    let mut message = decode(&bytes).unwrap();
    let id = message.header.sender;
    let sent = vec![
        Extension::Hostname("a"),
        Extension::HumanName("seven b"),
        Extension::Forgotten { id, seconds: 60 },
        Extension::Shard(id),
        Extension::Unknown(77),
    ];
    message.body = Body::Gossip {
        entries: Vec::new(),
        extensions: sent.clone(),
    };
    let frame = encode(&message);
    assert_eq!(frame.len() % 8, 0);
    let Body::Gossip { extensions, .. } = decode(&frame).unwrap().body else {
        panic!("still a ping");
    };
    assert_eq!(extensions, sent);
}

#[test]
fn a_frame_cut_or_lengthened_anywhere_is_refused() {
    for (name, bytes) in frames() {
        for length in (8..bytes.len()).step_by(7) {
            let mut cut = bytes[..length].to_vec();
            assert!(decode(&cut).is_err(), "{name} cut at {length}");
            cut[4..8].copy_from_slice(&u32::try_from(length).unwrap().to_be_bytes());
            assert!(decode(&cut).is_err(), "{name} cut at {length}, and says so");
        }
        let mut long = bytes.clone();
        long.extend_from_slice(&[0; 8]);
        let length = u32::try_from(long.len()).unwrap();
        long[4..8].copy_from_slice(&length.to_be_bytes());
        assert!(decode(&long).is_err(), "{name} with a tail");
    }
}

#[test]
fn what_is_not_the_bus_is_known_early() {
    assert_eq!(frame_length(b"RC"), Ok(None));
    assert_eq!(frame_length(b"GET / HTTP"), Err(BadFrame::NotTheBus));
    assert_eq!(frame_length(b"RCmb\0\0\0\x10"), Err(BadFrame::NotTheBus));
    let mut bytes = frame("ping");
    bytes[9] = 7;
    assert_eq!(decode(&bytes), Err(BadFrame::Version(7)));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        which in 0..11usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20),
        numbers in prop::collection::vec((2200..2300usize, any::<u8>()), 0..8),
    ) {
        let mut bytes = frames().swap_remove(which).1;
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        for (at, byte) in numbers {
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
        if let Ok(message) = decode(&bytes) {
            let again = encode(&message);
            prop_assert!(decode(&again).is_ok());
        }
        let _ = frame_length(&bytes);
    }
}
