//! redis-server 7.0 knows no fields that expire: it gets no sync while there are any, and one as soon as
//! there are none.

use slotkeeper_node::resp::ReplyValue;

use crate::process::Server;
use crate::sync::is_up;

#[test]
fn a_replica_that_knows_no_times_of_fields_waits_until_there_are_none() {
    let master = Server::node(&["--repl-diskless-sync-delay", "0"]);
    let mut client = master.client();
    client.call(&["HSET", "hash", "a", "1", "b", "2"]);
    let one = ReplyValue::Array(vec![ReplyValue::Integer(1)]);
    let set = client.call(&["HEXPIRE", "hash", "1000", "FIELDS", "1", "a"]);
    assert_eq!(set, one);
    let port = master.port.to_string();
    let replica = Server::redis(&["--replicaof", "127.0.0.1", &port]);
    let refusal = "fields of the key 'hash' expire";
    master.until("it is refused", || master.log().contains(refusal));
    replica.until("it hears why", || replica.log().contains(refusal));
    assert!(!is_up(&replica));
    assert_eq!(master.info("sync_full"), "0");
    let persisted = client.call(&["HPERSIST", "hash", "FIELDS", "1", "a"]);
    assert_eq!(persisted, one);
    replica.until("it is in sync", || is_up(&replica));
    let fields = replica.client().call(&["HGETALL", "hash"]);
    assert_eq!(fields, client.call(&["HGETALL", "hash"]));
    // From the first field that expires on, its link is closed.
    client.call(&["HEXPIRE", "hash", "1000", "FIELDS", "1", "b"]);
    replica.until("it is cut off", || !is_up(&replica));
    client.call(&["HDEL", "hash", "b"]);
    replica.until("it is in sync again", || is_up(&replica));
    replica.until("it has the same", || {
        replica.client().call(&["HGETALL", "hash"]) == client.call(&["HGETALL", "hash"])
    });
}
