use std::fs;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};

/// Kills the process of a container with SIGKILL, as the kernel does when memory is out.
///
/// # Panics
/// When there is none.
pub fn kill_container(container_id: &str) {
    signal_container(container_id, Signal::KILL);
}

/// Stops the process of a container: it does nothing any more, not even when it is told to end.
///
/// # Panics
/// When there is none.
pub fn freeze_container(container_id: &str) {
    signal_container(container_id, Signal::STOP);
}

/// The processes of a container are found by their cgroup, which is named after it.
fn signal_container(container_id: &str, signal: Signal) {
    let id = container_id.rsplit('/').next().unwrap_or(container_id);
    assert!(id.len() >= 12, "{container_id:?} is the id of a container");
    let processes = fs::read_dir("/proc").expect("this machine has a /proc");
    let mut found = 0;
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
            kill_process(pid, signal).expect("the process is there");
            found += 1;
        }
    }
    assert!(found > 0, "no process runs in container {id}");
}

fn is_of(process: &Path, container: &str) -> bool {
    // A process that has just ended has no such file any more.
    let cgroups = fs::read_to_string(process.join("cgroup")).unwrap_or_default();
    cgroups.contains(container)
}
