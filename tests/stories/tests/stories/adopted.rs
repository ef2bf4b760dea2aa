//! `local up` is killed; the next one adopts the running nodes.

use std::thread::sleep;
use std::time::Duration;

use slotkeeper_stories::local::Local;
use slotkeeper_stories::patience::until;

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_keeper_killed_midway_through_forming_is_continued_by_the_next() {
    for pause_ms in [150, 400, 900] {
        let mut local = Local::new("forming", &[]);
        local.up();
        sleep(Duration::from_millis(pause_ms));
        local.kill_keeper();
        local.up();
        local.wait_until_ready();
        let status = local.status();
        assert!(
            status.contains("3 masters, 3 replicas, 16384 slots"),
            "{status}"
        );
        assert_eq!(local.interrupt(), Some(0));
    }
}

#[test]
fn running_nodes_are_adopted_and_not_restarted() {
    let mut local = Local::new("adopted", &[]);
    local.up();
    local.wait_until_ready();
    let pids: Vec<u32> = (0..6).map(|nth| local.pid(nth).expect("it runs")).collect();
    local.kill_keeper();
    assert_eq!(local.node(0).say(&["-c", "SET", "hello", "world"]), "OK");
    local.up();
    local.wait_until_ready();
    let adopted: Vec<u32> = (0..6).map(|nth| local.pid(nth).expect("it runs")).collect();
    assert_eq!(adopted, pids);

    local.kill_node(5);
    until(MINUTE, "the adopted node is started again", || {
        local.pid(5).is_ok_and(|pid| pid != pids[5])
    });
    local.wait_until_ready();
    assert_eq!(local.node(0).say(&["-c", "GET", "hello"]), "world");
    assert_eq!(local.interrupt(), Some(0));
}
