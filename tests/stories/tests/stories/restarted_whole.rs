//! Every process dies at once, and `up` starts them again from their folders.

use slotkeeper_stories::local::Local;

const KEYS: u32 = 300;

#[test]
fn all_nodes_and_the_keeper_die_and_come_back_with_their_data() {
    let mut local = Local::new("restarted", &[]);
    local.up();
    local.wait_until_ready();
    for number in 0..KEYS {
        let key = format!("key:{number}");
        assert_eq!(local.node(0).say(&["-c", "SET", &key, "kept"]), "OK");
    }
    let ids: Vec<String> = (0..6)
        .map(|nth| local.node(nth).say(&["CLUSTER", "MYID"]))
        .collect();
    for nth in 0..6 {
        assert_eq!(local.node(nth).say(&["SAVE"]), "OK");
    }
    let pids: Vec<u32> = (0..6).map(|nth| local.pid(nth).expect("it runs")).collect();
    local.kill_keeper();
    for pid in pids {
        slotkeeper_stories::server::send_to(pid, slotkeeper_stories::server::KILL);
    }

    local.up();
    local.wait_until_ready();
    let again: Vec<String> = (0..6)
        .map(|nth| local.node(nth).say(&["CLUSTER", "MYID"]))
        .collect();
    assert_eq!(again, ids);
    for number in 0..KEYS {
        let key = format!("key:{number}");
        assert_eq!(local.node(0).say(&["-c", "GET", &key]), "kept", "{key}");
    }
    assert_eq!(local.interrupt(), Some(0));
}
