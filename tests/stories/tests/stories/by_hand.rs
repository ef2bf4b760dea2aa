//! What people do by hand, with redis-cli and without an operator.

use std::time::Duration;

use slotkeeper_stories::cli::Cli;
use slotkeeper_stories::patience::{until, within};
use slotkeeper_stories::server::{Program, Server};
use slotkeeper_stories::workspace::Workspace;
use slotkeeper_topology::{NodeLine, parse_nodes};

pub(super) const PASSWORD: &str = "123456";
pub(super) const MINUTE: Duration = Duration::from_secs(60);

pub(super) fn six_nodes(workspace: &Workspace, node_timeout_ms: &str) -> Vec<Server> {
    let directives = [
        ("requirepass", PASSWORD),
        ("masterauth", PASSWORD),
        ("cluster-enabled", "yes"),
        ("cluster-config-file", "nodes.conf"),
        ("cluster-node-timeout", node_timeout_ms),
        ("save", ""),
    ];
    let start = |nth| {
        Server::start(
            Program::Ours,
            workspace.dir(),
            workspace.port(nth),
            &directives,
        )
    };
    (0..6).map(start).collect()
}

pub(super) fn cli(server: &Server) -> Cli {
    server.cli().with_password(PASSWORD)
}

pub(super) fn nodes(cli: &Cli) -> Vec<NodeLine> {
    parse_nodes(&cli.say(&["CLUSTER", "NODES"])).expect("CLUSTER NODES is text of its own form")
}

fn state(cli: &Cli) -> String {
    cli.field(&["CLUSTER", "INFO"], "cluster_state")
        .unwrap_or_default()
}

/// Meets, assigns and replicates as the procedure has it; every refusal on the way is checked.
pub(super) fn form(workspace: &Workspace, servers: &[Server]) {
    let first = cli(&servers[0]);
    let bare = servers[0].cli().say(&["INFO", "replication"]);
    assert_eq!(bare, "NOAUTH Authentication required.");
    assert!(first.say(&["INFO", "replication"]).contains("role:master"));
    for nth in 1..6 {
        let port = workspace.port(nth).to_string();
        assert_eq!(first.say(&["CLUSTER", "MEET", "127.0.0.1", &port]), "OK");
    }
    until(MINUTE, "six nodes know each other", || {
        servers.iter().all(|server| {
            let nodes = nodes(&cli(server));
            nodes.len() == 6 && nodes.iter().all(|n| n.connected && !n.flags.handshake)
        })
    });
    assert_eq!(state(&first), "fail");
    let field = |name| first.field(&["CLUSTER", "INFO"], name).unwrap_or_default();
    assert_eq!(field("cluster_slots_assigned"), "0");
    for (server, range) in servers
        .iter()
        .zip([(0, 5461), (5462, 10922), (10923, 16383)])
    {
        let slots: Vec<String> = (range.0..=range.1)
            .map(|slot: u16| slot.to_string())
            .collect();
        let mut words = vec!["CLUSTER", "ADDSLOTS"];
        words.extend(slots.iter().map(String::as_str));
        assert_eq!(cli(server).say(&words), "OK");
    }
    until(MINUTE, "all nodes say ok", || {
        servers.iter().all(|s| state(&cli(s)) == "ok")
    });
    assert_eq!(field("cluster_slots_ok"), "16384");
    assert_eq!(first.say(&["CLUSTER", "DELSLOTS", "0"]), "OK");
    until(MINUTE, "one slot less is a failure", || {
        state(&first) == "fail"
    });
    assert_eq!(first.say(&["CLUSTER", "ADDSLOTS", "0"]), "OK");
    until(MINUTE, "all nodes say ok again", || {
        servers.iter().all(|s| state(&cli(s)) == "ok")
    });
    let refused = cli(&servers[1]).say(&["CLUSTER", "REPLICATE", &my_id(&servers[0])]);
    let wanted = "ERR To set a master the node must be empty and without assigned slots.";
    assert_eq!(refused.trim_end(), wanted);
    for nth in 0..3 {
        let reply = cli(&servers[nth + 3]).say(&["CLUSTER", "REPLICATE", &my_id(&servers[nth])]);
        assert_eq!(reply, "OK");
    }
    until(MINUTE, "every replica is in sync", || {
        servers[3..].iter().all(|server| {
            let link = cli(server).info("master_link_status");
            link.as_deref() == Ok("up")
        })
    });
    // Masters do not vote for a node that they do not know as a replica.
    until(MINUTE, "every node has heard of every replica", || {
        let replicas = |server| nodes(&cli(server)).iter().filter(|n| n.flags.slave).count();
        servers.iter().all(|server| replicas(server) == 3)
    });
}

fn my_id(server: &Server) -> String {
    cli(server).say(&["CLUSTER", "MYID"])
}

pub(super) fn role(server: &Server) -> String {
    cli(server).info("role").unwrap_or_default()
}

