//! Our nodes and redis-server in one cluster: each is master of the other's replica, and each
//! needs the other's votes. A write load runs throughout and is checked after every failover.

use std::time::Duration;

use slotkeeper_stories::cli::Cli;
use slotkeeper_stories::load::Load;
use slotkeeper_stories::patience::until;
use slotkeeper_stories::server::Program::{Ours, Redis};
use slotkeeper_stories::server::{Program, Server};
use slotkeeper_stories::workspace::Workspace;

const MINUTE: Duration = Duration::from_secs(60);

/// A master and its replica.
struct Shard {
    members: [Server; 2],
    master: usize,
}

impl Shard {
    fn master(&self) -> &Server {
        &self.members[self.master]
    }

    fn replica(&self) -> &Server {
        &self.members[1 - self.master]
    }

    fn linked(&self) -> bool {
        self.replica().cli().info("master_link_status").as_deref() == Ok("up")
            && self.master().cli().info("role").as_deref() == Ok("master")
    }

    /// Whether the replica has everything; only meaningful while nothing is written.
    fn caught_up(&self) -> bool {
        let offset = self.master().cli().info("master_repl_offset");
        self.linked() && self.replica().cli().info("slave_repl_offset") == offset
    }

    fn replica_leads(&self) -> bool {
        self.replica().cli().info("role").as_deref() == Ok("master")
    }
}

fn directives() -> Vec<(&'static str, &'static str)> {
    vec![
        ("cluster-enabled", "yes"),
        ("cluster-node-timeout", "2000"),
        ("save", ""),
    ]
}

fn form(workspace: &Workspace, programs: [[Program; 2]; 3]) -> Vec<Shard> {
    let mut ports = (0..6).map(|nth| workspace.port(nth));
    let mut shards: Vec<Shard> = (programs.into_iter())
        .map(|pair| {
            let members = pair.map(|program| {
                let port = ports.next().expect("six ports for six servers");
                Server::start(program, workspace.dir(), port, &directives())
            });
            Shard { members, master: 0 }
        })
        .collect();
    let first = shards[0].master().cli();
    for port in (1..6).map(|nth| workspace.port(nth).to_string()) {
        assert_eq!(first.say(&["CLUSTER", "MEET", "127.0.0.1", &port]), "OK");
    }
    let knows_all = |cli: Cli| cli.field(&["CLUSTER", "INFO"], "cluster_known_nodes");
    until(MINUTE, "all know each other", || {
        let mut servers = shards.iter().flat_map(|shard| &shard.members);
        servers.all(|server| {
            knows_all(server.cli()).as_deref() == Ok("6")
                && !server
                    .cli()
                    .say(&["CLUSTER", "NODES"])
                    .contains("handshake")
        })
    });
    for (shard, range) in shards
        .iter()
        .zip([["0", "5461"], ["5462", "10922"], ["10923", "16383"]])
    {
        let reply = shard
            .master()
            .cli()
            .say(&["CLUSTER", "ADDSLOTSRANGE", range[0], range[1]]);
        assert_eq!(reply, "OK");
        let master = shard.master().cli().say(&["CLUSTER", "MYID"]);
        assert_eq!(
            shard
                .replica()
                .cli()
                .say(&["CLUSTER", "REPLICATE", &master]),
            "OK"
        );
    }
    wait_until_whole(&mut shards);
    shards
}

fn wait_until_whole(shards: &mut [Shard]) {
    until(
        MINUTE,
        "every replica is linked and every node says ok",
        || {
            shards.iter().all(|shard| {
                shard.linked()
                    && shard.members.iter().all(|server| {
                        let state = server.cli().field(&["CLUSTER", "INFO"], "cluster_state");
                        state.as_deref() == Ok("ok")
                    })
            })
        },
    );
}

/// The replica takes over with its master's help while clients write: nothing is lost.
fn fail_over_by_hand(shards: &mut [Shard], nth: usize, load: &Load) {
    assert_eq!(
        shards[nth].replica().cli().say(&["CLUSTER", "FAILOVER"]),
        "OK"
    );
    until(MINUTE, "the replica leads after a plain failover", || {
        shards[nth].replica_leads()
    });
    shards[nth].master = 1 - shards[nth].master;
    load.check("a plain failover");
    wait_until_whole(shards);
}

/// The master is killed once its replica has everything: gossip elects the replica.
fn fail_over_by_death(shards: &mut [Shard], nth: usize, load: &Load) {
    load.pause();
    until(MINUTE, "the replica has everything", || {
        shards[nth].caught_up()
    });
    let dead = shards[nth].master;
    shards[nth].members[dead].kill();
    until(MINUTE, "the replica is elected", || {
        shards[nth].replica_leads()
    });
    shards[nth].master = 1 - dead;
    load.check("an election");
    load.resume();
    shards[nth].members[dead].restart();
    wait_until_whole(shards);
    load.check("the return of the old master");
}

fn play(story: &str, programs: [[Program; 2]; 3]) {
    let workspace = Workspace::new(story);
    let mut shards = form(&workspace, programs);
    let load = Load::start(workspace.port(0));
    // Twice each: the second time the other program leads.
    for nth in 0..3 {
        fail_over_by_hand(&mut shards, nth, &load);
        fail_over_by_death(&mut shards, nth, &load);
    }
    load.check("all of it");
    assert!(
        load.acknowledged() > 100,
        "the load wrote little: {}",
        load.acknowledged()
    );
}

#[test]
fn our_election_needs_the_votes_of_redis() {
    play(
        "mixed-two-redis",
        [[Redis, Ours], [Redis, Ours], [Ours, Redis]],
    );
}

#[test]
fn the_election_of_redis_needs_our_votes() {
    play(
        "mixed-one-redis",
        [[Ours, Redis], [Ours, Redis], [Redis, Ours]],
    );
}

#[test]
fn redis_shows_our_hostnames() {
    let workspace = Workspace::new("mixed-hostnames");
    let mut ours = directives();
    ours.push(("cluster-announce-hostname", "ours.example"));
    let ours = Server::start(Ours, workspace.dir(), workspace.port(0), &ours);
    let redis = Server::start(Redis, workspace.dir(), workspace.port(1), &directives());
    let port = ours.port().to_string();
    assert_eq!(
        redis.cli().say(&["CLUSTER", "MEET", "127.0.0.1", &port]),
        "OK"
    );
    until(MINUTE, "redis-server shows the hostname of ours", || {
        redis
            .cli()
            .say(&["CLUSTER", "NODES"])
            .contains(",ours.example ")
    });
}
