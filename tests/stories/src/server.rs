//! Servers: our node and redis-server.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::cli::Cli;
use crate::patience::within;

/// `kill -9`.
pub const KILL: Signal = Signal::KILL;

/// Which program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// slotkeeper-node.
    Ours,
    /// redis-server.
    Redis,
}

/// A server, ended with the story.
#[derive(Debug)]
pub struct Server {
    program: Program,
    port: u16,
    dir: PathBuf,
    args: Vec<String>,
    child: Option<Child>,
}

impl Server {
    /// Starts one in its own folder, with additional directives, and waits for its PONG.
    ///
    /// # Panics
    /// When it does not start within ten seconds.
    #[must_use]
    pub fn start(program: Program, dir: &Path, port: u16, directives: &[(&str, &str)]) -> Server {
        let dir = dir.join(port.to_string());
        fs::create_dir_all(&dir).expect("the story's folder can be written");
        let mut args = vec!["--port".to_owned(), port.to_string()];
        args.extend(["--bind", "127.0.0.1", "--dir"].map(str::to_owned));
        args.push(dir.display().to_string());
        for (name, value) in directives {
            args.extend([format!("--{name}"), (*value).to_owned()]);
        }
        let mut server = Server {
            program,
            port,
            dir,
            args,
            child: None,
        };
        server.restart();
        server
    }

    /// Starts it again after it was killed, in the same folder.
    ///
    /// # Panics
    /// When it does not start within ten seconds.
    pub fn restart(&mut self) {
        self.kill();
        let log = (File::options()
            .create(true)
            .append(true)
            .open(self.dir.join("log")))
        .expect("the story's folder can be written");
        let binary = match self.program {
            Program::Ours => binary("slotkeeper-node"),
            Program::Redis => PathBuf::from("redis-server"),
        };
        let child = (Command::new(&binary).args(&self.args))
            .stdin(Stdio::null())
            .stderr(log.try_clone().expect("an open file can be shared"))
            .stdout(log)
            .spawn();
        self.child = Some(child.unwrap_or_else(|e| panic!("{}: {e}", binary.display())));
        let cli = self.cli();
        within(Duration::from_secs(10), "the server answers PING", || {
            let reply = cli.run(&["PING"])?;
            if reply.contains("PONG") || reply.contains("NOAUTH") || reply.contains("LOADING") {
                Ok(())
            } else {
                Err(reply)
            }
        });
    }

    /// Ends it as `kill -9` does; does nothing if it has ended already.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Asks it to end with SIGTERM, and waits for it; returns the exit code.
    ///
    /// # Panics
    /// When it does not run, or has not ended after a minute.
    pub fn terminate(&mut self) -> Option<i32> {
        let mut child = self.child.take().expect("the story ends what runs");
        send(&child, Signal::TERM);
        within(
            Duration::from_secs(60),
            "the server ends after SIGTERM",
            || {
                let status = child.try_wait().map_err(|error| error.to_string())?;
                status
                    .map(|status| status.code())
                    .ok_or("it runs".to_owned())
            },
        )
    }

    /// Sends it a signal, such as SIGSTOP and SIGCONT.
    ///
    /// # Panics
    /// When it does not run.
    pub fn signal(&self, signal: Signal) {
        send(
            self.child.as_ref().expect("the story signals what runs"),
            signal,
        );
    }

    /// redis-cli at its port, without a password.
    #[must_use]
    pub fn cli(&self) -> Cli {
        Cli::at(self.port)
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A program of the cargo workspace, built beside the running test.
///
/// # Panics
/// When it was not built: a story that cannot run has failed.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a running program has a path");
    let dir = test
        .parent()
        .and_then(Path::parent)
        .expect("tests stand in target/<profile>/deps");
    let path = dir.join(name);
    assert!(
        path.exists(),
        "{} is not built: cargo build -p {name}",
        path.display()
    );
    path
}

/// Sends a signal to a child that was not waited for yet.
pub fn send(child: &Child, signal: Signal) {
    send_to(child.id(), signal);
}

/// Sends a signal to a process that the story has started, directly or not. If it has ended
/// already, nothing happens.
///
/// # Panics
/// When the number is no process id.
pub fn send_to(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .expect("it was a process id");
    // It may have ended by itself.
    let _ = kill_process(pid, signal);
}
