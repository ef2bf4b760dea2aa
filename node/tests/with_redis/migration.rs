//! Replicas that change their master, in clusters of both kinds of server.

use slotkeeper_node::resp::ReplyValue;

use crate::process::Server;
use crate::sync::{CLUSTER, is_up};

pub fn id(server: &Server) -> String {
    let id = server.client().call(&["CLUSTER", "MYID"]);
    String::from_utf8_lossy(id.text().expect("an id")).into_owned()
}

fn is_ok(server: &Server, words: &[&str]) -> bool {
    server.client().call(words) == ReplyValue::Simple(b"OK".to_vec())
}

/// Two masters, which share the slots below and from `split` on, and replicas, each with the number
/// of its master. All of them serve and are in sync.
fn form(masters: [&Server; 2], split: u16, replicas: &[(&Server, usize)]) {
    let below = (split - 1).to_string();
    let ranges = [["0", &below], [&split.to_string(), "16383"]];
    for (master, [first, last]) in masters.into_iter().zip(ranges) {
        assert!(is_ok(master, &["CLUSTER", "ADDSLOTSRANGE", first, last]));
    }
    let others = replicas.iter().map(|(replica, _)| *replica);
    for other in others.chain([masters[1]]) {
        let port = masters[0].port.to_string();
        assert!(is_ok(other, &["CLUSTER", "MEET", "127.0.0.1", &port]));
    }
    for (replica, master) in replicas {
        let master = id(masters[*master]);
        replica.until("it knows its master", || {
            is_ok(replica, &["CLUSTER", "REPLICATE", &master])
        });
        replica.until("it is in sync", || is_up(replica));
    }
    for server in masters.into_iter().chain(replicas.iter().map(|(r, _)| *r)) {
        server.until("it serves", || {
            let info = server.client().call(&["CLUSTER", "INFO"]);
            let text = String::from_utf8_lossy(info.text().expect("a text")).into_owned();
            text.contains("cluster_state:ok")
                && text.contains(&format!("cluster_known_nodes:{}", replicas.len() + 2))
        });
    }
}

fn follows(replica: &Server, master: &Server) -> bool {
    replica.info("master_port") == master.port.to_string() && is_up(replica)
}

#[test]
fn one_replica_of_either_kind_goes_to_a_master_that_lost_its_own() {
    for ours_first in [true, false] {
        let kinds: [fn(&[&str]) -> Server; 2] = match ours_first {
            true => [Server::node, Server::redis],
            false => [Server::redis, Server::node],
        };
        let (many, lonely) = (kinds[0](&CLUSTER), kinds[1](&CLUSTER));
        let (first, second) = (Server::node(&CLUSTER), Server::redis(&CLUSTER));
        let lost = Server::node(&CLUSTER);
        let replicas = [(&first, 0), (&second, 0), (&lost, 1)];
        form([&many, &lonely], 8192, &replicas);
        drop(lost);
        let both = [&first, &second];
        many.until("one of them leaves", || {
            both.iter().any(|replica| follows(replica, &lonely))
        });
        let stays = both.iter().filter(|replica| follows(replica, &many));
        assert_eq!(stays.count(), 1, "{}\n{}", first.log(), second.log());
    }
}

#[test]
fn a_shard_that_gave_its_last_slot_away_follows_the_new_owner() {
    for ours_first in [true, false] {
        let kinds: [fn(&[&str]) -> Server; 2] = match ours_first {
            true => [Server::node, Server::redis],
            false => [Server::redis, Server::node],
        };
        let (few, rest) = (kinds[0](&CLUSTER), kinds[1](&CLUSTER));
        let (first, second) = (Server::node(&CLUSTER), Server::redis(&CLUSTER));
        form([&few, &rest], 2, &[(&first, 0), (&second, 0)]);
        let (from, to) = (id(&few), id(&rest));
        for slot in ["0", "1"] {
            let set = |server: &Server, what: &str, node: &str| {
                is_ok(server, &["CLUSTER", "SETSLOT", slot, what, node])
            };
            assert!(set(&rest, "IMPORTING", &from));
            assert!(set(&few, "MIGRATING", &to));
            assert!(set(&rest, "NODE", &to));
            // The bus may have brought the news of the last one, and made it a replica.
            set(&few, "NODE", &to);
        }
        for server in [&few, &first, &second] {
            server.until("it follows the new owner", || follows(server, &rest));
        }
    }
}
