//! Data on its way between our node and redis-server: filled in before a full sync, changed while it
//! runs, and compared after it.

use slotkeeper_node::resp::ReplyValue;

use crate::process::{Client, Server};

pub const CLUSTER: [&str; 4] = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];

/// Some data, and what happens to them.
pub struct Load {
    pub fill: fn(&Server),
    pub change: fn(&Server),
    /// Asks the master and the replica the same, and compares.
    pub compare: fn(&mut Client, &mut Client),
}

impl Load {
    /// redis-server with these options as a replica of our node, neither in a cluster.
    pub fn redis_follows_our_node(&self, options: &[&str]) {
        let master = Server::node(&[]);
        (self.fill)(&master);
        let port = master.port.to_string();
        let options = [&["--replicaof", "127.0.0.1", &port], options].concat();
        let replica = Server::redis(&options);
        self.change_and_compare(&master, &replica);
    }

    /// Our node as a replica of redis-server, in a cluster.
    pub fn our_node_follows_redis(&self) {
        let (master, replica) = (Server::redis(&CLUSTER), Server::node(&CLUSTER));
        serve_all(&master);
        (self.fill)(&master);
        join(&master, &replica);
        self.change_and_compare(&master, &replica);
    }

    fn change_and_compare(&self, master: &Server, replica: &Server) {
        (self.change)(master);
        replica.until("the replica is in sync", || is_up(replica));
        replica.until("the replica has everything", || {
            replica.info("slave_repl_offset") == master.info("master_repl_offset")
        });
        let (mut left, mut right) = (master.client(), replica.client());
        right.call(&["READONLY"]);
        (self.compare)(&mut left, &mut right);
        assert_eq!(left.call(&["DBSIZE"]), right.call(&["DBSIZE"]));
        assert_eq!(master.info("connected_slaves"), "1");
    }
}

/// Whether the link to its master is up.
pub fn is_up(replica: &Server) -> bool {
    replica.info("master_link_status") == "up"
}

/// Sends one request a number, in batches, and looks for errors.
pub fn each(
    client: &mut Client,
    numbers: std::ops::Range<usize>,
    make: impl Fn(usize, &mut Vec<u8>),
) {
    let (mut batch, mut count) = (Vec::new(), 0);
    let last = numbers.end;
    for number in numbers {
        make(number, &mut batch);
        count += 1;
        if batch.len() > 50_000 || number + 1 == last {
            for reply in client.calls(&batch, count) {
                assert!(!matches!(reply, ReplyValue::Error(_)), "{reply:?}");
            }
            (batch, count) = (Vec::new(), 0);
        }
    }
}

/// Makes it the master of all slots.
pub fn serve_all(master: &Server) {
    let mut client = master.client();
    client.call(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    master.until("it serves", || {
        client.call(&["SET", "{s}a", "1"]) == ReplyValue::Simple(b"OK".to_vec())
    });
}

/// A master of all slots and a replica of it, as two processes of one cluster.
pub fn join(master: &Server, replica: &Server) {
    let (mut first, mut second) = (master.client(), replica.client());
    first.call(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    second.call(&["CLUSTER", "MEET", "127.0.0.1", &master.port.to_string()]);
    let id = first.call(&["CLUSTER", "MYID"]);
    let id = String::from_utf8_lossy(id.text().expect("an id")).into_owned();
    replica.until("it knows its master", || {
        second.call(&["CLUSTER", "REPLICATE", &id]) == ReplyValue::Simple(b"OK".to_vec())
    });
}
