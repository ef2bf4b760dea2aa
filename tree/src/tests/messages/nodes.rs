//! What is promised of the leaves of streams.

use super::*;

fn pairs(fields: &[&str], value: &str) -> Pairs {
    let pairs = fields
        .iter()
        .map(|field| (field.as_bytes().to_vec(), value.as_bytes().to_vec()));
    pairs.collect()
}

/// What a walk hands out of it now.
fn walked(subject: &mut Subject, budget: usize) -> Seen {
    let frozen = subject.tree.freeze(&mut subject.heap);
    let (mut frozen, mut seen) = (frozen.expect("no walk"), Seen::default());
    while !frozen.step(&mut subject.heap, budget, |part| seen.take(part)) {}
    seen
}

#[test]
fn a_node_is_what_redis_writes() {
    let mut subject = Subject::new();
    subject.append(id(1000, 5), pairs(&["a"], "1"));
    subject.append(id(1001, 0), pairs(&["a"], "xy"));
    subject.append(id(1300, 0), pairs(&["b"], "2"));
    let seen = walked(&mut subject, 1);
    assert_eq!(seen.strings[0], id(1000, 5).to_bytes());
    let expected = [
        // Total and count.
        &[58, 0, 0, 0, 22, 0][..],
        // Three messages, none deleted, one field, the field, 0.
        &[3, 1, 0, 1, 1, 1, 0x81, b'a', 2, 0, 1],
        // Same fields, 0-0 from here, the value, four elements.
        &[2, 1, 0, 1, 0, 1, 1, 1, 4, 1],
        &[2, 1, 1, 1, 0xDF, 0xFB, 2, 0x82, b'x', b'y', 3, 4, 1],
        // Fields of its own: one.
        &[
            0, 1, 0xC1, 0x2C, 2, 0xDF, 0xFB, 2, 1, 1, 0x81, b'b', 2, 2, 1, 6, 1,
        ],
        &[0xFF],
    ]
    .concat();
    assert_eq!(seen.strings[1], expected);
    subject.end();
}

#[test]
fn limits_end_a_node_early() {
    for (limits, messages) in [
        (
            NodeLimits {
                entries: 1,
                bytes: 0,
            },
            1,
        ),
        (
            NodeLimits {
                entries: 7,
                bytes: 0,
            },
            7,
        ),
        (
            NodeLimits {
                entries: 0,
                bytes: 1,
            },
            1,
        ),
    ] {
        let mut subject = Subject::new();
        subject.limits = limits;
        for ms in 1..50 {
            subject.append(id(ms, 0), pairs(&["field"], "value"));
        }
        let last = id(messages, 0);
        assert_eq!(subject.tree.first_leaf(), Some((messages as usize, last)));
        subject.check();
        subject.end();
    }
}

#[test]
fn a_full_leaf_stays_full_and_messages_are_small() {
    let mut subject = Subject::new();
    let count = rounds(20_000, 200);
    for number in 0..count as u64 {
        let at = id(1_700_000_000_000 + number, 0);
        let value = format!("{:08x}", number.wrapping_mul(0x9E37_79B9) as u32);
        subject.append(at, pairs(&["user", "action", "place"], &value));
    }
    let each = subject.tree.memory() / count;
    assert!(each <= 40, "{each} bytes for each message of 3 fields");
    subject.end();
}

#[test]
fn long_messages_come_in_pieces_and_have_nodes_of_their_own() {
    let mut subject = Subject::new();
    subject.append(id(1, 0), pairs(&["a"], "small"));
    let long = "l".repeat(rounds(300_000, 40_000));
    subject.append(id(2, 0), pairs(&["a"], &long));
    subject.append(id(3, 0), pairs(&["a", &"f".repeat(300)], &long));
    subject.append(id(4, 0), pairs(&["a"], "small"));
    let many: Pairs = (0..rounds(30_000, 5000))
        .map(|n| {
            (
                format!("field:{n}").into_bytes(),
                n.to_string().into_bytes(),
            )
        })
        .collect();
    subject.append(id(5, 0), many);
    for budget in [1, 5000, usize::MAX] {
        let seen = walked(&mut subject, budget);
        assert!(seen.messages() == (subject.model.clone(), 5));
    }
    subject.check();
    subject.remove(id(3, 0));
    subject.remove_first(2);
    subject.check();
    subject.end();
}

#[test]
fn removing_and_joining_keeps_what_stays() {
    let mut subject = Subject::new();
    let count = rounds(3000, 150) as u64;
    for ms in 1..count {
        subject.append(
            id(ms * 1000, ms % 3),
            pairs(&["user", "action"], &ms.to_string()),
        );
    }
    let leaves = subject.tree.leaves();
    for ms in 1..count {
        if !ms.is_multiple_of(10) {
            subject.remove(id(ms * 1000, ms % 3));
        }
    }
    subject.check();
    assert!(subject.tree.leaves() * 3 < leaves);
    let seen = walked(&mut subject, 500);
    assert!(seen.messages().0 == subject.model);
    subject.end();
}
