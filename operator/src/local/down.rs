//! `slotkeeper local down`.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use futures::future::join_all;
use rustix::process::{Pid, Signal, kill_process};

use super::Directory;
use super::lock::{self, Lock, Taken};
use crate::platform::local::{GRACE, Process, State};
use crate::terminal::say;

/// Stop the cluster of a directory.
#[derive(Args)]
pub struct Down {
    #[command(flatten)]
    directory: Directory,
    /// Also remove the directory with all data.
    #[arg(long)]
    purge: bool,
}

impl Down {
    /// Stops a running `local up` first, which stops its nodes; then stops nodes that still run.
    pub async fn run(self) -> Result<(), String> {
        let dir = self.directory.find()?;
        let _lock = take_over(&dir).await?;
        let mut state = State::load(&dir)?.unwrap_or_default();
        let running = state.pods.iter_mut().filter_map(|(pod, record)| {
            let id = record.process.take()?;
            Some((pod.clone(), Process::adopt(id).ok()?))
        });
        let ending = running.map(|(pod, mut process)| async move {
            let how = process.end(GRACE).await;
            say(format_args!("{pod}: process {} {how}", process.id.pid));
        });
        join_all(ending.collect::<Vec<_>>()).await;
        state.save(&dir).map_err(|error| error.to_string())?;
        if self.purge {
            std::fs::remove_dir_all(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        }
        say(format_args!("the cluster in {} is down", dir.display()));
        Ok(())
    }
}

/// Ends the `local up` process that runs the cluster, and takes its lock.
async fn take_over(dir: &Path) -> Result<Lock, String> {
    let mut told = None;
    let waits = 20 * (2 * GRACE.as_secs() + 5);
    for _ in 0..waits {
        match lock::take(dir)? {
            Taken::Ours(lock) => return Ok(lock),
            Taken::By(pid) if told == Some(pid) => {}
            Taken::By(pid) => {
                say(format_args!(
                    "stopping process {pid}, which runs the cluster"
                ));
                let target = i32::try_from(pid).ok().and_then(Pid::from_raw);
                let sent = target.map(|target| kill_process(target, Signal::TERM));
                if let Some(Err(error)) = sent {
                    return Err(format!("process {pid} runs the cluster: {error}"));
                }
                told = Some(pid);
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err("the process that runs the cluster does not end".to_owned())
}
