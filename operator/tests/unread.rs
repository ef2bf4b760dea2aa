//! The program where nobody reads its log.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// Nothing here takes longer than this on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Killed at the end.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A kubeconfig of an API server that is not there.
const KUBECONFIG: &str = r#"{
    "apiVersion": "v1", "kind": "Config", "current-context": "a",
    "clusters": [{"name": "a", "cluster": {"server": "http://127.0.0.1:1"}}],
    "users": [{"name": "a", "user": {}}],
    "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}]
}"#;

fn is_healthy(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else {
        return false;
    };
    let mut answer = [0; 12];
    let asked = stream.write_all(b"GET /healthz HTTP/1.0\r\n\r\n");
    asked.is_ok() && stream.read_exact(&mut answer).is_ok() && answer.ends_with(b"200")
}

#[test]
fn the_operator_runs_on_where_its_log_has_no_reader() {
    let free = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let name = format!("slotkeeper-unread-{}.json", std::process::id());
    let file = std::env::temp_dir().join(name);
    std::fs::write(&file, KUBECONFIG).unwrap();
    let unread = || std::io::pipe().unwrap().1;
    let child = Command::new(env!("CARGO_BIN_EXE_slotkeeper"))
        .args(["run", "--node-image", "none", "--node-binary", "/bin/true"])
        .args(["--listen", &format!("127.0.0.1:{port}")])
        .env("KUBECONFIG", &file)
        .stdout(unread())
        .stderr(unread())
        .spawn();
    let mut operator = Running(child.unwrap());
    let end = Instant::now() + PATIENCE;
    while !is_healthy(port) {
        assert_eq!(operator.0.try_wait().unwrap(), None, "it has ended");
        assert!(Instant::now() < end, "it does not answer");
        std::thread::sleep(Duration::from_millis(50));
    }
    std::fs::remove_file(&file).unwrap();
}