/// `GET hello` at a node that does not own its slot names the one that does.
fn check_redirection(servers: &[Server]) {
    assert_eq!(cli(&servers[0]).say(&["SET", "hello", "world"]), "OK");
    let moved = cli(&servers[1]).say(&["GET", "hello"]);
    assert_eq!(
        moved.trim_end(),
        format!("MOVED 866 127.0.0.1:{}", servers[0].port())
    );
    assert_eq!(cli(&servers[1]).say(&["-c", "GET", "hello"]), "world");
    let select = cli(&servers[0]).say(&["SELECT", "1"]);
    assert_eq!(
        select.trim_end(),
        "ERR SELECT is not allowed in cluster mode"
    );
}

#[test]
fn six_nodes_become_a_cluster_that_survives_its_masters() {
    let workspace = Workspace::new("by-hand");
    let mut servers = six_nodes(&workspace, "2000");
    form(&workspace, &servers);
    check_redirection(&servers);

    let mut rest = servers.split_off(1);
    let mut master = servers.remove(0);
    master.kill();
    until(
        MINUTE,
        "the replica of the killed master is promoted",
        || role(&rest[2]) == "master",
    );
    let asked = cli(&rest[2]).field(&["CLUSTER", "INFO"], "cluster_stats_messages_auth-req_sent");
    assert!(asked.is_ok_and(|count| count != "0"), "it asked for votes");
    until(MINUTE, "the cluster serves again", || {
        state(&cli(&rest[0])) == "ok"
    });
    assert_eq!(cli(&rest[2]).say(&["GET", "hello"]), "world");

    master.restart();
    until(MINUTE, "the old master returns as a replica", || {
        role(&master) == "slave"
    });
    until(MINUTE, "its data is there", || {
        let link = cli(&master).info("master_link_status");
        link.as_deref() == Ok("up") && cli(&master).say(&["DBSIZE"]) == "1"
    });
    rest.push(master);
}

#[test]
fn a_dead_master_is_replaced_by_force_before_gossip_acts() {
    let workspace = Workspace::new("by-force");
    let mut servers = six_nodes(&workspace, "15000");
    form(&workspace, &servers);
    servers[0].kill();
    let replica = cli(&servers[3]);
    // A replica notices a closed connection at once, long before the node timeout.
    until(MINUTE, "the replica notices", || {
        let link = replica.info("master_link_status");
        link.as_deref() == Ok("down")
    });
    let plain = replica.say(&["CLUSTER", "FAILOVER"]);
    let wanted = "ERR Master is down or failed, please use CLUSTER FAILOVER FORCE";
    assert_eq!(plain.trim_end(), wanted);
    assert_eq!(replica.say(&["CLUSTER", "FAILOVER", "FORCE"]), "OK");
    within(Duration::from_secs(10), "FORCE promotes", || {
        match role(&servers[3]).as_str() {
            "master" => Ok(()),
            role => Err(role.to_owned()),
        }
    });
}

#[test]
fn redis_cli_creates_checks_and_loads_a_cluster() {
    let workspace = Workspace::new("redis-cli");
    let servers = six_nodes(&workspace, "2000");
    let addresses: Vec<String> = servers
        .iter()
        .map(|server| format!("127.0.0.1:{}", server.port()))
        .collect();
    let mut create = vec!["--cluster", "create"];
    create.extend(addresses.iter().map(String::as_str));
    create.extend(["--cluster-replicas", "1", "--cluster-yes"]);
    let created = cli(&servers[0]).say(&create);
    assert!(
        created.contains("[OK] All 16384 slots covered."),
        "{created}"
    );
    until(MINUTE, "all nodes say ok", || {
        servers.iter().all(|s| state(&cli(s)) == "ok")
    });
    // The replicas attach a moment after create returns; check looks at each node's own view.
    until(MINUTE, "check is content", || {
        let checked = cli(&servers[1]).say(&["--cluster", "check", &addresses[0]]);
        checked.contains("[OK] All nodes agree about slots configuration.")
            && checked.contains("1 additional replica(s)")
    });
    let info = cli(&servers[0]).say(&["--cluster", "info", &addresses[2]]);
    assert!(info.contains("[OK] 0 keys in 3 masters."), "{info}");
    let called = cli(&servers[0]).say(&["--cluster", "call", &addresses[0], "PING"]);
    assert_eq!(called.matches("PONG").count(), 6, "{called}");
    let port = servers[0].port().to_string();
    let output = std::process::Command::new("redis-benchmark")
        .args([
            "-p",
            &port,
            "-a",
            PASSWORD,
            "--cluster",
            "-n",
            "20000",
            "-r",
            "1000",
            "-q",
        ])
        .args(["-t", "set,get,incr,mset", "-P", "8"])
        .output()
        .expect("redis-benchmark is installed with redis-cli");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("GET:"), "{text}");
}
