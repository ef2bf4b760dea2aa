//! What asks a master for its data set without being one of today's replicas.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use slotkeeper_node::resp::ReplyValue;

use crate::process::Server;
use crate::sync::{CLUSTER, serve_all};
use crate::{KEYS, STRINGS, change, fill};

/// Runs a program to its end, with an input.
fn run(program: &str, args: &[&str], input: &[u8]) -> Output {
    let command = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let output = command.and_then(|mut child| {
        // A program that asks nothing may have ended.
        let _ = child.stdin.take().map(|mut stdin| stdin.write_all(input));
        child.wait_with_output()
    });
    output.unwrap_or_else(|error| panic!("{program}: {error}"))
}

pub fn succeeds(program: &str, args: &[&str]) -> String {
    succeeds_with(program, args, b"")
}

/// The same for one that asks something.
pub fn succeeds_with(program: &str, args: &[&str], input: &[u8]) -> String {
    let (succeeded, text) = said(program, args, input);
    assert!(succeeded, "{program} {args:?}: {text}");
    text
}

/// What a program says that does not succeed.
pub fn fails(program: &str, args: &[&str]) -> String {
    let (succeeded, text) = said(program, args, b"");
    assert!(!succeeded, "{program} {args:?}: {text}");
    text
}

fn said(program: &str, args: &[&str], input: &[u8]) -> (bool, String) {
    let output = run(program, args, input);
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    (output.status.success(), text)
}

/// A file that redis-check-rdb and a redis-server take, with so many keys.
pub fn holds(file: &Path, keys: usize) {
    let checked = succeeds("redis-check-rdb", &[&file.to_string_lossy()]);
    assert!(checked.contains("RDB looks OK"), "{checked}");
    let dir = file
        .parent()
        .expect("a directory")
        .to_string_lossy()
        .into_owned();
    let name = file
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    let redis = Server::redis(&["--dir", &dir, "--dbfilename", &name]);
    let size = redis.client().call(&["DBSIZE"]);
    assert_eq!(size, ReplyValue::Integer(keys as i64));
}

/// A master of all slots with all keys.
fn master() -> Server {
    let master = Server::node(&CLUSTER);
    serve_all(&master);
    fill(&master);
    master
}

#[test]
fn redis_cli_backs_a_cluster_up_while_everything_changes() {
    let master = master();
    let backup = master.dir().join("backup");
    std::fs::create_dir(&backup).expect("a directory");
    let address = format!("127.0.0.1:{}", master.port);
    let said = std::thread::scope(|scope| {
        let writes = scope.spawn(|| change(&master));
        let args = ["--cluster", "backup", &address, &backup.to_string_lossy()];
        let said = succeeds("redis-cli", &args);
        writes.join().expect("all writes are taken");
        said
    });
    assert!(said.contains("Backup created into"), "{said}");
    let log = master.log();
    assert!(
        log.contains("to a file for 1 replicas that want its length first"),
        "{log}"
    );
    let files = std::fs::read_dir(&backup).expect("it is there");
    let files = files.map(|file| file.expect("an entry").path());
    let file = files.filter(|file| file.extension().is_some_and(|end| end == "rdb"));
    let file = file.last().expect("an RDB file");
    let checked = succeeds("redis-check-rdb", &[&file.to_string_lossy()]);
    assert!(checked.contains("RDB looks OK"), "{checked}");
    // Nothing of the way there stays behind.
    let left: Vec<_> = std::fs::read_dir(master.dir())
        .expect("a directory")
        .flatten()
        .collect();
    let left = left
        .iter()
        .filter(|e| e.file_name().to_string_lossy().contains("full-sync"));
    assert_eq!(left.count(), 0);
}

#[test]
fn a_backup_of_redis_cli_is_the_data_set() {
    let master = master();
    let (port, dir) = (master.port.to_string(), master.dir());
    let address = format!("127.0.0.1:{port}");
    let backup = dir.join("backup");
    std::fs::create_dir(&backup).expect("a directory");
    succeeds(
        "redis-cli",
        &["--cluster", "backup", &address, &backup.to_string_lossy()],
    );
    let files = std::fs::read_dir(&backup).expect("it is there").flatten();
    let mut files = files.map(|file| file.path());
    let file = files.find(|file| file.extension().is_some_and(|end| end == "rdb"));
    holds(&file.expect("an RDB file"), KEYS + 2);
    let rdb = dir.join("own.rdb");
    succeeds("redis-cli", &["-p", &port, "--rdb", &rdb.to_string_lossy()]);
    holds(&rdb, KEYS + 2);
}

#[test]
fn redis_cli_shows_the_stream() {
    let master = master();
    let mut command = Command::new("redis-cli");
    command.args(["-p", &master.port.to_string(), "--replica"]);
    let log = std::fs::File::create(master.dir().join("replica")).expect("a file");
    let child = command
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(Stdio::null())
        .spawn();
    let mut child = child.expect("redis-cli is there");
    let text = || std::fs::read_to_string(master.dir().join("replica")).unwrap_or_default();
    let mut number = 0;
    master.until("the stream is shown", || {
        number += 1;
        master
            .client()
            .call(&["SET", "{s}shown", &number.to_string()]);
        text().contains("\"SET\",\"{s}shown\"")
    });
    let _ = (child.kill(), child.wait());
}

#[test]
fn a_redis_that_loads_from_disk_follows_our_node() {
    STRINGS.redis_follows_our_node(&["--repl-diskless-load", "disabled"]);
}
