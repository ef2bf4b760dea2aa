//! The manifest is edited while its cluster runs.

use std::fs;
use std::time::Duration;

use slotkeeper_stories::cli::Cli;
use slotkeeper_stories::local::Local;
use slotkeeper_stories::patience::{until, within};

const MINUTE: Duration = Duration::from_secs(60);

fn edit(local: &Local, old: &str, new: &str) {
    let text = fs::read_to_string(local.manifest()).expect("the story has written it");
    assert!(text.contains(old), "{old:?} is not in the manifest");
    // As an editor does it: no reader sees half a file.
    let draft = local.manifest().with_extension("draft");
    fs::write(&draft, text.replace(old, new)).expect("the story's folder can be written");
    fs::rename(&draft, local.manifest()).expect("the story's folder can be written");
}

fn value(local: &Local, nth: u16, directive: &str) -> String {
    let reply = local.node(nth).run(&["CONFIG", "GET", directive]);
    let reply = reply.unwrap_or_default();
    reply.lines().nth(1).unwrap_or_default().to_owned()
}

fn wait_for_values(local: &Local, directive: &str, wanted: &str) {
    until(MINUTE, directive, || {
        (0..6).all(|nth| value(local, nth, directive) == wanted)
    });
}

fn wait_for_log(local: &Local, words: &str) {
    within(MINUTE, words, || {
        let log = local.log();
        if log.contains(words) {
            Ok(())
        } else {
            Err(log)
        }
    });
}

fn wait_for_status(local: &Local, words: &str) {
    within(MINUTE, words, || {
        let status = local.status();
        if status.contains(words) && status.contains("Ready=True") {
            Ok(())
        } else {
            Err(status)
        }
    });
}

#[test]
fn changed_directives_reach_running_nodes_and_the_status_names_what_waits() {
    let mut local = Local::new("edited", &[]);
    local.up();
    local.wait_until_ready();
    wait_for_values(&local, "maxmemory", "268435456");
    let pids: Vec<u32> = (0..6).map(|nth| local.pid(nth).expect("it runs")).collect();

    edit(
        &local,
        "maxmemory: 256mb",
        "maxmemory: 300mb\n    tcp-backlog: \"100\"",
    );
    wait_for_values(&local, "maxmemory", "314572800");
    let all = "0-0, 0-1, 1-0, 1-1, 2-0, 2-1";
    wait_for_status(&local, &format!("tcp-backlog waits for a restart of {all}"));

    // The next start has it all.
    local.kill_node(5);
    until(MINUTE, "the killed node has both values", || {
        value(&local, 5, "tcp-backlog") == "100" && value(&local, 5, "maxmemory") == "314572800"
    });
    wait_for_status(
        &local,
        "tcp-backlog waits for a restart of 0-0, 0-1, 1-0, 1-1, 2-0\n",
    );
    assert_eq!(value(&local, 0, "tcp-backlog"), "511");

    edit(&local, "maxmemory: 300mb", "maxmemory: much");
    wait_for_log(
        &local,
        "spec.config: maxmemory much: argument must be a memory value",
    );
    // What the manifest names no longer has its default again.
    edit(
        &local,
        "    maxmemory: much\n    tcp-backlog: \"100\"\n",
        "",
    );
    wait_for_values(&local, "maxmemory", "0");
    wait_for_status(&local, "tcp-backlog waits for a restart of 2-1\n");
    for (nth, pid) in (0..).zip(&pids[..5]) {
        assert_eq!(local.pid(nth).as_ref(), Ok(pid), "node {nth} was restarted");
    }
    assert_eq!(local.interrupt(), Some(0));
}

#[test]
fn a_deleted_manifest_is_told_and_the_cluster_goes_on() {
    let mut local = Local::new("deleted", &[]);
    local.up();
    local.wait_until_ready();
    assert!(!local.status().contains("is gone"), "{}", local.status());
    let kept = local.manifest().with_extension("kept");
    fs::rename(local.manifest(), &kept).expect("it is there");
    wait_for_log(&local, "is gone: the cluster keeps its last content");
    wait_for_status(
        &local,
        "rediscluster.yaml is gone: the cluster keeps its last content",
    );
    local.kill_node(1);
    until(MINUTE, "the killed node is started again", || {
        local
            .node(1)
            .run(&["PING"])
            .is_ok_and(|reply| reply.contains("PONG"))
    });
    fs::rename(&kept, local.manifest()).expect("it is there");
    wait_for_log(&local, "rediscluster.yaml is back");
    edit(&local, "maxmemory: 256mb", "maxmemory: 300mb");
    wait_for_values(&local, "maxmemory", "314572800");
    assert!(!local.status().contains("is gone"), "{}", local.status());
    assert_eq!(local.interrupt(), Some(0));
}

#[test]
fn another_password_waits_until_the_nodes_are_stopped() {
    let mut local = Local::new("password", &[]);
    local.up();
    local.wait_until_ready();
    edit(&local, "password: \"123456\"", "password: \"654321\"");
    wait_for_log(
        &local,
        "spec.auth.passwordSecretRef (Secret tour-password, key password): the password cannot be \
         changed while nodes run",
    );
    assert_eq!(local.node(0).say(&["-c", "SET", "hello", "world"]), "OK");
    // Neither by a keeper that finds the nodes running.
    local.kill_keeper();
    let refused = local.up_to_the_end(&[]);
    let text = String::from_utf8_lossy(&refused.stderr);
    assert!(
        text.contains("the password cannot be changed while nodes run"),
        "{text}"
    );
    assert_eq!(local.node(0).say(&["PING"]), "PONG");

    local.down();
    local.up();
    local.wait_until_ready();
    for nth in 0..6 {
        let cli = Cli::at(local.port(nth));
        assert!(
            local.node(nth).say(&["PING"]).contains("NOAUTH"),
            "node {nth}"
        );
        assert_eq!(cli.with_password("654321").say(&["PING"]), "PONG");
    }
    let first = Cli::at(local.port(0)).with_password("654321");
    assert_eq!(first.say(&["-c", "GET", "hello"]), "world");
    assert_eq!(local.interrupt(), Some(0));
}
