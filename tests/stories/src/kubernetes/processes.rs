use std::fs;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};

/// Kills the process of a container with SIGKILL, as the kernel does when memory is out. It is
/// found by its cgroup, which is named after the container.
///
/// # Panics
/// When there is none.
pub fn kill_container(container_id: &str) {
    let id = container_id.rsplit('/').next().unwrap_or(container_id);
    assert!(id.len() >= 12, "{container_id:?} is the id of a container");
    let processes = fs::read_dir("/proc").expect("this machine has a /proc");
    let mut killed = 0;
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
            kill_process(pid, Signal::KILL).expect("the process is there");
            killed += 1;
        }
    }
    assert!(killed > 0, "no process runs in container {id}");
}

fn is_of(process: &Path, container: &str) -> bool {
    // A process that has just ended has no such file any more.
    let cgroups = fs::read_to_string(process.join("cgroup")).unwrap_or_default();
    cgroups.contains(container)
}
