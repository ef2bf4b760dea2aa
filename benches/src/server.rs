//! A server under measurement: started on a core of its own, ended with the bench.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::Options;

/// The core that the servers run on; the client has core 1.
const SERVER_CORE: &str = "0";
/// How long a server may take until it answers.
const PATIENCE: Duration = Duration::from_secs(15);

/// Which of the two a server is.
#[derive(Clone, Copy, Debug)]
pub enum Program {
    /// slotkeeper-node.
    Node,
    /// redis-server.
    Redis,
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    binary: PathBuf,
    child: Child,
    port: u16,
    dir: PathBuf,
}

impl Server {
    /// Ours and the one to compare with, on two ports.
    pub fn start_both(options: &Options) -> Result<(Server, Server), String> {
        let ours = Server::start(&options.node, Program::Node, options.port)?;
        let theirs = Server::start(&options.reference, Program::Redis, options.port + 1)?;
        Ok((ours, theirs))
    }

    /// Starts it in a directory of its own and waits until it serves all slots.
    pub fn start(binary: &Path, program: Program, port: u16) -> Result<Server, String> {
        let mut arguments = vec!["--save", "", "--cluster-enabled", "yes"];
        if matches!(program, Program::Redis) {
            arguments.extend(["--daemonize", "no"]);
        }
        let server = Server::start_with(binary, port, &arguments)?;
        server.wait_for_slots()?;
        Ok(server)
    }

    /// Starts it with these arguments in a directory of its own and waits until it answers.
    pub fn start_with(binary: &Path, port: u16, arguments: &[&str]) -> Result<Server, String> {
        let dir =
            std::env::temp_dir().join(format!("slotkeeper-bench-{}-{port}", std::process::id()));
        fs::create_dir_all(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
        let binary = resolve(binary)?;
        let child = spawn(&binary, port, &dir, arguments)?;
        let server = Server {
            binary,
            child,
            port,
            dir,
        };
        server.wait_for_answer()?;
        Ok(server)
    }

    /// Ends it with SIGTERM.
    pub fn terminate(&mut self) -> Result<(), String> {
        let pid = self.child.id().to_string();
        let killed = Command::new("kill").args(["-TERM", &pid]).status();
        killed.map_err(|e| format!("kill: {e}"))?;
        self.child.wait().map_err(|e| e.to_string())?;
        Ok(())
    }

    /// Starts it again in the same directory, after it has ended, and does not wait.
    pub fn start_again(&mut self, arguments: &[&str]) -> Result<(), String> {
        self.child = spawn(&self.binary, self.port, &self.dir, arguments)?;
        Ok(())
    }

    /// Where it keeps its files.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where it listens, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Resident memory.
    pub fn rss_bytes(&self) -> Result<u64, String> {
        let status = self.proc_file("status")?;
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .ok_or("no VmRSS")?;
        let kilobytes: u64 = line
            .split_whitespace()
            .nth(1)
            .and_then(|n| n.parse().ok())
            .ok_or("VmRSS")?;
        Ok(kilobytes * 1024)
    }

    /// CPU time of all its threads since it started.
    pub fn cpu_time(&self) -> Result<Duration, String> {
        let tasks = format!("/proc/{}/task", self.child.id());
        let mut nanos = 0u64;
        for task in fs::read_dir(&tasks).map_err(|e| format!("{tasks}: {e}"))? {
            let path = task.map_err(|e| e.to_string())?.path().join("schedstat");
            let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
            nanos += text
                .split_whitespace()
                .next()
                .and_then(|n| n.parse::<u64>().ok())
                .unwrap_or(0);
        }
        Ok(Duration::from_nanos(nanos))
    }

    /// One inline request; what has arrived of its reply by the first read.
    pub fn ask(&self, request: &str) -> Result<String, String> {
        call(self.port, request)
    }

    fn proc_file(&self, name: &str) -> Result<String, String> {
        let path = format!("/proc/{}/{name}", self.child.id());
        fs::read_to_string(&path).map_err(|e| format!("{path}: {e}"))
    }

    fn wait_for_answer(&self) -> Result<(), String> {
        let deadline = Instant::now() + PATIENCE;
        while call(self.port, "PING\r\n").is_err() {
            if Instant::now() > deadline {
                return Err(format!("nothing serves port {}", self.port));
            }
            sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Gives it all slots and waits until it serves them.
    pub fn wait_for_slots(&self) -> Result<(), String> {
        let deadline = Instant::now() + PATIENCE;
        call(self.port, "CLUSTER ADDSLOTSRANGE 0 16383\r\n")?;
        while !call(self.port, "CLUSTER INFO\r\n")?.contains("cluster_state:ok") {
            if Instant::now() > deadline {
                return Err(format!("the cluster on port {} is not ok", self.port));
            }
            sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It holds nothing that is worth a slow end; what cannot be removed is in the temp folder.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn spawn(binary: &Path, port: u16, dir: &Path, arguments: &[&str]) -> Result<Child, String> {
    let mut command = Command::new("taskset");
    command.args(["-c", SERVER_CORE]).arg(binary);
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1"]);
    command.arg("--dir").arg(dir).args(arguments);
    (command.stdout(Stdio::null()).stderr(Stdio::null()).spawn())
        .map_err(|e| format!("{}: {e}", binary.display()))
}

/// A relative path is relative to where the bench was started; a bare name is looked up in PATH.
fn resolve(binary: &Path) -> Result<PathBuf, String> {
    if binary.components().count() == 1 {
        return Ok(binary.to_owned());
    }
    fs::canonicalize(binary).map_err(|e| format!("{}: {e}", binary.display()))
}

/// One inline request; what has arrived of its reply by the first read.
fn call(port: u16, request: &str) -> Result<String, String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).map_err(|e| e.to_string())?;
    (stream.set_read_timeout(Some(Duration::from_secs(5)))).map_err(|e| e.to_string())?;
    stream
        .write_all(request.as_bytes())
        .map_err(|e| e.to_string())?;
    let mut reply = [0; 4096];
    let length = stream.read(&mut reply).map_err(|e| e.to_string())?;
    Ok(String::from_utf8_lossy(&reply[..length]).into_owned())
}
