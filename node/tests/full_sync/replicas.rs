//! Whole nodes that follow each other.

use slotkeeper_node::config::Config;
use slotkeeper_node::io::StopSignal;

use crate::network::Network;

pub fn config(port: u16) -> Config {
    Config {
        port,
        cluster_enabled: true,
        cluster_node_timeout: 2000,
        save: Vec::new(),
        ..Config::default()
    }
}

/// A master of all slots and a replica that is in sync.
pub fn pair() -> Network {
    let mut network = Network::new();
    let master = network.start(config(7000), None);
    let replica = network.start(config(7001), None);
    let client = network.connect(master);
    network.call(master, client, &["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    let other = network.connect(replica);
    network.call(replica, other, &["CLUSTER", "MEET", "127.0.0.1", "7000"]);
    let id = network.call(master, client, &["CLUSTER", "MYID"]);
    let id = id.lines().nth(1).expect("an id").to_owned();
    network.until("the replica follows", |network| {
        network
            .call(replica, other, &["CLUSTER", "REPLICATE", &id])
            .starts_with("+OK")
    });
    network.until("all is well", |network| {
        in_sync(network, master, replica) && serves(network, master) && serves(network, replica)
    });
    network
}

fn in_sync(network: &mut Network, master: usize, replica: usize) -> bool {
    network.info(replica, "master_link_status") == "up"
        && network.info(master, "master_repl_offset") == network.info(replica, "master_repl_offset")
}

fn serves(network: &mut Network, host: usize) -> bool {
    let client = network.connect(host);
    let info = network.call(host, client, &["CLUSTER", "INFO"]);
    network.close_session(host, client);
    info.contains("cluster_state:ok")
}

fn get(network: &mut Network, host: usize, key: &str) -> String {
    let client = network.connect(host);
    network.call(host, client, &["READONLY"]);
    let answer = network.call(host, client, &["GET", key]);
    network.close_session(host, client);
    answer
}

#[test]
fn replicas_that_come_within_the_delay_share_one_sync() {
    let mut network = Network::new();
    let delayed = Config {
        repl_diskless_sync_delay: 5,
        ..config(7000)
    };
    network.start(delayed, None);
    let client = network.connect(0);
    network.call(0, client, &["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    let id = network.call(0, client, &["CLUSTER", "MYID"]);
    let id = id.lines().nth(1).expect("an id").to_owned();
    for (host, port) in [(1, 7001), (2, 7002)] {
        network.start(config(port), None);
        let client = network.connect(host);
        network.call(host, client, &["CLUSTER", "MEET", "127.0.0.1", "7000"]);
        network.until("the replica follows", |network| {
            network
                .call(host, client, &["CLUSTER", "REPLICATE", &id])
                .starts_with("+OK")
        });
    }
    network.until("both are in sync", |network| {
        (1..3).all(|host| network.info(host, "master_link_status") == "up")
    });
    let log = &network.hosts[0].log;
    let sent = log
        .iter()
        .filter(|line| line.starts_with("Sending the data set at"));
    let sent: Vec<_> = sent.collect();
    assert!(
        matches!(sent.as_slice(), [one] if one.ends_with("to 2 replicas")),
        "{log:?}"
    );
}

#[test]
fn a_replica_follows_and_continues_after_a_cut() {
    let mut network = pair();
    let client = network.connect(0);
    network.call(0, client, &["SET", "a", "1"]);
    network.until("it is replicated", |network| {
        get(network, 1, "a") == "$1\r\n1\r\n"
    });
    assert_eq!(network.info(1, "role"), "slave");
    assert_eq!(network.info(0, "connected_slaves"), "1");
    network.cut(1);
    let client = network.connect(0);
    network.call(0, client, &["SET", "b", "2"]);
    network.until("it is replicated", |network| {
        get(network, 1, "b") == "$1\r\n2\r\n"
    });
    let partial = "Successful partial resynchronization with master.";
    assert!(
        network.hosts[1].log.iter().any(|line| line == partial),
        "{:?}",
        network.hosts[1].log
    );
}

#[test]
fn the_links_of_replication_are_listed_and_can_be_killed() {
    let mut network = pair();
    let (client, other) = (network.connect(0), network.connect(1));
    let list = network.call(0, client, &["CLIENT", "LIST", "TYPE", "replica"]);
    assert_eq!(list.matches(" flags=S ").count(), 1, "{list}");
    let masters = ["CLIENT", "LIST", "TYPE", "master"];
    let list = network.call(1, other, &masters);
    assert_eq!(list.matches("id=").count(), 1, "{list}");
    for part in [" addr=127.0.0.1:7000 ", " flags=M ", " user=(superuser) "] {
        assert!(list.contains(part), "{part} is not in {list}");
    }
    let all = network.call(1, other, &["CLIENT", "LIST"]);
    assert_eq!(all.matches(" flags=M ").count(), 1, "{all}");
    let kill = |kind| ["CLIENT", "KILL", "TYPE", kind];
    assert_eq!(network.call(0, client, &kill("master")), ":0\r\n");
    assert_eq!(network.call(1, other, &kill("master")), ":1\r\n");
    network.until("it follows again", |network| in_sync(network, 0, 1));
    let again = network.call(1, other, &masters);
    let id = |list: &str| list.split("id=").nth(1).map(|rest| rest[..4].to_owned());
    assert!(id(&again).is_some() && id(&again) != id(&list), "{again}");
    assert!(
        network.hosts[1]
            .log
            .iter()
            .any(|line| line.starts_with("Successful partial"))
    );
}

#[test]
fn a_restarted_master_without_data_does_not_empty_its_replica() {
    let mut network = pair();
    let client = network.connect(0);
    network.call(0, client, &["SET", "a", "1"]);
    network.until("it is replicated", |network| {
        get(network, 1, "a") == "$1\r\n1\r\n"
    });
    network.restart(
        0,
        Config {
            cluster_empty_master_wait: -1,
            ..config(7000)
        },
        None,
    );
    for _ in 0..5000 {
        network.step();
    }
    assert!(network.info(1, "db0").starts_with("keys=1,"));
    assert_eq!(network.info(0, "slotkeeper_withholding"), "1");
    assert!(get(&mut network, 0, "a").starts_with("-LOADING"));
    let client = network.connect(0);
    let run_id = network.info(0, "run_id");
    assert_eq!(
        network.call(0, client, &["SLOTKEEPER", "SERVE", &run_id]),
        "+OK\r\n"
    );
    network.until("it serves", |network| get(network, 0, "a") == "$-1\r\n");
}

#[test]
fn a_master_with_the_file_of_its_last_moment_serves_again() {
    let mut network = pair();
    let client = network.connect(0);
    network.call(0, client, &["SET", "a", "1"]);
    network.call(0, client, &["BGSAVE"]);
    network.until("it is saved", |network| network.hosts[0].file.is_some());
    network.until("the replica has it", |network| in_sync(network, 0, 1));
    let file = network.hosts[0].file.clone();
    // The replica is killed first, so that it stays where the file is.
    network.cut(1);
    network.restart(
        0,
        Config {
            cluster_empty_master_wait: -1,
            ..config(7000)
        },
        file,
    );
    network.until("it serves", |network| get(network, 0, "a") == "$1\r\n1\r\n");
    network.until("the replica is back", |network| in_sync(network, 0, 1));
}

#[test]
fn a_master_that_leaves_hands_over_first() {
    let mut network = Network::new();
    for port in 7000..7004 {
        network.start(
            Config {
                shutdown_handover: true,
                ..config(port)
            },
            None,
        );
    }
    form(&mut network);
    let client = network.connect(0);
    network.call(0, client, &["SET", "b", "1"]);
    let now = network.now;
    network.hosts[0]
        .engine
        .on_signal(StopSignal::Terminate, now);
    network.until("it has left", |network| network.hosts[0].exited.is_some());
    assert_eq!(network.hosts[0].exited, Some(0));
    assert_eq!(network.info(3, "role"), "master");
}

#[test]
fn shutdown_failover_hands_over_whatever_the_configuration_says() {
    let mut network = Network::new();
    for port in 7000..7004 {
        network.start(config(port), None);
    }
    form(&mut network);
    let client = network.connect(0);
    network.call(0, client, &["SET", "b", "1"]);
    network.send(0, client, b"SHUTDOWN FAILOVER\r\n");
    network.until("it has left", |network| network.hosts[0].exited.is_some());
    assert_eq!(network.hosts[0].exited, Some(0));
    assert_eq!(network.info(3, "role"), "master");
}

/// Three masters, and a replica of the first, that save when they leave.
fn handing_over() -> Network {
    let mut network = Network::new();
    for port in 7000..7004 {
        network.start(
            Config {
                shutdown_handover: true,
                save: Config::default().save,
                ..config(port)
            },
            None,
        );
    }
    form(&mut network);
    network
}

fn die(network: &mut Network, host: usize) {
    network.hosts[host].exited = Some(1);
    network.cut(host);
}

fn terminate(network: &mut Network, host: usize) {
    let now = network.now;
    network.hosts[host]
        .engine
        .on_signal(StopSignal::Terminate, now);
}

/// How many milliseconds it takes until the node has left.
fn leaves_in(network: &mut Network, host: usize) -> u64 {
    let start = network.now.mono_ms();
    network.until("it has left", |network| {
        network.hosts[host].exited == Some(0)
    });
    network.now.mono_ms() - start
}

#[test]
fn a_master_whose_replica_goes_while_it_takes_over_leaves_soon() {
    let mut network = handing_over();
    // The others are silent, so that none can be elected.
    die(&mut network, 1);
    die(&mut network, 2);
    terminate(&mut network, 0);
    network.until("the replica has agreed", |network| {
        network.hosts[0]
            .log
            .iter()
            .any(|line| line.ends_with("answers: +OK"))
    });
    for _ in 0..500 {
        network.step();
    }
    assert_eq!(
        network.hosts[0].exited, None,
        "it stays while a replica may win"
    );
    die(&mut network, 3);
    assert!((1000..1300).contains(&leaves_in(&mut network, 0)));
    assert!(network.hosts[0].file.is_some(), "it has saved");
}

#[test]
fn a_replica_that_leaves_does_not_take_over() {
    let mut network = handing_over();
    network.stuck_disk = Some(3);
    terminate(&mut network, 3);
    let client = network.connect(3);
    let answer = network.call(3, client, &["CLUSTER", "FAILOVER"]);
    assert!(
        answer.starts_with("-ERR This node is shutting down"),
        "{answer}"
    );
    terminate(&mut network, 0);
    assert!(leaves_in(&mut network, 0) < 300);
    let log = network.hosts[0].log.join("\n");
    assert!(
        log.contains("No replica is left that could take over"),
        "{log}"
    );
}

/// Three masters, and a replica of the first.
fn form(network: &mut Network) {
    for (host, range) in [("0", "5460"), ("5461", "10922"), ("10923", "16383")]
        .iter()
        .enumerate()
    {
        let client = network.connect(host);
        network.call(
            host,
            client,
            &["CLUSTER", "ADDSLOTSRANGE", range.0, range.1],
        );
    }
    let first = network.connect(0);
    for port in ["7001", "7002", "7003"] {
        network.call(0, first, &["CLUSTER", "MEET", "127.0.0.1", port]);
    }
    let id = network.call(0, first, &["CLUSTER", "MYID"]);
    let id = id.lines().nth(1).expect("an id").to_owned();
    let replica = network.connect(3);
    network.until("the replica follows", |network| {
        network
            .call(3, replica, &["CLUSTER", "REPLICATE", &id])
            .starts_with("+OK")
    });
    network.until("all is well", |network| {
        in_sync(network, 0, 3)
            && (0..4).all(|host| {
                let client = network.connect(host);
                let info = network.call(host, client, &["CLUSTER", "INFO"]);
                network.close_session(host, client);
                info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:4")
            })
    });
}

#[test]
fn save_answers_once_the_file_is_in_place_and_the_file_is_read_back() {
    let mut network = Network::new();
    let config = || Config {
        save: Vec::new(),
        ..Config::default()
    };
    let host = network.start(config(), None);
    let client = network.connect(host);
    network.call(host, client, &["SET", "a", "1"]);
    assert_eq!(network.call(host, client, &["SAVE"]), "");
    network.step();
    assert_eq!(network.received(host, client), b"+OK\r\n");
    let offset = network.info(host, "master_repl_offset");
    let file = network.hosts[host].file.clone();
    network.restart(host, config(), file);
    assert_eq!(get(&mut network, host, "a"), "$1\r\n1\r\n");
    assert_eq!(network.info(host, "master_repl_offset"), offset);
}

#[test]
fn a_shutdown_waits_for_replicas_and_can_be_called_off() {
    let mut network = pair();
    let client = network.connect(0);
    network.bandwidth = 0;
    network.call(0, client, &["SET", "a", "1"]);
    assert_eq!(network.call(0, client, &["SHUTDOWN"]), "");
    let other = network.connect(0);
    assert_eq!(
        network.call(0, other, &["SET", "b", "1"]),
        "",
        "writes wait"
    );
    let third = network.connect(0);
    assert_eq!(network.call(0, third, &["SHUTDOWN", "ABORT"]), "+OK\r\n");
    network.step();
    assert!(
        network
            .received(0, client)
            .starts_with(b"-ERR Errors trying to SHUTDOWN")
    );
    assert_eq!(network.received(0, other), b"+OK\r\n");
    network.call(0, client, &["SHUTDOWN"]);
    for _ in 0..50 {
        network.step();
    }
    assert_eq!(network.hosts[0].exited, None);
    network.bandwidth = 1 << 20;
    network.until("it has left", |network| network.hosts[0].exited == Some(0));
    assert!(network.info(1, "db0").starts_with("keys=2,"));
}

#[test]
fn wait_and_min_replicas_count_those_that_have_confirmed() {
    let mut network = pair();
    let client = network.connect(0);
    network.call(0, client, &["SET", "a", "1"]);
    assert_eq!(network.call(0, client, &["WAIT", "1", "0"]), "");
    network.until("it is confirmed", |network| {
        network.received(0, client) == b":1\r\n"
    });
    network.call(0, client, &["CONFIG", "SET", "min-replicas-to-write", "1"]);
    assert_eq!(network.call(0, client, &["SET", "a", "2"]), "+OK\r\n");
    network.bandwidth = 0;
    network.until("it counts no more", |network| {
        network
            .call(0, client, &["SET", "a", "3"])
            .starts_with("-NOREPLICAS")
    });
}

/// A data file that was cut anywhere, even to nothing, ends the start.
#[test]
fn every_cut_data_file_is_refused() {
    let mut network = Network::new();
    network.start(config(7000), None);
    let client = network.connect(0);
    network.call(0, client, &["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    network.until("it serves", |network| serves(network, 0));
    network.call(0, client, &["SET", "a", "12345"]);
    network.call(0, client, &["SET", "b", &"x".repeat(300), "EX", "1000"]);
    network.send(0, client, b"*1\r\n$4\r\nSAVE\r\n");
    network.until("it is saved", |network| network.hosts[0].file.is_some());
    let whole = network.hosts[0].file.clone().unwrap();
    for len in 0..=whole.len() {
        let host = network.start(config(7001), Some(whole[..len].to_vec()));
        network.step();
        let this = &network.hosts[host];
        if len == whole.len() {
            assert_eq!(this.exited, None);
            break;
        }
        assert_eq!(this.exited, Some(1), "{len} bytes");
        let line = "Fatal error loading the DB from ./dump.rdb: Unexpected end of the RDB data. \
            Exiting.";
        assert!(
            this.log.iter().any(|l| l == line),
            "{len} bytes: {:?}",
            this.log
        );
        network.hosts.pop();
    }
}
