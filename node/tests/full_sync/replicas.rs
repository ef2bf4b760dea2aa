//! Whole nodes that follow each other.

use slotkeeper_node::config::Config;

use crate::world::World;

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
pub fn pair() -> World {
    let mut world = World::new();
    let master = world.start(config(7000), None);
    let replica = world.start(config(7001), None);
    let client = world.connect(master);
    world.call(master, client, &["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    let other = world.connect(replica);
    world.call(replica, other, &["CLUSTER", "MEET", "127.0.0.1", "7000"]);
    let id = world.call(master, client, &["CLUSTER", "MYID"]);
    let id = id.lines().nth(1).expect("an id").to_owned();
    world.until("the replica follows", |world| {
        world
            .call(replica, other, &["CLUSTER", "REPLICATE", &id])
            .starts_with("+OK")
    });
    world.until("all is well", |world| {
        in_sync(world, master, replica) && serves(world, master) && serves(world, replica)
    });
    world
}

fn in_sync(world: &mut World, master: usize, replica: usize) -> bool {
    world.info(replica, "master_link_status") == "up"
        && world.info(master, "master_repl_offset") == world.info(replica, "master_repl_offset")
}

fn serves(world: &mut World, host: usize) -> bool {
    let client = world.connect(host);
    let info = world.call(host, client, &["CLUSTER", "INFO"]);
    world.close_session(host, client);
    info.contains("cluster_state:ok")
}

fn get(world: &mut World, host: usize, key: &str) -> String {
    let client = world.connect(host);
    world.call(host, client, &["READONLY"]);
    let answer = world.call(host, client, &["GET", key]);
    world.close_session(host, client);
    answer
}

#[test]
fn replicas_that_come_within_the_delay_share_one_sync() {
    let mut world = World::new();
    let delayed = Config {
        repl_diskless_sync_delay: 5,
        ..config(7000)
    };
    world.start(delayed, None);
    let client = world.connect(0);
    world.call(0, client, &["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    let id = world.call(0, client, &["CLUSTER", "MYID"]);
    let id = id.lines().nth(1).expect("an id").to_owned();
    for (host, port) in [(1, 7001), (2, 7002)] {
        world.start(config(port), None);
        let client = world.connect(host);
        world.call(host, client, &["CLUSTER", "MEET", "127.0.0.1", "7000"]);
        world.until("the replica follows", |world| {
            world
                .call(host, client, &["CLUSTER", "REPLICATE", &id])
                .starts_with("+OK")
        });
    }
    world.until("both are in sync", |world| {
        (1..3).all(|host| world.info(host, "master_link_status") == "up")
    });
    let log = &world.hosts[0].log;
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
    let mut world = pair();
    let client = world.connect(0);
    world.call(0, client, &["SET", "a", "1"]);
    world.until("it is replicated", |world| {
        get(world, 1, "a") == "$1\r\n1\r\n"
    });
    assert_eq!(world.info(1, "role"), "slave");
    assert_eq!(world.info(0, "connected_slaves"), "1");
    world.cut(1);
    let client = world.connect(0);
    world.call(0, client, &["SET", "b", "2"]);
    world.until("it is replicated", |world| {
        get(world, 1, "b") == "$1\r\n2\r\n"
    });
    let partial = "Successful partial resynchronization with master.";
    assert!(
        world.hosts[1].log.iter().any(|line| line == partial),
        "{:?}",
        world.hosts[1].log
    );
}

#[test]
fn the_links_of_replication_are_listed_and_can_be_killed() {
    let mut world = pair();
    let (client, other) = (world.connect(0), world.connect(1));
    let list = world.call(0, client, &["CLIENT", "LIST", "TYPE", "replica"]);
    assert_eq!(list.matches(" flags=S ").count(), 1, "{list}");
    let masters = ["CLIENT", "LIST", "TYPE", "master"];
    let list = world.call(1, other, &masters);
    assert_eq!(list.matches("id=").count(), 1, "{list}");
    for part in [" addr=127.0.0.1:7000 ", " flags=M ", " user=(superuser) "] {
        assert!(list.contains(part), "{part} is not in {list}");
    }
    let all = world.call(1, other, &["CLIENT", "LIST"]);
    assert_eq!(all.matches(" flags=M ").count(), 1, "{all}");
    let kill = |kind| ["CLIENT", "KILL", "TYPE", kind];
    assert_eq!(world.call(0, client, &kill("master")), ":0\r\n");
    assert_eq!(world.call(1, other, &kill("master")), ":1\r\n");
    world.until("it follows again", |world| in_sync(world, 0, 1));
    let again = world.call(1, other, &masters);
    let id = |list: &str| list.split("id=").nth(1).map(|rest| rest[..4].to_owned());
    assert!(id(&again).is_some() && id(&again) != id(&list), "{again}");
    assert!(
        world.hosts[1]
            .log
            .iter()
            .any(|line| line.starts_with("Successful partial"))
    );
}

#[test]
fn a_restarted_master_without_data_does_not_empty_its_replica() {
    let mut world = pair();
    let client = world.connect(0);
    world.call(0, client, &["SET", "a", "1"]);
    world.until("it is replicated", |world| {
        get(world, 1, "a") == "$1\r\n1\r\n"
    });
    world.restart(
        0,
        Config {
            cluster_empty_master_wait: -1,
            ..config(7000)
        },
        None,
    );
    for _ in 0..5000 {
        world.step();
    }
    assert!(world.info(1, "db0").starts_with("keys=1,"));
    assert_eq!(world.info(0, "slotkeeper_withholding"), "1");
    assert!(get(&mut world, 0, "a").starts_with("-LOADING"));
    let client = world.connect(0);
    let run_id = world.info(0, "run_id");
    assert_eq!(
        world.call(0, client, &["SLOTKEEPER", "SERVE", &run_id]),
        "+OK\r\n"
    );
    world.until("it serves", |world| get(world, 0, "a") == "$-1\r\n");
}

#[test]
fn a_master_with_the_file_of_its_last_moment_serves_again() {
    let mut world = pair();
    let client = world.connect(0);
    world.call(0, client, &["SET", "a", "1"]);
    world.call(0, client, &["BGSAVE"]);
    world.until("it is saved", |world| world.hosts[0].file.is_some());
    world.until("the replica has it", |world| in_sync(world, 0, 1));
    let file = world.hosts[0].file.clone();
    // The replica is killed first, so that it stays where the file is.
    world.cut(1);
    world.restart(
        0,
        Config {
            cluster_empty_master_wait: -1,
            ..config(7000)
        },
        file,
    );
    world.until("it serves", |world| get(world, 0, "a") == "$1\r\n1\r\n");
    world.until("the replica is back", |world| in_sync(world, 0, 1));
}

#[test]
fn a_master_that_leaves_hands_over_first() {
    let mut world = World::new();
    for port in 7000..7004 {
        world.start(
            Config {
                shutdown_handover: true,
                ..config(port)
            },
            None,
        );
    }
    form(&mut world);
    let client = world.connect(0);
    world.call(0, client, &["SET", "b", "1"]);
    let now = world.now;
    world.hosts[0].engine.on_terminate(now);
    world.until("it has left", |world| world.hosts[0].exited.is_some());
    assert_eq!(world.hosts[0].exited, Some(0));
    assert_eq!(world.info(3, "role"), "master");
}

/// Three masters, and a replica of the first, that save when they leave.
fn handing_over() -> World {
    let mut world = World::new();
    for port in 7000..7004 {
        world.start(
            Config {
                shutdown_handover: true,
                save: Config::default().save,
                ..config(port)
            },
            None,
        );
    }
    form(&mut world);
    world
}

fn die(world: &mut World, host: usize) {
    world.hosts[host].exited = Some(1);
    world.cut(host);
}

fn terminate(world: &mut World, host: usize) {
    let now = world.now;
    world.hosts[host].engine.on_terminate(now);
}

/// How many milliseconds it takes until the node has left.
fn leaves_in(world: &mut World, host: usize) -> u64 {
    let start = world.now.mono_ms();
    world.until("it has left", |world| world.hosts[host].exited == Some(0));
    world.now.mono_ms() - start
}

#[test]
fn a_master_whose_replica_goes_while_it_takes_over_leaves_soon() {
    let mut world = handing_over();
    // The others are silent, so that nobody can be elected.
    die(&mut world, 1);
    die(&mut world, 2);
    terminate(&mut world, 0);
    world.until("the replica has agreed", |world| {
        world.hosts[0]
            .log
            .iter()
            .any(|line| line.ends_with("answers: +OK"))
    });
    for _ in 0..500 {
        world.step();
    }
    assert_eq!(
        world.hosts[0].exited, None,
        "it stays while a replica may win"
    );
    die(&mut world, 3);
    assert!((1000..1300).contains(&leaves_in(&mut world, 0)));
    assert!(world.hosts[0].file.is_some(), "it has saved");
}

#[test]
fn a_replica_that_leaves_does_not_take_over() {
    let mut world = handing_over();
    world.stuck_disk = Some(3);
    terminate(&mut world, 3);
    let client = world.connect(3);
    let answer = world.call(3, client, &["CLUSTER", "FAILOVER"]);
    assert!(
        answer.starts_with("-ERR This node is shutting down"),
        "{answer}"
    );
    terminate(&mut world, 0);
    assert!(leaves_in(&mut world, 0) < 300);
    let log = world.hosts[0].log.join("\n");
    assert!(
        log.contains("No replica is left that could take over"),
        "{log}"
    );
}

/// Three masters, and a replica of the first.
fn form(world: &mut World) {
    for (host, range) in [("0", "5460"), ("5461", "10922"), ("10923", "16383")]
        .iter()
        .enumerate()
    {
        let client = world.connect(host);
        world.call(
            host,
            client,
            &["CLUSTER", "ADDSLOTSRANGE", range.0, range.1],
        );
    }
    let first = world.connect(0);
    for port in ["7001", "7002", "7003"] {
        world.call(0, first, &["CLUSTER", "MEET", "127.0.0.1", port]);
    }
    let id = world.call(0, first, &["CLUSTER", "MYID"]);
    let id = id.lines().nth(1).expect("an id").to_owned();
    let replica = world.connect(3);
    world.until("the replica follows", |world| {
        world
            .call(3, replica, &["CLUSTER", "REPLICATE", &id])
            .starts_with("+OK")
    });
    world.until("all is well", |world| {
        in_sync(world, 0, 3)
            && (0..4).all(|host| {
                let client = world.connect(host);
                let info = world.call(host, client, &["CLUSTER", "INFO"]);
                world.close_session(host, client);
                info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:4")
            })
    });
}

#[test]
fn save_answers_once_the_file_is_in_place_and_the_file_is_read_back() {
    let mut world = World::new();
    let config = || Config {
        save: Vec::new(),
        ..Config::default()
    };
    let host = world.start(config(), None);
    let client = world.connect(host);
    world.call(host, client, &["SET", "a", "1"]);
    assert_eq!(world.call(host, client, &["SAVE"]), "");
    world.step();
    assert_eq!(world.received(host, client), b"+OK\r\n");
    let offset = world.info(host, "master_repl_offset");
    let file = world.hosts[host].file.clone();
    world.restart(host, config(), file);
    assert_eq!(get(&mut world, host, "a"), "$1\r\n1\r\n");
    assert_eq!(world.info(host, "master_repl_offset"), offset);
}

#[test]
fn a_shutdown_waits_for_replicas_and_can_be_called_off() {
    let mut world = pair();
    let client = world.connect(0);
    world.bandwidth = 0;
    world.call(0, client, &["SET", "a", "1"]);
    assert_eq!(world.call(0, client, &["SHUTDOWN"]), "");
    let other = world.connect(0);
    assert_eq!(world.call(0, other, &["SET", "b", "1"]), "", "writes wait");
    let third = world.connect(0);
    assert_eq!(world.call(0, third, &["SHUTDOWN", "ABORT"]), "+OK\r\n");
    world.step();
    assert!(
        world
            .received(0, client)
            .starts_with(b"-ERR Errors trying to SHUTDOWN")
    );
    assert_eq!(world.received(0, other), b"+OK\r\n");
    world.call(0, client, &["SHUTDOWN"]);
    for _ in 0..50 {
        world.step();
    }
    assert_eq!(world.hosts[0].exited, None);
    world.bandwidth = 1 << 20;
    world.until("it has left", |world| world.hosts[0].exited == Some(0));
    assert!(world.info(1, "db0").starts_with("keys=2,"));
}

#[test]
fn wait_and_min_replicas_count_those_that_have_confirmed() {
    let mut world = pair();
    let client = world.connect(0);
    world.call(0, client, &["SET", "a", "1"]);
    assert_eq!(world.call(0, client, &["WAIT", "1", "0"]), "");
    world.until("it is confirmed", |world| {
        world.received(0, client) == b":1\r\n"
    });
    world.call(0, client, &["CONFIG", "SET", "min-replicas-to-write", "1"]);
    assert_eq!(world.call(0, client, &["SET", "a", "2"]), "+OK\r\n");
    world.bandwidth = 0;
    world.until("it counts no more", |world| {
        world
            .call(0, client, &["SET", "a", "3"])
            .starts_with("-NOREPLICAS")
    });
}

/// A data file that was cut anywhere, even to nothing, ends the start.
#[test]
fn every_cut_data_file_is_refused() {
    let mut world = World::new();
    world.start(config(7000), None);
    let client = world.connect(0);
    world.call(0, client, &["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    world.until("it serves", |world| serves(world, 0));
    world.call(0, client, &["SET", "a", "12345"]);
    world.call(0, client, &["SET", "b", &"x".repeat(300), "EX", "1000"]);
    world.send(0, client, b"*1\r\n$4\r\nSAVE\r\n");
    world.until("it is saved", |world| world.hosts[0].file.is_some());
    let whole = world.hosts[0].file.clone().unwrap();
    for len in 0..=whole.len() {
        let host = world.start(config(7001), Some(whole[..len].to_vec()));
        world.step();
        let this = &world.hosts[host];
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
        world.hosts.pop();
    }
}
