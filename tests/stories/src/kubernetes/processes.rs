//! Signals to the processes of containers.

use std::fs;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};

/// Kills the process of a container with SIGKILL, as the kernel's out-of-memory killer does.
///
/// # Panics
/// When there is none.
pub fn kill_container(container_id: &str) {
    let signalled = signal_container(container_id, Signal::KILL);
    assert!(signalled > 0, "no process runs in container {container_id}");
}

/// Stops the process of a container with SIGSTOP: it does not even react to SIGTERM.
///
/// # Panics
/// When there is none.
pub fn freeze_container(container_id: &str) {
    let signalled = signal_container(container_id, Signal::STOP);
    assert!(signalled > 0, "no process runs in container {container_id}");
}

/// Kills the process of a container, if it still runs.
///
/// # Panics
/// When there is a process that cannot be killed.
pub fn finish_container(container_id: &str) {
    signal_container(container_id, Signal::KILL);
}

/// Signals the processes of a container, found by their cgroup, which is named after the container.
/// Returns their number.
fn signal_container(container_id: &str, signal: Signal) -> usize {
    let id = container_id.rsplit('/').next().unwrap_or(container_id);
    assert!(id.len() >= 12, "{container_id:?} is the id of a container");
    let processes = fs::read_dir("/proc").expect("this machine has a /proc");
    let mut signalled = 0;
    for process in processes.flatten() {
        let Some(pid) = process
            .file_name()
            .to_str()
            .and_then(|pid| pid.parse().ok())
        else {
            continue;
        };
        if is_of(&process.path(), id) {
            let pid = Pid::from_raw(pid).expect("a process has a number above 0");
            // It may have ended a moment ago.
            let _ = kill_process(pid, signal);
            signalled += 1;
        }
    }
    signalled
}

fn is_of(process: &Path, container: &str) -> bool {
    // A process that has just ended no longer has this file.
    let cgroups = fs::read_to_string(process.join("cgroup")).unwrap_or_default();
    cgroups.contains(container)
}
