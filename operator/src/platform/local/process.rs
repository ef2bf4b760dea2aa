//! The process of a node: started, adopted, watched, ended.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;

use super::ports::{command_line, processes};

/// Identifies one process; a pid alone may be reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessId {
    /// The process id.
    pub pid: u32,
    /// Its start time in clock ticks since boot: field 22 of /proc/PID/stat.
    pub started: u64,
}

impl ProcessId {
    /// The process that now has the pid, unless it is a zombie.
    #[must_use]
    pub fn of(pid: u32) -> Option<ProcessId> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let started = start_time(&stat)?;
        Some(ProcessId { pid, started })
    }

    /// Whether it still runs.
    #[must_use]
    pub fn runs(self) -> bool {
        ProcessId::of(self.pid) == Some(self)
    }
}

/// The start time in the text of /proc/PID/stat; none for a process that has ended (proc(5)).
fn start_time(stat: &str) -> Option<u64> {
    // The name in parentheses may hold anything, blanks and parentheses included.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X" | "x") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

/// A running node: a child process, or one that an earlier run has left.
#[derive(Debug)]
pub struct Process {
    /// Its identity.
    pub id: ProcessId,
    handle: Arc<OwnedFd>,
    how: How,
}

/// How the end of a process is noticed.
#[derive(Debug)]
enum How {
    Child(Child),
    Watched(oneshot::Receiver<()>),
}

impl Process {
    /// Starts a node in its own process group, so that Ctrl-C in a terminal reaches only the
    /// operator. Its output is appended to `log`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(binary: &Path, config: &Path, log: &Path) -> io::Result<Process> {
        let log = OpenOptions::new().create(true).append(true).open(log)?;
        let child = Command::new(binary)
            .arg(config)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()?;
        let pid = child
            .id()
            .ok_or_else(|| io::Error::other("it ended at once"))?;
        let id = ProcessId::of(pid).unwrap_or(ProcessId { pid, started: 0 });
        let handle = Arc::new(open(id)?);
        let how = How::Child(child);
        Ok(Process { id, handle, how })
    }

    /// Adopts a running process.
    ///
    /// # Errors
    /// When it has ended.
    pub fn adopt(id: ProcessId) -> io::Result<Process> {
        let handle = Arc::new(open(id)?);
        // Only with the handle open is it certain that the pid was not reused meanwhile.
        if !id.runs() {
            return Err(io::Error::from(io::ErrorKind::NotFound));
        }
        let how = How::Watched(watch(handle.clone()));
        Ok(Process { id, handle, how })
    }

    /// Waits for its end and returns how it ended, as far as that is known.
    pub async fn wait(&mut self) -> String {
        match &mut self.how {
            How::Child(child) => match child.wait().await {
                Ok(status) => status.to_string(),
                Err(error) => error.to_string(),
            },
            How::Watched(ended) => {
                // An error also means that the watch is over.
                let _ = ended.await;
                "ended".to_owned()
            }
        }
    }

    /// Asks it to end (SIGTERM), waits for the grace period, then kills it (SIGKILL).
    pub async fn end(&mut self, grace: Duration) -> String {
        self.signal(Signal::TERM);
        if let Ok(how) = tokio::time::timeout(grace, self.wait()).await {
            return how;
        }
        self.signal(Signal::KILL);
        self.wait().await
    }

    fn signal(&self, signal: Signal) {
        // It fails only if the process has ended, which is the goal.
        let _ = pidfd_send_signal(&*self.handle, signal);
    }
}

fn open(id: ProcessId) -> io::Result<OwnedFd> {
    let pid = i32::try_from(id.pid).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
    Ok(pidfd_open(pid, PidfdFlags::empty())?)
}

/// Notices the end of a process that is not a child: its pidfd becomes readable.
fn watch(handle: Arc<OwnedFd>) -> oneshot::Receiver<()> {
    let (ended, watched) = oneshot::channel();
    std::thread::spawn(move || {
        let mut events = [PollFd::new(&*handle, PollFlags::IN)];
        while poll(&mut events, None).is_err_and(|error| error == Errno::INTR) {}
        // The receiver may be gone.
        let _ = ended.send(());
    });
    watched
}

/// The process that was started with this configuration file, by whichever program.
#[must_use]
pub fn find(config: &Path) -> Option<ProcessId> {
    let config = config.to_str()?;
    processes()
        .filter(|pid| command_line(*pid).iter().skip(1).any(|word| word == config))
        .find_map(ProcessId::of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_start_time_past_any_name() {
        let tail = "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20 21";
        for name in ["a", "a) b", "a ) (b", "a) S 1 (2"] {
            assert_eq!(start_time(&format!("7 ({name}) {tail}")), Some(4711));
        }
        assert_eq!(
            start_time(&format!("7 (a) {}", tail.replace('S', "Z"))),
            None
        );
        assert_eq!(start_time("7 (a)"), None);
    }

    #[tokio::test]
    async fn a_process_is_started_adopted_and_ended() {
        let dir = std::env::temp_dir().join(format!("slotkeeper-process-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let script = dir.join("script");
        fs::write(&script, "while :; do sleep 0.05; done\n").unwrap();
        let mut own = Process::start(Path::new("/bin/sh"), &script, &dir.join("log")).unwrap();
        assert!(own.id.runs());
        // The parent may continue before /proc shows the arguments of the new program.
        for _ in 0..200 {
            if find(&script).is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(find(&script), Some(own.id));
        let mut adopted = Process::adopt(own.id).unwrap();
        let end = tokio::spawn(async move { adopted.wait().await });
        own.end(Duration::from_secs(5)).await;
        assert_eq!(end.await.unwrap(), "ended");
        assert!(!own.id.runs());
        assert!(Process::adopt(own.id).is_err());
        assert_eq!(find(&script), None);
        fs::remove_dir_all(&dir).unwrap();
    }
}
