//! Clients that wait for keys while slots move, roles change and replicas follow.

use slotkeeper_node::io::SessionId;

use crate::network::Network;
use crate::redirects::{id, two_masters};
use crate::replicas::pair;

/// A client of a node that has asked for this and waits.
fn waiting(network: &mut Network, host: usize, words: &[&str]) -> SessionId {
    let client = network.connect(host);
    assert_eq!(network.call(host, client, words), "", "{words:?}");
    assert!(network.is_parked(host, client), "{words:?}");
    client
}

fn got(network: &mut Network, host: usize, client: SessionId) -> String {
    (0..2).for_each(|_| network.step());
    let bytes = network.received(host, client);
    String::from_utf8_lossy(&bytes).replace("\r\n", "|")
}

/// `hello` is in slot 866.
#[test]
fn who_waits_in_a_slot_that_leaves_is_sent_after_it() {
    let (mut network, [one, two]) = two_masters();
    let ids = [id(&mut network, 0, one), id(&mut network, 1, two)];
    let leaves = waiting(&mut network, 0, &["BLPOP", "hello", "{hello}2", "0"]);
    let stays = waiting(&mut network, 0, &["BZPOPMIN", "bar", "0"]);
    let set = ["CLUSTER", "SETSLOT", "866"];
    network.call(0, one, &[&set[..], &["MIGRATING", &ids[1]]].concat());
    network.call(1, two, &[&set[..], &["IMPORTING", &ids[0]]].concat());
    assert_eq!(got(&mut network, 0, leaves), "", "it is served where it is");
    let asking = network.connect(1);
    network.call(1, asking, &["ASKING"]);
    assert_eq!(network.call(1, asking, &["BLPOP", "hello", "0"]), "");
    network.call(1, two, &["ASKING"]);
    assert_eq!(network.call(1, two, &["RPUSH", "hello", "x"]), ":1\r\n");
    assert_eq!(got(&mut network, 1, asking), "*2|$5|hello|$1|x|");
    for (host, client) in [(1, two), (0, one)] {
        network.call(host, client, &[&set[..], &["NODE", &ids[1]]].concat());
    }
    network.until("it is sent away", |network| !network.is_parked(0, leaves));
    let moved = "-MOVED 866 127.0.0.1:7001|";
    assert_eq!(got(&mut network, 0, leaves), moved);
    assert!(network.is_parked(0, stays));
}

#[test]
fn who_waits_at_a_master_that_steps_down_is_told_and_closed() {
    let mut network = pair();
    let client = waiting(&mut network, 0, &["BLPOP", "k", "0"]);
    let other = network.connect(1);
    assert_eq!(network.call(1, other, &["CLUSTER", "FAILOVER"]), "+OK\r\n");
    network.until("it is told", |network| {
        network.last_words.contains_key(&(0, client))
    });
    assert_eq!(network.info(0, "role"), "slave");
    let words = network.last_words.remove(&(0, client));
    let text = "-UNBLOCKED force unblock from blocking operation, instance state changed \
        (master -> replica?)\r\n";
    assert_eq!(words.as_deref(), Some(text.as_bytes()));
    let moved = network.connect(0);
    let reply = network.call(0, moved, &["BLPOP", "k", "0"]);
    assert!(reply.starts_with("-MOVED 7629 "), "{reply}");
}

#[test]
fn a_replica_has_what_its_master_has_after_waiting_clients_were_served() {
    let mut network = pair();
    let writer = network.connect(0);
    let clients = [
        waiting(&mut network, 0, &["BLPOP", "{k}a", "0"]),
        waiting(
            &mut network,
            0,
            &["BLMOVE", "{k}a", "{k}b", "LEFT", "RIGHT", "0"],
        ),
        waiting(&mut network, 0, &["BRPOPLPUSH", "{k}b", "{k}c", "0"]),
        waiting(
            &mut network,
            0,
            &["BLMPOP", "0", "1", "{k}a", "RIGHT", "COUNT", "2"],
        ),
        waiting(
            &mut network,
            0,
            &["BZMPOP", "0", "1", "{k}z", "MAX", "COUNT", "2"],
        ),
        waiting(&mut network, 0, &["BZPOPMIN", "{k}z", "0"]),
    ];
    network.call(0, writer, &["MULTI"]);
    network.call(0, writer, &["RPUSH", "{k}a", "1", "2", "3", "4", "5"]);
    network.call(
        0,
        writer,
        &["ZADD", "{k}z", "1", "m", "2", "n", "3", "o", "4", "p"],
    );
    network.call(0, writer, &["EXEC"]);
    let replies = clients.map(|client| got(&mut network, 0, client));
    let wanted = [
        "*2|$4|{k}a|$1|1|",
        "$1|2|",
        "$1|2|",
        "*2|$4|{k}a|*2|$1|5|$1|4|",
        "*2|$4|{k}z|*2|*2|$1|p|$1|4|*2|$1|o|$1|3|",
        "*3|$4|{k}z|$1|m|$1|1|",
    ];
    assert_eq!(replies, wanted);
    network.until("the replica is in step", |network| {
        network.info(0, "master_repl_offset") == network.info(1, "master_repl_offset")
    });
    let reader = network.connect(1);
    network.call(1, reader, &["READONLY"]);
    for (key, values) in [
        ("{k}a", "*1\r\n$1\r\n3\r\n"),
        ("{k}b", "*0\r\n"),
        ("{k}c", "*1\r\n$1\r\n2\r\n"),
    ] {
        let request = ["LRANGE", key, "0", "-1"];
        assert_eq!(
            network.call(0, writer, &request),
            values,
            "{key} at the master"
        );
        assert_eq!(
            network.call(1, reader, &request),
            values,
            "{key} at the replica"
        );
    }
    let request = ["ZRANGE", "{k}z", "0", "-1"];
    for (host, client) in [(0, writer), (1, reader)] {
        assert_eq!(network.call(host, client, &request), "*1\r\n$1\r\nn\r\n");
    }
}
