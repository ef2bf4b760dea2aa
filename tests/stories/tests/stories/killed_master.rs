//! A master is killed with `kill -9`. The supervisor starts it again at once, empty.

use std::time::Duration;

use slotkeeper_stories::load::Load;
use slotkeeper_stories::local::{Local, PASSWORD};
use slotkeeper_stories::patience::{until, within};

const MINUTE: Duration = Duration::from_secs(60);

fn role(local: &Local, nth: u16) -> String {
    local.node(nth).info("role").unwrap_or_default()
}

fn offset(local: &Local, nth: u16, name: &str) -> Option<String> {
    local.node(nth).info(name).ok()
}

/// The other node of the same shard, as the node itself has it.
fn replica_of(local: &Local, master: u16) -> u16 {
    let id = local.node(master).say(&["CLUSTER", "MYID"]);
    let follows = |nth: u16| {
        let nodes = local.node(nth).say(&["CLUSTER", "NODES"]);
        nodes
            .lines()
            .any(|line| line.contains("myself,slave") && line.contains(&id))
    };
    (0..6)
        .find(|&nth| follows(nth))
        .expect("every master has a replica")
}

#[test]
fn its_replica_takes_over_before_gossip_acts_and_no_key_is_lost() {
    // Node timeout 15 s, as in the example: only the operator can act within 3 s.
    let mut local = Local::new("killed-master", &[]);
    local.up();
    local.wait_until_ready();
    let load = Load::start_with(local.port(0), Some(PASSWORD));
    until(MINUTE, "the load writes", || load.acknowledged() > 200);
    let master = (0..6)
        .find(|&nth| role(&local, nth) == "master")
        .expect("there are masters");
    let replica = replica_of(&local, master);
    load.pause();
    until(MINUTE, "the replica has everything", || {
        offset(&local, replica, "slave_repl_offset") == offset(&local, master, "master_repl_offset")
    });

    local.kill_node(master);
    within(
        Duration::from_secs(3),
        "the replica is promoted",
        || match role(&local, replica).as_str() {
            "master" => Ok(()),
            other => Err(other.to_owned()),
        },
    );
    load.check("the promotion");
    load.resume();
    until(MINUTE, "the old master is a replica", || {
        role(&local, master) == "slave"
    });
    local.wait_until_ready();
    load.check("the return of the old master");
    assert_eq!(local.interrupt(), Some(0));
}
