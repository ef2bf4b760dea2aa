//! Where clients are sent when a slot is served elsewhere, or is on its way.

use slotkeeper_node::io::SessionId;

use crate::network::Network;
use crate::replicas::{config, pair};

/// Two masters: the first has slots 0 to 8191, the second the others. A client of each.
pub fn two_masters() -> (Network, [SessionId; 2]) {
    let mut network = Network::new();
    for port in [7000, 7001] {
        network.start(config(port), None);
    }
    let clients = [network.connect(0), network.connect(1)];
    network.call(0, clients[0], &["CLUSTER", "ADDSLOTSRANGE", "0", "8191"]);
    network.call(
        1,
        clients[1],
        &["CLUSTER", "ADDSLOTSRANGE", "8192", "16383"],
    );
    network.call(1, clients[1], &["CLUSTER", "MEET", "127.0.0.1", "7000"]);
    network.until("both serve", |network| {
        [0, 1].into_iter().all(|host| {
            let info = network.call(host, clients[host], &["CLUSTER", "INFO"]);
            info.contains("cluster_state:ok")
        })
    });
    (network, clients)
}

pub fn id(network: &mut Network, host: usize, client: SessionId) -> String {
    let id = network.call(host, client, &["CLUSTER", "MYID"]);
    id.lines().nth(1).expect("an id").to_owned()
}

/// `hello` is in slot 866.
#[test]
fn a_slot_of_another_node_is_moved() {
    let (mut network, [one, two]) = two_masters();
    assert_eq!(network.call(0, one, &["SET", "hello", "x"]), "+OK\r\n");
    let moved = "-MOVED 866 127.0.0.1:7000\r\n";
    assert_eq!(network.call(1, two, &["GET", "hello"]), moved);
    assert_eq!(network.call(1, two, &["MULTI"]), "+OK\r\n");
    assert_eq!(network.call(1, two, &["GET", "hello"]), moved);
    let aborted = "-EXECABORT Transaction discarded because of previous errors.\r\n";
    assert_eq!(network.call(1, two, &["EXEC"]), aborted);
}

#[test]
fn a_slot_on_its_way_is_served_in_both_places() {
    let (mut network, [one, two]) = two_masters();
    let ids = [id(&mut network, 0, one), id(&mut network, 1, two)];
    network.call(0, one, &["SET", "{hello}here", "x"]);
    let set = ["CLUSTER", "SETSLOT", "866"];
    let migrating = [&set[..], &["MIGRATING", &ids[1]]].concat();
    let importing = [&set[..], &["IMPORTING", &ids[0]]].concat();
    assert_eq!(network.call(0, one, &migrating), "+OK\r\n");
    assert_eq!(network.call(1, two, &importing), "+OK\r\n");

    let ask = "-ASK 866 127.0.0.1:7001\r\n";
    assert_eq!(network.call(0, one, &["GET", "{hello}here"]), "$1\r\nx\r\n");
    assert_eq!(network.call(0, one, &["GET", "{hello}gone"]), ask);
    let again = "-TRYAGAIN Multiple keys request during rehashing of slot\r\n";
    assert_eq!(
        network.call(0, one, &["MGET", "{hello}here", "{hello}gone"]),
        again
    );
    assert_eq!(network.call(0, one, &["MGET", "{hello}a", "{hello}b"]), ask);

    let moved = "-MOVED 866 127.0.0.1:7000\r\n";
    assert_eq!(network.call(1, two, &["SET", "{hello}gone", "y"]), moved);
    network.call(1, two, &["ASKING"]);
    assert_eq!(
        network.call(1, two, &["SET", "{hello}gone", "y"]),
        "+OK\r\n"
    );
    assert_eq!(
        network.call(1, two, &["GET", "{hello}gone"]),
        moved,
        "ASKING is for one request"
    );
    network.call(1, two, &["ASKING"]);
    assert_eq!(
        network.call(1, two, &["MGET", "{hello}gone", "{hello}here"]),
        again
    );
    network.call(1, two, &["ASKING"]);
    network.call(1, two, &["MULTI"]);
    assert_eq!(network.call(1, two, &["GET", "{hello}gone"]), "+QUEUED\r\n");
    assert_eq!(network.call(1, two, &["EXEC"]), "*1\r\n$1\r\ny\r\n");
}

#[test]
fn a_replica_serves_reads_to_those_who_want_it() {
    let mut network = pair();
    let client = network.connect(1);
    let moved = "-MOVED 866 127.0.0.1:7000\r\n";
    assert_eq!(network.call(1, client, &["GET", "hello"]), moved);
    assert_eq!(network.call(1, client, &["READONLY"]), "+OK\r\n");
    assert_eq!(network.call(1, client, &["GET", "hello"]), "$-1\r\n");
    assert_eq!(network.call(1, client, &["SET", "hello", "x"]), moved);
    let flush = "-READONLY You can't write against a read only replica.\r\n";
    assert_eq!(network.call(1, client, &["FLUSHALL"]), flush);
    assert_eq!(network.call(1, client, &["READWRITE"]), "+OK\r\n");
    assert_eq!(network.call(1, client, &["GET", "hello"]), moved);
    let wait = network.call(1, client, &["WAIT", "1", "10"]);
    assert!(
        wait.starts_with("-ERR WAIT cannot be used with replica instances."),
        "{wait}"
    );
}

#[test]
fn a_wait_is_over_once_the_replica_has_confirmed() {
    let mut network = pair();
    let client = network.connect(0);
    network.call(0, client, &["SET", "a", "1"]);
    assert_eq!(
        network.call(0, client, &["WAIT", "1", "0"]),
        "",
        "the ACK takes its time"
    );
    network.until("the replica has confirmed", |network| {
        network.received(0, client) == b":1\r\n"
    });
    assert_eq!(network.call(0, client, &["WAIT", "1", "0"]), ":1\r\n");
}

#[test]
fn a_replica_without_its_master_serves_old_data_or_not() {
    let mut network = pair();
    let client = network.connect(1);
    let config = ["CONFIG", "SET", "replica-serve-stale-data", "no"];
    assert_eq!(network.call(1, client, &config), "+OK\r\n");
    network.call(1, client, &["READONLY"]);
    assert_eq!(network.call(1, client, &["GET", "a"]), "$-1\r\n");
    network.cut(0);
    let refused = "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to \
                   'no'.\r\n";
    assert_eq!(network.call(1, client, &["GET", "a"]), refused);
    assert!(
        network
            .call(1, client, &["INFO"])
            .contains("master_link_status:down")
    );
}
